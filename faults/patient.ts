/**
 * The server under test: a process that is warmed up, and watched for what it holds.
 *
 * @module
 */

import { HOST } from "../tests/clients.ts";
import { TemporaryFolder } from "../tests/files.ts";
import { freePort, ServerProcess } from "../tests/process.ts";
import { sleep } from "../tests/time.ts";
import { crowd, stay } from "./clients.ts";

/** A reply too large for the kernel's buffers of one connection. */
export const LARGE_BYTES = 5_000_000;
/** How many such files a folder has: `/0.bin`, `/1.bin` and so on. */
export const LARGE_FILES = 10;
/** How many it answers before anything is measured. */
export const WARM_UP_REQUESTS = 5_000;
/** How much more memory than before counts as the same. */
const MAX_GROWTH_BYTES = 20e6;
const RECOVERY_MS = 10_000;
/** Who has not stopped by then, hangs. */
const STOP_TIMEOUT_MS = 20_000;

/** Others that may stand in for Firstline, each with the command that starts it. */
export const PEERS: Readonly<Record<string, readonly string[]>> = {
  deno: ["deno", "run", "--no-prompt", "--allow-net", "bench/peer_serve.ts"],
  node: ["node", "bench/peer_node.mjs"],
};

/** What a process holds at one moment. */
export interface Usage {
  rssBytes: number;
  descriptors: number;
}

/** How a server is started, where not in the plain way. */
export interface Circumstances {
  flags?: string[];
  /** A script that ends with `exec "$@"`. */
  shell?: string;
  /** Where the access log goes: nowhere, or into a pipe that nobody reads. */
  stdout?: "null" | "piped";
  /** Nobody hears what it says on stderr. */
  unheard?: boolean;
  /** It answers with `LARGE_BYTES`, from a file or a folder of `LARGE_FILES`. */
  large?: "file" | "folder";
  /** What it may read. */
  reads?: string[];
  /** One of `PEERS`, which knows no flags. */
  peer?: string;
}

/** A server of its own process on 127.0.0.1, and what it held at the start and at its peak. */
export class Patient implements AsyncDisposable {
  start: Usage = { rssBytes: 0, descriptors: 0 };
  peak: Usage = { ...this.start };

  private constructor(readonly process: ServerProcess) {}

  /** Resolves when it listens. */
  static async start(circumstances: Circumstances = {}): Promise<Patient> {
    const { peer, flags = [], shell = 'exec "$@"', stdout = "null" } = circumstances;
    const { large, unheard = false, reads = [] } = circumstances;
    const how = { shell, stdout }; // always a shell: no other program may be run
    if (peer) {
      const port = freePort();
      const command = [...PEERS[peer], `${port}`, large ? `${LARGE_BYTES}` : ""];
      return new Patient(await ServerProcess.startOn(port, command, how));
    }
    using content = large ? largeContent() : undefined; // it is read at start
    const path = content && (large === "file" ? content.pathOf("0.bin") : content.path);
    const readable = [...path ? [path] : [], ...reads].join(",");
    const permissions = ["--no-prompt", "--allow-net"];
    if (readable) permissions.push(`--allow-read=${readable}`);
    const port = unheard ? freePort() : undefined;
    const args = ["--host", HOST, ...path ? ["--file", path] : [], ...flags];
    if (!flags.includes("--port")) args.push("--port", `${port ?? 0}`);
    return new Patient(await ServerProcess.start(args, { ...how, permissions, port }));
  }

  get port(): number {
    return this.process.port;
  }

  /** All its messages so far. */
  get messages(): string {
    return this.process.stderr.text;
  }

  /** Deno keeps /proc to those with all permissions; a shell may read it. */
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
    await crowd(WARM_UP_REQUESTS, 500, () => stay(this, "HEAD / HTTP/1.0\r\n\r\n"));
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

  /** Waits for descriptors to come back. */
  async recover(): Promise<Usage> {
    return await this.measureUntil((usage) => this.hasDescriptors(usage), RECOVERY_MS);
  }

  /** True if all descriptors came back. */
  hasDescriptors({ descriptors }: Usage): boolean {
    return descriptors <= this.start.descriptors;
  }

  /** True if that is no more memory than before. */
  hasMemory({ rssBytes }: Usage, before = this.start): boolean {
    return rssBytes <= before.rssBytes + MAX_GROWTH_BYTES;
  }

  /** Sends the signal and resolves to the exit code; who hangs is killed, which is 137. */
  stop(signal?: Deno.Signal): Promise<number> {
    return this.process.stop(signal, STOP_TIMEOUT_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

function largeContent(): TemporaryFolder {
  const content = new Uint8Array(LARGE_BYTES);
  return new TemporaryFolder(
    Object.fromEntries(Array.from({ length: LARGE_FILES }, (_, name) => [`${name}.bin`, content])),
  );
}
