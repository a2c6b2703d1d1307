import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Reply } from "../server.ts";
import { heldFolder } from "../tests/files.ts";
import { CLIENT, requestOf } from "../tests/requests.ts";
import { bytesOf } from "../tests/wire.ts";
import { folderResponder } from "./folder.ts";

/** A responder with `--list` for a folder of files with these sizes. */
function listed(files: Record<string, number>, defaults = { headers: [] as [string, string][] }) {
  const contents = Object.entries(files).map(([path, size]) =>
    [path, new Uint8Array(size).fill(97)] as const
  );
  const responder = folderResponder(heldFolder(contents), { status: 200, ...defaults }, true);
  return (target: string) => responder(requestOf(`GET ${target} HTTP/1.1`), CLIENT) as Reply;
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

Deno.test("addListings() skips folders that have a page, and lists what GET finds", () => {
  const ask = listed({
    "/index.html": 1,
    "/a/index.htm": 1,
    "/b/index.GET.json": 1,
    "/c/orders.GET.json": 1,
    "/c/orders.POST.json": 1,
    "/c/d/x.DELETE.204": 1,
  });
  for (const target of ["/", "/a/", "/b/"]) {
    assertEquals((ask(target).body as Uint8Array).length, 1);
  }
  assertEquals(linksOf(ask("/c/")), [["d/", "d/"], ["orders", "orders"]]);
  assertEquals(linksOf(ask("/c/d/")), []);
  const api = listed({ "/orders/7/items.GET.json": 1, "/orders/{id}.GET.json": 2 });
  assertEquals((api("/orders/7").body as Uint8Array).length, 2);
  assertEquals(linksOf(api("/orders/7/")), [["items", "items"]]);
  assertEquals(api("/orders").headers, [["Location", "/orders/"]]);
});

Deno.test("addListings() shows control characters, runs nothing and has the flags' fields", () => {
  const { headers, body } = listed({ "/a\n\x1b[2Jb": 1 }, { headers: [["X-A", "1"]] })("/");
  assertStringIncludes(String(body), "<bdi>a\u240a\u241b[2Jb</bdi>");
  assertStringIncludes(String(body), 'href="a%0A%1B%5B2Jb"');
  const fields = Object.fromEntries(headers ?? []);
  assertMatch(fields["Content-Security-Policy"], /^default-src 'none'/);
  assertEquals(fields["X-A"], "1");
  assert(!bytesOf(String(body).replace(/[^\0-\x7f]/g, "")).includes(27));
});
