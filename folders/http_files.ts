/**
 * Files that hold an HTTP response. `--raw` sends their bytes as they are; with `--file`, a file
 * called `NAME.METHOD.http` is parsed, and the server encodes what it says.
 *
 * @module
 */

import type { RawReply, Reply } from "../server.ts";
import { randomDelay, sleep, type Span } from "../replies/delay.ts";
import { contentTypesIn, type Fields, parseField } from "../replies/fields.ts";
import { messageOf, quote } from "../replies/text.ts";
import type { Bytes } from "./read.ts";
import { UnusableFile } from "./source.ts";
import type { Steps } from "./steps.ts";
import { isUtf8 } from "./types.ts";

// ---------------------------------------------------------------- --raw

/** Makes the reply to one request: one with a wait in it cannot be sent again. */
export type MakeRawReply = () => RawReply;

/**
 * Prepares to reply with these bytes.
 *
 * @param delay How long to wait after the head of the response, if at all.
 */
export function* rawReplyMaker(content: Bytes, delay: Span | undefined): Steps<MakeRawReply> {
  if (delay === undefined) {
    const reply: RawReply = { raw: [content] };
    return () => reply;
  }
  const end = yield* endOfHead(content);
  return () => ({
    raw: (async function* () {
      yield content.subarray(0, end);
      await sleep(randomDelay(delay));
      yield content.subarray(end);
    })(),
  });
}

// ---------------------------------------------------------------- NAME.METHOD.http

/** What such a file says. */
export interface HttpFile {
  /** The reply, for the server to encode. */
  readonly reply: Reply;
  /** How long to wait before the reply, from `Response-Delay`. */
  readonly delay?: Span;
}

/** `HTTP/1.1 201 Created`, or only the status. */
const STATUS_LINE = /^(?:HTTP\/\d(?:\.\d)? +)?([2-5]\d\d)(?: .*)?$/;

/**
 * Parses the content of a `NAME.METHOD.http` file. Lines end in CRLF or LF.
 *
 * @throws {UnusableFile} If the server could not send the response.
 */
export function* parseHttpFile(file: Bytes): Steps<HttpFile> {
  const bytes = withoutMark(file);
  const end = yield* endOfHead(bytes);
  const head = new TextDecoder().decode(bytes.subarray(0, end)).replace(/(\r?\n)+$/, "");
  const [statusLine, ...lines] = head.split(/\r?\n/);
  const [, status] = STATUS_LINE.exec(statusLine) ?? [];
  if (status === undefined) {
    throw new UnusableFile(
      `expected a status from 200 to 599 in the first line, not ${quote(statusLine)}`,
    );
  }
  const body = bytes.subarray(end);
  const fields = lines.map(fieldOf);
  const isDelay = ([name]: Fields[number]) => /^response-delay$/i.test(name);
  const headers = yield* withType(fields.filter((field) => !isDelay(field)), body);
  const delay = fields.find(isDelay)?.[1];
  return {
    reply: { status: Number(status), headers, body },
    delay: delay === undefined ? undefined : delayOf(delay),
  };
}

/** Some editors begin a file with a byte order mark of UTF-8. */
function withoutMark(file: Bytes): Bytes {
  const hasMark = file[0] === 0xef && file[1] === 0xbb && file[2] === 0xbf;
  return hasMark ? file.subarray(3) : file;
}

function fieldOf(line: string): readonly [string, string] {
  try {
    return parseField(line);
  } catch (error) {
    throw new UnusableFile(`${messageOf(error)}, not ${quote(line)}`);
  }
}

/** Adds a type where the file gives none: content in UTF-8 is text. */
function* withType(fields: Fields, content: Bytes): Steps<Fields> {
  const types = contentTypesIn(fields).length;
  if (types > 1) throw new UnusableFile("expected one Content-Type");
  if (types === 1 || content.length === 0) return fields;
  const isText = yield* isUtf8(content);
  return [
    ["Content-Type", isText ? "text/plain; charset=utf-8" : "application/octet-stream"],
    ...fields,
  ];
}

/** Parses milliseconds, such as `500`, or a range of them, such as `200-500`. */
function delayOf(value: string): Span {
  const [, min, max = min] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(value) ?? [];
  const [minMs, maxMs] = [Number(min), Number(max)];
  if (minMs <= maxMs) return { minMs, maxMs };
  throw new UnusableFile(
    `expected Response-Delay in milliseconds, such as 500 or 200-500, not ${quote(value)}`,
  );
}

// ---------------------------------------------------------------- heads

const CR = 13;
const LF = 10;
/** The most that is searched in one step. */
const CHUNK_BYTES = 1024 * 1024;

/** The index after the first empty line, whose ends may be CRLF or LF; else the length. */
export function* endOfHead(content: Bytes): Steps<number> {
  for (let at = 0; at < content.length; at += CHUNK_BYTES) {
    const end = endOfHeadIn(content, at, Math.min(at + CHUNK_BYTES, content.length));
    if (end !== undefined) return end;
    yield;
  }
  return content.length;
}

/** Looks for a line end between these indexes that is followed by an empty line. */
function endOfHeadIn(content: Bytes, from: number, to: number): number | undefined {
  const chunk = content.subarray(from, to);
  for (let lf = chunk.indexOf(LF); lf !== -1; lf = chunk.indexOf(LF, lf + 1)) {
    const next = from + lf + (content[from + lf + 1] === CR ? 2 : 1);
    if (content[next] === LF) return next + 1;
  }
}

/**
 * True if this is an HTTP response with a line in its head that ends in LF alone. Many clients
 * accept that as a line end (RFC 9112 §2.2 permits it), and some reject it.
 */
export function* hasBareLf(content: Bytes): Steps<boolean> {
  const start = new TextDecoder().decode(content.subarray(0, 5));
  if (start !== "HTTP/") return false;
  const head = content.subarray(0, yield* endOfHead(content));
  for (let lf = head.indexOf(LF); lf !== -1; lf = head.indexOf(LF, lf + 1)) {
    if (head[lf - 1] !== CR) return true;
    yield;
  }
  return false;
}
