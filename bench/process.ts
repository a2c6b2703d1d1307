/**
 * A server kept on a core of its own, and measured from outside.
 */

import { connect, readReplies, send } from "../tests/clients.ts";
import { freePort, ServerProcess } from "../tests/process.ts";
import { output } from "./command.ts";
import type { Server } from "./servers.ts";

/** The servers have one core to themselves; the load and this program have the other. */
const SERVER_CORE = "0";
const LOAD_CORE = "1";
/** A little more than Firstline grants its clients at the stop. */
const STOP_TIMEOUT_MS = 6_000;

const MS_PER_TICK = 1000 / Number(await output("getconf", "CLK_TCK"));

/** Leaves the core of the servers; whatever is started from here on follows. */
export async function takeLoadCore(): Promise<void> {
  await output("taskset", "-a", "-c", "-p", LOAD_CORE, String(Deno.pid));
}

/** A server that has given its first answer. */
export class PinnedServer implements AsyncDisposable {
  readonly #process: ServerProcess;
  /** Milliseconds from the start of the process to the end of the first answer. */
  readonly firstAnswerMs: number;

  private constructor(process: ServerProcess, firstAnswerMs: number) {
    this.#process = process;
    this.firstAnswerMs = firstAnswerMs;
  }

  static async start(server: Server): Promise<PinnedServer> {
    const port = freePort();
    const command = ["taskset", "-c", SERVER_CORE, ...server.command(port)];
    const { env, stdout = "null" } = server;
    const started = performance.now();
    const process = await ServerProcess.startOn(port, command, { env, stdout });
    if (stdout === "piped") process.stdout.discard();
    const pinned = new PinnedServer(process, await firstAnswer(server, process) - started);
    return pinned;
  }

  get port(): number {
    return this.#process.port;
  }

  /** User and system time so far, with that of its descendants. */
  async cpuMs(): Promise<number> {
    const family = await familyOf(this.#process.child.pid);
    return family.reduce((sum, { ticks }) => sum + ticks, 0) * MS_PER_TICK;
  }

  /** Memory that is resident now, with that of its descendants. */
  async residentKiB(): Promise<number> {
    const family = await familyOf(this.#process.child.pid);
    const status = await output("cat", ...family.map(({ pid }) => `/proc/${pid}/status`));
    return status.matchAll(/^VmRSS:\s+(\d+) kB$/gm).reduce((sum, [, kib]) => sum + Number(kib), 0);
  }

  /** By SIGTERM, for nginx works in a child that has to be told. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#process.stop("SIGTERM", STOP_TIMEOUT_MS);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended already
    }
    await this.#process[Symbol.asyncDispose]();
  }
}

/** Resolves to the time when the answer was whole. Throws if it is another than expected. */
async function firstAnswer({ path, ending }: Server, process: ServerProcess): Promise<number> {
  try {
    using connection = await connect(process);
    await send(connection, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const [answer] = await readReplies(connection, 1);
    const time = performance.now();
    if (/^HTTP\/1\.[01] 200 /.test(answer) && answer.trimEnd().endsWith(ending)) return time;
    throw new Error(`it answered ${JSON.stringify(answer.slice(0, 300))}`);
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}

/** The process and its descendants, for nginx works in a child. */
async function familyOf(root: number): Promise<Array<{ pid: number; ticks: number }>> {
  // The shell reads /proc because Deno grants that only to programs that may do everything;
  // `true`, because a process may end between being listed and being read.
  const all = await output("sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null; true");
  const processes = all.matchAll(/^(\d+) \(.*\) (.*)$/gm).map(([, pid, rest]) => {
    const [, parent, , , , , , , , , , user, system] = rest.split(" ").map(Number);
    return { pid: Number(pid), parent, ticks: user + system };
  }).toArray();
  const family = processes.filter(({ pid }) => pid === root);
  if (family.length === 0) throw new Error("it has ended");
  for (const { pid } of family) family.push(...processes.filter(({ parent }) => parent === pid));
  return family;
}
