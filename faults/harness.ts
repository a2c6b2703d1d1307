/**
 * The server under test, a process whose memory and descriptors are measured; and what the tools
 * in this folder share: seeded random numbers, checks, flags and tables.
 *
 * @module
 */

import { HOST } from "../tests/clients.ts";
import { TemporaryFolder } from "../tests/files.ts";
import { freePort, ServerProcess } from "../tests/process.ts";
import { sleep } from "../tests/time.ts";
import { converse, runClients } from "./clients.ts";

/** A reply larger than the kernel's buffers of one connection. */
export const LARGE_BYTES = 5_000_000;
/** Number of such files in a folder: `/0.bin`, `/1.bin` and so on. */
export const LARGE_FILES = 10;
/** Number and size of small files in a folder, called alike. */
export const SMALL_FILES = 8_000;
export const SMALL_BYTES = 16_000;
/** Requests before anything is measured. */
export const WARM_UP_REQUESTS = 5_000;
/** Memory within this of the start counts as unchanged. */
const MAX_GROWTH_BYTES = 20e6;
const RECOVERY_MS = 10_000;
/** A server that has not stopped by then is killed. */
const STOP_TIMEOUT_MS = 20_000;

/** Other servers for comparison, each with the command that starts it. */
export const PEERS: Readonly<Record<string, readonly string[]>> = {
  deno: ["deno", "run", "--no-prompt", "--allow-net", "bench/peer_serve.ts"],
  node: ["node", "bench/peer_node.mjs"],
};

/** What a process holds at one moment. */
export interface Usage {
  rssBytes: number;
  descriptors: number;
}

/** How the server is started. */
export interface Setup {
  flags?: string[];
  /** A script that ends with `exec "$@"`. */
  shell?: string;
  /** The access log goes to /dev/null (default) or into a pipe that nobody reads. */
  stdout?: "null" | "piped";
  /** Its messages on stderr are lost. */
  stderrLost?: boolean;
  /** It serves `LARGE_BYTES`, from a file or from a folder of `LARGE_FILES`; or small files. */
  large?: "file" | "folder" | "small files";
  /** Paths that it may read. */
  readable?: string[];
  /** One of `PEERS`, which accept no flags. */
  peer?: string;
}

/** A server process on 127.0.0.1, with its usage at the start and at its peak. */
export class MeasuredServer implements AsyncDisposable {
  start: Usage = { rssBytes: 0, descriptors: 0 };
  peak: Usage = { ...this.start };

  private constructor(readonly process: ServerProcess) {}

  /** Resolves when it listens. */
  static async start(setup: Setup = {}): Promise<MeasuredServer> {
    const { peer, flags = [], shell = 'exec "$@"', stdout = "null" } = setup;
    const { large, stderrLost = false, readable = [] } = setup;
    const options = { shell, stdout }; // always a shell: the tools may run no other program
    if (peer) {
      const port = freePort();
      const command = [...PEERS[peer], `${port}`, large ? `${LARGE_BYTES}` : ""];
      return new MeasuredServer(await ServerProcess.startOn(port, command, options));
    }
    using content = large ? contentOf(large) : undefined; // read at the start, then removed
    const path = content && (large === "file" ? content.pathOf("0.bin") : content.path);
    const paths = [...path ? [path] : [], ...readable].join(",");
    const permissions = ["--no-prompt", "--allow-net"];
    if (paths) permissions.push(`--allow-read=${paths}`);
    const port = stderrLost ? freePort() : undefined;
    const args = ["--host", HOST, ...path ? ["--file", path] : [], ...flags];
    if (!flags.includes("--port")) args.push("--port", `${port ?? 0}`);
    return new MeasuredServer(await ServerProcess.start(args, { ...options, permissions, port }));
  }

  get port(): number {
    return this.process.port;
  }

  /** All its messages so far. */
  get messages(): string {
    return this.process.stderr.text;
  }

