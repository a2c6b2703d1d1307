/**
 * Files called `NAME.METHOD.http`: a status, header fields and content, written by hand.
 *
 * @module
 */

import { checkField, type Reply } from "../server.ts";
import type { Span } from "./delay.ts";
import { type Bytes, UnusableFile } from "./files.ts";
import { messageOf } from "./log.ts";
import { endOfHead } from "./raw.ts";
import type { Fields } from "./reply_defaults.ts";
import { isUtf8 } from "./types.ts";
import { quote } from "./values.ts";

/** What such a file says. */
export interface HttpFile {
  /** The reply, for the server to encode. */
  readonly reply: Reply;
  /** How long to wait before it, from `Response-Delay`. */
  readonly delay?: Span;
}

/** `HTTP/1.1 201 Created`, or no more than the status. */
const STATUS_LINE = /^(?:HTTP\/\d(?:\.\d)? +)?([2-5]\d\d)(?: .*)?$/;

/**
 * Parses the content of such a file. Lines end in CRLF or LF.
 *
 * @throws {UnusableFile} If the server could not send it.
 */
export function parseHttpFile(file: Bytes): HttpFile {
  const content = file.subarray(hasMark(file) ? 3 : 0);
  const end = endOfHead(content);
  const head = new TextDecoder().decode(content.subarray(0, end)).replace(/(\r?\n)+$/, "");
  const [statusLine, ...lines] = head.split(/\r?\n/);
  const [, status] = STATUS_LINE.exec(statusLine) ?? [];
  if (status === undefined) {
    throw new UnusableFile(
      `expected a status from 200 to 599 in the first line, not ${quote(statusLine)}`,
    );
  }
  const fields = lines.map(fieldOf);
  const isDelay = ([name]: Fields[number]) => /^response-delay$/i.test(name);
  const headers = withType(fields.filter((field) => !isDelay(field)), content.subarray(end));
  const delay = fields.find(isDelay)?.[1];
  return {
    reply: { status: Number(status), headers, body: content.subarray(end) },
    delay: delay === undefined ? undefined : delayOf(delay),
  };
}

/** Some editors begin a file with a byte order mark. */
function hasMark(file: Bytes): boolean {
  return file[0] === 0xef && file[1] === 0xbb && file[2] === 0xbf;
}

function fieldOf(line: string): readonly [string, string] {
  const [, name, value] = /^([^:]*):(.*)$/.exec(line) ?? [];
  if (name === undefined) throw new UnusableFile(`expected "Name: value", not ${quote(line)}`);
  const field = [name, value.trim()] as const;
  try {
    checkField(...field);
  } catch (error) {
    throw new UnusableFile(`${messageOf(error).split(": ")[1]}, not ${quote(line)}`);
  }
  return field;
}

/** Content without a type of its own is text if it can be. */
function withType(fields: Fields, content: Bytes): Fields {
  const types = fields.filter(([name]) => /^content-type$/i.test(name)).length;
  if (types > 1) throw new UnusableFile("expected one Content-Type");
  if (types === 1 || content.length === 0) return fields;
  const type = isUtf8(content) ? "text/plain; charset=utf-8" : "application/octet-stream";
  return [["Content-Type", type], ...fields];
}

/** Milliseconds, or the least and the most with a dash between. */
function delayOf(value: string): Span {
  const [, min, max = min] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(value) ?? [];
  const [minMs, maxMs] = [Number(min), Number(max)];
  if (minMs <= maxMs) return { minMs, maxMs };
  throw new UnusableFile(
    `expected Response-Delay in milliseconds, such as 500 or 200-500, not ${quote(value)}`,
  );
}
