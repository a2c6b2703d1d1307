/**
 * What a command has printed. A response may be endless, so its start is kept, and a hash of all.
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import { textOf } from "../pieces.ts";

/** As much as reports and the messages of event streams need. */
const MAX_HEAD_BYTES = 64 * 1024;
/** Room for two line ends and the content of the next request between them. */
const TAIL_BYTES = "\r\nnext\r\n".length;
/** The content of the next request, as it stands at the end of what is printed. */
const NEXT = /next\r?\n?$/;
const LINE_END = /\r?\n$/;

/** A content, as far as it is known. */
export interface Printed {
  /** How many bytes it has. */
  readonly bytes: number;
  /** Its first 64 KiB, with one character per byte. */
  readonly head: string;
  /** The SHA-256 of all of it, in hexadecimal. */
  readonly sha256: string;
  /** The SHA-256 without a line end at its end. */
  readonly trimmedSha256: string;
}

/** Output in two parts: the content of the response, and that of the next request. */
export interface Output extends Printed {
  /** What stands before the content of the next request; `undefined` if that is not at the end. */
  readonly beforeNext?: Printed;
}

/** Hashes all bytes but the last few, which may belong to the next request. */
class Digest {
  readonly #hash: Hash = createHash("sha256");
  #tail = new Uint8Array();
  #bytes = 0;

  add(chunk: Uint8Array): void {
    const joined = new Uint8Array(this.#tail.length + chunk.length);
    joined.set(this.#tail);
    joined.set(chunk, this.#tail.length);
    const end = Math.max(0, joined.length - TAIL_BYTES);
    this.#hash.update(joined.subarray(0, end));
    this.#tail = joined.subarray(end);
    this.#bytes += chunk.length;
  }

  /** The end of it, at most eight characters. */
  get tail(): string {
    return textOf(this.#tail);
  }

  /** What it is without a number of bytes at its end. */
  without(count: number, head: string): Printed {
    const bytes = this.#bytes - count;
    const tail = this.tail.slice(0, this.#tail.length - count);
    const lineEnd = LINE_END.exec(tail)?.[0].length ?? 0;
    return {
      bytes,
      head: head.slice(0, bytes),
      sha256: this.#upTo(count),
      trimmedSha256: this.#upTo(count + lineEnd),
    };
  }

  #upTo(count: number): string {
    const tail = this.#tail.subarray(0, this.#tail.length - count);
    return this.#hash.copy().update(tail).digest("hex");
  }
}

/** Reads the standard output of a command. */
export class OutputReader {
  readonly #digest = new Digest();
  #head = "";

  /** Reads to the end of a stream. */
  async read(stream: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of stream) this.add(chunk);
  }

  /** Adds some bytes. */
  add(chunk: Uint8Array): void {
    const room = MAX_HEAD_BYTES - this.#head.length;
    if (room > 0) this.#head += textOf(chunk.subarray(0, room));
    this.#digest.add(chunk);
  }

  /** What has been printed so far. */
  printed(): Output {
    const next = NEXT.exec(this.#digest.tail)?.[0].length;
    const all = this.#digest.without(0, this.#head);
    return next === undefined
      ? all
      : { ...all, beforeNext: this.#digest.without(next, this.#head) };
  }
}

/** Reads its standard error, and keeps the end: at most 64 KiB, as text. */
export class ErrorReader {
  #text = "";
  readonly #decoder = new TextDecoder();

  /** Reads to the end of a stream. */
  async read(stream: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of stream) {
      this.#text = (this.#text + this.#decoder.decode(chunk, { stream: true }))
        .slice(-MAX_HEAD_BYTES);
    }
  }

  /** The line that says most. */
  get line(): string {
    return tellingLine(this.#text);
  }
}

/**
 * The line of a complaint that names the error: the cause, or else the last one that speaks of an
 * error. Indented lines tell where it happened, and details.
 */
export function tellingLine(text: string): string {
  const lines = text.split(/\r?\n/).filter((line) => /\S/.test(line) && !/^Node\.js v/.test(line));
  const cause = lines.find((line) => /^\s*(Caused by|\[?cause\]?):/i.test(line));
  const main = lines.filter((line) => /^[^\s{}]/.test(line));
  const error = main.findLast((line) => /error|exception|fail|panic|\(\d+\)/i.test(line));
  return (cause ?? error ?? main.at(-1) ?? lines.at(-1) ?? "").trim();
}
