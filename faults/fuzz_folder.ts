/**
 * Fuzzes the replies of a folder by path and by method. The oracle shares no code with the command.
 *
 * @module
 */

import { respondBelow } from "../folders/answer.ts";
import { type Answer, folderAnswer, nothing } from "../folders/folder.ts";
import { addListings } from "../folders/listing.ts";
import type { Bytes } from "../folders/read.ts";
import { UnusableFile } from "../folders/source.ts";
import { decodedPath } from "../replies/target.ts";
import { parseRequestLine, type Reply, type RequestLine } from "../server.ts";
import { finish, snapshotOf } from "../tests/files.ts";
import { CLIENT } from "../tests/requests.ts";
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
  /** True if it is an error at every path where nothing is. */
  isError?: boolean;
}

function expectedOf(files: string[], method: string, target: string): Expected {
  const { name, query } = partsOf(target);
  return expectedAt(files, method, name, query);
}

/** The decoded path of a target, unless it does not decode, and the query. */
function partsOf(target: string): { name: string | undefined; query: string } {
  const [, path, query = ""] = /^(?:[a-z]+:\/\/[^/?#]*)?([^?#]*)(\?[^]*)?/.exec(target)!;
  return { name: decode(path || "/"), query };
}

function expectedAt(
  files: string[],
  method: string,
  name: string | undefined,
  query: string,
): Expected {
  const found = expectedOfGet(files, name, query);
  if (method === "GET" || method === "HEAD") return found;
  if (method === "OPTIONS") return { status: 204 };
  return found.status === 404 || found.isError ? found : { status: 405 };
}

function expectedOfGet(files: string[], name: string | undefined, query: string): Expected {
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
  if (!file?.startsWith("/200")) return { status: 404, file };
  return { ...page(file), isError: file === "/200.html" };
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
  const site = finish(folderAnswer(folder, { overrides: { status: PAGE_STATUS, headers: [] } }));
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

// ---------------------------------------------------------------- prefixes

const PREFIXES = [
  "",
  "/a",
  "/a/b",
  "/index",
  "/e\u0301",
  "/\u1e9b\u0323",
  "/a b",
  "/{a}",
  "/%2e%2e",
];

/**
 * Checks that below a prefix a folder answers as it does alone, that the longest prefix of whole
 * segments wins, and that redirects keep it. True if a file was found.
 */
export function fuzzPrefixes(random: Random): boolean {
  const prefixes = [
    ...new Set(Array.from({ length: 1 + random.below(3) }, () => random.pick(PREFIXES))),
  ];
  const folders = new Map(prefixes.map((prefix) => [prefix, fileNames(random)]));
  const parts = Array.from(folders, ([prefix, files]) => {
    const folder = snapshotOf(files.map((file) => [file, new TextEncoder().encode(prefix + file)]));
    const overrides = { status: PAGE_STATUS, headers: [] };
    return { prefix, answer: finish(folderAnswer(folder, { overrides, prefix })) };
  });
  const respond = respondBelow(parts, nothing([]));
  const method = random.pick(["GET", "GET", "GET", "HEAD", "POST", "OPTIONS"]);
  const [near, files] = random.pick([...folders]);
  const target = encode(random, near) + random.pick([
    () => targetFor(random, files).replace(/^http:\/\/x\.example/, ""),
    () => random.pick(QUERIES),
  ])();
  const request = parseRequestLine(bytesOf(`${method} ${target} HTTP/1.1`)) as RequestLine;
  if ("expected" in request) return false;
  const { name, query } = partsOf(target);
  const prefix = prefixes.toSorted((a, b) => b.length - a.length)
    .find((prefix) => prefix === "" || `${name}/`.startsWith(`${prefix}/`));
  const { folder, file, status } = expectedBelow(folders, prefix, method, name, query);
  const reply = respond(request, CLIENT) as Reply;
  const what = `${method} ${target}`;
  check((reply.status ?? 200) === status, `expected ${status}`, what, ...folders);
  if (folder !== undefined) checkRedirect(reply, { status, folder: prefix + folder, query }, what);
  if (file !== undefined) check(isFile(reply, prefix + file), `not ${file}`, what, ...folders);
  return file !== undefined && status !== 404;
}

function expectedBelow(
  folders: ReadonlyMap<string, string[]>,
  prefix: string | undefined,
  method: string,
  name: string | undefined,
  query: string,
): Expected {
  if (prefix === undefined) return { status: method === "OPTIONS" ? 204 : 404 };
  const rest = name?.slice(prefix.length);
  if (rest !== "") return expectedAt(folders.get(prefix)!, method, rest, query);
  if (method === "OPTIONS") return { status: 204 };
  return method === "GET" || method === "HEAD"
    ? { status: 302, folder: "/", query }
    : { status: 405 };
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
    return finish(folderAnswer(snapshotOf(contents), {
      overrides: { headers: [] },
      addListings: isListed ? addListings : undefined,
    }));
  } catch (error) {
    if (error instanceof UnusableFile) return undefined;
    throw error;
  }
}

function fieldOf({ headers = [] }: Reply, wanted: string): string {
  return headers.find(([name]) => name === wanted)?.[1] ?? "";
}

// ---------------------------------------------------------------- routes

/** A place in the table of the oracle. A segment in braces is `*`, which no name here contains. */
interface Place {
  readonly key: string;
  readonly method: string;
  readonly pairs: readonly string[];
  /** Lower ones come first: the name itself, then its shorter names, then with another slash. */
  readonly tier: number;
  readonly file: string;
  readonly isNamed: boolean;
}

const SEGMENTS = "a|b|{id}|{x-y}|{|index|index.html|index.htm|a.html|b@2x|v1.2|GET".split(
  "|",
);
const PAIRS = ["", "", "", "@p=1", "@p=1&q=2", "@q=2&p=1", "@q=%32", "@q", "@=1", "@p=1&"];
const ENDS = ["", "", ".html", ".htm", ".GET.txt", ".GET.json", ".HEAD.txt", ".POST.201.json"];
ENDS.push(".PUT", ".GET.a.b", ".GET.2024.txt", ".POST.99", ".GET.POST.txt", ".DELETE.999.txt");
const SEARCHES = ["", "", "?p=1", "?q=2&p=1", "?x&p=1", "?q=2", "?p=2", "?%70=1", "?p=1&p=3"];

/** What the name of a file says; an impossible status is `undefined`. */
function placeOf(file: string): Place | undefined {
  const at = file.lastIndexOf("/") + 1;
  const parts = file.slice(at).split(".");
  const methods = [...parts.keys()].filter((index) => index > 0 && METHODS.includes(parts[index]));
  const rest = parts.slice(methods[0] + 1).join(".");
  const isNamed = methods.length === 1 && /^(\d{3})?((^|\.)[\w-]*[a-z][\w-]*)?$/i.test(rest);
  if (!isNamed) return { key: file, method: "GET", pairs: [], tier: 0, file, isNamed };
  if (/^[016-9]\d\d/.test(rest)) return undefined;
  const name = parts.slice(0, methods[0]).join(".");
  const end = name.lastIndexOf("@");
  const hasQuery = end > 0 && /^[^=&]+=[^=&]*(&[^=&]+=[^=&]*)*$/.test(name.slice(end + 1));
  const [path, query] = hasQuery ? [name.slice(0, end), name.slice(end + 1)] : [name, ""];
  const pairs = query.split("&").filter((pair) => pair !== "").map(decodeURIComponent);
  const segments = `${file.slice(0, at)}${path === "index" ? "" : path}`.split("/");
  const key = segments.map((segment) => segment.replace(/^\{[\w-]+\}$/, "*")).join("/");
  return { key, method: parts[methods[0]], pairs, tier: 0, file, isNamed };
}

/** All places of files, or `undefined` if two files contradict each other. */
function placesOf(files: readonly string[]): Place[] | undefined {
  const own = files.map(placeOf);
  if (own.some((place) => place === undefined)) return undefined;
  const places = own as Place[];
  const idOf = ({ key, method, pairs }: Place) => [method, key, ...pairs.toSorted()].join(" ");
  if (new Set(places.map(idOf)).size < places.length) return undefined;
  const shorter = places.filter(({ method, pairs }) => method === "GET" && pairs.length === 0)
    .flatMap((place) => {
      const stem = place.key.replace(/\.html$/, "");
      const stems = stem === place.key ? [] : [stem, stem.replace(/\/index$/, "/")];
      const old = place.key.replace(/\/index\.htm$/, "/");
      return [
        ...[...new Set(stems)].map((key) => ({ ...place, key, tier: 1 })),
        ...(old === place.key ? [] : [{ ...place, key: old, tier: 2 }]),
      ];
    });
  const isTaken = (alias: Place) =>
    !alias.isNamed && places.some((place) => place.isNamed && idOf(place) === idOf(alias));
  if (shorter.some(isTaken)) return undefined;
  const slashes = places.filter(({ isNamed, key }) => isNamed && key !== "/")
    .map((place) => ({ ...place, key: `${place.key}/`.replace(/\/\/$/, ""), tier: 3 }));
  return [...places, ...shorter, ...slashes];
}

/** The file that answers, by looking at all places. */
function fileFor(places: Place[], method: string, path: string, query: string): string | undefined {
  const asked = [...new URLSearchParams(query)].map((pair) => pair.join("="));
  const segments = path.split("/");
  const matches = (key: string) => {
    const parts = key.split("/");
    return parts.length === segments.length &&
      parts.every((part, at) => part === segments[at] || part === "*" && segments[at] !== "");
  };
  const methods = method === "HEAD" ? ["HEAD", "GET"] : [method];
  const rank = (place: Place) =>
    [
      place.key.replace(/[^/*]+/g, "+").replaceAll("*", "~"), // "+" sorts before "~"
      String(methods.indexOf(place.method)),
      String(9 - place.pairs.length),
      String(place.tier),
      JSON.stringify(place.pairs.map((pair) => pair.split("="))),
    ].join(" ");
  const found = places.filter(({ key, method, pairs }) =>
    methods.includes(method) && matches(key) && pairs.every((pair) => asked.includes(pair))
  );
  return found.sort((a, b) => rank(a) < rank(b) ? -1 : 1)[0]?.file;
}

/** Checks that the folder and the oracle agree on a method, path and query. True if a file answers. */
export function fuzzRoutes(random: Random): boolean {
  const files = [
    ...new Set(Array.from({ length: 1 + random.below(8) }, () => {
      const segments = Array.from({ length: 1 + random.below(3) }, () => random.pick(SEGMENTS));
      return `/${segments.join("/")}${random.pick(PAIRS)}${random.pick(ENDS)}`;
    })),
  ];
  const contents = files.map((file) => [file, bytesOf(file)] as const);
  const places = placesOf(files);
  const site = siteOrNothing(contents, false);
  check((site === undefined) === (places === undefined), "a contradiction", files);
  if (site === undefined || places === undefined) return false;
  const method = random.pick(["GET", "GET", "HEAD", "POST", "PUT"]);
  const near = random.pick(places).key.replaceAll("*", random.pick(["a", "7", "{id}"]));
  const path = random.pick([near, near, `${near}/`, near.replace(/\/$/, ""), `/${near}/b`]) || "/";
  const target = encode(random, path.replace(/\/\/+/g, "/")) + random.pick(SEARCHES);
  const [decoded, query = ""] = [decodedPath(target), target.slice(target.indexOf("?") >>> 0)];
  const reply = site(method, decoded, target) as Reply;
  if (reply.status === 302) {
    const isPage = (place: Place) => place.key === `${decoded}/` && place.method === "GET";
    check(places.some(isPage), "a redirect to nothing", method, target, files);
    return false;
  }
  const expected = fileFor(places, method, decoded, query);
  const isFound = ![404, 405].includes(reply.status ?? 200);
  check(isFound === (expected !== undefined), `expected ${expected}`, method, target, files);
  if (expected !== undefined) check(isFile(reply, expected), `not ${expected}`, target, files);
  return isFound;
}
