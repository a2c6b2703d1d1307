/**
 * The building blocks of the lab: pieces of responses, and whole correct responses.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { RequestLine } from "../server.ts";

/** Bytes, or text with one character per byte; a wait in seconds; or one of the following. */
export type Piece = string | Uint8Array | number | Repeat | Late | Until | Port;

/** Bytes that are sent several times. */
export interface Repeat {
  readonly repeat: string | Uint8Array;
  /** How often; without end by default. */
  readonly times?: number;
  /** The wait after each time, in seconds; none by default. */
  readonly pause?: number;
}

/**
 * What follows is sent so many seconds later, on an idle connection. If another request comes before,
 * it is left out: behind a request, nobody could tell it from the response.
 */
export interface Late {
  readonly late: number;
}

/** See {@linkcode NEXT_REQUEST}. */
export interface Until {
  readonly until: "request";
}

/** See {@linkcode PORT}. */
export interface Port {
  readonly port: true;
}

/** Waits for the next request on the connection, which gets no response of its own. */
export const NEXT_REQUEST: Until = Object.freeze({ until: "request" });
/** The port of the lab, in decimal digits. */
export const PORT: Port = Object.freeze({ port: true });
/** Waits until the response has reached its limit of time, or its client has left. */
export const STALL = Infinity;

/** The limit of time for responses that stall or do not end. */
export const MAX_SECONDS = 60;
/** The limit of size for responses that do not end. */
const MAX_BYTES = 64 * 1024 * 1024;

/** One chunk of content (RFC 9112 §7.1). */
export function chunk(content: string, extension = ""): string {
  return `${sizeOf(content)}${extension}\r\n${content}\r\n`;
}

function sizeOf(content: string): string {
  return content.length.toString(16);
}

/** Sends one byte at a time, spread evenly over these seconds. */
export function trickle(bytes: string, seconds: number): Piece[] {
  return [...bytes].flatMap((byte) => [byte, seconds / bytes.length]);
}

/** Fixed content that looks random: each byte is computed from its index. */
export const CONTENT: Uint8Array<ArrayBuffer> = Uint8Array.from(
  { length: 64 * 1024 },
  (_, at) => Math.imul(at + 1, 0x9e3779b1) >>> 24,
);

/** The first bytes of {@linkcode CONTENT}, which repeats itself. */
export function contentOf(bytes: number): Piece[] {
  const times = Math.floor(bytes / CONTENT.length);
  return [{ repeat: CONTENT, times }, CONTENT.subarray(0, bytes % CONTENT.length)];
}

/** A correct response. It is data, so that it can be sent, judged and written to a file. */
export interface Message {
  /** The wait before the response, in seconds. */
  readonly after?: number;
  /** How long the head takes, byte by byte, in seconds; 0 by default. */
  readonly headSeconds?: number;
  /** How long content and chunks take, byte by byte, in seconds; 0 by default. */
  readonly contentSeconds?: number;
  /** What is sent before the final response; HTTP/1.0 clients get none of it. */
  readonly interim?: readonly Piece[];
  /** The status line without its end; `HTTP/1.1 200 OK` by default. */
  readonly statusLine?: string;
  /** Field lines, separated by `|`; `{port}` is that of the lab; `Date` is added. */
  readonly fields: string;
  /** Content that is sent as it is. */
  readonly content?: string | readonly Piece[];
  /** Content that is sent in chunks, one per string; HTTP/1.0 clients get it as it is. */
  readonly chunks?: readonly string[];
  /** The wait between two chunks, in seconds; 0 by default. */
  readonly chunkPause?: number;
  /** The value of Transfer-Encoding before the chunks; `chunked` by default. */
  readonly coding?: string;
  /** The least number of digits of a chunk size; 1 by default. */
  readonly sizeDigits?: number;
  /** The extension of each chunk. */
  readonly extension?: string;
  /** The field lines of the trailer section, each with its line end. */
  readonly trailers?: string;
  /** True if the connection closes after it, and the response says so; false by default. */
  readonly close?: true;
}

/**
 * The pieces of a message for a request: without content for HEAD, and without informational
 * responses and chunks for HTTP/1.0.
 *
 * @param date The value of `Date`; without one, the field is left out.
 */
export function piecesOf(
  message: Message,
  { method, minorVersion }: Pick<RequestLine, "method" | "minorVersion">,
  date?: string,
): Piece[] {
  const { after, headSeconds, interim = [] } = message;
  const isOld = minorVersion === 0;
  const head = headOf(message, isOld, date);
  return [
    ...(after ? [after] : []),
    ...(isOld ? [] : interim),
    ...(headSeconds ? trickle(head, headSeconds) : withPort(head)),
    ...(method === "HEAD" ? [] : bodyOf(message, isOld)),
  ];
}

