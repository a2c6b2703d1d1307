/**
 * Writes lines to stdout or stderr, which may be slow, blocked, full or closed.
 *
 * @module
 */

import type { Address } from "../server.ts";
import { sleep } from "../replies/delay.ts";
import {
  hostAndPort,
  messageOf,
  permissionHint,
  plural,
  printable,
  StartError,
  urlOf,
  UsageError,
} from "../replies/text.ts";

/** At most this much text waits for a slow reader; further lines are dropped. */
const MAX_WAITING_CHARACTERS = 1024 * 1024;
/**
 * A non-blocking pipe or socket takes up to this much (PIPE_BUF in POSIX) completely or not at all.
 * Of a larger piece it may take a part, and Deno does not say how much.
 */
const ATOMIC_PIECE_BYTES = 4096;
/** A regular file never blocks. With pieces of 4 KiB, the log made a request a tenth slower. */
const FILE_PIECE_BYTES = 64 * 1024;
/** How often a full pipe is tried again: Deno cannot wait until it has room. */
const RETRY_MS = 10;
/** How long the end of the process waits for the last lines. */
const LAST_LINES_MS = 500;
/** Lines are usually lost in large numbers, so losses are reported once a minute. */
const REPORT_MS = 60_000;

/** The reason for dropped lines when the reader is too slow. */
const UNREAD = "nobody reads it";

const LF = 10;
const NOTHING = new Uint8Array();
const encoder = new TextEncoder();

/** What lines are written to, such as `Deno.stdout`. */
export interface Sink {
  /** Writes some of the bytes, and resolves to how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** Options of {@linkcode Output}. */
export interface OutputOptions {
  /** How long lines are collected before a write, in milliseconds; 0 by default. */
  gatherMs?: number;
  /** Finds out whether the sink is a regular file; asked once there is much to write. */
  isFile?: () => Promise<boolean>;
  /** True if lines contain colors, which are not escaped. */
  inColor?: boolean;
  /** Called with all losses so far: at most once a minute, and at the end. */
  onLoss: (lines: number, reason: unknown) => void;
}

/**
 * Writes lines without ever making the caller wait. Lines are collected while a write is under way.
 * Those that cannot be written, or that find the queue full, are dropped and counted. This is the
 * one place where text for terminals and logs is escaped, wherever it comes from.
 */
export class Output {
  readonly #sink: Sink;
  readonly #options: OutputOptions;
  #waiting = "";
  #leaving: Uint8Array = NOTHING;
  #writing: Promise<void> | undefined;
  #maxPiece = ATOMIC_PIECE_BYTES;
  #isFile: OutputOptions["isFile"];
  /** True if only a part of the last line was written. */
  #isTorn = false;
  #lost = 0;
  #reason: unknown;
  #reported = { lines: 0, time: -Infinity };

  constructor(sink: Sink, options: OutputOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#isFile = options.isFile;
  }

