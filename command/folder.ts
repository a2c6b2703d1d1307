/**
 * A folder's files as a table from path to reply. The path of a request is a key, and
 * never a file name, so there is nothing that it could escape to.
 *
 * @module
 */

import type { Reply } from "../server.ts";
import { NOT_FOUND, otherMethods } from "./allow.ts";
import { randomDelay, sleep, type Span } from "./delay.ts";
import { type Bytes, type Folder, UnusableFile } from "./files.ts";
import { type HttpFile, parseHttpFile } from "./http_file.ts";
import { addListings } from "./listing.ts";
import { METHODS, type Route, routeOf } from "./methods.ts";
import {
  type Fields,
  mergeFields,
  type ReplyDefaults,
  type ReplyTo,
  withDefaults,
} from "./reply_defaults.ts";
import { addAliases, addComposedNames, aliasesOf, keyOf, Routes } from "./routes.ts";
import { decodedPath, encodePathAndQuery, queryOf } from "./target.ts";
import { contentTypeOf } from "./types.ts";
import { quote } from "./values.ts";

/**
 * Answers each path with the file of that name, as a small site or an API wants it.
 *
 * @param defaults What the flags set: the status of pages, and the fields of every reply.
 * @param isListed True if folders without a page of their own answer one that lists them.
 * @throws {UnusableFile} If names contradict each other or cannot mean anything.
 */
export function folderResponder(
  folder: Folder,
  defaults: ReplyDefaults,
  isListed = false,
): ReplyTo {
  const { routes, delays } = new Site(folder, defaults);
  if (isListed) {
    addListings(routes, folder, defaults);
    addRedirects(routes, folder.folders.filter((path) => !routes.find("GET", path.slice(0, -1))));
  }
  const pages = routes.tableOf("GET");
  const otherwise = otherReplies(routes, notFoundReply(folder, pages, defaults), defaults.headers);
  return ({ method, target }) => {
    const path = decodedPath(target);
    const reply = (method === "GET" ? pages.get(path) : undefined) ?? routes.find(method, path);
    if (reply === undefined) return otherwise(method, path, target);
    if (reply === TO_FOLDER) return trailingSlashRedirect(path, queryOf(target), defaults.headers);
    const delay = delays.get(reply);
    return delay === undefined ? reply : sleep(randomDelay(delay)).then(() => reply);
  };
}

/** The replies that the files of a folder make, and how long to wait before some of them. */
class Site {
  readonly routes = new Routes<Reply>();
  readonly delays = new Map<Reply, Span>();
  /** The file that a reply was made of, for messages. */
  readonly #files = new Map<Reply, string>();

  constructor({ files, folders }: Folder, defaults: ReplyDefaults) {
    for (const [file, { content }] of files) {
      const { method, path, ...route } = routeOf(file) ?? { method: "GET", path: file };
      const { reply, delay } = replyOf(file, content, route, defaults);
      this.#files.set(reply, file);
      if (delay !== undefined) this.delays.set(reply, delay);
      if (!this.routes.add(method, path, reply)) throw this.#conflict(method, path, file);
    }
    for (const file of files.keys()) this.#checkAliases(file);
    for (const method of METHODS) addComposedNames(this.routes, method);
    addAliases(this.routes, "GET", ".html");
    const pages = this.routes.tableOf("GET");
    for (const folder of folders) {
      const page = pages.get(`${folder}index.htm`);
      if (page !== undefined) this.routes.add("GET", folder, page);
    }
    this.#addFolderNames();
    addRedirects(this.routes, folders);
  }

  /** A page is found under shorter names, which may be what another file names with its method. */
  #checkAliases(file: string): void {
    if (routeOf(file) !== undefined) return;
    const isOld = file.endsWith("/index.htm");
    for (const alias of isOld ? [file.slice(0, -9)] : aliasesOf(file, ".html")) {
      const other = this.routes.tableOf("GET").get(keyOf(alias));
      const isNamed = other !== undefined && routeOf(this.#files.get(other)!) !== undefined;
      if (isNamed) throw this.#conflict("GET", alias, file);
    }
  }

