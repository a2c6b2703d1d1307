import { assertEquals } from "@std/assert";
import {
  decodedPath,
  encodePathAndQuery,
  encodeUri,
  pathAndQueryOf,
  pathOf,
  queryOf,
} from "./target.ts";

Deno.test("pathAndQueryOf() is the same for every form of a target", () => {
  const targets = {
    "/": "/",
    "/a?b": "/a?b",
    "//a/b": "//a/b",
    "http://example.com/a?b": "/a?b",
    "HTTP://example.com:80//a": "//a",
    "http://example.com": "/",
    "/a#b": "/a#b",
    "http://example.com/a#b": "/a#b",
    "http://example.com?a=/b": "/?a=/b",
    "http://user@[::1]:8/a": "/a",
    "x+y.z-1://h/a": "/a",
    "*": "/",
  };
  for (const [target, path] of Object.entries(targets)) assertEquals(pathAndQueryOf(target), path);
});

Deno.test("pathOf() and queryOf() cut at the first question mark", () => {
  const cut = (target: string) => [pathOf(target), queryOf(target)];
  assertEquals(cut("/a"), ["/a", ""]);
  assertEquals(cut("/a?b?c"), ["/a", "?b?c"]);
  assertEquals(cut("/?"), ["/", "?"]);
  assertEquals(cut("http://h?x"), ["/", "?x"]);
  assertEquals(cut("http://h/a%3Fb?c"), ["/a%3Fb", "?c"]);
});

Deno.test("decodedPath() is the same name for paths that RFC 3986 calls equal", () => {
  const names: Record<string, string[]> = {
    "/": ["/", "//", "/.", "/..", "/../..", "/a/..", "/%2e%2e/", "http://h", "/?a", "*", "/a/../"],
    "/a": ["/a", "//a", "/./a", "/../a", "/b/../a", "/%2e/a", "/%61", "/b%2f..%2Fa", "///.//a?b"],
    "/a/": [
      "/a/",
      "/a//",
      "/a/.",
      "/a/./",
      "/a/b/..",
      "/a%2f",
      "//a/b/../",
      "/a/%2e",
      "/a/%2E%2e/a/",
    ],
    "/a/b": ["/a/b", "/a%2fb", "/a//b", "/a/./b", "/a/c/../b", "//a///b", "/../a/%2e%2e/a/b"],
    "/..a/...": ["/..a/...", "/..a/%2e..", "/..a/./..."],
    "/%2e%2e/a": ["/%252e%252e/a"],
    "/a;/..;/b": ["/a;/..;/b", "/a;//..;/b"],
    "/.b/.c": ["/.b/.c", "/.b//.c"],
    "/a\\..\\b": ["/a\\..\\b", "/a%5c..%5Cb"],
    "": ["/%", "/%4", "/%zz", "/%ff", "/%c0%af", "/a/%ed%a0%80/..", "//%"],
  };
  for (const [name, targets] of Object.entries(names)) {
    for (const target of targets) assertEquals(decodedPath(target), name, target);
  }
});

Deno.test("encodeUri() encodes what a URI cannot contain, and nothing twice", () => {
  assertEquals(encodeUri("https://h/a%20b?c=[d]#e"), "https://h/a%20b?c=[d]#e");
  assertEquals(encodeUri('/a "<>\\^`{|}%zz%2'), "/a%20%22%3C%3E%5C%5E%60%7B%7C%7D%25zz%252");
  assertEquals(encodeUri("/ü€😀\n"), "/%C3%BC%E2%82%AC%F0%9F%98%80%0A");
});

Deno.test("encodePathAndQuery() also encodes what would end a path and query", () => {
  assertEquals(encodePathAndQuery("/a?b=c&d;e,f:g@h"), "/a?b=c&d;e,f:g@h");
  assertEquals(encodePathAndQuery("/a#b[c]"), "/a%23b%5Bc%5D");
});
