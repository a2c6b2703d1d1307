/**
 * A folder's files as a table from path to reply. The path of a request is a key, and
 * never a file name, so there is nothing that it could escape to.
 *
 * @module
 */

import type { Reply, Responder } from "../server.ts";
import type { Octets } from "./files.ts";
import { type ReplyDefaults, type ReplyTo, withDefaults } from "./reply_defaults.ts";
import { decodedPath, encodePathAndQuery, queryOf } from "./target.ts";
import { contentTypeOf } from "./types.ts";

type Files = ReadonlyMap<string, Octets>;

/** Answers each path with the file of that name, as a small site wants it. */
export function siteOf(files: Files, wanted: ReplyDefaults): ReplyTo {
  const always = { headers: wanted.headers };
  const pages = new Map([...files].map(([path, body]) => {
    const type = contentTypeOf(path, body);
    const isPage = type.startsWith("text/html");
    return [
      path,
      withDefaults({ headers: [["Content-Type", type]], body }, isPage ? wanted : always),
    ];
  }));
  const otherwise = notFound(files, pages, always);
  addShortNames(pages, ".html");
  const detours = detoursTo(pages, always);
  const refusal = withDefaults({
    status: 405,
    headers: [["Allow", "GET, HEAD"]],
    body: "405 Method Not Allowed\n\nExpected GET or HEAD.\n",
  }, always);
  return ({ method, target }) => {
    // No path takes another method, so the answer is the same for those that are not there.
    if (method !== "GET" && method !== "HEAD") return refusal;
    const key = decodedPath(target);
    return pages.get(key) ?? detour(detours.get(key), target) ?? otherwise;
  };
}

/** Answers each path with the whole response of that name, whatever the method. */
export function responsesOf(files: Files, answer: (response: Octets) => Responder): Responder {
  const responses = new Map([...files].map(([path, octets]) => [path, answer(octets)]));
  addShortNames(responses, ".http");
  const otherwise = responses.get("/404.http") ?? (() => NOT_FOUND);
  return (request, client) =>
    (responses.get(decodedPath(request.target)) ?? otherwise)(request, client);
}

const NOT_FOUND: Reply = Object.freeze({ status: 404, body: "404 Not Found\n" });

/** What stands for a path that is not there. */
function notFound(files: Files, pages: ReadonlyMap<string, Reply>, always: ReplyDefaults): Reply {
  const body = files.get("/404.html");
  if (body === undefined) return pages.get("/200.html") ?? withDefaults(NOT_FOUND, always);
  const headers = [["Content-Type", contentTypeOf("/404.html", body)]] as const;
  return withDefaults({ status: 404, headers, body }, always);
}

/**
 * `/index.html` answers `/`, and `/about.html` answers `/about`, unless a file is called so;
 * and what is not in the form in which browsers write it (Unicode's NFC) is found in that too.
 */
function addShortNames<T>(table: Map<string, T>, extension: string): void {
  const add = (name: string, value: T) => {
    if (!table.has(name)) table.set(name, value);
  };
  for (const [path, value] of [...table]) add(path.normalize(), value);
  for (const [path, value] of [...table]) {
    const stem = path.endsWith(extension) ? path.slice(0, -extension.length) : path;
    add(stem, value);
    if (stem !== path && stem.endsWith("/index")) add(stem.slice(0, -5), value);
  }
}

/** Sends `/a` to `/a/`, where relative links mean what they say. Names cannot become hosts. */
function detoursTo(pages: ReadonlyMap<string, Reply>, always: ReplyDefaults): Map<string, Reply> {
  const folders = [...pages.keys()].filter((path) => path.endsWith("/") && path !== "/");
  return new Map(folders.map((path) => {
    const location = path.split("/").map(encodeURIComponent).join("/");
    return [
      path.slice(0, -1),
      withDefaults({ status: 308, headers: [["Location", location]] }, always),
    ];
  }));
}

/** The same with the query of the request, if it has one. */
function detour(reply: Reply | undefined, target: string): Reply | undefined {
  const query = queryOf(target);
  if (reply === undefined || query === "") return reply;
  const headers = reply.headers?.map(([name, value]) =>
    [name, name === "Location" ? value + encodePathAndQuery(query) : value] as const
  );
  return { ...reply, headers };
}
