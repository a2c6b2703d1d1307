import { assertEquals, assertMatch } from "@std/assert";
import { checkField } from "../server.ts";
import { CLIENT, requestOf } from "../tests/requests.ts";
import {
  encoderFor,
  fieldsTemplateOf,
  hasPlaceholders,
  locationOf,
  templateOf,
} from "./placeholders.ts";

/** Valid request lines whose values try to be more than values. */
const HOSTILE_LINES = [
  "GET /\"><script>alert(1)</script>&'` HTTP/1.1",
  "GET //evil.example/ HTTP/1.1",
  "GET ///evil.example/ HTTP/1.1",
  "GET /\\evil.example/ HTTP/1.1",
  "GET /\\/evil.example/ HTTP/1.1",
  "GET /%0d%0aX-Evil:%201 HTTP/1.1",
  "GET /%0D%0A%0D%0A<html> HTTP/1.1",
  "GET /%zz%a%%00#@evil.example:1/{client}{port} HTTP/1.1",
  "GET /.evil.example:80@evil.example/ HTTP/1.1",
  "GET /;,=[](){}|^~ HTTP/1.1",
  "GET http://evil.example//evil.example/ HTTP/1.1",
  "GET http://evil.example?//evil.example/ HTTP/1.1",
  "OPTIONS * HTTP/1.1",
  "a#b'|`^%$&! /{method} HTTP/1.1",
];

Deno.test("templateOf() fills in the four placeholders, once, and leaves other braces alone", () => {
  const text = "{method} {target} {client} {port}{port} {x} {} {{port}} {Port} $& {";
  assertEquals(
    templateOf(text)(requestOf("PUT /{client}?$1 HTTP/1.1"), CLIENT),
    "PUT /{client}?$1 2001:db8::1 77 {x} {} {7} {Port} $& {",
  );
  assertEquals(hasPlaceholders("{method}"), true);
  assertEquals(hasPlaceholders("{x} {} { port } {METHOD}"), false);
});

Deno.test("templateOf() fills in the path and query of each form of a target", () => {
  const fill = (line: string) => templateOf("{target}")(requestOf(line), CLIENT);
  assertEquals(fill("GET /a?b HTTP/1.1"), "/a?b");
  assertEquals(fill("GET http://h:1/a?b HTTP/1.1"), "/a?b");
  assertEquals(fill("OPTIONS * HTTP/1.1"), "/");
});

Deno.test("locationOf() keeps path and query", () => {
  const fill = (text: string, line: string) => locationOf(text)(requestOf(line), CLIENT);
  const everywhere = "https://example.com{target}";
  assertEquals(fill(everywhere, "GET /a/b?c=d&e HTTP/1.1"), "https://example.com/a/b?c=d&e");
  assertEquals(fill(everywhere, "GET http://h HTTP/1.1"), "https://example.com/");
  assertEquals(fill(everywhere, "GET //a HTTP/1.1"), "https://example.com//a");
  assertEquals(fill("/{x} ü?to={target}#f", "GET /a#b HTTP/1.1"), "/%7Bx%7D%20%C3%BC?to=/a%23b#f");
  assertEquals(fill("{target}", "GET /a HTTP/1.1"), "/a");
  assertEquals(fill("{target}", "GET //a HTTP/1.1"), "/.//a");
});

Deno.test("locationOf() stays a URI on its host for every request line", () => {
  const templates = {
    "https://example.com{target}": "https://example.com",
    "https://example.com/{method}?{target}&{client}&{port}": "https://example.com",
    "/moved{target}": "http://here.example",
    "{target}": "http://here.example",
  };
  for (const line of HOSTILE_LINES) {
    for (const [text, origin] of Object.entries(templates)) {
      const location = locationOf(text)(requestOf(line), CLIENT);
      assertMatch(location, /^(%[\dA-F]{2}|[\w.~:/?@!$&'()*+,;=-])+$/i, line);
      assertEquals(new URL(location, "http://here.example/x/").origin, origin, line);
    }
  }
  const path = locationOf("{target}")(requestOf("GET //evil.example/a HTTP/1.1"), CLIENT);
  assertEquals(new URL(path, "http://here.example/x/").pathname, "//evil.example/a");
});

Deno.test("fieldsTemplateOf() cannot be split by a request line, and encodes a Location", () => {
  const value = "{method} {target} {client} {port}";
  const fill = fieldsTemplateOf([["X-A", value], ["LOCATION", "{target}"], ["X-B", "b"]]);
  for (const line of HOSTILE_LINES) {
    const fields = fill(requestOf(line), CLIENT);
    for (const [name, value] of fields) checkField(name, value); // throws if it could
    assertEquals(fields.length, 3);
  }
  assertEquals(fill(requestOf("GET //< HTTP/1.1"), CLIENT), [
    ["X-A", "GET //< 2001:db8::1 7"],
    ["LOCATION", "/.//%3C"],
    ["X-B", "b"],
  ]);
});

Deno.test("locationOf() does not double the slash before {target}", () => {
  const fill = (text: string, line: string) => locationOf(text)(requestOf(line), CLIENT);
  const line = "GET /old?q=1 HTTP/1.1";
  assertEquals(fill("https://example.com/{target}", line), "https://example.com/old?q=1");
  assertEquals(fill("https://example.com//{target}", line), "https://example.com/old?q=1");
  assertEquals(fill("https://example.com/a/{target}", line), "https://example.com/a/old?q=1");
  assertEquals(fill("/{target}", line), "/old?q=1");
  assertEquals(fill("/{target}", "GET //evil.example/ HTTP/1.1"), "/.//evil.example/");
  assertEquals(fill("/a?to=/{target}&x", "GET / HTTP/1.1"), "/a?to=/&x");
});

Deno.test("encoderFor() keeps values text where the content is HTML or XML", () => {
  for (const type of ["text/html", "Text/HTML; charset=utf-8", "image/svg+xml"]) {
    assertEquals(
      encoderFor(type)(`<a b="c" d='e'>&`),
      "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;",
    );
  }
  for (const type of ["", "text/plain"]) assertEquals(encoderFor(type)('<"\\&>'), '<"\\&>');
});

/** Text that would end a string, a comment, a template or a script. */
const CODE_ENDS = "/');alert(1)//\"`${alert(2)}\\*/</script>&a=b%27#|^~{}";

Deno.test("encoderFor() keeps values text in every string of JavaScript, and in JSON", () => {
  for (
    const type of ["text/javascript", "application/ecmascript", "application/ld+json", "a/{x}"]
  ) {
    const encoded = encoderFor(type)(CODE_ENDS);
    for (const quote of ["'", '"', "`"]) {
      // deno-lint-ignore no-eval -- JavaScript itself decides what the string means
      assertEquals(eval(quote + encoded + quote), CODE_ENDS, type);
    }
    assertEquals(JSON.parse(`"${encoded}"`), CODE_ENDS, type);
    assertMatch(encoded, /^[^<>&'"`$*]*$/);
  }
  assertEquals(encoderFor("text/javascript")("/a/b?c=d"), "/a/b?c=d");
});

Deno.test("encoderFor() keeps values text in a string of CSS", () => {
  assertEquals(
    encoderFor("text/css; charset=utf-8")("/a'}\"*"),
    "/a\\000027\\00007d\\000022\\00002a",
  );
});
