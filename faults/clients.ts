/**
 * What the fault tools share: chance that can be replayed, clients that behave and clients that
 * do not, and the server process under test.
 *
 * @module
 */

import net from "node:net";

// ---------------------------------------------------------------- chance

/** A generator that gives the same numbers for the same seed (xorshift, 32 bits). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) || 1;
    for (let round = 0; round < 4; round++) this.below(2); // tells neighbouring seeds apart
  }

  /** An integer from 0 to `limit - 1`. */
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  pick<T>(list: ArrayLike<T>): T {
    return list[this.below(list.length)];
  }
}

// ---------------------------------------------------------------- raw clients

export const HOST = "127.0.0.1";

/** After the first of these the connection may stay open, after the second it closes. */
export const PLAIN_REQUEST = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
export const LAST_REQUEST = "GET / HTTP/1.0\r\n\r\n";

/** One character an octet. */
export function octets(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** One octet a character. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

export function connect(port: number): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: HOST, port });
}

/** Sends it all; false if the server has ended the connection before. */
export async function send(socket: Deno.Conn, message: string | Uint8Array): Promise<boolean> {
  const bytes = typeof message === "string" ? octets(message) : message;
  try {
    for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** Reads until that is enough or the server closes; what came before a reset counts. */
export async function read(
  socket: Deno.Conn,
  isEnough: (wire: string) => boolean = () => false,
): Promise<string> {
  const buffer = new Uint8Array(16 * 1024);
  let wire = "";
  try {
    for (let count; !isEnough(wire) && (count = await socket.read(buffer)) !== null;) {
      wire += textOf(buffer.subarray(0, count));
    }
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  return wire;
}

/** Reads from each until the server closes, and closes it. */
export async function readAll(sockets: Deno.Conn[]): Promise<string[]> {
  const wires = await Promise.all(sockets.map((socket) => read(socket)));
  for (const socket of sockets) socket.close();
  return wires;
}

/** True if the text is exactly one reply, with all of its content unless HEAD was asked. */
export function isWhole(wire: string, headOnly = false): boolean {
  const headEnd = wire.indexOf("\r\n\r\n") + 4;
  const length = /^content-length: (\d+)\r$/im.exec(wire.slice(0, headEnd))?.[1];
  return headEnd > 4 && wire.length === headEnd + (headOnly ? 0 : Number(length ?? 0));
}

export function statusOf(wire: string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(wire)?.[1]);
}

/** True if the server has ended the connection, as it may with a hostile client. */
export function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.Interrupted; // closed by us while it was sending
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Runs `count` clients, at most so many of them at a time, and gathers what they bring. */
export async function crowd<T>(
  count: number,
  atOnce: number,
  client: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const work = async () => {
    while (next < count) results.push(await client(next++));
  };
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, work));
  return results;
}

// ---------------------------------------------------------------- hostile clients

/** What a client may have sent before it resets. */
export const BEGINNINGS = ["", "G", "GET / HTTP/1.1\r\nHo", PLAIN_REQUEST];

/** Sends that, reads nothing, and after a while sends a reset, which only node:net can. */
export function reset(port: number, beginning: string, afterMs = 0): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const leave = () => afterMs > 0 ? setTimeout(end, afterMs) : end();
  const end = () => socket.resetAndDestroy();
  const socket = net.connect(port, HOST, () => {
    if (beginning === "") leave();
    else socket.write(beginning, leave);
  });
  socket.pause();
  socket.once("error", (error: Error) => {
    if (!/ECONNRESET|EPIPE/.test(error.message)) reject(error);
  });
  socket.once("close", () => resolve());
  return promise;
}

/** Sends that and nothing more, then reads until the server closes. */
export async function stay(port: number, message = ""): Promise<string> {
  using socket = await connect(port);
  await send(socket, message);
  return await read(socket);
}

/** Sends a byte each second until the server closes. */
export async function dribble(port: number): Promise<string> {
  using socket = await connect(port);
  const timer = setInterval(() => send(socket, "G"), 1000);
  const wire = await read(socket);
  clearInterval(timer);
  return wire;
}

