import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Reply } from "../server.ts";
import { heldFolder } from "../tests/files.ts";
import { CLIENT, requestOf } from "../tests/requests.ts";
import { type Bytes, UnusableFile } from "./read.ts";
import { folderResponder } from "./folder.ts";
import type { Fields, ReplyDefaults } from "../replies/fields.ts";

type Ask = (target: string, method?: string) => Reply;

/** A responder for a folder whose files contain their own names. */
function site(paths: readonly string[], defaults: ReplyDefaults = { headers: [] }): Ask {
  return siteWith(Object.fromEntries(paths.map((path) => [path, path])), defaults);
}

/** A responder for a folder with these files and contents. */
function siteWith(
  files: Readonly<Record<string, string>>,
  defaults: ReplyDefaults = { headers: [] },
): Ask {
  const contents = Object.entries(files).map(([path, text]) => [path, bytesOf(text)] as const);
  const responder = folderResponder(heldFolder(contents), defaults);
  return (target, method = "GET") => {
    const reply = responder(requestOf(`${method} ${target} HTTP/1.1`), CLIENT);
    assert(!(reply instanceof Promise));
    return reply;
  };
}

function bytesOf(text: string): Bytes {
  return new TextEncoder().encode(text);
}

function contentOf({ body = "" }: Reply): string {
  return typeof body === "string" ? body : new TextDecoder().decode(body);
}

/** Asserts the reply to each target: the content of a file, or a status. */
function assertFinds(ask: Ask, expected: Record<string, string | number>): void {
  for (const [target, what] of Object.entries(expected)) {
    const reply = ask(target);
    const found = (reply.status ?? 200) === 200 ? contentOf(reply) : reply.status;
    assertEquals(found, what, target);
    assert(reply.status === 308 || Object.isFrozen(reply), target);
  }
}

