/**
 * The command that the check judges: how it is started, and what is left of it when it has ended.
 * The check is given a way to start it, because each runtime has another one.
 *
 * @module
 */

/** How a command has ended. */
export interface Exit {
  /** Its exit code; without a meaning if a signal ended it. */
  readonly code: number;
  /** The signal that ended it, such as `SIGSEGV`. */
  readonly signal?: string;
}

/** A command that runs in a process group of its own. */
export interface RunningCommand {
  /** What it prints. */
  readonly stdout: AsyncIterable<Uint8Array>;
  /** What it complains about. */
  readonly stderr: AsyncIterable<Uint8Array>;
  /** Resolves when it has ended; its children may still run. */
  readonly ended: Promise<Exit>;
  /** Kills it and its children at once. Does nothing if all have ended. */
  kill(): void;
  /** Ends both streams, which a process outside the group may hold open. */
  release(): void;
}

/**
 * Starts a program without a shell, in a process group of its own, with nothing to read.
 *
 * @param env What its environment has besides that of this process.
 * @throws If it cannot be started.
 */
export type StartCommand = (
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
) => Promise<RunningCommand>;

/** Starts commands, and ends those that still run at the end. */
export class Commands implements Disposable {
  readonly #start: StartCommand;
  readonly #running = new Set<RunningCommand>();
  #isOver = false;

  /** @param start How to start one. */
  constructor(start: StartCommand) {
    this.#start = start;
  }

  /** Starts one, as {@linkcode StartCommand} says. Throws at the end. */
  readonly run: StartCommand = async (...command) => {
    if (this.#isOver) throw new Error("Cannot run commands: the check is over");
    const running = await this.#start(...command);
    this.#running.add(running);
    if (this.#isOver) running.kill();
    const release = () => {
      this.#running.delete(running);
      running.release();
    };
    return { ...running, release };
  };

  /** Ends all that run, and starts no more. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const running of this.#running) running.kill();
  }
}

/** The URLs of one run. */
export interface Urls {
  /** The entry of the lab. */
  readonly url: string;
  /** The idle moment. */
  readonly pause: string;
  /** The next request. */
  readonly next: string;
}

/** True if a command has a placeholder, such as `{url}`, in one of its arguments. */
export function mentions(command: readonly string[], name: keyof Urls): boolean {
  return command.some((argument) => argument.includes(`{${name}}`));
}

/** A command with URLs in the place of its placeholders. */
export function filled(command: readonly string[], urls: Urls): string[] {
  return command.map((argument) =>
    argument.replaceAll(/\{(url|pause|next)\}/g, (_, name: keyof Urls) => urls[name])
  );
}

/** What a proxy must leave alone: the lab has both names. */
const LOOPBACK = "127.0.0.1,localhost";

/** The same URLs for a program that reads its environment. */
export function environmentOf({ url, pause, next }: Urls): Record<string, string> {
  return { URL: url, PAUSE: pause, NEXT: next, no_proxy: LOOPBACK, NO_PROXY: LOOPBACK };
}