/** Sends the block again and again until the server resets, and never reads. */
export async function pour(port: number, block: Uint8Array): Promise<void> {
  using socket = await connect(port);
  while (await send(socket, block));
}

// ---------------------------------------------------------------- the server under test

/** A reply too large for the kernel's buffers of one connection. */
export const LARGE_BYTES = 5_000_000;
/** How many it answers before anything is measured. */
export const WARM_UP_REQUESTS = 5_000;
/** How much more memory than at the start counts as having come back. */
const MAX_GROWTH_BYTES = 20e6;
/** V8 returns memory when it has been idle for half a minute. */
const RECOVERY_MS = 60_000;
/** A server that needs longer to start or to stop hangs. */
const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 20_000;

/** What a process holds at one moment. */
export interface Usage {
  rssBytes: number;
  descriptors: number;
}

/** Others that may stand in for Firstline, each with the command that starts it. */
export const PEERS: Readonly<Record<string, string[]>> = {
  deno: ["deno", "run", "--no-prompt", "--allow-net", "bench/peer_serve.ts"],
  node: ["node", "bench/peer_node.mjs"],
};

/** How a server is started, where not in the plain way. */
export interface Circumstances {
  flags?: string[];
  /** A script that ends with `exec "$@"`. */
  shell?: string;
  /** Where the access log goes: nowhere, or into a pipe that nobody reads. */
  stdout?: "null" | "piped";
  /** Nobody hears what it says on stderr. */
  unheard?: boolean;
  /** It answers with `LARGE_BYTES`. */
  largeReply?: boolean;
  /** One of `PEERS`, which knows no flags. */
  peer?: string;
}

/** A server of its own process on 127.0.0.1, warmed up, and watched for what it holds. */
export class ServerProcess implements AsyncDisposable {
  readonly child: Deno.ChildProcess;
  port = 0;
  stderr = "";
  start: Usage = { rssBytes: 0, descriptors: 0 };
  peak: Usage = { ...this.start };
  #news = Promise.withResolvers<void>();

  private constructor(command: string[], { shell = 'exec "$@"', stdout = "null" }: Circumstances) {
    this.child = new Deno.Command("sh", {
      args: ["-c", shell, "sh", ...command],
      cwd: new URL("..", import.meta.url),
      stdin: "null",
      stdout,
      stderr: "piped",
    }).spawn();
    this.#readMessages();
  }

  /** Starts the command and resolves when it listens. */
  static async start(circumstances: Circumstances = {}): Promise<ServerProcess> {
    const { peer, largeReply, unheard, flags = [] } = circumstances;
    const file = largeReply ? Deno.makeTempFileSync({ prefix: "firstline-" }) : undefined;
    if (file) Deno.writeFileSync(file, new Uint8Array(LARGE_BYTES));
    const port = peer || unheard ? freePort() : 0;
    const command = peer
      ? [...PEERS[peer], `${port}`, `${largeReply ? LARGE_BYTES : ""}`]
      : firstlineCommand(file, port, flags);
    const server = new ServerProcess(command, circumstances);
    server.port = port || Number((await server.message(/listening on \S+:(\d+),/))[1]);
    if (port) await listening(port);
    if (file) Deno.removeSync(file); // it is read at start
    return server;
  }

