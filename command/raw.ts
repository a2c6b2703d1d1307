/**
 * Whole responses as they stand in a file, for testing clients.
 *
 * @module
 */

import type { RawReply, Responder } from "../server.ts";
import { NOT_FOUND, otherMethods } from "./allow.ts";
import { randomDelay, sleep, type Span } from "./delay.ts";
import { type Bytes, type Folder, type Held, UnusableFile } from "./files.ts";
import { METHODS, routeOf } from "./methods.ts";
import { addAliases, addComposedNames, ANY_METHOD, Routes } from "./routes.ts";
import { decodedPath } from "./target.ts";
import { quote } from "./values.ts";

/**
 * Answers with this file, or each path with the file of that name in this folder.
 *
 * @throws {UnusableFile} If names contradict each other or cannot mean anything.
 */
export function rawResponder(held: Held, delay: Span | undefined): Responder {
  return "content" in held ? responseOf(held.content, delay) : folderResponses(held, delay);
}

/** Sends these bytes and no others; with a delay, the head leaves at once and the rest stalls. */
function responseOf(content: Bytes, delay: Span | undefined): Responder {
  if (delay === undefined) {
    const reply: RawReply = { raw: [content] };
    return () => reply;
  }
  const cut = endOfHead(content);
  return () => ({
    raw: (async function* () {
      yield content.subarray(0, cut);
      await sleep(randomDelay(delay));
      yield content.subarray(cut);
    })(),
  });
}

/** A file without a method in its name answers all that no other answers at its path. */
function folderResponses({ files }: Folder, delay: Span | undefined): Responder {
  const routes = new Routes<Responder>();
  for (const [file, { content }] of files) {
    const { method, path } = routeOfResponse(file);
    if (!routes.add(method, path, responseOf(content, delay))) {
      throw new UnusableFile(
        `expected one file for ${method} ${quote(path)}, ${quote(file)} is one more`,
      );
    }
  }
  for (const method of [...METHODS, ANY_METHOD]) {
    addComposedNames(routes, method);
    addAliases(routes, method, ".http");
  }
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

function routeOfResponse(file: string): { method: string; path: string } {
  const route = routeOf(file);
  if (route?.status === undefined) return route ?? { method: ANY_METHOD, path: file };
  throw new UnusableFile(`expected a status in the file and not in its name, ${quote(file)}`);
}

const CR = 13;
const LF = 10;

/** Where the first empty line ends; the end of the bytes if there is none. */
export function endOfHead(content: Bytes): number {
  for (let lf = content.indexOf(LF); lf !== -1; lf = content.indexOf(LF, lf + 1)) {
    const next = content[lf + 1] === CR ? lf + 2 : lf + 1;
    if (content[next] === LF) return next + 1;
  }
  return content.length;
}

/**
 * True if this is an HTTP response with a line in its head that ends in LF alone. Many clients
 * take that for a line end (RFC 9112 §2.2 lets them), and some refuse it.
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
