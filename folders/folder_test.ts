import { assert, assertEquals, assertThrows } from "@std/assert";
import type { RawReply, Reply } from "../server.ts";
import { finish, snapshotOf } from "../tests/files.ts";
import { bytesOf, textOf } from "../tests/wire.ts";
import type { Fields, ReplyOverrides } from "../replies/fields.ts";
import { decodedPath } from "../replies/target.ts";
import {
  type Answer,
  folderAnswer,
  type FolderOptions,
  rawFolderAnswer,
  type ReplyCache,
} from "./folder.ts";
import { addListings } from "./listing.ts";
import type { Bytes } from "./read.ts";
import { UnusableFile } from "./source.ts";

type Ask = (target: string, method?: string) => Reply;

/** A responder for a folder whose files contain their own names. */
function site(paths: readonly string[], overrides: ReplyOverrides = { headers: [] }): Ask {
  return siteWith(Object.fromEntries(paths.map((path) => [path, path])), overrides);
}

/** A responder for a folder with these files and contents. */
function siteWith(
  files: Readonly<Record<string, string>>,
  overrides: ReplyOverrides = { headers: [] },
  more: Partial<FolderOptions> = {},
): Ask {
  const contents = Object.entries(files).map(([path, text]) =>
    [path, new TextEncoder().encode(text)] as const
  );
  const answer = finish(folderAnswer(snapshotOf(contents), { overrides, ...more }));
  return (target, method = "GET") => {
    const reply = answer(method, decodedPath(target), target);
    assert(!(reply instanceof Promise));
    return reply;
  };
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
    assert(reply.status === 302 || Object.isFrozen(reply), target);
  }
}