  #conflict(method: string, path: string, file: string): UnusableFile {
    const other = this.#files.get(this.routes.tableOf(method).get(keyOf(path))!)!;
    return new UnusableFile(
      `expected one file for ${method} ${quote(path)}, not ${quote(other)} and ${quote(file)}`,
    );
  }

  /** `index.GET.json` answers the folder without its slash, too: its content has no links. */
  #addFolderNames(): void {
    for (const [reply, file] of this.#files) {
      const { method, path } = routeOf(file) ?? { method: "", path: "" };
      if (path.endsWith("/") && path !== "/") this.routes.add(method, path.slice(0, -1), reply);
    }
  }
}

/** The reply that a file makes; its name may say a status, and what its extension is. */
function replyOf(
  file: string,
  content: Bytes,
  { status, extension }: Partial<Route>,
  { status: pageStatus, headers }: ReplyDefaults,
): HttpFile {
  if (extension?.toLowerCase() === "http") return httpReplyOf(file, content, status, headers);
  const type = contentTypeOf(extension === undefined ? file : `.${extension}`, content);
  const isPage = /^(text\/html|application\/xhtml)/.test(type);
  return {
    reply: withDefaults({ headers: [["Content-Type", type]], body: content }, {
      status: status ?? (isPage ? pageStatus : undefined),
      headers,
    }),
  };
}

/** The reply that is written out in a file. */
function httpReplyOf(file: string, content: Bytes, status: unknown, headers: Fields): HttpFile {
  const { reply, delay } = inFile(file, () => {
    const parsed = parseHttpFile(content);
    if (status === undefined || status === parsed.reply.status) return parsed;
    throw new UnusableFile(`expected the status ${status} of its name`);
  });
  return { reply: withDefaults(reply, { headers: mergeFields(reply.headers, headers) }), delay };
}

/** Names the file in what is wrong with it. */
function inFile<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof UnusableFile)) throw error;
    throw new UnusableFile(`${error.message}, in ${quote(file)}`);
  }
}

/** What stands for a path that is not there. */
function notFoundReply(
  { files }: Folder,
  pages: ReadonlyMap<string, Reply>,
  { headers }: ReplyDefaults,
): Reply {
  const body = files.get("/404.html")?.content;
  const page = files.has("/200.html") ? pages.get("/200.html") : undefined;
  if (body === undefined) return page ?? withDefaults(NOT_FOUND, { headers });
  const type = [["Content-Type", contentTypeOf("/404.html", body)]] as const;
  return withDefaults({ status: 404, headers: type, body }, { headers });
}

/** Answers what no file answers: other methods, and paths that are not there. */
function otherReplies(
  routes: Routes<Reply>,
  missing: Reply,
  headers: Fields,
): (method: string, path: string, target: string) => Reply {
  const answer = otherMethods(headers, missing);
  const isThere = missing.status !== 404; // an application answers every path
  return (method, path, target) => {
    const allowed = target === "*" ? routes.methods() : routes.methodsOf(path);
    if (allowed.length > 0 || !isThere) return answer(method, allowed);
    return method === "GET" || method === "HEAD" ? missing : answer(method, ["GET", "HEAD"]);
  };
}

/** Stands for a redirect to the path that was asked for, with a slash at its end. */
const TO_FOLDER: Reply = Object.freeze({ status: 308 });

/** Sends `/a` to `/a/` if that has a page, whose relative links then mean what they say. */
function addRedirects(routes: Routes<Reply>, folders: readonly string[]): void {
  for (const path of folders.filter((path) => path !== "/")) {
    if (routes.tableOf("GET").has(keyOf(path))) routes.add("GET", path.slice(0, -1), TO_FOLDER);
  }
}

/** A path begins with one slash, so no name in it can become a host. */
function trailingSlashRedirect(path: string, query: string, headers: Fields): Reply {
  const location = `${path.split("/").map(encodeURIComponent).join("/")}/`;
  const own: Fields = [["Location", location + encodePathAndQuery(query)]];
  return { status: 308, headers: mergeFields(own, headers) };
}
