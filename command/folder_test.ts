import { assert, assertEquals } from "@std/assert";
import type { Reply } from "../server.ts";
import { CLIENT, requestOf } from "../tests/requests.ts";
import { octets, textOf } from "../tests/wire.ts";
import type { Octets } from "./files.ts";
import { responsesOf, siteOf } from "./folder.ts";
import type { ReplyDefaults } from "./reply_defaults.ts";

type Ask = (target: string, method?: string) => Reply;

/** A site whose files hold their own names. */
function site(paths: readonly string[], shape: ReplyDefaults = { headers: [] }): Ask {
  const responder = siteOf(new Map(paths.map((path) => [path, nameOf(path)])), shape);
  return (target, method = "GET") => responder(requestOf(`${method} ${target} HTTP/1.1`), CLIENT);
}

function nameOf(path: string): Octets {
  return new TextEncoder().encode(path);
}

function contentOf({ body = "" }: Reply): string {
  return typeof body === "string" ? body : new TextDecoder().decode(body);
}

/** What each target is answered with: the file of that name, or a status. */
function assertFinds(ask: Ask, expected: Record<string, string | number>): void {
  for (const [target, what] of Object.entries(expected)) {
    const reply = ask(target);
    const found = (reply.status ?? 200) === 200 ? contentOf(reply) : reply.status;
    assertEquals(found, what, target);
    assert(Object.isFrozen(reply), target);
  }
}

Deno.test("siteOf() answers index.html for its folder, and a page without its extension", () => {
  assertFinds(site(["/index.html", "/a/index.html", "/about.html", "/b.css", "/a/c.html"]), {
    "/": "/index.html",
    "/index.html": "/index.html",
    "/index": "/index.html",
    "/a/": "/a/index.html",
    "/a/index.html": "/a/index.html",
    "/a/c": "/a/c.html",
    "/about": "/about.html",
    "/about.html": "/about.html",
    "/about/": 404,
    "/about.htm": 404,
    "/About": 404,
    "/b": 404,
    "/b.css": "/b.css",
    "/b.css/": 404,
    "/a/a/": 404,
  });
});

Deno.test("siteOf() prefers the file of that name to a page, and a page to a folder", () => {
  const ask = site(["/a", "/a.html", "/b.html", "/b/index.html"]);
  assertFinds(ask, { "/a": "/a", "/a.html": "/a.html", "/b": "/b.html", "/b/": "/b/index.html" });
});

Deno.test("siteOf() does not let the query choose", () => {
  const ask = site(["/index.html", "/a?b", "/a"]);
  assertFinds(ask, { "/?x": "/index.html", "/a?b": "/a", "/a%3Fb": "/a?b", "/a%3fb?c": "/a?b" });
});

Deno.test("siteOf() finds names as browsers ask for them", () => {
  const names = ["a b", "#1", "a?b", "100%", "ü", "😀", "a+b&c=d", "%2e", "日本", "~'()*!;,:@$"];
  const ask = site(names.map((name) => `/x/${name}.txt`));
  for (const name of names) {
    const path = `/x/${name}.txt`;
    const typed = new URL(`http://h/x/${encodeURIComponent(name)}.txt`).pathname;
    assertFinds(ask, { [typed]: path, [typed.toLowerCase()]: path, [`http://h${typed}`]: path });
  }
  assertFinds(ask, { "/x/a+b&c=d.txt": "/x/a+b&c=d.txt", "/%78/%23%31.txt": "/x/#1.txt" });
});

Deno.test("siteOf() finds a name in the form it has on the disk, and in Unicode's NFC", () => {
  const composed = "/%C3%BC";
  const decomposed = "/u%CC%88";
  assertFinds(site(["/u\u0308"]), { [composed]: "/u\u0308", [decomposed]: "/u\u0308" });
  assertFinds(site(["/ü"]), { [composed]: "/ü", [decomposed]: 404 });
  assertFinds(site(["/ü", "/u\u0308"]), { [composed]: "/ü", [decomposed]: "/u\u0308" });
  const folder = site(["/u\u0308/index.html", "/u\u0308.html"]);
  assertFinds(folder, { [`${composed}/`]: "/u\u0308/index.html", [composed]: "/u\u0308.html" });
  assertFinds(folder, { [`${composed}.html`]: "/u\u0308.html" });
  assertFinds(site(["/u\u0308.html.html", "/u\u0308.html"]), {
    [`${composed}.html`]: "/u\u0308.html",
  });
});