function withPort(head: string): Piece[] {
  return head.split("{port}").flatMap((text, at) => at > 0 ? [PORT, text] : [text]);
}

function headOf(message: Message, isOld: boolean, date: string | undefined): string {
  const { statusLine = "HTTP/1.1 200 OK", fields, chunks, coding = "chunked", close } = message;
  const lines = [
    statusLine,
    ...(date === undefined ? [] : [`Date: ${date}`]),
    ...(fields === "" ? [] : fields.split("|")),
    ...(chunks === undefined || isOld ? [] : [`Transfer-Encoding: ${coding}`]),
    ...(close ? ["Connection: close"] : []),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function bodyOf(
  { content = [], chunks, contentSeconds = 0, ...coding }: Message,
  isOld: boolean,
): readonly Piece[] {
  const pieces = chunks !== undefined
    ? chunksOf(chunks, coding, isOld)
    : typeof content === "string"
    ? [content]
    : content;
  if (contentSeconds === 0) return pieces;
  return trickle(pieces.filter((piece) => typeof piece === "string").join(""), contentSeconds);
}

function chunksOf(
  chunks: readonly string[],
  { chunkPause = 0, sizeDigits = 1, extension, trailers = "" }: Omit<Message, "fields">,
  isOld: boolean,
): Piece[] {
  const padding = (content: string) => "0".repeat(Math.max(0, sizeDigits - sizeOf(content).length));
  const encoded = isOld
    ? chunks
    : chunks.map((content) => padding(content) + chunk(content, extension));
  const last = isOld ? [] : [`0\r\n${trailers}\r\n`];
  const spread = encoded.flatMap((one, at) => at > 0 && chunkPause > 0 ? [chunkPause, one] : [one]);
  return [...spread, ...last];
}

/** A step in sending a response: bytes, or a wait. */
export type Step = Uint8Array | Wait;

/** A wait that may end early, by what the client does. */
export interface Wait {
  /** The longest wait. */
  readonly milliseconds: number;
  /** What ends it: another request, or the end of the client's input as well; else nothing. */
  readonly until?: "request" | "end";
  /** True if another request ends the response too: what follows is left out. */
  readonly isLate?: boolean;
}

/** Limits of a response. */
export interface Limits {
  /** The total wait, in seconds; 60 by default. */
  readonly seconds?: number;
  /** The number of bytes; 64 MiB by default. */
  readonly maxBytes?: number;
}

/**
 * The steps in sending a response. It stops after a total wait, after a number of bytes, or after 60
 * seconds by the clock. Waits are added up, and not measured, so that a slow machine sends the same
 * bytes.
 *
 * @param port The port of the lab.
 */
export function* stepsOf(
  pieces: readonly Piece[],
  port: number,
  { seconds = MAX_SECONDS, maxBytes = MAX_BYTES }: Limits = {},
): Generator<Step> {
  const start = performance.now();
  const end = start + Math.max(seconds, MAX_SECONDS) * 1000;
  const limit = start + seconds * 1000;
  let due = start;
  let left = maxBytes;
  for (const piece of expanded(pieces, port)) {
    if (left <= 0 || performance.now() >= end) return;
    if (piece instanceof Uint8Array) {
      yield piece.subarray(0, left);
      left -= piece.length;
    } else {
      if (typeof piece === "object") due = performance.now(); // the client's time counts from now
      due = Math.min(due + secondsOf(piece) * 1000, limit);
      yield waitFor(piece, Math.max(0, due - performance.now()));
      if (due >= limit) return;
    }
  }
}

function secondsOf(piece: number | Late | Until): number {
  if (typeof piece === "number") return piece;
  return "late" in piece ? piece.late : STALL;
}

function waitFor(piece: number | Late | Until, milliseconds: number): Wait {
  if (piece === STALL) return { milliseconds, until: "end" };
  if (typeof piece === "number") return { milliseconds };
  return { milliseconds, until: "request", isLate: "late" in piece };
}

/** Encodes text, and repeats what is to be repeated. */
export function* expanded(
  pieces: readonly Piece[],
  port: number,
): Generator<Uint8Array | number | Late | Until> {
  for (const piece of pieces) {
    if (typeof piece === "string") yield bytesOf(piece);
    else if (typeof piece === "number" || piece instanceof Uint8Array) yield piece;
    else if ("repeat" in piece) yield* repeated(piece);
    else if ("port" in piece) yield bytesOf(`${port}`);
    else yield piece;
  }
}

function* repeated(
  { repeat, times = Infinity, pause = 0 }: Repeat,
): Generator<Uint8Array | number> {
  const bytes = typeof repeat === "string" ? bytesOf(repeat) : repeat;
  for (let count = 0; count < times; count++) {
    yield bytes;
    if (pause > 0) yield pause;
  }
}

/** The bytes of a text with one character per byte. */
export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** Bytes as text with one character per byte. */
export function textOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString("latin1");
}
