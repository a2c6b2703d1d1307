/**
 * The command as a process of its own.
 *
 * @module
 */

import { connect, HOST } from "./clients.ts";
import { sleep } from "./time.ts";

/** Who does not listen by then, hangs. */
const START_TIMEOUT_MS = 10_000;

/** The folder that holds `main.ts`. */
export const ROOT = `${import.meta.dirname}/..`;

/** The import map in use here is passed on: a module from npm resolves to a file once loaded. */
export const IMPORT_MAP: readonly string[] =
  /^(npm|file):/.test(import.meta.resolve("@std/cli/parse-args"))
    ? [`--import-map=${ROOT}/.ci/npm_imports.json`]
    : [];

/** Flags to listen where tests ask. */
export const ANY_PORT: readonly string[] = ["--host", HOST, "--port", "0"];

/** How the command is started, where not in the plain way. */
export interface Circumstances {
  /** What Deno grants it; the network by default. */
  permissions?: string[];
  /** Variables of its environment. */
  env?: Record<string, string>;
  /** A script that ends with `exec "$@"`, for what a process inherits. */
  shell?: string;
  /** Where its access log goes: into a pipe that is read on demand, or nowhere. */
  stdout?: "piped" | "null";
  /** The port in its arguments, where its messages are lost and cannot tell. */
  port?: number;
}

/** The command line of `firstline`, this or another checkout, with arguments of its own. */
export function firstline(
  args: readonly string[],
  permissions = ["--allow-net"],
  root = ROOT,
): string[] {
  return [Deno.execPath(), "run", ...permissions, ...IMPORT_MAP, `${root}/main.ts`, ...args];
}

function spawn(command: readonly string[], circumstances: Circumstances): Deno.ChildProcess {
  const { env, shell, stdout = "piped" } = circumstances;
  const [program, ...rest] = shell ? ["sh", "-c", shell, "sh", ...command] : command;
  return new Deno.Command(program, {
    args: rest,
    cwd: ROOT,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env },
    stdin: "null",
    stdout,
    stderr: "piped",
  }).spawn();
}

/** Runs the command to its end. */
export async function run(
  args: readonly string[],
  circumstances: Circumstances = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(firstline(args, circumstances.permissions), circumstances);
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A port that was free a moment ago, for programs that do not say which one they found. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: HOST, port: 0 });
  return listener.addr.port;
}

/** What a process says, line by line, read when it is asked for. */
export class Lines {
  /** All that was read. */
  text = "";
  /** How much of it `next()` and `until()` have gone past. */
  #passed = 0;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #reading: Promise<boolean> | undefined;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Reads once, for all who wait; false at the end. */
  #read(): Promise<boolean> {
    return this.#reading ??= this.#reader.read().then(({ value, done }) => {
      this.text += value ?? "";
      this.#reading = undefined;
      return !done;
    });
  }

  /** Goes past the next line and gives it; empty at the end. */
  async next(): Promise<string> {
    return await this.#line() ?? "";
  }

  /** Goes past the next line that matches, and gives the match. Throws if none comes. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (let line; (line = await this.#line()) !== undefined;) {
      const match = pattern.exec(line);
      if (match) return match;
    }
    throw new Error(`Ended without ${pattern}: ${this.text}`);
  }

  async #line(): Promise<string | undefined> {
    for (;;) {
      const end = this.text.indexOf("\n", this.#passed);
      if (end !== -1) {
        const line = this.text.slice(this.#passed, end);
        this.#passed = end + 1;
        return line;
      }
      if (!await this.#read()) return undefined;
    }
  }

  /** Reads to the end. */
  async finish(): Promise<void> {
    while (await this.#read());
  }

  /** Reads to the end and keeps nothing. */
  async discard(): Promise<void> {
    while (await this.#read()) this.text = "";
  }

  /** Closes this end of the pipe. */
  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}

/** A server that listens. */
export class ServerProcess implements AsyncDisposable {
  /** Its messages are read as they come, so that it never waits for us. */
  readonly stderr: Lines;
  /** The port it listens on. */
  port = 0;
  /** The message that said so. */
  listening = "";

  readonly #isPiped: boolean;
  readonly #finished: Promise<void>;
  #stdout: Lines | undefined;

  private constructor(readonly child: Deno.ChildProcess, { stdout = "piped" }: Circumstances) {
    this.stderr = new Lines(child.stderr);
    this.#finished = this.stderr.finish();
    this.#isPiped = stdout === "piped";
  }

  /** Starts `firstline` and resolves when it listens. Throws if it ends instead. */
  static start(
    args: readonly string[],
    circumstances: Circumstances = {},
  ): Promise<ServerProcess> {
    const command = firstline(args, circumstances.permissions);
    const { port } = circumstances;
    if (port !== undefined) return ServerProcess.startOn(port, command, circumstances);
    return ServerProcess.#start(command, circumstances, async (server) => {
      const { input, 1: port } = await server.stderr.until(/listening on \S+:(\d+),/);
      server.listening = input;
      server.port = Number(port);
    });
  }

  /** Starts any program that was told its port, and resolves when it accepts there. */
  static startOn(
    port: number,
    command: readonly string[],
    circumstances: Circumstances = {},
  ): Promise<ServerProcess> {
    return ServerProcess.#start(command, circumstances, async (server) => {
      server.port = port;
      await server.#accepts();
    });
  }

  static async #start(
    command: readonly string[],
    circumstances: Circumstances,
    ready: (server: ServerProcess) => Promise<void>,
  ): Promise<ServerProcess> {
    const server = new ServerProcess(spawn(command, circumstances), circumstances);
    try {
      await ready(server);
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Tries so often because the benchmark measures how long a start takes. */
  async #accepts(): Promise<void> {
    let hasEnded = false;
    this.child.status.then(() => hasEnded = true);
    const end = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        return (await connect(this)).close();
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      }
      if (hasEnded) throw new Error(`Ended at once: ${this.stderr.text}`);
      if (performance.now() > end) throw new Error("Did not listen in time");
      await sleep(1);
    }
  }

  /** Its access log, read from here on. */
  get stdout(): Lines {
    if (!this.#isPiped) throw new TypeError("Cannot read stdout: it was not piped");
    return this.#stdout ??= new Lines(this.child.stdout);
  }

  /** Sends a signal. */
  kill(signal: Deno.Signal): void {
    this.child.kill(signal);
  }

  /** Resolves to the exit code when it has ended and said its last. */
  async exitCode(): Promise<number> {
    const { code } = await this.child.status;
    await this.#finished;
    return code;
  }

  /** Sends a signal and waits for the end; after this time it is killed, which is 137. */
  async stop(signal: Deno.Signal = "SIGTERM", patienceMs?: number): Promise<number> {
    this.kill(signal);
    const timer = patienceMs && setTimeout(() => this.kill("SIGKILL"), patienceMs);
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
    if (this.#isPiped) await this.stdout.cancel();
  }
}