Deno.test("siteOf() finds paths that RFC 3986 calls equal, as apt, npm and firmware write them", () => {
  const ask = site(["/index.html", "/a.txt", "/dir/index.html", "/Packages", "/@sc/pk"]);
  assertFinds(ask, {
    "//a.txt": "/a.txt",
    "/dir//index.html": "/dir/index.html",
    "//dir//": "/dir/index.html",
    "/./Packages": "/Packages",
    "/dir/../Packages": "/Packages",
    "/../../Packages": "/Packages",
    "/%2e/Packages": "/Packages",
    "/@sc%2fpk": "/@sc/pk",
    "/%40sc%2Fpk": "/@sc/pk",
    "http://h//a.txt": "/a.txt",
    "//": "/index.html",
    "//evil.example/": 404,
    "//evil.example": 404,
  });
});

Deno.test("siteOf() takes a path for a key, whatever it would be to a file system", () => {
  const ask = site(["/index.html", "/a/b", "/secret", "/a/index.html"]);
  const none = ["/a%5cb", "/a\\b", "/secret%00", "/secret%00.html", "/%00", "/secret/", "/secret."];
  none.push("/%", "/%4", "/%zz", "/%c0%ae%c0%ae/secret", "/%c0%af", "/%e0%80%af", "/%f0%80%80%af");
  none.push("/%ff", "/%ed%a0%80", "/%C3", "/%u002e", "/%252e%252e/secret", "/a%252fb");
  none.push("/SECRET", "/secret%20", "/secret;a", "/secret:$DATA", "/a/b/", "/a/..;/secret");
  none.push("/__proto__", "/constructor", "/toString", "/a#b", "/a/secret", `/${"a".repeat(8000)}`);
  for (const target of none) assertFinds(ask, { [target]: 404 });
  const found = ["/../secret", `/${"../".repeat(2000)}secret`, `/${"%2e%2e/".repeat(1000)}secret`];
  for (const target of found) assertFinds(ask, { [target]: "/secret" });
  assertFinds(ask, { "http://h/secret": "/secret", "http://h": "/index.html" });
});

Deno.test("siteOf() sends a folder to its slash, keeps the query, and never to another host", () => {
  const ask = site([
    "/a/index.html",
    "/a/b c/index.html",
    "/\\evil.example/index.html",
    "/{target}/index.html",
    "/no/page.css",
  ]);
  const location = (target: string) => {
    const reply = ask(target);
    assertEquals(reply.status, 308, target);
    return Object.fromEntries(reply.headers ?? []).Location;
  };
  assertEquals(location("/a"), "/a/");
  assertEquals(location("/a?b=c&d"), "/a/?b=c&d");
  assertEquals(location("/a?"), "/a/?");
  assertEquals(
    location('/a?"<>\\{client}#//evil.example'),
    "/a/?%22%3C%3E%5C%7Bclient%7D%23//evil.example",
  );
  assertEquals(location("http://h/a?b"), "/a/?b");
  assertEquals(location("/a/b%20c"), "/a/b%20c/");
  assertEquals(location("/%5Cevil.example"), "/%5Cevil.example/");
  assertEquals(location("/%7Btarget%7D"), "/%7Btarget%7D/");
  assertEquals(location("//a"), "/a/");
  assertEquals(location("//a//b%20c?d"), "/a/b%20c/?d");
  assertEquals(location("/%5Cevil.example"), "/%5Cevil.example/");
  for (const target of ["//evil.example", "//evil.example/", "/no", "/no/"]) {
    assertEquals(ask(target).status, 404, target);
  }
  assert(Object.isFrozen(ask("/a")));
});

