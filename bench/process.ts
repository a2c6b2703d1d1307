/**
 * A server as a process: kept on a core of its own, and measured from outside.
 */

import { interruption, output, sleep } from "./command.ts";
import { ask, HOST } from "./load.ts";

/** The servers have one core to themselves; the load and this program have the other. */
const SERVER_CORE = "0";
const LOAD_CORE = "1";

const START_TIMEOUT_MS = 10_000;
/** A little more than Firstline grants its clients at shutdown. */
const STOP_TIMEOUT_MS = 6_000;

const MS_PER_TICK = 1000 / Number(await output("getconf", "CLK_TCK"));

/** Leaves the core of the servers; whatever is started from here on follows. */
export async function takeLoadCore(): Promise<void> {
  await output("taskset", "-a", "-c", "-p", LOAD_CORE, String(Deno.pid));
}

/** How to start a server. */
export interface Launch {
  readonly command: readonly string[];
  readonly env?: Record<string, string>;
  /** How its answer ends, which shows that it is the right one. */
  readonly ending: string;
  /** What becomes of its standard output; a pipe is read and forgotten. */
  readonly stdout: "null" | "piped";
}

/** A server that has given its first answer. */
export class ServerProcess implements AsyncDisposable {
  readonly port: number;
  /** Milliseconds from the start of the process to the end of that answer. */
  readonly firstAnswerMs: number;
  /** True if it said that it will answer once a connection, though not asked to. */
  readonly closes: boolean;
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess, port: number, answer: string, ms: number) {
    this.port = port;
    this.firstAnswerMs = ms;
    this.closes = /^connection: *close/im.test(answer);
    this.#child = child;
  }

  static async start(launch: (port: number) => Launch): Promise<ServerProcess> {
    const port = freePort();
    const { command, env, ending, stdout } = launch(port);
    const started = performance.now();
    const child = new Deno.Command("taskset", {
      args: ["-c", SERVER_CORE, ...command],
      env,
      stdin: "null",
      stdout,
      stderr: "null",
      signal: interruption.signal,
    }).spawn();
    if (stdout === "piped") child.stdout.pipeTo(new WritableStream());
    try {
      const answer = await firstAnswer(child, port, started + START_TIMEOUT_MS);
      const ms = performance.now() - started;
      if (answer.startsWith("HTTP/1.1 200 ") && answer.trimEnd().endsWith(ending)) {
        return new ServerProcess(child, port, answer, ms);
      }
      throw new Error(`it answered ${JSON.stringify(answer.slice(0, 300))}`);
    } catch (error) {
      await stop(child);
      interruption.signal.throwIfAborted();
      throw new Error(`Cannot measure "${command.join(" ")}": ${(error as Error).message}`);
    }
  }

  /** User and system time so far, with that of its descendants. */
  async cpuMs(): Promise<number> {
    const family = await familyOf(this.#child.pid);
    return family.reduce((sum, { ticks }) => sum + ticks, 0) * MS_PER_TICK;
  }

  /** Memory that is resident now, with that of its descendants. */
  async residentKiB(): Promise<number> {
    const family = await familyOf(this.#child.pid);
    const status = await output("cat", ...family.map(({ pid }) => `/proc/${pid}/status`));
    return status.matchAll(/^VmRSS:\s+(\d+) kB$/gm).reduce((sum, [, kib]) => sum + Number(kib), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#child);
  }
}

async function firstAnswer(child: Deno.ChildProcess, port: number, until: number): Promise<string> {
  let ended = false;
  child.status.then(() => ended = true);
  for (;;) {
    try {
      return await ask(port);
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    }
    if (ended) throw new Error("it ended at once");
    if (performance.now() > until) throw new Error("it did not answer in time");
    await sleep(1);
  }
}

async function stop(child: Deno.ChildProcess): Promise<void> {
  kill(() => child.kill("SIGTERM"));
  const timer = setTimeout(() => kill(() => child.kill("SIGKILL")), STOP_TIMEOUT_MS);
  await child.status;
  clearTimeout(timer);
}

function kill(attempt: () => void): void {
  try {
    attempt();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it has ended already
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

function freePort(): number {
  using listener = Deno.listen({ hostname: HOST, port: 0 });
  return listener.addr.port;
}
