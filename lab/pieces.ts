/**
 * The building blocks of the lab: pieces of responses, and whole responses that the server itself
 * cannot encode.
 *
 * @module
 */

import type { RawReply, RequestLine } from "../server.ts";

/** Bytes, or text with one character per byte, or a wait in seconds. */
export type Piece = string | Uint8Array | number;

/** Waits until the response has reached its limit of time. */
export const STALL = Infinity;

/** The limit of time for responses that stall or do not end. */
export const MAX_SECONDS = 60;
/** The limit of size for responses that do not end. */
const MAX_BYTES = 64 * 1024 * 1024;
/** The status line of most incorrect responses. */
export const OK = "HTTP/1.1 200 OK\r\n";
const TEXT = "Content-Type: text/plain\r\n";

/** A response with status 200; as {@linkcode response} otherwise. */
export function ok(fields: string, content: string): string {
  return response("200 OK", fields, content);
}

/**
 * A response as text, one character per byte. It announces that the connection closes, because an
 * unannounced close would be another fault.
 *
 * @param status The status and reason phrase.
 * @param fields The field lines, separated by `|`; a `Content-Type` is added if there is none.
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

/** The start of a response in chunks, without the last chunk. */
export function chunked(...chunks: string[]): string {
  return ok("Transfer-Encoding: chunked", chunks.join(""));
}

/**
 * Repeats bytes.
 *
 * @param times How often; without end by default.
 * @param pause The wait after each time, in seconds; none by default.
 */
export function* repeat(bytes: string, times = Infinity, pause = 0): Generator<Piece> {
  const encoded = latin1(bytes);
  for (let count = 0; count < times; count++) {
    yield encoded;
    if (pause > 0) yield pause;
  }
}

/** Sends one byte at a time, spread evenly over these seconds. */
export function* trickle(bytes: string, seconds: number): Generator<Piece> {
  for (const byte of bytes) {
    yield byte;
    yield seconds / bytes.length;
  }
}

/** Joins pieces and sequences of pieces. */
export function* joined(...sources: Array<Iterable<Piece> | Piece>): Generator<Piece> {
  for (const source of sources) {
    if (typeof source === "object" && !(source instanceof Uint8Array)) yield* source;
    else yield source;
  }
}

/** Fixed content that looks random: each byte is computed from its index. */
export const CONTENT: Uint8Array<ArrayBuffer> = Uint8Array.from(
  { length: 64 * 1024 },
  (_, at) => Math.imul(at + 1, 0x9e3779b1) >>> 24,
);

/** The first bytes of {@linkcode CONTENT}, which repeats itself, in pieces that need no memory. */
export function* contentOf(bytes: number): Generator<Uint8Array> {
  for (let left = bytes; left > 0; left -= CONTENT.length) yield CONTENT.subarray(0, left);
}

/** A correct response that the server cannot encode by itself. */
export interface Message {
  /** The wait before the response, in seconds. */
  readonly after?: number;
  /** How long the head takes, byte by byte, in seconds. */
  readonly headSeconds?: number;
  /** Informational responses before the final one; HTTP/1.0 clients get none. */
  readonly interim?: string;
  /** The status line without its end; `HTTP/1.1 200 OK` by default. */
  readonly statusLine?: string;
  /** Field lines, separated by `|`; `Date` and `Connection` are added. */
  readonly fields: string;
  /** Content that is sent as it is. */
  readonly content?: Iterable<Piece>;
  /** Content that is sent in chunks, one per string; HTTP/1.0 clients get it as it is. */
  readonly chunks?: Iterable<string>;
  /** The extension of each chunk. */
  readonly extension?: string;
  /** The field lines of the trailer section, each with its line end. */
  readonly trailers?: string;
}

/** Makes a function that sends a message, which may depend on the parameter of the path. */
export function sends(
  message: Message | ((value: number) => Message),
): (value: number, request: RequestLine) => RawReply {
  return (value, request) => {
    const pieces = encoded(typeof message === "function" ? message(value) : message, request);
    return { raw: bounded(pieces, Infinity, Infinity) };
  };
}

/** Encodes a message for a request: without content for HEAD, without chunks for HTTP/1.0. */
function* encoded(message: Message, { method, minorVersion }: RequestLine): Generator<Piece> {
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
 * Limits a response. It stops after a total wait, after a number of bytes, or after 60 seconds by
 * the clock. Waits are added up, and not measured, so that a slow machine sends the same bytes.
 *
 * @param seconds The total wait, in seconds; 60 by default.
 * @param maxBytes The number of bytes; 64 MiB by default.
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

/** Encodes one byte per character. */
function latin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
