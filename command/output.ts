/**
 * Lines on their way to stdout or stderr, which may be slow, stuck, full or gone.
 *
 * @module
 */

import { sleep } from "./delay.ts";

/** Text that may wait for a slow reader before lines are dropped. */
const MAX_WAITING_CHARACTERS = 1024 * 1024;
/** What a pipe has room for, so that many lines leave together; by 4 KiB, a request cost a tenth more. */
const MAX_PIECE_BYTES = 64 * 1024;
/** A non-blocking pipe takes so much whole or not at all (POSIX), and more in part without a word. */
const ATOMIC_PIECE_BYTES = 4096;
/** Nor does it tell when it has room again. */
const RETRY_MS = 10;
/** How long the last lines may take when nobody reads them. */
const LAST_LINES_MS = 500;
/** Losses come in floods; one report a minute tells enough. */
const REPORT_MS = 60_000;

/** Why lines are dropped that wait for a pipe which has no room. */
const UNREAD = "nobody reads it";

const LF = 10;
const NOTHING = new Uint8Array();
const encoder = new TextEncoder();

/** What lines are written to: `Deno.stdout`, `Deno.stderr`. */
export interface Sink {
  /** Takes some of the bytes, and says how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** What an {@linkcode Output} is told. */
export interface OutputOptions {
  /** Milliseconds that lines gather before they are written together; 0 by default. */
  gatherMs?: number;
  /** Called, seldom, with how many lines were dropped since the start, and why the last one was. */
  onLoss: (lines: number, reason: unknown) => void;
}

/**
 * Writes lines and never makes anyone wait: they gather while a write is under way, and
 * those that cannot be written, or that too many wait before, are dropped and counted.
 */
export class Output {
  readonly #sink: Sink;
  readonly #options: OutputOptions;
  #waiting = "";
  #leaving: Uint8Array = NOTHING;
  #writing: Promise<void> | undefined;
  #maxPiece = MAX_PIECE_BYTES;
  /** True if the last line that the sink took has no end. */
  #isTorn = false;
  #lost = 0;
  #reason: unknown;
  #reported = { lines: 0, time: -Infinity };

  constructor(sink: Sink, options: OutputOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  /** Puts whole lines in the queue, or drops them where it is full. */
  write(lines: string): void {
    if (this.#waiting.length + lines.length > MAX_WAITING_CHARACTERS) {
      this.#lose(countLines(encoder.encode(lines)), UNREAD);
      return;
    }
    this.#waiting += lines;
    this.#writing ??= this.#writeAll();
  }

  /** Gives the last lines a moment to leave, and reports those that did not. */
  async finish(): Promise<void> {
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, LAST_LINES_MS);
    await Promise.race([this.#writing, enough]);
    this.#lose(countLines(this.#leaving) + countLines(encoder.encode(this.#waiting)), UNREAD);
    this.#leaving = NOTHING;
    this.#waiting = "";
    this.#report();
    await Promise.race([this.#writing, enough]); // the report may have gone the same way
    clearTimeout(timer);
  }

  async #writeAll(): Promise<void> {
    const { gatherMs = 0 } = this.#options;
    while (this.#waiting !== "") {
      if (gatherMs > 0) await sleep(gatherMs);
      this.#leaving = encoder.encode((this.#isTorn ? "\n" : "") + this.#waiting);
      this.#waiting = "";
      try {
        while (this.#leaving.length > 0) await this.#writePiece();
      } catch (error) {
        this.#lose(countLines(this.#leaving), error);
        this.#leaving = NOTHING;
      }
      const isSilent = performance.now() - this.#reported.time >= REPORT_MS;
      if (isSilent) this.#report();
    }
    this.#writing = undefined;
  }

  async #writePiece(): Promise<void> {
    const piece = this.#leaving.subarray(0, endOfPiece(this.#leaving, this.#maxPiece));
    try {
      const count = await this.#sink.write(piece);
      this.#leaving = this.#leaving.subarray(count);
      this.#isTorn = piece[count - 1] !== LF;
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      this.#maxPiece = ATOMIC_PIECE_BYTES;
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

/** As many whole lines as a piece may hold, or a single one that is longer. */
function endOfPiece(bytes: Uint8Array, most: number): number {
  if (bytes.length <= most) return bytes.length;
  const end = bytes.lastIndexOf(LF, most - 1) + 1;
  return end > 0 ? end : bytes.indexOf(LF, most) + 1 || bytes.length;
}

/** Counts the ends of lines; an empty one stands for no line, but mends a torn one. */
function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = 0; (at = bytes.indexOf(LF, at)) >= 0; at++) {
    if (at > 0 && bytes[at - 1] !== LF) lines++;
  }
  return lines;
}
