import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Reply } from "../server.ts";
import { finish, snapshotOf } from "../tests/files.ts";
import { bytesOf } from "../tests/wire.ts";
import { decodedPath } from "../replies/target.ts";
import { folderAnswer } from "./folder.ts";
import { addListings } from "./listing.ts";

/** A responder with `--list` for a folder of files with these sizes. */
function listed(files: Record<string, number>, overrides = { headers: [] as [string, string][] }) {
  const contents = Object.entries(files).map(([path, size]) =>
    [path, new Uint8Array(size).fill(97)] as const
  );
  const options = { overrides: { status: 200, ...overrides }, addListings };
  const answer = finish(folderAnswer(snapshotOf(contents), options));
  return (target: string) => answer("GET", decodedPath(target), target) as Reply;
}

/** The links of a page with their labels, decoded as in a browser. */
function linksOf({ body }: Reply): Array<[href: string, name: string]> {
  const links = String(body).matchAll(/<a href="([^"]*)"><bdi>(.*?)<\/bdi>/g);
  const texts: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: '"', "#39": "'" };
  const text = (html: string) => html.replace(/&([^;]+);/g, (_, name) => texts[name]);
  return [...links].map(([, href, name]) => [text(href), text(name)]);
}

const NAMES = [
  "<b>&amp;",
  "100%",
  "%2e",
  "a#b",
  "a?b",
  'it\'s "quoted"',
  " two  spaces ",
  "\u05e9\u05dc\u05d5\u05dd",
  "\u202egnp.exe",
  "x".repeat(200),
  "javascript:alert(1)",
  "a\\b",
  "~!$'()*+,;=@[]^`{|}",
  "{id}",
  "u\u0308",
  "__proto__",
];

Deno.test("addListings() links each name to itself", () => {
  const paths = NAMES.map((name) => `/dir/${name}`);
  const ask = listed(Object.fromEntries(paths.map((path) => [path, 1])));
  const links = linksOf(ask("/dir/"));
  const shown = NAMES.map((name) => name.replace("\u202e", "\ufffd"));
  assertEquals(links.map(([, name]) => name).sort(), shown.sort());
  assertEquals(new Set(links.map(([href]) => decodeURIComponent(href))), new Set(NAMES));
  for (const [href, name] of links) {
    const { pathname, host } = new URL(href, "http://here.example/dir/");
    assertEquals(host, "here.example");
    const { status, headers, body } = ask(pathname);
    assertEquals([status, (body as Uint8Array).length], [undefined, 1], name);
    assertEquals(headers?.[0][1], "application/octet-stream");
  }
});

Deno.test("addListings() lists folders first, and numbers by their value", () => {
  const ask = listed({ "/b/c": 1, "/a.txt": 1, "/10": 1, "/9": 1, "/A.txt": 1, "/z/y/x": 1 });
  assertEquals(linksOf(ask("/")).map(([href]) => href), ["b/", "z/", "9", "10", "a.txt", "A.txt"]);
  assertEquals(linksOf(ask("/z/")).map(([href]) => href), ["y/"]);
  assertStringIncludes(String(ask("/z/").body), '<a href="../">../</a>');
  assert(!String(ask("/").body).includes("../"));
  assertEquals(ask("/z").headers, [["Location", "/z/"]]);
  assertEquals(ask("/nothing/").status, 404);
  assert(Object.isFrozen(ask("/")));
});

Deno.test("addListings() shows sizes and dates", () => {
  const sizes = { "0 B": 0, "999 B": 999, "1.0 kB": 1000, "9.9 kB": 9940, "10 kB": 9950 };
  const files = Object.entries({ ...sizes, "1.0 MB": 999_500, "12 MB": 12_345_678 });
  const { body } = listed(Object.fromEntries(files.map(([size, bytes]) => [`/${size}`, bytes])))(
    "/",
  );
  for (const [size] of files) {
    assertMatch(String(body), new RegExp(`<bdi>${size}</bdi></a></td><td>${size}</td>`));
  }
  assertStringIncludes(String(body), '<time datetime="2026-01-02T03:04Z">2026-01-02 03:04</time>');
});

Deno.test("addListings() skips folders that have a page, and takes names as they are", () => {
  const ask = listed({
    "/index.html": 1,
    "/a/index.htm": 1,
    "/b/index.GET.json": 1,
    "/c/orders.GET.json": 1,
    "/c/notes.POST.md": 1,
    "/c/d/{x}.DELETE.204": 1,
  });
  for (const target of ["/", "/a/"]) assertEquals((ask(target).body as Uint8Array).length, 1);
  const names = (target: string) => linksOf(ask(target)).map(([, name]) => name);
  assertEquals(names("/b/"), ["index.GET.json"]);
  assertEquals(names("/c/"), ["d/", "notes.POST.md", "orders.GET.json"]);
  assertEquals(names("/c/d/"), ["{x}.DELETE.204"]);
  assertEquals((ask("/c/notes.POST.md").body as Uint8Array).length, 1);
});

Deno.test("addListings() lists many files in order, a few at a time", () => {
  const names = Array.from({ length: 3000 }, (_, at) => `/${(at * 7919) % 3000}.txt`);
  const steps = folderAnswer(snapshotOf(names.map((name) => [name, bytesOf("")])), {
    overrides: { headers: [] },
    addListings,
  });
  let count = 0;
  for (let longest = 0;; count++) {
    const start = performance.now();
    const { done, value } = steps.next();
    longest = Math.max(longest, performance.now() - start);
    if (!done) continue;
    const links = linksOf(value("GET", "/", "/") as Reply);
    assertEquals(links.map(([href]) => href), names.map((_, at) => `${at}.txt`));
    break;
  }
  assert(count > 3 * names.length, String(count)); // made, listed, sorted: each in steps of its own
});

Deno.test("addListings() shows control characters, runs nothing and has the flags' fields", () => {
  const { headers, body } = listed({ "/a\n\x1b[2Jb": 1 }, { headers: [["X-A", "1"]] })("/");
  assertStringIncludes(String(body), "<bdi>a\u240a\u241b[2Jb</bdi>");
  assertStringIncludes(String(body), 'href="a%0A%1B%5B2Jb"');
  const fields = Object.fromEntries(headers ?? []);
  assertMatch(fields["Content-Security-Policy"], /^default-src 'none'/);
  assertEquals(fields["X-A"], "1");
  assert(!bytesOf(String(body).replace(/[^\0-\x7f]/g, "")).includes(27));
  const names = { "/\u061ca": "\ufffda", "/\x7fb": "\u2421b", "/\x9b2Jc": "\ufffd2Jc" };
  const ask = listed(Object.fromEntries(Object.keys(names).map((name) => [name, 1])));
  assertEquals(new Set(linksOf(ask("/")).map(([, name]) => name)), new Set(Object.values(names)));
});
