/**
 * The command as a process.
 *
 * @module
 */

import { connect, HOST } from "./clients.ts";
import { sleep } from "./time.ts";

/** A process that does not listen by then has failed. */
const START_TIMEOUT_MS = 60_000;

/** The folder that holds `main.ts`. */
export const ROOT = `${import.meta.dirname}/..`;

/** Flags for the import map that this process uses: from npm, modules resolve to files. */
export const IMPORT_MAP: readonly string[] =
  /^(npm|file):/.test(import.meta.resolve("@std/cli/parse-args"))
    ? [`--import-map=${ROOT}/.ci/npm_imports.json`]
    : [];

/** Flags to listen on a free port of the loopback. */
export const ANY_PORT: readonly string[] = ["--host", HOST, "--port", "0"];

/** How the command is started. */
export interface ProcessOptions {
  /** Permissions of Deno; the network by default. */
  permissions?: string[];
  /** Environment variables. */
  env?: Record<string, string>;
  /** A script that ends with `exec "$@"`, to set limits or redirect streams. */
  shell?: string;
  /** What stdin is: at its end (default), or open until the process has ended. */
  stdin?: "null" | "piped";
  /** Where stdout goes: to a pipe that is read on demand (default), or to /dev/null. */
  stdout?: "piped" | "null";
  /** The port in its arguments, for processes whose messages are lost. */
  port?: number;
  /** The message after which it counts as started; by default that it listens. */
  ready?: RegExp;
}

/** The command line that runs `firstline` from this or another checkout. */
export function firstline(
  args: readonly string[],
  permissions = ["--allow-net"],
  root = ROOT,
): string[] {
  return [Deno.execPath(), "run", ...permissions, ...IMPORT_MAP, `${root}/main.ts`, ...args];
}

function spawn(command: readonly string[], options: ProcessOptions): Deno.ChildProcess {
  const { env, shell, stdin = "null", stdout = "piped" } = options;
  const [program, ...rest] = shell ? ["sh", "-c", shell, "sh", ...command] : command;
  return new Deno.Command(program, {
    args: rest,
    cwd: ROOT,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env },
    stdin,
    stdout,
    stderr: "piped",
  }).spawn();
}

/** Runs the command until it exits. */
export async function run(
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(firstline(args, options.permissions), options);
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Clients get their ports above these, so that none takes one before its server listens. */
const PORTS = { first: 10_000, count: 20_000 };
let nextPort = Math.floor(Math.random() * PORTS.count);

/** Finds a free port, for programs that do not print theirs. */
export function freePort(): number {
  for (;;) {
    const port = PORTS.first + nextPort++ % PORTS.count;
    try {
      Deno.listen({ hostname: HOST, port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** The lines of a stream, read on demand. */
export class Lines {
  /** Everything read so far. */
  text = "";
  /** The position of `next()` and `until()` in it. */
  #position = 0;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #reading: Promise<boolean> | undefined;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Reads once for all callers that wait. False at the end. */
  #read(): Promise<boolean> {
    return this.#reading ??= this.#reader.read().then(({ value, done }) => {
      this.text += value ?? "";
      this.#reading = undefined;
      return !done;
    });
  }

  /** Returns the next line, or an empty string at the end. */
  async next(): Promise<string> {
    return await this.#line() ?? "";
  }

  /** Skips to the next line that matches, and returns the match. Throws if there is none. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (let line; (line = await this.#line()) !== undefined;) {
      const match = pattern.exec(line);
      if (match) return match;
    }
    throw new Error(`Ended without ${pattern}: ${this.text}`);
  }

  async #line(): Promise<string | undefined> {
    for (;;) {
      const end = this.text.indexOf("\n", this.#position);
      if (end !== -1) {
        const line = this.text.slice(this.#position, end);
        this.#position = end + 1;
        return line;
      }
      if (!await this.#read()) return undefined;
    }
  }

  /** Reads to the end. */
  async finish(): Promise<void> {
    while (await this.#read());
  }

  /** Reads to the end and discards everything. */
  async discard(): Promise<void> {
    while (await this.#read()) this.text = "";
  }

  /** Closes this end of the pipe. */
  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}

/** A server process that listens. */
export class ServerProcess implements AsyncDisposable {
  /** Its messages, read as they arrive. */
  readonly stderr: Lines;
  /** The port it listens on. */
  port = 0;
  /** The message that names the port. */
  listening = "";

  readonly #isPiped: boolean;
  #hasInput: boolean;
  readonly #finished: Promise<void>;
  #stdout: Lines | undefined;

  private constructor(
    readonly child: Deno.ChildProcess,
    { stdin = "null", stdout = "piped" }: ProcessOptions,
  ) {
    this.#hasInput = stdin === "piped";
    this.stderr = new Lines(child.stderr);
    this.#finished = this.stderr.finish();
    this.#isPiped = stdout === "piped";
  }

  /** Starts `firstline` and resolves when it listens. Throws if it ends instead. */
  static start(
    args: readonly string[],
    options: ProcessOptions = {},
  ): Promise<ServerProcess> {
    const command = firstline(args, options.permissions);
    const { port, ready = /listening on \S+:(\d+),/ } = options;
    if (port !== undefined) return ServerProcess.startOn(port, command, options);
    return ServerProcess.#start(command, options, async (server) => {
      const { input, 1: port } = await server.stderr.until(ready);
      server.listening = input;
      server.port = Number(port);
    });
  }

  /** Starts any program with a given port, and resolves when it accepts connections. */
  static startOn(
    port: number,
    command: readonly string[],
    options: ProcessOptions = {},
  ): Promise<ServerProcess> {
    return ServerProcess.#start(command, options, async (server) => {
      server.port = port;
      await server.#untilAccepting();
    });
  }

  static async #start(
    command: readonly string[],
    options: ProcessOptions,
    ready: (server: ServerProcess) => Promise<void>,
  ): Promise<ServerProcess> {
    const server = new ServerProcess(spawn(command, options), options);
    try {
      await ready(server);
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Tries every millisecond, because the benchmark measures the start. */
  async #untilAccepting(): Promise<void> {
    let hasEnded = false;
    this.child.status.then(() => hasEnded = true);
    const end = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        return (await connect(this)).close();
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      }
      if (hasEnded) throw new Error(`Ended at the start: ${this.stderr.text}`);
      if (performance.now() > end) throw new Error("Did not listen in time");
      await sleep(1);
    }
  }

  /** Its stdout, which is read from the first call on. */
  get stdout(): Lines {
    if (!this.#isPiped) throw new TypeError("Cannot read stdout: it was not piped");
    return this.#stdout ??= new Lines(this.child.stdout);
  }

  /** Ends its stdin, if that was piped. */
  async endInput(): Promise<void> {
    if (this.#hasInput) await this.child.stdin.close();
    this.#hasInput = false;
  }

  /** Sends a signal. */
  kill(signal: Deno.Signal): void {
    this.child.kill(signal);
  }

  /** Resolves to the exit code when it has ended and all messages are read. */
  async exitCode(): Promise<number> {
    const { code } = await this.child.status;
    await this.#finished;
    return code;
  }

  /** Sends a signal and resolves to the exit code. After the timeout it is killed: 137. */
  async stop(signal: Deno.Signal = "SIGTERM", timeoutMs?: number): Promise<number> {
    this.kill(signal);
    const timer = timeoutMs && setTimeout(() => this.kill("SIGKILL"), timeoutMs);
    const code = await this.exitCode();
    clearTimeout(timer);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended already
    }
    await this.exitCode();
    await this.endInput();
    if (this.#isPiped) await this.stdout.cancel();
  }
}
