/**
 * What the entries of the lab are made of: pieces of a response, and whole responses that
 * the server cannot encode.
 *
 * @module
 */

import type { RawReply, RequestLine } from "../server.ts";

/** Bytes, one character each, or as they are; a number waits so many seconds. */
export type Piece = string | Uint8Array | number;

/** Waits until the time is up. */
export const STALL = Infinity;

/** An entry that stalls or never ends is closed after so many seconds. */
export const MAX_SECONDS = 60;
/** An entry that never ends is closed after so many bytes. */
const MAX_BYTES = 64 * 1024 * 1024;
/** The first line of most wrong responses, and a type for their content. */
export const OK = "HTTP/1.1 200 OK\r\n";
const TEXT = "Content-Type: text/plain\r\n";

/** A response with status 200: its field lines, separated by `|`, and its content. */
export function ok(fields: string, content: string): string {
  return response("200 OK", fields, content);
}

/**
 * A response with any status: its field lines, separated by `|`, and its content. It says that the
 * connection closes, so that this is not a second fault.
 */
export function response(status: string, fields: string, content = ""): string {
  const type = /content-type/i.test(fields) ? "" : TEXT;
  const lines = `${type}${fields.replaceAll("|", "\r\n")}\r\nConnection: close\r\n`;
  return `HTTP/1.1 ${status}\r\n${lines}\r\n${content}`;
}

/** One chunk of content (RFC 9112 §7.1). */
export function chunk(content: string, extension = ""): string {
  return `${content.length.toString(16)}${extension}\r\n${content}\r\n`;
}

/** A response in chunks up to here: further chunks, right or wrong, follow. */
export function chunked(...chunks: string[]): string {
  return ok("Transfer-Encoding: chunked", chunks.join(""));
}

/** The same bytes again and again, so many times, with a pause of so many seconds after each. */
export function* repeat(bytes: string, times = Infinity, pause = 0): Generator<Piece> {
  const encoded = latin1(bytes);
  for (let count = 0; count < times; count++) {
    yield encoded;
    if (pause > 0) yield pause;
  }
}

/** One byte at a time, so that all of it takes so many seconds. */
export function* trickle(bytes: string, seconds: number): Generator<Piece> {
  for (const byte of bytes) {
    yield byte;
    yield seconds / bytes.length;
  }
}

/** One piece after another, of several sources. */
export function* joined(...sources: Array<Iterable<Piece> | Piece>): Generator<Piece> {
  for (const source of sources) {
    if (typeof source === "object" && !(source instanceof Uint8Array)) yield* source;
    else yield source;
  }
}

/** Content that never changes; each byte follows from its place. Longer content repeats it. */
export const CONTENT: Uint8Array<ArrayBuffer> = Uint8Array.from(
  { length: 64 * 1024 },
  (_, at) => Math.imul(at + 1, 0x9e3779b1) >>> 24,
);

/** So many bytes of content, piece by piece, so that it takes no more memory. */
export function* contentOf(bytes: number): Generator<Uint8Array> {
  for (let left = bytes; left > 0; left -= CONTENT.length) yield CONTENT.subarray(0, left);
}

/** A right response that the server cannot encode by itself. */
export interface Message {
  /** Seconds before the response begins. */
  readonly after?: number;
  /** Seconds that the head takes, byte by byte. */
  readonly headSeconds?: number;
  /** Informational responses before the final one; a client of HTTP/1.0 gets none. */
  readonly interim?: string;
  /** The status line up to its end. */
  readonly statusLine?: string;
  /** Field lines, separated by `|`; `Date` and `Connection` are added. */
  readonly fields: string;
  /** Content. */
  readonly content?: Iterable<Piece>;
  /** Content that leaves in chunks; a client of HTTP/1.0 gets it without them. */
  readonly chunks?: Iterable<string>;
  /** A chunk extension behind each size. */
  readonly extension?: string;
  /** Field lines of the trailer section, each with its line end. */
  readonly trailers?: string;
}

/** Makes a right reply of a message, which may depend on a value in the path. */
export function sends(
  message: Message | ((value: number) => Message),
): (value: number, request: RequestLine) => RawReply {
  return (value, request) => {
    const pieces = written(typeof message === "function" ? message(value) : message, request);
    return { raw: bounded(pieces, Infinity, Infinity) };
  };
}

/** Frames a message as this request may have it. */
function* written(message: Message, { method, minorVersion }: RequestLine): Generator<Piece> {
  const { after, headSeconds, interim, content = [], chunks } = message;
  const isOld = minorVersion === 0;
  if (after) yield after;
  if (interim && !isOld) yield interim;
  const head = headOf(message, isOld);
  if (headSeconds) yield* trickle(head, headSeconds);
  else yield head;
  if (method === "HEAD") return;
  yield* content;
  if (chunks) yield* isOld ? chunks : chunksOf(message);
}

function headOf(
  { statusLine = "HTTP/1.1 200 OK", fields, chunks }: Message,
  isOld: boolean,
): string {
  const framing = chunks && !isOld ? "\r\nTransfer-Encoding: chunked" : "";
  return `${statusLine}\r\nDate: ${new Date().toUTCString()}\r\n` +
    `${fields.replaceAll("|", "\r\n")}${framing}\r\nConnection: close\r\n\r\n`;
}

function* chunksOf({ chunks = [], extension, trailers = "" }: Message): Generator<Piece> {
  for (const content of chunks) yield chunk(content, extension);
  yield `0\r\n${trailers}\r\n`;
}

/**
 * Sends the pieces, and stops after waits of so many seconds in all, after so many bytes, or after
 * 60 seconds by the clock: nothing in the lab lasts for ever. The waits are counted, so that the
 * same bytes leave on a slow machine.
 */
export function* bounded(
  pieces: Iterable<Piece>,
  seconds: number = MAX_SECONDS,
  maxBytes: number = MAX_BYTES,
): Generator<Uint8Array | number> {
  const start = performance.now();
  const end = start + Math.max(seconds, MAX_SECONDS) * 1000;
  let due = start;
  let left = maxBytes;
  for (const piece of pieces) {
    if (left <= 0 || performance.now() >= end) return;
    if (typeof piece === "number") {
      due = Math.min(due + piece * 1000, start + seconds * 1000);
      yield Math.max(0, due - performance.now());
      if (due >= start + seconds * 1000) return;
      continue;
    }
    const bytes = typeof piece === "string" ? latin1(piece) : piece;
    yield bytes.subarray(0, left);
    left -= bytes.length;
  }
}

/** One byte for each character. */
function latin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
