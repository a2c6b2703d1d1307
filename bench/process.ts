/**
 * Processes: commands that run to their end, and servers that are pinned to a core and measured
 * from outside.
 */

import { connect, readReplies, send } from "../tests/clients.ts";
import { freePort, ServerProcess } from "../tests/process.ts";

// ---------------------------------------------------------------- commands

/** Aborted by Ctrl-C. Commands then get SIGTERM. */
export const interruption = new AbortController();

/** Runs a command and returns everything that it printed. Throws if it fails. */
export async function output(...[name, ...args]: string[]): Promise<string> {
  const { signal } = interruption;
  const { success, stdout, stderr } = await new Deno.Command(name, { args, signal }).output();
  signal.throwIfAborted();
  const text = decoder.decode(stdout) + decoder.decode(stderr);
  if (!success) throw new Error(`Cannot run ${name}: ${text.trim()}`);
  return text;
}

const decoder = new TextDecoder();

/** The version that a command prints, or undefined if it is not installed. */
export async function versionFrom(command: readonly string[]): Promise<string | undefined> {
  try {
    return /\d+(\.\d+)+/.exec(await output(...command))?.[0];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

// ---------------------------------------------------------------- servers

/** One core for the server, the other for the load and this program. */
const SERVER_CORE = "0";
const LOAD_CORE = "1";
/** Longer than Firstline's grace period. */
const STOP_TIMEOUT_MS = 6_000;

const MS_PER_TICK = 1000 / Number(await output("getconf", "CLK_TCK"));

/** Moves this process, and all that it starts later, to the core of the load. */
export async function takeLoadCore(): Promise<void> {
  await output("taskset", "-a", "-c", "-p", LOAD_CORE, String(Deno.pid));
}

/** A server to measure. */
export interface Server {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  /** The first request, and the end of its reply, which identifies the server. */
  readonly path: string;
  readonly ending: string;
  /** The only load for it; all by default. */
  readonly load?: string;
  /** Another row has its start and its memory at rest. */
  readonly isVariant?: boolean;
  readonly env?: Record<string, string>;
  /** Where its stdout goes: to /dev/null (default), or to a pipe that is read. */
  readonly stdout?: "null" | "piped";
  command(port: number): string[];
}

/** A server process on the core of the servers that has sent its first reply. */
export class PinnedServer implements AsyncDisposable {
  readonly #process: ServerProcess;
  /** Milliseconds from the start of the process to the end of the first reply. */
  readonly firstReplyMs: number;

  private constructor(process: ServerProcess, firstReplyMs: number) {
    this.#process = process;
    this.firstReplyMs = firstReplyMs;
  }

  static async start(server: Server): Promise<PinnedServer> {
    const port = freePort();
    const command = ["taskset", "-c", SERVER_CORE, ...server.command(port)];
    const { env, stdout = "null" } = server;
    const startedAt = performance.now();
    const process = await ServerProcess.startOn(port, command, { env, stdout });
    if (stdout === "piped") process.stdout.discard();
    return new PinnedServer(process, await firstReply(server, process) - startedAt);
  }

  get port(): number {
    return this.#process.port;
  }

  /** User and system time so far, including descendants. */
  async cpuMs(): Promise<number> {
    const family = await familyOf(this.#process.child.pid);
    return family.reduce((sum, { ticks }) => sum + ticks, 0) * MS_PER_TICK;
  }

  /** Resident memory now, including descendants. */
  async residentKiB(): Promise<number> {
    const family = await familyOf(this.#process.child.pid);
    const status = await output("cat", ...family.map(({ pid }) => `/proc/${pid}/status`));
    return status.matchAll(/^VmRSS:\s+(\d+) kB$/gm).reduce((sum, [, kib]) => sum + Number(kib), 0);
  }

  /** Stops it by SIGTERM, so that nginx stops its worker too. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#process.stop("SIGTERM", STOP_TIMEOUT_MS);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended already
    }
    await this.#process[Symbol.asyncDispose]();
  }
}

/** Resolves to the time when the reply was complete. Throws if the reply is unexpected. */
async function firstReply({ path, ending }: Server, process: ServerProcess): Promise<number> {
  try {
    using socket = await connect(process);
    await send(socket, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const [reply] = await readReplies(socket, 1);
    const time = performance.now();
    if (/^HTTP\/1\.[01] 200 /.test(reply) && reply.trimEnd().endsWith(ending)) return time;
    throw new Error(`unexpected reply ${JSON.stringify(reply.slice(0, 300))}`);
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}

/** A process and its descendants: nginx serves in a child process. */
async function familyOf(root: number): Promise<Array<{ pid: number; ticks: number }>> {
  // A shell reads /proc, for which Deno needs all permissions. Processes may end meanwhile: `true`.
  const all = await output("sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null; true");
  const processes = all.matchAll(/^(\d+) \(.*\) (.*)$/gm).map(([, pid, rest]) => {
    const [, parent, , , , , , , , , , user, system] = rest.split(" ").map(Number);
    return { pid: Number(pid), parent, ticks: user + system };
  }).toArray();
  const family = processes.filter(({ pid }) => pid === root);
  if (family.length === 0) throw new Error("the server has ended");
  for (const { pid } of family) family.push(...processes.filter(({ parent }) => parent === pid));
  return family;
}