Deno.test("siteOf() answers what is not there with 404.html, or 200.html, or a short text", () => {
  const missing = site(["/404.html", "/200.html"])("/nothing");
  assertEquals([missing.status, contentOf(missing)], [404, "/404.html"]);
  assertEquals(missing.headers, [["Content-Type", "text/html; charset=utf-8"]]);
  assertFinds(site(["/200.html", "/a.js"]), {
    "/route": "/200.html",
    "/a.js": "/a.js",
    "/%": "/200.html",
  });
  const none = site(["/a", "/b/404.html"])("/b/nothing");
  assertEquals([none.status, contentOf(none)], [404, "404 Not Found\n"]);
  assertFinds(site(["/404.html"]), { "/404": "/404.html", "/404.html": "/404.html" });
});

Deno.test("siteOf() answers GET and HEAD, and refuses other methods for every path alike", () => {
  const ask = site(["/index.html", "/a/index.html"]);
  assertEquals(ask("/", "HEAD"), ask("/"));
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "GETS"]) {
    for (const target of ["/", "/a", "/nothing"]) {
      const { status, headers } = ask(target, method);
      assertEquals({ status, headers }, { status: 405, headers: [["Allow", "GET, HEAD"]] });
      assert(Object.isFrozen(ask(target, method)));
    }
  }
  assertEquals(ask("*", "OPTIONS").status, 405);
});

Deno.test("siteOf() gives --status to pages alone, and --header to every reply", () => {
  const fields = [["Cache-Control", "no-store"]] as const;
  const ask = site(["/index.html", "/a.htm", "/b.css", "/c/index.html", "/404.html"], {
    status: 503,
    headers: fields,
  });
  const statuses = {
    "/": 503,
    "/a.htm": 503,
    "/b.css": 200,
    "/c": 308,
    "/c/": 503,
    "/d": 404,
    "/404": 503,
  };
  for (const [target, status] of Object.entries(statuses)) {
    const reply = ask(target);
    assertEquals(reply.status ?? 200, status, target);
    assertEquals(reply.headers?.at(-1), fields[0]);
  }
  assertEquals(ask("/", "POST").headers, [["Allow", "GET, HEAD"], fields[0]]);
  assertEquals(site(["/a"], { headers: fields })("/b").headers, fields);
  const single = site(["/200.html"], { status: 503, headers: fields })("/any");
  assertEquals([single.status, contentOf(single)], [503, "/200.html"]);
});

Deno.test("siteOf() knows the types of files by their extensions", () => {
  const ask = site(["/a.JS", "/b", "/c.constructor", "/d.tar.gz", "/e.html/f"]);
  const typeOf = (target: string) => Object.fromEntries(ask(target).headers ?? [])["Content-Type"];
  assertEquals(
    ["/a.JS", "/b", "/c.constructor", "/d.tar.gz", "/e.html/f"].map(typeOf),
    [
      "text/javascript; charset=utf-8",
      "application/octet-stream",
      "application/octet-stream",
      "application/gzip",
      "application/octet-stream",
    ],
  );
});

Deno.test("responsesOf() answers each path with its file, whatever the method", () => {
  const paths = ["/index.http", "/tea.http", "/a/index.http", "/plain.txt", "/tea.http.http"];
  const files = new Map(paths.map((path) => [path, nameOf(path)]));
  const found = (more: Map<string, Octets>, target: string, method = "GET") => {
    const responder = responsesOf(
      new Map([...files, ...more]),
      (octets) => () => ({ raw: [octets] }),
    );
    const reply = responder(requestOf(`${method} ${target} HTTP/1.1`), CLIENT);
    assert(!(reply instanceof Promise));
    return "raw" in reply ? [...reply.raw as Octets[]].map(textOf).join() : reply;
  };
  const none = new Map();
  const expected = {
    "/": "/index.http",
    "/?a": "/index.http",
    "/tea": "/tea.http",
    "/te%61": "/tea.http",
    "/tea.http": "/tea.http",
    "/a/": "/a/index.http",
    "/plain.txt": "/plain.txt",
  };
  for (const [target, path] of Object.entries(expected)) {
    for (const method of ["GET", "HEAD", "POST"]) assertEquals(found(none, target, method), path);
  }
  assertEquals(found(none, "/nothing"), { status: 404, body: "404 Not Found\n" });
  assertEquals(found(none, "/a"), { status: 404, body: "404 Not Found\n" });
  assertEquals(found(new Map([["/404.http", octets("x")]]), "/nothing"), "x");
});
