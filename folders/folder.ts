/**
 * Answers requests with the files of a folder. The path of a request is a key of a table and never
 * a file name, so no path can reach a file outside of the folder.
 *
 * @module
 */

import type { RawReply, Reply } from "../server.ts";
import { randomDelay, sleep, type Span } from "../replies/delay.ts";
import { type Fields, mergeFields, type ReplyOverrides, withOverrides } from "../replies/fields.ts";
import { encodePathAndQuery, queryOf } from "../replies/target.ts";
import { quote } from "../replies/text.ts";
import { type HttpFile, type MakeRawReply, parseHttpFile, rawReplyMaker } from "./http_files.ts";
import type { addListings } from "./listing.ts";
import type { Bytes, FolderSnapshot } from "./read.ts";
import { ANY_METHOD, METHODS, type Route, Routes, routesOf } from "./routes.ts";
import { UnusableFile } from "./source.ts";
import { forEachInSteps, type Steps } from "./steps.ts";
import { contentFieldsOf } from "./types.ts";

/**
 * Answers a request.
 *
 * @param path The path in the folder, as `decodedPath()` returns it.
 * @param target The whole request target.
 */
export type Answer<R = Reply | Promise<Reply>> = (
  method: string,
  path: string,
  target: string,
) => R;

/** How to answer with a folder. */
export interface FolderOptions {
  /** What the flags set: the status of HTML pages, and header fields of all replies. */
  readonly overrides: ReplyOverrides;
  /** Lists the entries of folders without an index.html. Then names of files have no methods. */
  readonly addListings?: typeof addListings;
  /** The path of the folder in URLs, without a slash at its end; empty by default. */
  readonly prefix?: string;
  /** The replies of an earlier reading. Files that have not changed keep theirs. */
  readonly cache?: ReplyCache;
}

/** The replies that files were made into, by their content. */
export type ReplyCache = WeakMap<Bytes, HttpFile & { readonly file: string }>;

/**
 * Answers each path with the file of that name, and what a small site or API needs besides: folder
 * pages, redirects to folders, 404 and 405, and waits.
 *
 * @throws {UnusableFile} If two files have the same method and path, or a name is impossible.
 */
export function* folderAnswer(folder: FolderSnapshot, options: FolderOptions): Steps<Answer> {
  const { overrides: { headers }, prefix = "" } = options;
  const delays = new Map<Reply, Span>();
  const routes = yield* repliesOf(folder, options, delays);
  if (options.addListings) yield* options.addListings(routes, folder, options);
  yield* addRedirects(routes, folder.folders, prefix);
  const otherwise = otherReplies(routes, yield* missingReply(folder, routes, headers), headers);
  const pages = routes.tableOf("GET");
  return (method, path, target) => {
    const isPlain = method === "GET" && !routes.hasQueries;
    const reply = (isPlain ? pages.get(path) : undefined) ??
      routes.find(method, path, queryOf(target));
    if (reply === undefined) return otherwise(method, path, target);
    if (reply === TO_FOLDER) return redirectTo(`${prefix}${path}/`, queryOf(target), headers);
    const delay = delays.get(reply);
    return delay === undefined ? reply : sleep(randomDelay(delay)).then(() => reply);
  };
}

/** The replies that the files are made into, and the waits before some of them. */
function repliesOf(
  { files }: FolderSnapshot,
  { cache = new WeakMap(), overrides, addListings, prefix }: FolderOptions,
  delays: Map<Reply, Span>,
): Steps<Routes<Reply>> {
  return routesOf<Reply>(files, {
    hasMethods: addListings === undefined,
    hasPrefix: prefix !== undefined && prefix !== "",
    method: "GET",
    aliases: [(path) => shortened(path, ".html"), oldIndexAlias],
    *answerOf(file, { content }, route) {
      let made = cache.get(content);
      if (made?.file !== file) {
        made = { ...yield* replyOf(file, content, route, overrides), file };
        cache.set(content, made);
      }
      if (made.delay !== undefined) delays.set(made.reply, made.delay);
      return made.reply;
    },
  });
}

