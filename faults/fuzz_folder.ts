/**
 * Fuzzes the replies of a folder by path and by method. The oracle shares no code with the command.
 *
 * @module
 */

import { type Answer, folderAnswer } from "../folders/folder.ts";
import type { Bytes } from "../folders/read.ts";
import { UnusableFile } from "../folders/source.ts";
import { decodedPath } from "../replies/target.ts";
import { parseRequestLine, type Reply } from "../server.ts";
import { finish, snapshotOf } from "../tests/files.ts";
import { bytesOf, textOf } from "../tests/wire.ts";
import { check, type Random } from "./harness.ts";

/** The status of its pages, as set by `--status`; different from all others that a folder uses. */
const PAGE_STATUS = 503;

// ---------------------------------------------------------------- the oracle

/** A reply of a folder: a file, a redirect or a short text. */
interface Expected {
  status: number;
  file?: string;
  folder?: string;
  query?: string;
}

function expectedOf(files: string[], method: string, target: string): Expected {
  const found = expectedOfGet(files, target);
  if (method === "GET" || method === "HEAD") return found;
  if (method === "OPTIONS") return { status: 204 };
  return found.status === 404 ? found : { status: 405 };
}

function expectedOfGet(files: string[], target: string): Expected {
  const [, path, query = ""] = /^(?:[a-z]+:\/\/[^/?#]*)?([^?#]*)(\?[^]*)?/.exec(target)!;
  const name = decode(path || "/");
  const find = (wanted: string) =>
    files.find((file) => file === wanted) ?? files.find((file) => file.normalize() === wanted);
  const page = (file: string) => ({ file, status: /\.html?$/.test(file) ? PAGE_STATUS : 200 });
  if (name !== undefined) {
    const choices = name.endsWith("/")
      ? [`${name}index.html`, `${name}index.htm`]
      : [name, `${name}.html`];
    for (const choice of choices) {
      const file = find(choice);
      if (file) return page(file);
    }
    if (find(`${name}/index.html`) ?? find(`${name}/index.htm`)) {
      return { status: 302, folder: `${name}/`, query };
    }
  }
  const file = CATCH_ALLS.find((name) => files.includes(name));
  return file?.startsWith("/200") ? page(file) : { status: 404, file };
}

/** The files that answer where nothing is, the first of them first. */
const CATCH_ALLS = ["/404.html", "/404.json", "/404.txt", "/200.html", "/200.json"];

/** Decodes %XX and UTF-8, merges slashes, and removes dot segments (RFC 3986 §5.2.4). */
function decode(path: string): string | undefined {
  if (/%(?![0-9a-f]{2})/i.test(path)) return undefined;
  const plain = path.replace(/%(..)/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  let name: string;
  try {
    name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytesOf(plain));
  } catch {
    return undefined;
  }
  for (let before = ""; before !== name;) {
    before = name;
    name = name.replace(/\/\/+/g, "/").replace(/\/\.(?=\/|$)\/?/, "/")
      .replace(/^(\/\.\.(?=\/|$))+\/?/, "/");
    if (name === before) name = name.replace(/\/(?!\.\.?(\/|$))[^/]+\/\.\.(\/|$)/, "/");
  }
  return name;
}

// ---------------------------------------------------------------- inputs

const NAMES = [
  "a|b|A|index|about|404|200|index.html|con|~|a+b|a;b|a=b&c|a,b|a@b|a..b|a b|a#b|a?b|a%b|100%",
  "%2e%2e|%41|\\|\\\\a|\"<>&'|`|\xfc|e\u0301|\u1e9b\u0323|\u263a|\u{1f600}|\u202e|\ufeff|\r\n",
].join("|").split("|");
const EXTENSIONS = ["", "", ".html", ".html", ".htm", ".css", ".js", ".html.html"];
const SPECIAL = [
  ...CATCH_ALLS,
  "/index.html",
  "/a/index.html",
  "/e\u0301/index.html",
  "/{a}/b.html",
];
const ESCAPES = ["..", ".", "%2e%2e", "%2E", "..%2f", "%2f", "%5c", "\\", "%00", "%", "%4", "%zz"];
const BAD_UTF8 = ["%c0%af", "%c0%ae", "%e0%80%af", "%ed%a0%80", "%f4%90%80%80", "%ff", "%e2%82"];
const BITS = [
  "#",
  ...ESCAPES,
  ...BAD_UTF8,
  "%ef%bb%bf",
  "%e2%98%ba",
  "/",
  "//",
  "/./",
  "/../",
  "a",
  ".html",
  "index",
];
const QUERIES = [
  "",
  "",
  "",
  "?",
  "?a=b",
  "??",
  "?/../",
  "?a=%0d%0a",
  "?%",
  '?"<>^`{|}',
  "?a?b",
  "#a",
  "#a?b",
];

/** Paths of files. None is a folder too, and no two are equal after Unicode normalization. */
function fileNames(random: Random): string[] {
  const files: string[] = [];
  for (let count = 1 + random.below(8); count > 0; count--) {
    const folders = Array.from({ length: random.below(3) }, () => `/${random.pick(NAMES)}`);
    const odd = `${folders.join("")}/${random.pick(NAMES)}${random.pick(EXTENSIONS)}`;
    const path = random.below(4) === 0 ? random.pick(SPECIAL) : odd;
    const [plain, others] = [path.normalize(), files.map((file) => file.normalize())];
    const isTaken = others.some((other) =>
      other === plain || other.startsWith(`${plain}/`) || plain.startsWith(`${other}/`)
    );
    if (!isTaken) files.push(path);
  }
  return files;
}

/** Percent-encodes a path: what must be, and other characters at random. */
function encode(random: Random, path: string): string {
  const always = random.below(4) === 0;
  return Array.from(textOf(new TextEncoder().encode(path)), (character) => {
    const needed = !/[!-~]/.test(character) || "%?".includes(character);
    const code = character.charCodeAt(0).toString(16).padStart(2, "0");
    const isEncoded = needed || character !== "/" && (always || random.below(20) === 0);
    return isEncoded ? `%${random.below(2) > 0 ? code : code.toUpperCase()}` : character;
  }).join("");
}

/** A target that names a file, almost names one, or tries to leave the folder. */
function targetFor(random: Random, files: string[]): string {
  const file = random.pick(files);
  const named = random.pick([
    () => file,
    () => file.normalize(),
    () => file.replace(/\.html$/, ""),
    () => file.replace(/index\.html$/, ""),
    () => file.replace(/\/[^/]*$/, ""),
    () => `${file}/`,
  ])();
  let path = encode(random, named);
  for (let times = Math.max(0, random.below(6) - 3); times > 0; times--) {
    const at = random.below(path.length + 1);
    path = path.slice(0, at) + random.pick(BITS) + path.slice(at + random.below(3));
  }
  const form = random.below(5) === 0 ? "http://x.example" : "";
  return form + (path.startsWith("/") ? path : `/${path}`) + random.pick(QUERIES);
}

// ---------------------------------------------------------------- the comparison

/** Checks that the folder and the oracle agree on a path. True if a file was found. */
export function fuzzPath(random: Random): boolean {
  const files = fileNames(random);
  const folder = snapshotOf(files.map((file) => [file, new TextEncoder().encode(file)]));
  const site = finish(folderAnswer(folder, { defaults: { status: PAGE_STATUS, headers: [] } }));
  const method = random.pick(["GET", "GET", "GET", "HEAD", "POST", "get", "OPTIONS"]);
  const target = targetFor(random, files);
  const request = parseRequestLine(bytesOf(`${method} ${target} HTTP/1.1`));
  if ("expected" in request) return false;
  const expected = expectedOf(files, method, target);
  const reply = site(method, decodedPath(target), target) as Reply;
  const { status = 200, body = "" } = reply;
  const what = `${method} ${target}`;
  check(status === expected.status, `${status}, expected ${expected.status}`, what, files);
  if (expected.folder !== undefined) checkRedirect(reply, expected, what);
  else if (expected.file === undefined) check(typeof body === "string", "a file", what, files);
  else check(isFile(reply, expected.file), `not ${expected.file}`, what, files);
  return expected.file !== undefined && status !== 404;
}

function isFile({ body = "" }: Reply, file: string): boolean {
  return typeof body !== "string" &&
    new TextDecoder("utf-8", { ignoreBOM: true }).decode(body) === file;
}

/** Checks that a redirect leads to the folder on this host and keeps the query. */
function checkRedirect({ headers = [] }: Reply, { folder, query }: Expected, what: string): void {
  const location = headers.find(([name]) => name === "Location")?.[1] ?? "";
  const [, path, rest] = /^([^?#]*)([^]*)$/.exec(location)!;
  check(
    /^\/(?![/\\])[!$%&'()*+,./:;=@\w~-]*$/.test(path),
    "not a path on this host",
    location,
    what,
  );
  check(decode(path) === folder, `does not lead to ${folder}`, location, what);
  const isValid = /^[\w?/%=.]*$/.test(query!) && !/%(?![0-9a-f]{2})/i.test(query!);
  check(!isValid || rest === query, `lost the query ${query}`, location, what);
  check(/^(\?[!$%&'()*+,./:;=?@\w~-]*)?$/.test(rest), "not a query", location, what);
}

// ---------------------------------------------------------------- methods

const API_NAMES = "a|b|{id}|{x-y}|{|index|orders|7|a.b|{id}.html|index.html".split("|");
const ROUTES = ["", "", ".GET.txt", ".GET.201.html", ".HEAD.txt", ".POST.txt", ".PUT.204"];
ROUTES.push(".DELETE.http", ".OPTIONS.200.txt", ".PATCH.999.txt", ".GET.a.b");
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** Checks `Allow` in the reply to OPTIONS with each method. True if GET finds something. */
export function fuzzMethods(random: Random): boolean {
  const files = new Set(Array.from({ length: 1 + random.below(8) }, () => {
    const names = Array.from({ length: 1 + random.below(3) }, () => random.pick(API_NAMES));
    return `/${names.join("/")}${random.pick(ROUTES)}`;
  }));
  const contents = [...files].map((file) => [file, bytesOf("200\n\n")] as const);
  const site = siteOrNothing(contents, random.below(4) === 0);
  if (site === undefined) return false;
  const target = `/${random.pick([...files].join("/").split("/")).replace(/\.[A-Z].*/, "")}`;
  const path = random.below(2) > 0 ? target : `${target}/${random.pick(API_NAMES)}`;
  const replyTo = (method: string) => {
    const request = parseRequestLine(bytesOf(`${method} ${path} HTTP/1.1`));
    if ("expected" in request) throw new TypeError(path);
    const reply = site(method, decodedPath(path), path) as Reply;
    return { status: reply.status ?? 200, allow: fieldOf(reply, "Allow") };
  };
  const replies = new Map(METHODS.map((method) => [method, replyTo(method)]));
  const allow = replies.get("OPTIONS")!.allow;
  for (const [method, { status, allow: other }] of replies) {
    if (status === 405) {
      const isSame = allow === "" || other === allow; // a file may answer OPTIONS
      check(isSame && !other.split(", ").includes(method), "405", method, path, [...files]);
    }
    if (status < 400) {
      check(allow === "" || allow.includes(method), "not 405", method, path, [...files]);
    }
    if (status === 404) check(allow === "" || allow === "GET, HEAD, OPTIONS", "404", method, path);
    if (method === "HEAD") {
      check(status !== 404 || replies.get("GET")!.status === 404, "HEAD", path);
    }
  }
  return replies.get("GET")!.status !== 404;
}

/** The responder of a folder, or nothing if names of files contradict each other. */
function siteOrNothing(
  contents: ReadonlyArray<readonly [string, Bytes]>,
  isListed: boolean,
): Answer | undefined {
  try {
    return finish(folderAnswer(snapshotOf(contents), { defaults: { headers: [] }, isListed }));
  } catch (error) {
    if (error instanceof UnusableFile) return undefined;
    throw error;
  }
}

function fieldOf({ headers = [] }: Reply, wanted: string): string {
  return headers.find(([name]) => name === wanted)?.[1] ?? "";
}