Deno.test("folderAnswer() answers index.html for its folder, and a page without its extension", () => {
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

Deno.test("folderAnswer() prefers the file of that name to a page, and a page to a folder", () => {
  const ask = site(["/a", "/a.html", "/b.html", "/b/index.html"]);
  assertFinds(ask, { "/a": "/a", "/a.html": "/a.html", "/b": "/b.html", "/b/": "/b/index.html" });
});

Deno.test("folderAnswer() gives shorter paths to files alone, not to their shorter paths again", () => {
  const ask = site(["/index.htm.html", "/index.GET.txt"]);
  assertFinds(ask, { "/index.htm": "/index.htm.html", "/": "/index.GET.txt" });
  assertFinds(site(["/a/index.htm.html"]), { "/a/index.htm": "/a/index.htm.html", "/a/": 404 });
});

Deno.test("folderAnswer() sends a folder to its slash in the form of its name that was asked for", () => {
  const ask = site(["/e\u0301/index.html"]);
  for (const name of ["e\u0301", "\u00e9"]) {
    const { status, headers } = ask(`/${encodeURIComponent(name)}`);
    assertEquals([status, headers], [302, [["Location", `/${encodeURIComponent(name)}/`]]]);
  }
});

Deno.test("folderAnswer() does not let the query choose", () => {
  const ask = site(["/index.html", "/a?b", "/a"]);
  assertFinds(ask, { "/?x": "/index.html", "/a?b": "/a", "/a%3Fb": "/a?b", "/a%3fb?c": "/a?b" });
});

Deno.test("folderAnswer() finds names as browsers ask for them", () => {
  const names = ["a b", "#1", "a?b", "100%", "ü", "😀", "a+b&c=d", "%2e", "日本", "~'()*!;,:@$"];
  const ask = site(names.map((name) => `/x/${name}.txt`));
  for (const name of names) {
    const path = `/x/${name}.txt`;
    const typed = new URL(`http://h/x/${encodeURIComponent(name)}.txt`).pathname;
    assertFinds(ask, { [typed]: path, [typed.toLowerCase()]: path, [`http://h${typed}`]: path });
  }
  assertFinds(ask, { "/x/a+b&c=d.txt": "/x/a+b&c=d.txt", "/%78/%23%31.txt": "/x/#1.txt" });
});

Deno.test("folderAnswer() finds a name in the form it has on the disk, and in Unicode's NFC", () => {
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
  const ask = site(["/u\u0308.POST.json"]);
  assertEquals(contentOf(ask(composed, "POST")), "/u\u0308.POST.json");
});

Deno.test("folderAnswer() finds paths that RFC 3986 calls equal, as apt, npm and firmware write them", () => {
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

Deno.test("folderAnswer() uses a path as a key, and never as a file name", () => {
  const ask = site(["/index.html", "/a/b", "/secret", "/a/index.html"]);
  const none = ["/a%5cb", "/a\\b", "/secret%00", "/secret%00.html", "/%00", "/secret/", "/secret."];
  none.push("/%", "/%4", "/%zz", "/%c0%ae%c0%ae/secret", "/%c0%af", "/%e0%80%af", "/%f0%80%80%af");
  none.push("/%ff", "/%ed%a0%80", "/%C3", "/%u002e", "/%252e%252e/secret", "/a%252fb");
  none.push("/SECRET", "/secret%20", "/secret;a", "/secret:$DATA", "/a/b/", "/a/..;/secret");
  none.push("/__proto__", "/constructor", "/toString", "/a/secret", `/${"a".repeat(8000)}`);
  for (const target of none) assertFinds(ask, { [target]: 404 });
  const found = ["/../secret", `/${"../".repeat(2000)}secret`, `/${"%2e%2e/".repeat(1000)}secret`];
  for (const target of found) assertFinds(ask, { [target]: "/secret" });
  assertFinds(ask, { "http://h/secret": "/secret", "http://h": "/index.html" });
});

Deno.test("folderAnswer() ends the path at a fragment, as six of eight other servers do", () => {
  const ask = site(["/index.html", "/a.txt", "/a#b.txt", "/d/index.html"]);
  assertFinds(ask, {
    "/a.txt#f": "/a.txt",
    "/a.txt#f?g": "/a.txt",
    "/a.txt?g#f": "/a.txt",
    "/#/route": "/index.html",
    "http://h#f": "/index.html",
    "/a%23b.txt": "/a#b.txt",
    "/a#b.txt": 404,
  });
  assertEquals(ask("/d#f?g").headers, [["Location", "/d/"]]);
});

Deno.test("folderAnswer() sends a folder to its slash, keeps the query, and never to another host", () => {
  const ask = site([
    "/a/index.html",
    "/a/b c/index.html",
    "/\\evil.example/index.html",
    "/{target}x/index.html",
    "/no/page.css",
  ]);
  const location = (target: string) => {
    const reply = ask(target);
    assertEquals(reply.status, 302, target);
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

Deno.test("folderAnswer() answers missing paths with 404.html, 200.html or a short text", () => {
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
  const json = site(["/404.txt", "/404.json", "/200.json"])("/nothing", "PUT");
  assertEquals([json.status, contentOf(json)], [404, "/404.json"]);
  assertEquals(json.headers, [["Content-Type", "application/json"]]);
  assertEquals(contentOf(site(["/404.txt"])("/nothing")), "/404.txt");
  assertFinds(site(["/200.json", "/a"]), { "/nothing": "/200.json", "/a": "/a" });
  assertFinds(site(["/200.json", "/200.html"]), { "/nothing": "/200.html" });
  assertEquals(site(["/200.json"])("/nothing", "POST").status, 405);
});

Deno.test("folderAnswer() answers GET and HEAD, and other methods with the allowed ones", () => {
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

Deno.test("folderAnswer() answers a path's methods by the names of its files", () => {
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
  for (const target of ["/orders.GET.json", "/orders.json", "/orders/7.html", "/orders//x"]) {
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

Deno.test("folderAnswer() lets a segment in braces stand for any without a file of its own", () => {
  const ask = site([
    "/orders/{id}.GET.txt",
    "/orders/{id}.DELETE.txt",
    "/orders/7.GET.txt",
    "/orders/{order-id}/items/{item}.GET.txt",
    "/orders/7/items/new.GET.txt",
    "/users/{name}/index.GET.html",
    "/users/{name}/face.GET.png",
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
  for (const path of ["/users/ann/", "/users/ann", "//users//ann"]) {
    assertEquals(found(path), "/users/{name}/index.GET.html");
  }
  assertEquals(found("/users/ann/face"), "/users/{name}/face.GET.png");
  assertEquals(ask("/users/a%20n%2F").status, undefined);
  assertEquals(ask("/orders/8", "PUT").headers, [["Allow", "GET, HEAD, DELETE, OPTIONS"]]);
  const root = site(["/{id}.DELETE.txt"]); // and no key with a longer path
  assertEquals(contentOf(root("/7", "DELETE")), "/{id}.DELETE.txt");
  assertEquals(root("/7").headers, [["Allow", "DELETE, OPTIONS"]]);
  const own = site(["/{any}.GET.txt", "/a/index.html", "/b/c.GET.txt", "/{x}/index.GET.txt"]);
  assertEquals(own("/a").headers, [["Location", "/a/"]]); // it has a name of its own
  assertEquals(contentOf(own("/b")), "/{any}.GET.txt");
  assertEquals(contentOf(own("/b/")), "/{x}/index.GET.txt");
  for (const target of ["/orders/", "/orders/8/9", "/orders//items/9", "/a/b", "/users/"]) {
    assertEquals(ask(target).status, 404, target);
  }
});

Deno.test("folderAnswer() takes a name as it is unless it is wholly NAME.METHOD.STATUS.EXT", () => {
  const names = [
    "/{31B2F340-016D-11D2-945F-00C04FB984F9}/GPT.INI",
    "/{6AC1786C-016F-11D2-945F-00C04fB984F9}/GPT.INI",
    "/{template}.html",
    "/{x}/index.html",
    "/api.GET.v2.tar.gz",
    "/Notes.POST.2024.md",
    "/HTTP.GET.and.POST.html",
    "/INBOX.DELETE.old.txt",
    "/x.POST.2024",
    "/x.POST.99",
    "/x.GET.POST.json",
    "/x.GET.",
    "/x.GET.a b",
    "/logo@2x.png",
    "/404.html",
  ];
  const ask = site(names);
  for (const name of names) {
    const target = name.split("/").map(encodeURIComponent).join("/");
    assertEquals(contentOf(ask(target)), name);
    assertEquals(ask(target).status, undefined, name);
    assertEquals(ask(target, "POST").headers, [["Allow", "GET, HEAD, OPTIONS"]]);
  }
  for (const target of ["/nowhere/GPT.INI", "/favicon.ico", "/any/", "/any"]) {
    assertEquals(ask(target).status, 404, target);
  }
});

Deno.test("folderAnswer() takes all names as they are with a listing", () => {
  const names = [
    "/notes.POST.md",
    "/x.POST.999.json",
    "/a.GET.txt",
    "/a.GET.json",
    "/{id}.GET.txt",
  ];
  const ask = siteWith(Object.fromEntries(names.map((name) => [name, name])), undefined, {
    addListings,
  });
  for (const name of names) assertFinds(ask, { [name]: name });
  assertFinds(ask, { "/a": 404, "/any": 404 });
});

Deno.test("folderAnswer() answers /orders/ as /orders for every method, unless another file does", () => {
  const ask = site([
    "/orders.GET.json",
    "/orders.POST.201.json",
    "/orders/{id}.GET.json",
    "/teas.GET.json",
    "/teas.PUT.json",
    "/teas/index.html",
    "/cups.GET.json",
    "/cups/index.GET.json",
    "/pot",
  ]);
  const found = (target: string, method = "GET") => contentOf(ask(target, method));
  assertEquals(found("/orders/"), "/orders.GET.json");
  assertEquals(found("/orders/?a"), "/orders.GET.json");
  assertEquals(ask("/orders/", "POST").status, 201);
  assertEquals(found("/orders/7/"), "/orders/{id}.GET.json");
  assertEquals(ask("/orders/", "PUT").headers, [["Allow", "GET, HEAD, POST, OPTIONS"]]);
  assertEquals([found("/teas"), found("/teas/")], ["/teas.GET.json", "/teas/index.html"]);
  assertEquals(found("/teas/", "PUT"), "/teas.PUT.json");
  assertEquals([found("/cups"), found("/cups/")], ["/cups.GET.json", "/cups/index.GET.json"]);
  assertFinds(ask, { "/pot/": 404, "/orders/7/8/": 404 });
});

Deno.test("folderAnswer() lets the query choose where names of files say so", () => {
  const ask = site([
    "/orders@page=2.GET.json",
    "/orders@page=2&size=1.GET.json",
    "/orders.GET.json",
    "/teas@kind=green tea.GET.json",
    "/teas@kind=a%2Fb.GET.json",
    "/teas@kind=100%.GET.json",
    "/cups/{id}@full=1.GET.json",
    "/cups/{id}.GET.json",
    "/cups/7.GET.json",
    "/cups@a=1.HEAD.txt",
    "/cups@a=1.POST.201.json",
    "/index@q=.GET.json",
    "/user@example.GET.json",
    "/logo@2x@full=a@b.GET.json",
    "/a@b=c.txt",
  ]);
  assertFinds(ask, {
    "/orders?page=2": "/orders@page=2.GET.json",
    "/orders/?page=2": "/orders@page=2.GET.json",
    "/orders?x&page=2&y=3": "/orders@page=2.GET.json",
    "/orders?size=1&page=2": "/orders@page=2&size=1.GET.json",
    "/orders?p%61ge=%32&size=1": "/orders@page=2&size=1.GET.json",
    "/orders?page=3": "/orders.GET.json",
    "/orders?page=2%20": "/orders.GET.json",
    "/orders": "/orders.GET.json",
    "/teas?kind=green+tea": "/teas@kind=green tea.GET.json",
    "/teas?kind=green%20tea": "/teas@kind=green tea.GET.json",
    "/teas?kind=a/b": "/teas@kind=a%2Fb.GET.json",
    "/teas?kind=100%25": "/teas@kind=100%.GET.json",
    "/teas": 404,
    "/teas?kind=black": 404,
    "/cups/8?full=1": "/cups/{id}@full=1.GET.json",
    "/cups/8": "/cups/{id}.GET.json",
    "/cups/7?full=1": "/cups/7.GET.json",
    "/?q=": "/index@q=.GET.json",
    "/?q=1": 404,
    "/user@example": "/user@example.GET.json",
    "/logo@2x?full=a@b": "/logo@2x@full=a@b.GET.json",
    "/a@b=c.txt": "/a@b=c.txt",
    "/orders@page=2": 404,
  });
  assertEquals(ask("/cups?a=1", "POST").status, 201);
  assertEquals(ask("/cups?a=2", "POST").status, 404);
  assertEquals(contentOf(ask("/cups?a=1", "HEAD")), "/cups@a=1.HEAD.txt");
  assertEquals(ask("/cups?a=1", "PUT").headers, [["Allow", "HEAD, POST, OPTIONS"]]);
  assertEquals(ask("/orders?page=2", "PUT").headers, [["Allow", "GET, HEAD, OPTIONS"]]);
  assertEquals(ask("*", "OPTIONS").headers, [["Allow", "GET, HEAD, POST, OPTIONS"]]);
});

Deno.test("folderAnswer() keeps the replies of files that have not changed", () => {
  const cache: ReplyCache = new WeakMap();
  const files = [["/a.txt", bytesOf("a")], ["/b.http", bytesOf("b")]] as Array<[string, Bytes]>;
  const ask = (contents: Array<[string, Bytes]>) => {
    const options = { overrides: { headers: [] }, cache };
    const answer = finish(folderAnswer(snapshotOf(contents), options));
    return (path: string) => answer("GET", path, path);
  };
  const first = ask(files);
  const second = ask([["/a.txt", files[0][1]], ["/c.json", files[1][1]]]);
  assert(first("/a.txt") === second("/a.txt"));
  assert(first("/b.http") !== second("/c.json")); // another name may mean another type
});

Deno.test("folderAnswer() keeps its prefix in redirects and at its own path", () => {
  const files = { "/index.html": "i", "/a/index.html": "a", "/404.html": "none" };
  const ask = siteWith(files, undefined, { prefix: "/x y" });
  const answer = (path: string) => Object.fromEntries(ask(`${path}?q`).headers ?? []).Location;
  assertEquals(answer("/a"), "/x%20y/a/?q");
  const options = { overrides: { headers: [] }, prefix: "/x y" };
  const folder = snapshotOf([["/index.GET.json", bytesOf("{}")]]);
  const below = finish(folderAnswer(snapshotOf([["/a.css", bytesOf("a")]]), options));
  const reply = below("GET", "", "/x%20y?q") as Reply;
  assertEquals([reply.status, reply.headers], [302, [["Location", "/x%20y/?q"]]]);
  assertEquals((below("POST", "", "/x%20y") as Reply).status, 405);
  const data = finish(folderAnswer(folder, options))("GET", "", "/x%20y") as Reply;
  assertEquals(contentOf(data), "{}"); // it has no relative links
  assertEquals(siteWith({ "/index.GET.json": "{}" })("/%zz").status, 404); // and no path either
});

Deno.test("folderAnswer() answers and waits as an .http file says", async () => {
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
  const folder = snapshotOf(slow as Array<[string, Bytes]>);
  const answer = finish(folderAnswer(folder, { overrides: { headers: [] } }));
  const start = performance.now();
  const reply = await answer("GET", "/a", "/a");
  assert(performance.now() - start >= 49);
  assertEquals(reply.headers, [text]);
});

Deno.test("folderAnswer() rejects names that contradict each other or have no meaning", () => {
  const reasons: Array<[string[], string]> = [
    [["/x.POST.999.json"], 'from 200 to 599, not "/x.POST.999.json"'],
    [["/x.POST.199"], 'not "/x.POST.199"'],
    [["/x.GET.json", "/x.GET.txt"], 'method and path, not "/x.GET.json" and "/x.GET.txt"'],
    [["/x", "/x.GET.txt"], 'not "/x" and "/x.GET.txt"'],
    [["/x.GET.txt", "/x.html"], 'not "/x.GET.txt" and "/x.html"'],
    [["/index.GET.txt", "/index.htm"], 'not "/index.GET.txt" and "/index.htm"'],
    [["/{a}.PUT.txt", "/{b}.PUT.txt"], 'not "/{a}.PUT.txt" and "/{b}.PUT.txt"'],
    [["/x@a=1&b=2.GET.txt", "/x@b=2&a=1.GET.txt"], 'not "/x@a=1&b=2.GET.txt" and "/x@b=2&a=1.G'],
  ];
  for (const [paths, reason] of reasons) assertThrows(() => site(paths), UnusableFile, reason);
  const https = { "/x.GET.http": "hello", "/x.PUT.201.http": "200\n\n" };
  for (const [path, content] of Object.entries(https)) {
    assertThrows(() => siteWith({ [path]: content }), UnusableFile, `in "${path}"`);
  }
  site(["/x.html.GET.txt", "/x.GET.txt", "/y/{}", "/y/{id}.GET.txt"]);
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

Deno.test("folderAnswer() prefers index.html to index.htm, and accepts both", () => {
  assertFinds(site(["/index.htm", "/a/index.htm", "/a/index.html"]), {
    "/": "/index.htm",
    "/a/": "/a/index.html",
    "/a/index.htm": "/a/index.htm",
    "/index": 404,
  });
  assertEquals(site(["/a/index.htm"])("/a").headers, [["Location", "/a/"]]);
});

Deno.test("folderAnswer() applies --status to pages alone, and --header to every reply", () => {
  const fields = [["Cache-Control", "no-store"]] as const;
  const ask = site(["/index.html", "/a.htm", "/b.css", "/c/index.html", "/404.html"], {
    status: 503,
    headers: fields,
  });
  const statuses = {
    "/": 503,
    "/a.htm": 503,
    "/b.css": 200,
    "/c": 302,
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
  const down = site(["/200.html", "/a.css"], { status: 503, headers: fields });
  const byMethod = ["GET", "HEAD", "POST", "DELETE", "OPTIONS"]
    .map((method) => down("/any", method).status);
  assertEquals([byMethod, contentOf(down("/any"))], [[503, 503, 503, 503, 204], "/200.html"]);
  assertEquals(down("/a.css", "POST").status, 405);
});

Deno.test("folderAnswer() knows the types of files by their extensions", () => {
  const ask = site(["/a.JS", "/b", "/c.constructor", "/d.tar.gz", "/e.html/f", "/a.js.br"]);
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
  assertEquals(ask("/a.js.br").headers, [
    ["Content-Type", "text/javascript"],
    ["Content-Encoding", "br"],
  ]);
});

/** The answers of a `--raw` folder whose files contain their own names. */
function rawSite(paths: readonly string[]): Answer<RawReply | Reply> {
  const folder = snapshotOf(paths.map((path) => [path, bytesOf(path)]));
  return finish(rawFolderAnswer(folder, undefined));
}

/** The text of a raw reply, or the reply itself. */
function sent(answer: Answer<RawReply | Reply>, line: string) {
  const [method, target] = line.split(" ");
  const reply = answer(method, decodedPath(target), target);
  return "raw" in reply ? [...reply.raw as Bytes[]].map(textOf).join() : reply;
}

Deno.test("rawFolderAnswer() answers each path with its file, whatever the method", () => {
  const answer = rawSite([
    "/index.http",
    "/tea.http",
    "/a/index.http",
    "/plain.txt",
    "/tea.http.http",
  ]);
  const expected = {
    "/": "/index.http",
    "/?a": "/index.http",
    "/tea": "/tea.http",
    "/te%61": "/tea.http",
    "/tea.http": "/tea.http",
    "//x/..//tea": "/tea.http",
    "/a/": "/a/index.http",
    "/plain.txt": "/plain.txt",
  };
  for (const [target, path] of Object.entries(expected)) {
    for (const method of ["GET", "HEAD", "POST", "BREW", "OPTIONS"]) {
      assertEquals(sent(answer, `${method} ${target}`), path);
    }
  }
  assertEquals(sent(answer, "GET /nothing"), { status: 404, body: "404 Not Found\n" });
  assertEquals(sent(answer, "GET /a"), { status: 404, body: "404 Not Found\n" });
  assertEquals(sent(rawSite(["/404.http"]), "PUT /nothing"), "/404.http");
});

Deno.test("rawFolderAnswer() answers methods by the names of files", () => {
  const answer = rawSite([
    "/tea.POST.http",
    "/cup.http",
    "/cup.PUT.http",
    "/{pot}/index.HEAD.http",
    "/cup@full=1.PUT.http",
    "/{x}/y.http",
    "/404.http",
  ]);
  assertEquals(sent(answer, "POST /tea"), "/tea.POST.http");
  const allow = [["Allow", "HEAD, POST, OPTIONS"]] as const;
  assertEquals(sent(answer, "GET /tea"), {
    status: 405,
    headers: allow,
    body: "405 Method Not Allowed\n\nExpected HEAD, POST or OPTIONS.\n",
  });
  assertEquals(sent(answer, "OPTIONS /tea"), { status: 204, headers: allow });
  assertEquals(sent(answer, "PUT /cup"), "/cup.PUT.http");
  assertEquals(sent(answer, "BREW /cup"), "/cup.http");
  for (const path of ["/any/", "/any"]) {
    assertEquals(sent(answer, `HEAD ${path}`), "/{pot}/index.HEAD.http");
  }
  assertEquals(sent(answer, "GET /x/tea.POST.http"), "/404.http");
  assertEquals(sent(answer, "POST /tea/"), "/tea.POST.http");
  assertEquals(sent(answer, "PUT /cup?full=1"), "/cup@full=1.PUT.http");
  assertEquals(sent(answer, "GET /x/y"), "/404.http"); // braces count only beside a method
  assertThrows(() => rawSite(["/a.GET.http", "/a.GET.txt"]), UnusableFile, '"/a.GET.txt"');
  assertThrows(() => rawSite(["/a.GET.200.http"]), UnusableFile, '"/a.GET.200.http"');
});

/** The steps that a folder of these files takes, each time it is read. */
function stepsOf(
  files: ReadonlyArray<readonly [path: string, content: Bytes]>,
  times = 1,
): number[] {
  const cache: ReplyCache = new WeakMap();
  return Array.from({ length: times }, () => {
    let steps = 0;
    const options = { overrides: { headers: [] }, cache };
    for (const _ of folderAnswer(snapshotOf(files), options)) steps++;
    return steps;
  });
}

Deno.test("folderAnswer() pauses for each file with a query, as adding one among many takes long", () => {
  const files = Array.from(
    { length: 300 },
    (_, page) => [`/orders@page=${page}.GET.json`, new Uint8Array(1)] as const,
  );
  const [steps] = stepsOf(files);
  assert(steps >= 2 * files.length, `${steps}`); // for its path, and for the one with a slash
});

Deno.test("folderAnswer() looks at the content of 404.html once, however often the folder is read", () => {
  const large = new Uint8Array(5 * 2 ** 20).fill(97);
  const small = stepsOf([["/404.html", large.subarray(0, 1)]]);
  const [first, second] = stepsOf([["/404.html", large]], 2);
  assertEquals([first - small[0], second - small[0]], [5, 0]); // a step for each MiB
});