  /** Queues a line, given without its end, or drops it if the queue is full. */
  write(line: string): void {
    const text = this.#options.inColor ? printableInColor(line) : printable(line);
    if (this.#waiting.length + text.length >= MAX_WAITING_CHARACTERS) this.#lose(1, UNREAD);
    else this.#waiting += `${text}\n`;
    this.#writing ??= this.#writeAll();
  }

  /** Waits for the last lines, at most half a second, and reports those that are lost. */
  async finish(): Promise<void> {
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, LAST_LINES_MS);
    await Promise.race([this.#writing, enough]);
    this.#lose(countLines(this.#leaving) + countLines(encoder.encode(this.#waiting)), UNREAD);
    this.#leaving = NOTHING;
    this.#waiting = "";
    this.#report();
    await Promise.race([this.#writing, enough]); // the report may be a line of this output
    clearTimeout(timer);
  }

  async #writeAll(): Promise<void> {
    const { gatherMs = 0 } = this.#options;
    while (this.#waiting !== "") {
      if (gatherMs > 0) await sleep(gatherMs);
      this.#leaving = encoder.encode((this.#isTorn ? "\n" : "") + this.#waiting);
      this.#waiting = "";
      if (this.#leaving.length > ATOMIC_PIECE_BYTES) await this.#chooseMaxPiece();
      try {
        while (this.#leaving.length > 0) await this.#writePiece();
      } catch (error) {
        this.#lose(countLines(this.#leaving), error);
        this.#leaving = NOTHING;
      }
      const isReportDue = performance.now() - this.#reported.time >= REPORT_MS;
      if (isReportDue) this.#report();
    }
    this.#writing = undefined;
  }

  async #chooseMaxPiece(): Promise<void> {
    const isFile = this.#isFile;
    this.#isFile = undefined;
    if (await isFile?.()) this.#maxPiece = FILE_PIECE_BYTES;
  }

  async #writePiece(): Promise<void> {
    const piece = this.#leaving.subarray(0, endOfPiece(this.#leaving, this.#maxPiece));
    try {
      const count = await this.#sink.write(piece);
      this.#leaving = this.#leaving.subarray(count);
      this.#isTorn = piece[count - 1] !== LF;
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      await sleep(RETRY_MS);
    }
  }

  #lose(lines: number, reason: unknown): void {
    if (lines === 0) return;
    this.#lost += lines;
    this.#reason = reason;
  }

  #report(): void {
    if (this.#lost === this.#reported.lines) return;
    this.#reported = { lines: this.#lost, time: performance.now() };
    this.#options.onLoss(this.#lost, this.#reason);
  }
}

/** The end of the whole lines that fit into a piece, or of as much of a longer line as fits. */
function endOfPiece(bytes: Uint8Array, maxPiece: number): number {
  if (bytes.length <= maxPiece) return bytes.length;
  return bytes.lastIndexOf(LF, maxPiece - 1) + 1 || maxPiece;
}

/** Leaves out colors, which are sequences that end in `m` (ECMA-48 §8.3.117). */
function printableInColor(line: string): string {
  // deno-lint-ignore no-control-regex -- the point of it
  return line.split(/(\x1b\[\d+m)/).map((part, at) => at % 2 ? part : printable(part)).join("");
}

/** Counts lines by their ends. An empty line only ends a torn one, and is not counted. */
function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = 0; (at = bytes.indexOf(LF, at)) >= 0; at++) {
    if (at > 0 && bytes[at - 1] !== LF) lines++;
  }
  return lines;
}

// ---------------------------------------------------------------- messages

const messages = new Output(Deno.stderr, {
  onLoss: (lines, reason) =>
    say(`dropped ${plural(lines, "message")} so far: ${messageOf(reason)}`),
});

/** Writes a message to stderr; messages keep their order. */
export function say(message: string): void {
  messages.write(`firstline: ${message}`);
}

/** Resolves when all messages are written, or after half a second if nobody reads them. */
export function flushMessages(): Promise<void> {
  return messages.finish();
}

/** Says where the server listens, the URL to open, and the URLs for other devices. */
export function sayAddress(
  { hostname, port }: Address,
  path: string,
  others: readonly string[],
): void {
  say(`listening on ${hostAndPort(hostname, port)}, ${urlOf(hostname, port, path)}`);
  if (others.length > 0) say(`other devices can try ${others.join(" or ")}`);
}

/** Says why the command failed, and returns its exit code. A bug is thrown again. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof UsageError || error instanceof StartError)) throw error;
  say(error.message);
  return error instanceof UsageError ? 2 : 1;
}

/** How to get what Deno grants by a flag, in this process. */
export function hintFor(flag: string): string {
  return permissionHint(flag, Deno.build.standalone);
}

/** Writes a long text to stdout. Signals arrive meanwhile, even if nobody reads it. */
export async function printAll(text: string): Promise<void> {
  for (let rest = encoder.encode(text); rest.length > 0;) {
    try {
      rest = rest.subarray(await Deno.stdout.write(rest.subarray(0, ATOMIC_PIECE_BYTES)));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) {
        throw new StartError(`Cannot write to stdout: ${messageOf(error)}`);
      }
      await sleep(RETRY_MS);
    }
  }
}

/** Writes the text of `--help` or `--version`, and returns the exit code. */
export function print(text: string): number {
  try {
    console.log(text.trimEnd());
    return 0;
  } catch (error) {
    throw new StartError(`Cannot write to stdout: ${messageOf(error)}`);
  }
}