Deno.test("folderResponder() answers index.html for its folder, and a page without its extension", () => {
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

Deno.test("folderResponder() prefers the file of that name to a page, and a page to a folder", () => {
  const ask = site(["/a", "/a.html", "/b.html", "/b/index.html"]);
  assertFinds(ask, { "/a": "/a", "/a.html": "/a.html", "/b": "/b.html", "/b/": "/b/index.html" });
});

Deno.test("folderResponder() does not let the query choose", () => {
  const ask = site(["/index.html", "/a?b", "/a"]);
  assertFinds(ask, { "/?x": "/index.html", "/a?b": "/a", "/a%3Fb": "/a?b", "/a%3fb?c": "/a?b" });
});

Deno.test("folderResponder() finds names as browsers ask for them", () => {
  const names = ["a b", "#1", "a?b", "100%", "ü", "😀", "a+b&c=d", "%2e", "日本", "~'()*!;,:@$"];
  const ask = site(names.map((name) => `/x/${name}.txt`));
  for (const name of names) {
    const path = `/x/${name}.txt`;
    const typed = new URL(`http://h/x/${encodeURIComponent(name)}.txt`).pathname;
    assertFinds(ask, { [typed]: path, [typed.toLowerCase()]: path, [`http://h${typed}`]: path });
  }
  assertFinds(ask, { "/x/a+b&c=d.txt": "/x/a+b&c=d.txt", "/%78/%23%31.txt": "/x/#1.txt" });
});

Deno.test("folderResponder() finds a name in the form it has on the disk, and in Unicode's NFC", () => {
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

Deno.test("folderResponder() finds paths that RFC 3986 calls equal, as apt, npm and firmware write them", () => {
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

Deno.test("folderResponder() uses a path as a key, and never as a file name", () => {
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

Deno.test("folderResponder() sends a folder to its slash, keeps the query, and never to another host", () => {
  const ask = site([
    "/a/index.html",
    "/a/b c/index.html",
    "/\\evil.example/index.html",
    "/{target}x/index.html",
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
  assertEquals(location("/%7Btarget%7Dx"), "/%7Btarget%7Dx/");
  assertEquals(location("//a"), "/a/");
  assertEquals(location("//a//b%20c?d"), "/a/b%20c/?d");
  assertEquals(location("/%5Cevil.example"), "/%5Cevil.example/");
  for (const target of ["//evil.example", "//evil.example/", "/no", "/no/"]) {
    assertEquals(ask(target).status, 404, target);
  }
});

Deno.test("folderResponder() answers missing paths with 404.html, 200.html or a short text", () => {
  const missing = site(["/404.html", "/200.html"])("/nothing");
  assertEquals([missing.status, contentOf(missing)], [404, "/404.html"]);
  assertEquals(missing.headers, [["Content-Type", "text/html; charset=utf-8"]]);
  assertFinds(site(["/200.html", "/a.js"]), {
    "/route": "/200.html",
    "/a.js": "/a.js",
    "/%": "/200.html",
  });
  const none = site(["/a", "/b/404.html", "/404.html.html", "/200.html.html"])("/b/nothing");
  assertEquals([none.status, contentOf(none)], [404, "404 Not Found\n"]);
  assertFinds(site(["/404.html"]), { "/404": "/404.html", "/404.html": "/404.html" });
});

Deno.test("folderResponder() answers GET and HEAD, and other methods with the allowed ones", () => {
  const ask = site(["/index.html", "/a/index.html"]);
  assertEquals(ask("/", "HEAD"), ask("/"));
  const allow: Fields = [["Allow", "GET, HEAD, OPTIONS"]];
  for (const target of ["/", "/a", "/a/", "//a//"]) {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "get", "GETS"]) {
      assertEquals(ask(target, method), {
        status: 405,
        headers: allow,
        body: "405 Method Not Allowed\n\nExpected GET, HEAD or OPTIONS.\n",
      });
      assert(Object.isFrozen(ask(target, method)));
    }
    assertEquals(ask(target, "OPTIONS"), { status: 204, headers: allow });
  }
  assertEquals(ask("/nothing", "POST").status, 404);
  for (const target of ["/nothing", "*"]) {
    assertEquals(ask(target, "OPTIONS"), { status: 204, headers: allow });
  }
  const application = site(["/200.html"]);
  assertEquals(application("/any/route", "POST").status, 405);
  assertEquals(application("/any/route", "OPTIONS").headers, allow);
});

Deno.test("folderResponder() answers a path's methods by the names of its files", () => {
  const ask = siteWith({
    "/orders.GET.json": "[]",
    "/orders.POST.201.json": "{}",
    "/orders/7.DELETE.204": "",
    "/orders/7.GET.html": "<p>7",
    "/v1.2.PUT.txt": "put",
    "/index.GET.json": '"root"',
    "/a/index.PATCH.202.json": '"a"',
  });
  const of = (target: string, method: string) => {
    const { status = 200, headers, body = "" } = ask(target, method);
    return [status, Object.fromEntries(headers ?? [])["Content-Type"], contentOf({ body })];
  };
  const html = "text/html; charset=utf-8";
  assertEquals(of("/orders", "GET"), [200, "application/json", "[]"]);
  assertEquals(of("/orders?a", "HEAD"), [200, "application/json", "[]"]);
  assertEquals(of("/orders", "POST"), [201, "application/json", "{}"]);
  assertEquals(of("/orders/7", "DELETE"), [204, undefined, ""]);
  assertEquals(of("/orders/7", "GET"), [200, html, "<p>7"]);
  assertEquals(of("/v1.2", "PUT"), [200, "text/plain; charset=utf-8", "put"]);
  assertEquals(of("/", "GET"), [200, "application/json", '"root"']);
  for (const target of ["/a/", "/a"]) assertEquals(of(target, "PATCH")[2], '"a"');
  for (const target of ["/orders.GET.json", "/orders.json", "/orders/7.html", "/orders/"]) {
    assertEquals(ask(target).status, 404, target);
  }
  const allowed = (target: string, method: string) => {
    const { status, headers } = ask(target, method);
    return [status, Object.fromEntries(headers ?? []).Allow];
  };
  assertEquals(allowed("/orders", "PUT"), [405, "GET, HEAD, POST, OPTIONS"]);
  assertEquals(allowed("/orders", "OPTIONS"), [204, "GET, HEAD, POST, OPTIONS"]);
  assertEquals(allowed("/v1.2", "GET"), [405, "PUT, OPTIONS"]);
  assertEquals(allowed("/v1.2", "HEAD"), [405, "PUT, OPTIONS"]);
  assertEquals(allowed("/a", "GET"), [405, "PATCH, OPTIONS"]);
  assertEquals(allowed("*", "OPTIONS"), [204, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"]);
});

Deno.test("folderResponder() lets a segment in braces stand for any without a file of its own", () => {
  const ask = site([
    "/orders/{id}.GET.txt",
    "/orders/{id}.DELETE.txt",
    "/orders/7.GET.txt",
    "/orders/{order-id}/items/{item}.GET.txt",
    "/orders/7/items/new.GET.txt",
    "/users/{name}/index.html",
    "/users/{name}/face.png",
    "/{page}.html",
  ]);
  const found = (target: string, method = "GET") => contentOf(ask(target, method));
  assertEquals(found("/orders/8"), "/orders/{id}.GET.txt");
  assertEquals(found("/orders/a%20b?c"), "/orders/{id}.GET.txt");
  assertEquals(found("/orders/7"), "/orders/7.GET.txt");
  assertEquals(found("/orders/7", "DELETE"), "/orders/{id}.DELETE.txt");
  assertEquals(found("/orders/{id}"), "/orders/{id}.GET.txt");
  assertEquals(found("/orders/8/items/9"), "/orders/{order-id}/items/{item}.GET.txt");
  assertEquals(found("/orders/7/items/9"), "/orders/{order-id}/items/{item}.GET.txt");
  assertEquals(found("/orders/7/items/new"), "/orders/7/items/new.GET.txt");
  assertEquals(found("/users/ann/"), "/users/{name}/index.html");
  assertEquals(found("/users/ann/face.png"), "/users/{name}/face.png");
  assertEquals(found("/about"), "/{page}.html");
  assertEquals(ask("/users/a%20n%2F").status, undefined);
  assertEquals(ask("/users/a%20n").headers, [["Location", "/users/a%20n/"]]);
  assertEquals(ask("//users//evil?b").headers, [["Location", "/users/evil/?b"]]);
  assertEquals(ask("/orders/8", "PUT").headers, [["Allow", "GET, HEAD, DELETE, OPTIONS"]]);
  const root = site(["/{id}.DELETE.txt"]); // and no key with a longer path
  assertEquals(contentOf(root("/7", "DELETE")), "/{id}.DELETE.txt");
  assertEquals(root("/7").headers, [["Allow", "DELETE, OPTIONS"]]);
  const own = site(["/{any}.GET.txt", "/a/index.html", "/b/c.GET.txt", "/{x}/index.GET.txt"]);
  assertEquals(own("/a").headers, [["Location", "/a/"]]); // it has a name of its own
  assertEquals(contentOf(own("/b")), "/{any}.GET.txt");
  assertEquals(contentOf(own("/b/")), "/{x}/index.GET.txt");
  for (const target of ["/orders/", "/orders/8/", "/orders/8/9", "/orders//items/9", "/a/b"]) {
    assertEquals(ask(target).status, 404, target);
  }
});

Deno.test("folderResponder() answers and waits as an .http file says", async () => {
  const files = {
    "/a.GET.http":
      'HTTP/1.1 418 I\'m a teapot\r\nETag: "1"\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\ntea',
    "/a.POST.303.http": "303\nLocation: /b\n\n",
    "/a.DELETE.http": "204\nX-A: 1",
    "/plain.http": "200\n\n",
  };
  const ask = siteWith(files, { status: 503, headers: [["X-All", "1"]] });
  const text = ["Content-Type", "text/plain; charset=utf-8"] as const;
  const all = ["X-All", "1"] as const;
  const tea = ask("/a");
  assertEquals([tea.status, contentOf(tea)], [418, "tea"]);
  assertEquals(tea.headers, [text, ["ETag", '"1"'], ["Set-Cookie", "a"], ["Set-Cookie", "b"], all]);
  assertEquals(ask("/a", "POST").headers, [["Location", "/b"], all]);
  assertEquals([ask("/a", "DELETE").status, ask("/a", "DELETE").headers], [204, [
    ["X-A", "1"],
    all,
  ]]);
  assertEquals(contentOf(ask("/plain.http")), "200\n\n"); // without a method it is any file
  assert(Object.isFrozen(tea));

  const slow = [["/a.GET.http", bytesOf("200\nResponse-Delay: 50\n\na")], ["/b", bytesOf("b")]];
  const responder = folderResponder(heldFolder(slow as Array<[string, Bytes]>), { headers: [] });
  const start = performance.now();
  const reply = await responder(requestOf("GET /a HTTP/1.1"), CLIENT);
  assert(performance.now() - start >= 49);
  assertEquals(reply.headers, [text]);
});

Deno.test("folderResponder() rejects names that contradict each other or have no meaning", () => {
  const reasons: Array<[string[], string]> = [
    [["/x.POST.999.json"], 'not "/x.POST.999.json"'],
    [["/x.POST.99"], 'not "/x.POST.99"'],
    [["/x.GET.a.b"], 'not "/x.GET.a.b"'],
    [["/a/x.GET.POST.json"], 'not "/a/x.GET.POST.json"'],
    [["/x.GET.json", "/x.GET.txt"], 'one file for GET "/x", not "/x.GET.json" and "/x.GET.txt"'],
    [["/x", "/x.GET.txt"], 'one file for GET "/x", not "/x" and "/x.GET.txt"'],
    [["/x.GET.txt", "/x.html"], 'one file for GET "/x", not "/x.GET.txt" and "/x.html"'],
    [["/index.GET.txt", "/index.htm"], 'for GET "/", not "/index.GET.txt" and "/index.htm"'],
    [["/{a}.PUT.txt", "/{b}.PUT.txt"], 'for PUT "/{b}", not "/{a}.PUT.txt" and "/{b}.PUT.txt"'],
  ];
  for (const [paths, reason] of reasons) assertThrows(() => site(paths), UnusableFile, reason);
  const https = { "/x.GET.http": "hello", "/x.PUT.201.http": "200\n\n" };
  for (const [path, content] of Object.entries(https)) {
    assertThrows(() => siteWith({ [path]: content }), UnusableFile, `in "${path}"`);
  }
  site([
    "/x.html",
    "/x",
    "/GET.json",
    "/a.get.json",
    "/x.HEAD.txt",
    "/x.GETS.json",
    "/b/index.PUT",
  ]);
});

Deno.test("folderResponder() prefers index.html to index.htm, and accepts both", () => {
  assertFinds(site(["/index.htm", "/a/index.htm", "/a/index.html"]), {
    "/": "/index.htm",
    "/a/": "/a/index.html",
    "/a/index.htm": "/a/index.htm",
    "/index": 404,
  });
  assertEquals(site(["/a/index.htm"])("/a").headers, [["Location", "/a/"]]);
});

Deno.test("folderResponder() applies --status to pages alone, and --header to every reply", () => {
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
  assertEquals(ask("/", "POST").headers, [["Allow", "GET, HEAD, OPTIONS"], fields[0]]);
  assertEquals(ask("/", "OPTIONS").headers, [["Allow", "GET, HEAD, OPTIONS"], fields[0]]);
  assertEquals(site(["/a"], { headers: fields })("/b").headers, fields);
  assertEquals(site(["/a.xhtml"], { status: 503, headers: fields })("/a.xhtml").status, 503);
  const single = site(["/200.html"], { status: 503, headers: fields })("/any");
  assertEquals([single.status, contentOf(single)], [503, "/200.html"]);
});

Deno.test("folderResponder() knows the types of files by their extensions", () => {
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