/** Makes the reply of a file. */
function* replyOf(
  file: string,
  body: Bytes,
  { status, extension }: Route,
  { status: pageStatus, headers }: ReplyOverrides,
): Steps<HttpFile> {
  if (extension?.toLowerCase() === "http") return yield* httpReplyOf(file, body, status, headers);
  const name = extension === undefined ? file : `.${extension}`;
  const own = yield* contentFieldsOf(name, body);
  const [[, type]] = own;
  const isPage = /^(text\/html|application\/xhtml)/.test(type);
  return {
    reply: withOverrides({ headers: own, body }, {
      status: status ?? (isPage ? pageStatus : undefined),
      headers,
    }),
  };
}

/** Makes the reply that a `NAME.METHOD.http` file describes. */
function* httpReplyOf(
  file: string,
  content: Bytes,
  status: unknown,
  headers: Fields,
): Steps<HttpFile> {
  try {
    const { reply, delay } = yield* parseHttpFile(content);
    if (status !== undefined && status !== reply.status) {
      throw new UnusableFile(`expected the status ${status} of its name`);
    }
    return { reply: withOverrides(reply, { headers: mergeFields(reply.headers, headers) }), delay };
  } catch (error) {
    if (!(error instanceof UnusableFile)) throw error;
    throw new UnusableFile(`${error.message}, in ${quote(file)}`);
  }
}

/** The shorter paths of a file with this extension: `/about`, or `/index` and `/`. */
function shortened(path: string, extension: string): string[] {
  if (!path.endsWith(extension)) return [];
  const stem = path.slice(0, -extension.length);
  return stem.endsWith("/index") ? [stem, stem.slice(0, -5)] : [stem];
}

function oldIndexAlias(path: string): string[] {
  return path.endsWith("/index.htm") ? [path.slice(0, -9)] : [];
}

// ---------------------------------------------------------------- --raw

/**
 * Answers each path with the file of that name, sent as it is. A file without a method in its name
 * answers all methods that have no file of their own.
 *
 * @param delay How long to wait after the head of a response, if at all.
 * @throws {UnusableFile} If two files have the same method and path, or a name is impossible.
 */
export function* rawFolderAnswer(
  { files }: FolderSnapshot,
  delay: Span | undefined,
): Steps<Answer<RawReply | Reply>> {
  const routes = yield* routesOf<MakeRawReply>(files, {
    hasMethods: true,
    method: ANY_METHOD,
    aliases: [(path) => shortened(path, ".http")],
    answerOf(file, { content }, { status }) {
      if (status === undefined) return rawReplyMaker(content, delay);
      throw new UnusableFile(`expected a status in the file and not in its name, ${quote(file)}`);
    },
  });
  const missing = routes.tableOf(ANY_METHOD).get("/404.http") ?? (() => NOT_FOUND);
  const replyToOther = otherMethods([], NOT_FOUND);
  return (method, path, target) => {
    const query = queryOf(target);
    const makeReply = routes.find(method, path, query);
    if (makeReply !== undefined) return makeReply();
    const allowed = routes.methodsOf(path, query);
    return allowed.length > 0 ? replyToOther(method, allowed) : missing();
  };
}

// ---------------------------------------------------------------- where no file answers

/** The reply to a path where there is nothing, in a folder that has no page for that. */
const NOT_FOUND: Reply = Object.freeze({ status: 404, body: "404 Not Found\n" });

/** Answers where there is no folder at all. */
export function nothing(headers: Fields): Answer<Reply> {
  return otherReplies(new Routes(), withOverrides(NOT_FOUND, { headers }), headers);
}

/** The reply to a path where there is nothing: the first of these files, or a text. */
function* missingReply(
  { files }: FolderSnapshot,
  routes: Routes<Reply>,
  headers: Fields,
): Steps<Reply> {
  const file = ["/404.html", "/404.json", "/404.txt"].find((name) => files.has(name));
  if (file !== undefined) {
    const { content: body } = files.get(file)!;
    return withOverrides({ status: 404, headers: yield* contentFieldsOf(file, body), body }, {
      headers,
    });
  }
  const page = ["/200.html", "/200.json"].find((name) => files.has(name));
  const reply = page === undefined ? undefined : routes.tableOf("GET").get(page);
  return reply ?? withOverrides(NOT_FOUND, { headers });
}

