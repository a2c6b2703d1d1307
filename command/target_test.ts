import { assertEquals } from "@std/assert";
import { encodePathAndQuery, encodeUri, pathAndQueryOf, pathOf, queryOf } from "./target.ts";

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

Deno.test("encodeUri() encodes what no URI may contain, and nothing twice", () => {
  assertEquals(encodeUri("https://h/a%20b?c=[d]#e"), "https://h/a%20b?c=[d]#e");
  assertEquals(encodeUri('/a "<>\\^`{|}%zz%2'), "/a%20%22%3C%3E%5C%5E%60%7B%7C%7D%25zz%252");
  assertEquals(encodeUri("/ü€😀\n"), "/%C3%BC%E2%82%AC%F0%9F%98%80%0A");
});

Deno.test("encodePathAndQuery() encodes what would end a path and query, too", () => {
  assertEquals(encodePathAndQuery("/a?b=c&d;e,f:g@h"), "/a?b=c&d;e,f:g@h");
  assertEquals(encodePathAndQuery("/a#b[c]"), "/a%23b%5Bc%5D");
});
