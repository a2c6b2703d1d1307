/**
 * Files that hold an HTTP response. `--raw` sends their bytes as they are; with `--file`, a file
 * called `NAME.METHOD.http` is parsed, and the server encodes what it says.
 *
 * @module
 */

import type { RawReply, Reply, Responder } from "../server.ts";
import { randomDelay, sleep, type Span } from "../replies/delay.ts";
import { type Bytes, type Folder, type Held, UnusableFile } from "./read.ts";
import { messageOf, quote } from "../replies/text.ts";
import { contentTypesIn, type Fields, parseField } from "../replies/fields.ts";
import {
  addAliases,
  addComposedNames,
  ANY_METHOD,
  METHODS,
  NOT_FOUND,
  otherMethods,
  routeOf,
  Routes,
} from "./routes.ts";
import { decodedPath } from "../replies/target.ts";
import { isUtf8 } from "./types.ts";

// ---------------------------------------------------------------- --raw

/**
 * Answers with this file, or each path with the file of that name in this folder.
 *
 * @param delay How long to wait after the head of a response, if at all.
 * @throws {UnusableFile} If the names of files contradict each other or have no meaning.
 */
export function rawResponder(held: Held, delay: Span | undefined): Responder {
  return "content" in held ? rawFile(held.content, delay) : rawFolder(held, delay);
}

function rawFile(content: Bytes, delay: Span | undefined): Responder {
  if (delay === undefined) {
    const reply: RawReply = { raw: [content] };
    return () => reply;
  }
  const end = endOfHead(content);
  return () => ({
    raw: (async function* () {
      yield content.subarray(0, end);
      await sleep(randomDelay(delay));
      yield content.subarray(end);
    })(),
  });
}

function rawFolder(folder: Folder, delay: Span | undefined): Responder {
  const routes = rawRoutes(folder, delay);
  const missing = routes.find(ANY_METHOD, "/404.http") ?? (() => NOT_FOUND);
  const answerOther = otherMethods([], NOT_FOUND);
  return (request, client) => {
    const path = decodedPath(request.target);
    const response = routes.find(request.method, path);
    if (response !== undefined) return response(request, client);
    const allowed = routes.methodsOf(path);
    if (allowed.length > 0) return answerOther(request.method, allowed);
    return missing(request, client);
  };
}

/** A file without a method in its name answers all methods that have no file of their own. */
function rawRoutes({ files }: Folder, delay: Span | undefined): Routes<Responder> {
  const routes = new Routes<Responder>();
  for (const [file, { content }] of files) {
    const { method, path } = rawRouteOf(file);
    if (!routes.add(method, path, rawFile(content, delay))) {
      throw new UnusableFile(
        `expected one file for ${method} ${quote(path)}, ${quote(file)} is one more`,
      );
    }
  }
  for (const method of [...METHODS, ANY_METHOD]) {
    addComposedNames(routes, method);
    addAliases(routes, method, ".http");
  }
  return routes;
}

function rawRouteOf(file: string): { method: string; path: string } {
  const route = routeOf(file);
  if (route?.status === undefined) return route ?? { method: ANY_METHOD, path: file };
  throw new UnusableFile(`expected a status in the file and not in its name, ${quote(file)}`);
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
export function parseHttpFile(file: Bytes): HttpFile {
  const bytes = withoutMark(file);
  const end = endOfHead(bytes);
  const head = new TextDecoder().decode(bytes.subarray(0, end)).replace(/(\r?\n)+$/, "");
  const [statusLine, ...lines] = head.split(/\r?\n/);
  const [, status] = STATUS_LINE.exec(statusLine) ?? [];
  if (status === undefined) {
    throw new UnusableFile(
      `expected a status from 200 to 599 in the first line, not ${quote(statusLine)}`,
    );
  }
  const content = bytes.subarray(end);
  const fields = lines.map(fieldOf);
  const isDelay = ([name]: Fields[number]) => /^response-delay$/i.test(name);
  const headers = withType(fields.filter((field) => !isDelay(field)), content);
  const delay = fields.find(isDelay)?.[1];
  return {
    reply: { status: Number(status), headers, body: content },
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
function withType(fields: Fields, content: Bytes): Fields {
  const types = contentTypesIn(fields).length;
  if (types > 1) throw new UnusableFile("expected one Content-Type");
  if (types === 1 || content.length === 0) return fields;
  const type = isUtf8(content) ? "text/plain; charset=utf-8" : "application/octet-stream";
  return [["Content-Type", type], ...fields];
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

/** The index after the first empty line, whose ends may be CRLF or LF; else the length. */
export function endOfHead(content: Bytes): number {
  for (let lf = content.indexOf(LF); lf !== -1; lf = content.indexOf(LF, lf + 1)) {
    const next = content[lf + 1] === CR ? lf + 2 : lf + 1;
    if (content[next] === LF) return next + 1;
  }
  return content.length;
}

/**
 * True if this is an HTTP response with a line in its head that ends in LF alone. Many clients
 * accept that as a line end (RFC 9112 §2.2 permits it), and some reject it.
 */
export function hasBareLf(content: Bytes): boolean {
  const start = new TextDecoder().decode(content.subarray(0, 5));
  if (start !== "HTTP/") return false;
  const end = endOfHead(content);
  for (let lf = content.indexOf(LF); lf !== -1 && lf < end; lf = content.indexOf(LF, lf + 1)) {
    if (content[lf - 1] !== CR) return true;
  }
  return false;
}