  async #readMessages(): Promise<void> {
    for await (const chunk of this.child.stderr.pipeThrough(new TextDecoderStream())) {
      this.stderr += chunk;
      this.#news.resolve();
      this.#news = Promise.withResolvers();
    }
    this.#news.promise.catch(() => {}); // an end that nobody waits for is none of our business
    this.#news.reject(new Error(`The server has ended: ${this.stderr}`));
  }

  /** Resolves when stderr matches; rejects if the process ends before. */
  async message(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stderr);
      if (match) return match;
      await this.#news.promise;
    }
  }

  /** Deno keeps /proc to those with all permissions; a shell may read it. */
  async measure(): Promise<Usage> {
    const script = `grep VmRSS /proc/${this.child.pid}/status && ls /proc/${this.child.pid}/fd`;
    const { stdout, success } = await new Deno.Command("sh", { args: ["-c", script] }).output();
    if (!success) throw new Error(`Cannot measure a server that has ended: ${this.stderr}`);
    const [kibibytes, ...descriptors] = textOf(stdout).match(/\d+/g) ?? [];
    const usage = { rssBytes: Number(kibibytes) * 1024, descriptors: descriptors.length };
    this.peak.rssBytes = Math.max(this.peak.rssBytes, usage.rssBytes);
    this.peak.descriptors = Math.max(this.peak.descriptors, usage.descriptors);
    return usage;
  }

  /** Measures again and again until that is enough or the time is over. */
  async measureUntil(isEnough: (usage: Usage) => boolean, limitMs = Infinity): Promise<Usage> {
    const end = performance.now() + limitMs;
    for (;;) {
      const usage = await this.measure();
      if (isEnough(usage) || performance.now() > end) return usage;
      await sleep(200);
    }
  }

  /** Makes it busy, since a server's memory at rest means little before; then measures it. */
  async warmUp(): Promise<void> {
    await crowd(WARM_UP_REQUESTS, 500, () => stay(this.port, "HEAD / HTTP/1.0\r\n\r\n"));
    this.start = await this.measure();
    this.peak = { ...this.start };
  }

  /** Measures all the while that `work` takes. */
  async watch<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const watching = this.measureUntil(() => isOver);
    const [result] = await Promise.all([work.finally(() => isOver = true), watching]);
    return result;
  }

  /** Waits for descriptors, and memory too unless it is not asked for, to come back to the start. */
  async recover(memoryToo = true): Promise<Usage> {
    return await this.measureUntil((usage) => this.hasRecovered(usage, memoryToo), RECOVERY_MS);
  }

  hasRecovered({ rssBytes, descriptors }: Usage, memoryToo = true): boolean {
    const hasMemory = !memoryToo || rssBytes <= this.start.rssBytes + MAX_GROWTH_BYTES;
    return hasMemory && descriptors <= this.start.descriptors;
  }

  /** Sends the signal and resolves to the exit code; who hangs is killed, which is 137. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    const { code } = await this.child.status;
    clearTimeout(timer);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // that says it has ended already
    }
    await this.child.status;
  }
}

function firstlineCommand(file: string | undefined, port: number, flags: string[]): string[] {
  const isNpm = import.meta.resolve("@std/cli/parse-args").includes("npm"); // a path once loaded
  const command = ["deno", "run", "--no-prompt", "--allow-net"];
  if (isNpm) command.push("--import-map=.ci/npm_imports.json");
  command.push(...(file ? [`--allow-read=${file}`, "main.ts", "--file", file] : ["main.ts"]));
  if (!flags.includes("--port")) command.push("--port", `${port}`);
  return [...command, "--host", HOST, ...flags];
}

function freePort(): number {
  using listener = Deno.listen({ hostname: HOST, port: 0 });
  return listener.addr.port;
}

/** Resolves when somebody listens there. */
async function listening(port: number): Promise<void> {
  const end = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      return (await connect(port)).close();
    } catch (error) {
      if (performance.now() > end) throw error;
      await sleep(20);
    }
  }
}

// ---------------------------------------------------------------- flags and tables

/** A number that a flag gives, or the preset one. */
export function numberOf(value: string | undefined, preset: number): number {
  const number = Number(value ?? preset);
  if (value !== "" && number >= 0) return number;
  throw new RangeError(`Cannot use "${value}": expected a number`);
}

export function megabytes({ rssBytes }: Usage): string {
  return (rssBytes / 1e6).toFixed(1);
}

/** A table for people; numbers stand to the right. */
export function printTable(rows: string[][]): void {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      /^[\d.]+$/.test(cell) ? cell.padStart(widths[column]) : cell.padEnd(widths[column])
    );
    console.log(cells.join("  ").trimEnd());
  }
}
