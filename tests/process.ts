/**
 * The command as a process of its own.
 *
 * @module
 */

import { connect, HOST } from "./clients.ts";
import { sleep } from "./time.ts";

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

/** Spawns the command with arguments of its own. */
function spawn(args: readonly string[], circumstances: Circumstances): Deno.ChildProcess {
  const { permissions = ["--allow-net"], env, shell, stdout = "piped" } = circumstances;
  const deno = [Deno.execPath(), "run", ...permissions, ...IMPORT_MAP];
  const command = [...deno, "main.ts", ...args];
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
  const { code, stdout, stderr } = await spawn(args, circumstances).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
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

  /** Closes this end of the pipe. */
  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}

/** A server that has said where it listens. */
export class ServerProcess implements AsyncDisposable {
  /** Its messages are read as they come, so that it never waits for us. */
  readonly stderr: Lines;
  /** The port it listens on. */
  port = 0;
  /** The message that said so. */
  listening = "";

  readonly #stdout: Lines | undefined;
  readonly #finished: Promise<void>;

  private constructor(readonly child: Deno.ChildProcess, hasStdout: boolean) {
    this.stderr = new Lines(child.stderr);
    this.#finished = this.stderr.finish();
    if (hasStdout) this.#stdout = new Lines(child.stdout);
  }

  /** Starts the command and resolves when it listens. Throws if it ends instead. */
  static async start(
    args: readonly string[],
    circumstances: Circumstances = {},
  ): Promise<ServerProcess> {
    const { stdout = "piped", port } = circumstances;
    const server = new ServerProcess(spawn(args, circumstances), stdout === "piped");
    try {
      if (port !== undefined) return await server.#reached(port);
      const { input, 1: digits } = await server.stderr.until(/listening on \S+:(\d+),/);
      server.listening = input;
      server.port = Number(digits);
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Asks for connections until it accepts one, or has ended. */
  async #reached(port: number): Promise<this> {
    let hasEnded = false;
    this.child.status.then(() => hasEnded = true);
    for (this.port = port; !hasEnded; await sleep(10)) {
      try {
        (await connect(this)).close();
        return this;
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      }
    }
    throw new Error("Ended before it listened");
  }

  /** Its access log. */
  get stdout(): Lines {
    if (!this.#stdout) throw new TypeError("Cannot read stdout: it was not piped");
    return this.#stdout;
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

  /** Sends a signal and waits for the end. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    this.kill(signal);
    return await this.exitCode();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended already
    }
    await this.exitCode();
    await this.#stdout?.cancel();
  }
}