  /** Reads /proc with a shell: Deno needs all permissions for it. */
  async measure(): Promise<Usage> {
    const { pid } = this.process.child;
    const script = `grep VmRSS /proc/${pid}/status && ls /proc/${pid}/fd`;
    const { stdout, success } = await new Deno.Command("sh", { args: ["-c", script] }).output();
    if (!success) throw new Error(`Cannot measure a server that has ended: ${this.messages}`);
    const [kibibytes, ...descriptors] = new TextDecoder().decode(stdout).match(/\d+/g) ?? [];
    const usage = { rssBytes: Number(kibibytes) * 1024, descriptors: descriptors.length };
    this.peak.rssBytes = Math.max(this.peak.rssBytes, usage.rssBytes);
    this.peak.descriptors = Math.max(this.peak.descriptors, usage.descriptors);
    return usage;
  }

  /** Measures repeatedly until the condition holds or the time is over. */
  async measureUntil(holds: (usage: Usage) => boolean, limitMs = Infinity): Promise<Usage> {
    const end = performance.now() + limitMs;
    for (;;) {
      const usage = await this.measure();
      if (holds(usage) || performance.now() > end) return usage;
      await sleep(200);
    }
  }

  /** Sends requests, because memory before the first ones says little, and measures the start. */
  async warmUp(): Promise<void> {
    await runClients(WARM_UP_REQUESTS, 500, () => converse(this, "HEAD / HTTP/1.0\r\n\r\n"));
    this.start = await this.measure();
    this.peak = { ...this.start };
  }

  /** Measures the peak while `work` runs. */
  async measureDuring<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const measuring = this.measureUntil(() => isOver);
    const [result] = await Promise.all([work.finally(() => isOver = true), measuring]);
    return result;
  }

  /** Waits until descriptors are as few as at the start. */
  async recover(): Promise<Usage> {
    return await this.measureUntil((usage) => this.hasDescriptors(usage), RECOVERY_MS);
  }

  /** True if descriptors are as few as at the start. */
  hasDescriptors({ descriptors }: Usage): boolean {
    return descriptors <= this.start.descriptors;
  }

  /** True if memory is not more than before. */
  hasMemory({ rssBytes }: Usage, before = this.start): boolean {
    return rssBytes <= before.rssBytes + MAX_GROWTH_BYTES;
  }

  /** Sends the signal and resolves to the exit code; 137 if it had to be killed. */
  stop(signal?: Deno.Signal): Promise<number> {
    return this.process.stop(signal, STOP_TIMEOUT_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

function contentOf(large: Setup["large"]): TemporaryFolder {
  const [length, bytes] = large === "small files"
    ? [SMALL_FILES, SMALL_BYTES]
    : [LARGE_FILES, LARGE_BYTES];
  const content = new Uint8Array(bytes);
  return new TemporaryFolder(
    Object.fromEntries(Array.from({ length }, (_, name) => [`${name}.bin`, content])),
  );
}

// ---------------------------------------------------------------- random numbers

/** A generator that gives the same numbers for the same seed (xorshift, 32 bits). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) || 1;
    for (let round = 0; round < 4; round++) this.below(2); // separates adjacent seeds
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

// ---------------------------------------------------------------- checks, flags, tables

/** Throws with the inputs that failed. */
export function check(holds: boolean, message: string, ...inputs: unknown[]): asserts holds {
  if (!holds) throw new Error([message, ...inputs.map((each) => JSON.stringify(each))].join("\n"));
}

/** The number of a flag, or its default. */
export function numberOf(value: string | undefined, byDefault: number): number {
  const number = Number(value ?? byDefault);
  if (value !== "" && number >= 0) return number;
  throw new RangeError(`Cannot use "${value}": expected a number`);
}

/** Memory in MB, or descriptors, at the start, at the peak and at the end. */
export function usageCells(usages: Usage[]): [memory: string, descriptors: string] {
  return [
    usages.map(({ rssBytes }) => (rssBytes / 1e6).toFixed(1)).join(" / "),
    usages.map(({ descriptors }) => descriptors).join(" / "),
  ];
}

/** Prints a table with numbers aligned to the right. */
export function printTable(rows: string[][]): void {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      /^[\d.]+$/.test(cell) ? cell.padStart(widths[column]) : cell.padEnd(widths[column])
    );
    console.log(cells.join("  ").trimEnd());
  }
}
