/**
 * Answers requests with the files of a folder. The path of a request is a key of a table and never
 * a file name, so no path can reach a file outside of the folder.
 *
 * @module
 */

import type { Reply } from "../server.ts";
import { randomDelay, sleep, type Span } from "../replies/delay.ts";
import { type Bytes, type Folder, UnusableFile } from "./read.ts";
import { type HttpFile, parseHttpFile } from "./http_files.ts";
import { addListings } from "./listing.ts";
import { quote } from "../replies/text.ts";
import {
  type Fields,
  mergeFields,
  type ReplyDefaults,
  type ReplyTo,
  withDefaults,
} from "../replies/fields.ts";
import {
  addAliases,
  addComposedNames,
  aliasesOf,
  keyOf,
  METHODS,
  NOT_FOUND,
  otherMethods,
  type Route,
  routeOf,
  Routes,
} from "./routes.ts";
import { decodedPath, encodePathAndQuery, queryOf } from "../replies/target.ts";
import { contentTypeOf } from "./types.ts";

/**
 * Answers each path with the file of that name, and what a small site or API needs besides: folder
 * pages, redirects to folders, 404 and 405, and waits.
 *
 * @param defaults What the flags set: the status of HTML pages, and header fields of all replies.
 * @param isListed True if a folder without an index.html is answered with a list of its entries.
 * @throws {UnusableFile} If the names of files contradict each other or have no meaning.
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

/** The replies that are made of the files of a folder, and the waits before some of them. */
class Site {
  readonly routes = new Routes<Reply>();
  readonly delays = new Map<Reply, Span>();
  /** The file that each reply was made of. */
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

  /** Throws if a shorter path of a page is also the path of a file with a method in its name. */
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

  /** Lets `/a/index.GET.json` answer `/a` too: data has no relative links that would break. */
  #addFolderNames(): void {
    for (const [reply, file] of this.#files) {
      const { method, path } = routeOf(file) ?? { method: "", path: "" };
      if (path.endsWith("/") && path !== "/") this.routes.add(method, path.slice(0, -1), reply);
    }
  }
}

/** Makes the reply of a file. A name with a method also says the status and the extension. */
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

/** Makes the reply that a `NAME.METHOD.http` file describes. */
function httpReplyOf(file: string, content: Bytes, status: unknown, headers: Fields): HttpFile {
  const { reply, delay } = inFile(file, () => {
    const parsed = parseHttpFile(content);
    if (status === undefined || status === parsed.reply.status) return parsed;
    throw new UnusableFile(`expected the status ${status} of its name`);
  });
  return { reply: withDefaults(reply, { headers: mergeFields(reply.headers, headers) }), delay };
}

/** Adds the name of the file to errors. */
function inFile<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof UnusableFile)) throw error;
    throw new UnusableFile(`${error.message}, in ${quote(file)}`);
  }
}

/** The reply to a path where there is nothing: 404.html, 200.html, or plain text. */
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

/** The replies where no file answers: to other methods, and to paths where there is nothing. */
function otherReplies(
  routes: Routes<Reply>,
  missing: Reply,
  headers: Fields,
): (method: string, path: string, target: string) => Reply {
  const answer = otherMethods(headers, missing);
  const answersAll = missing.status !== 404; // 200.html is there at every path
  return (method, path, target) => {
    const allowed = target === "*" ? routes.methods() : routes.methodsOf(path);
    if (allowed.length > 0 || !answersAll) return answer(method, allowed);
    return method === "GET" || method === "HEAD" ? missing : answer(method, ["GET", "HEAD"]);
  };
}

/** Marks a path that is redirected to the same path with a slash at its end. */
const TO_FOLDER: Reply = Object.freeze({ status: 308 });

/** Redirects `/a` to `/a/` if there is a page, whose relative links work only there. */
function addRedirects(routes: Routes<Reply>, folders: readonly string[]): void {
  for (const path of folders.filter((path) => path !== "/")) {
    if (routes.tableOf("GET").has(keyOf(path))) routes.add("GET", path.slice(0, -1), TO_FOLDER);
  }
}

/** A decoded path begins with exactly one slash, so the location keeps its host. */
function trailingSlashRedirect(path: string, query: string, headers: Fields): Reply {
  const location = `${path.split("/").map(encodeURIComponent).join("/")}/`;
  const own: Fields = [["Location", location + encodePathAndQuery(query)]];
  return { status: 308, headers: mergeFields(own, headers) };
}