/** The replies where no file answers: to other methods, and to paths where there is nothing. */
function otherReplies(routes: Routes<Reply>, missing: Reply, headers: Fields): Answer<Reply> {
  const replyToOther = otherMethods(headers, missing);
  const { status = 200 } = missing;
  const isError = status >= 400; // which a form or an API must get as well: 405 would be final
  return (method, path, target) => {
    const allowed = target === "*" ? routes.methods() : routes.methodsOf(path, queryOf(target));
    if (allowed.length > 0 || isError) return replyToOther(method, allowed);
    const isGet = method === "GET" || method === "HEAD";
    return isGet ? missing : replyToOther(method, ["GET", "HEAD"]); // 200.html is at every path
  };
}

/**
 * OPTIONS gets 204 and the allowed methods (RFC 9110 §9.3.7), even where nothing is: before a page
 * of another origin sends a request, the browser asks, and the page should then see that request
 * fail. Other methods get 405 (§15.5.6).
 *
 * @param headers Header fields of all these replies.
 * @param missing The reply where no method is allowed.
 */
function otherMethods(
  headers: Fields,
  missing: Reply,
): (method: string, allowed: readonly string[]) => Reply {
  const replies = new Map<string, Reply>();
  return (method, allowed) => {
    if (method !== "OPTIONS" && allowed.length === 0) return missing;
    const names = allowed.length === 0 ? ["GET", "HEAD"] : allowed;
    const list = METHODS.filter((name) => names.includes(name) || name === "OPTIONS");
    const key = `${method === "OPTIONS"} ${list}`;
    let reply = replies.get(key);
    if (reply === undefined) {
      reply = method === "OPTIONS" ? optionsReply(list, headers) : notAllowed(list, headers);
      replies.set(key, reply); // the server caches the encoding of a reply that is the same object
    }
    return reply;
  };
}

function optionsReply(allowed: readonly string[], headers: Fields): Reply {
  return withOverrides({ status: 204 }, { headers: mergeFields(allowField(allowed), headers) });
}

function notAllowed(allowed: readonly string[], headers: Fields): Reply {
  const expected = `${allowed.slice(0, -1).join(", ")} or ${allowed.at(-1)}`;
  return withOverrides({
    status: 405,
    headers: allowField(allowed),
    body: `405 Method Not Allowed\n\nExpected ${expected}.\n`,
  }, { headers });
}

function allowField(allowed: readonly string[]): Fields {
  return [["Allow", allowed.join(", ")]];
}

// ---------------------------------------------------------------- redirects

/** Stands in the table for a redirect to the same path with a slash at its end; never sent itself. */
const TO_FOLDER: Reply = Object.freeze({ status: 302 });

/** Redirects `/a` to `/a/` if there is a page, whose relative links work only there. */
function* addRedirects(
  routes: Routes<Reply>,
  folders: readonly string[],
  prefix: string,
): Steps<void> {
  const pages = routes.tableOf("GET");
  yield* forEachInSteps(folders, (path) => {
    for (const form of new Set([path, path.normalize()])) { // as its pages, see addComposedNames()
      if (form !== "/" && pages.has(form)) routes.add("GET", form.slice(0, -1), TO_FOLDER);
    }
  });
  if (prefix !== "") routes.add("GET", "", TO_FOLDER);
}

/**
 * The status is 302: some clients do not follow 308, and browsers would keep it for the next server on
 * this port. A decoded path begins with exactly one slash, so the location keeps its host.
 */
function redirectTo(path: string, query: string, headers: Fields): Reply {
  const location = path.split("/").map(encodeURIComponent).join("/") + encodePathAndQuery(query);
  const own: Fields = [["Location", location]];
  return { status: 302, headers: mergeFields(own, headers) };
}
