import { assertEquals, assertMatch } from "@std/assert";
import { checkField } from "../server.ts";
import { CLIENT, requestOf } from "../tests/requests.ts";
import {
  contentTemplateOf,
  fieldsTemplateOf,
  hasPlaceholders,
  isInCodeUrl,
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
  assertEquals(fill("/{x} ü{target}#f", "GET /a#b HTTP/1.1"), "/%7Bx%7D%20%C3%BC/a%23b#f");
  assertEquals(fill("{target}", "GET /a HTTP/1.1"), "/a");
  assertEquals(fill("{target}", "GET //a HTTP/1.1"), "/.//a");
});

Deno.test("locationOf() encodes values in a query, so that a request adds no parameters", () => {
  const fill = (text: string, line: string) => locationOf(text)(requestOf(line), CLIENT);
  const login = "https://login.example/?next={target}&v=1";
  assertEquals(
    fill(login, "GET /p?a=1&b=2&v=9 HTTP/1.1"),
    "https://login.example/?next=%2Fp%3Fa%3D1%26b%3D2%26v%3D9&v=1",
  );
  assertEquals(fill("/{target}?x&c={client}", "GET /a?b HTTP/1.1"), "/a?b?x&c=2001%3Adb8%3A%3A1");
  assertEquals(fill("/a#?{target}", "GET /%20 HTTP/1.1"), "/a#?%2F%2520");
  assertEquals(fill("/b{target}&c={target}", "GET /a?d HTTP/1.1"), "/b/a?d&c=%2Fa%3Fd");
  for (const line of HOSTILE_LINES) {
    const { searchParams } = new URL(fill(login, line));
    assertEquals([...searchParams.keys()], ["next", "v"], line);
    assertEquals(searchParams.get("next"), templateOf("{target}")(requestOf(line), CLIENT));
  }
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
    ["X-A", "GET /.//%3C 2001:db8::1 7"],
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
  assertEquals(fill("/a?to=/{target}&x", "GET / HTTP/1.1"), "/a?to=%2F&x");
});

// ---------------------------------------------------------------- content and other fields

/** Valid request lines whose values would run as code, or lead elsewhere, if they could. */
const LEAVING_LINES = [
  ...HOSTILE_LINES,
  String.raw`GET /-alert(1)//\ HTTP/1.1`,
  "GET /');alert(1)// HTTP/1.1",
  'GET /");alert(1)// HTTP/1.1',
  "GET /`;alert(1)// HTTP/1.1",
  "GET /${alert(1)} HTTP/1.1",
  "GET /&#39;);alert(1)// HTTP/1.1",
  "GET /&quot;);alert(1)// HTTP/1.1",
  "GET /&amp;#39;);alert(1)// HTTP/1.1",
  "GET /</script><script>alert(1)</script> HTTP/1.1",
  "GET /<!--<script>alert(1) HTTP/1.1",
  'GET /"onmouseover="alert(1) HTTP/1.1',
  "GET /'onmouseover='alert(1) HTTP/1.1",
  "GET /*/alert(1)/* HTTP/1.1",
  "GET /%27);alert(1)// HTTP/1.1",
  "GET /evil.example/p HTTP/1.1",
  "GET //evil.example/p HTTP/1.1",
  "GET ////evil.example/p HTTP/1.1",
  String.raw`GET /\evil.example/p HTTP/1.1`,
  String.raw`GET /\\evil.example/p HTTP/1.1`,
  "GET http://a.example//evil.example/p HTTP/1.1",
  "'+alert`1`+' / HTTP/1.1",
  "`+alert`1`+` / HTTP/1.1",
];

/** Where a placeholder of a page may stand. */
const PLACES = [
  "<p>{target}</p><p>/{target}</p>",
  `<p title="{target}" class='{method}'>`,
  `<p onclick="go('{target}', '{method}')">`,
  "<p onclick='go(\"{target}\", `{method}`)'>",
  '<p onclick="go(`{target}`)" onload="location.href=\'{target}\'">',
  `<script>var a = "{target}", b = "{target}"; go(a, b, '{method}', "{method}")</script>`,
  "<script>go(`{target}`, `{method}{target}`)</script>",
  '<script>location.href = "{target}"</script><script>location.href = "/{target}"</script>',
  '<a href="{target}">{target}</a><a href="/{target}"></a><img src="http://here.example{target}">',
  '<a href="http://here.example/{target}"></a><iframe src="./?a={target}"></iframe>',
  '<meta http-equiv="refresh" content="5;url={target}">',
];

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };

/** Decodes the entities of an attribute, once. */
function decoded(attribute: string): string {
  return attribute.replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => ENTITIES[name]);
}

/** Runs code, and returns the places to which it leads. Fails if it is more than a template has. */
function placesOf(code: string): string[] {
  const location = { href: "" };
  const alert = () => {
    throw new Error(`It ran: ${code}`);
  };
  const go = (...values: unknown[]) => {
    for (const value of values) assertEquals(typeof value, "string", code);
  };
  new Function("go", "alert", "location", code)(go, alert, location);
  return location.href === "" ? [] : [location.href];
}

/** Runs all code of a page as a browser would, and returns the places to which it leads. */
function runPage(html: string): string[] {
  const attributes = [...html.matchAll(/ (\w+)=(["'])(.*?)\2/g)]
    .map(([, name, , value]) => [name, decoded(value)]);
  const scripts = [...html.matchAll(/<script>(.*?)<\/script>/g)].map(([, code]) => code);
  const handlers = attributes.filter(([name]) => name.startsWith("on")).map(([, code]) => code);
  const urls = attributes.filter(([name]) => /^(href|src)$/.test(name)).map(([, url]) => url);
  const refresh = [...html.matchAll(/5;url=([^"]*)/g)].map(([, url]) => decoded(url));
  return [...[...scripts, ...handlers].flatMap(placesOf), ...urls, ...refresh];
}

Deno.test("contentTemplateOf() keeps values in their places in a page, whatever is asked for", () => {
  for (const text of PLACES) {
    const fill = contentTemplateOf(text, "text/html; charset=utf-8");
    for (const line of LEAVING_LINES) {
      const html = fill(requestOf(line), CLIENT);
      const about = `${text} with ${line}: ${html}`;
      assertEquals(html.match(/[<>]/g), text.match(/[<>]/g), about);
      assertEquals(html.match(/[\w-]+(?==["'])/g), text.match(/[\w-]+(?==["'])/g), about);
      for (const place of runPage(html)) {
        assertEquals(new URL(place, "http://here.example/a/").host, "here.example", about);
      }
    }
  }
});

Deno.test("fieldsTemplateOf() keeps values in their places in every field", () => {
  const fields = [
    ["Content-Location", "{target}"],
    ["Content-Location", "/{target}"],
    ["Refresh", "0; url={target}"],
    ["Refresh", '0; url="{target}"'],
    ["Link", "<{target}>; rel=next"],
    ["Location", "{target}"],
    ["X-Accel-Redirect", "{target}"],
    ["Set-Cookie", 'seen="{method}{target}"'],
  ] as const;
  const fill = fieldsTemplateOf(fields);
  for (const line of LEAVING_LINES) {
    for (const [at, [name, value]] of fill(requestOf(line), CLIENT).entries()) {
      checkField(name, value);
      const about = `${name}: ${value} with ${line}`;
      assertEquals(value.match(/[<>"]/g), fields[at][1].match(/[<>"]/g), about);
      const url = value.replace(/^(0; url=)?["<]?|(>; rel=next|")$/g, "");
      if (name === "Set-Cookie") continue;
      assertEquals(new URL(url, "http://here.example/a/").host, "here.example", about);
    }
  }
});

Deno.test("contentTemplateOf() escapes values for HTML and XML, and changes no plain text", () => {
  const fill = (type: string) =>
    contentTemplateOf("{method} /{target}", type)(
      requestOf(`a'b //c?d="e"&f=<g>\\ HTTP/1.1`),
      CLIENT,
    );
  const sniffed = ["", "*/*", "text", "json; a=b", "text/ plain", "unknown/unknown"];
  for (const type of ["text/html", "Text/HTML; charset=utf-8", "image/svg+xml", ...sniffed]) {
    assertEquals(fill(type), "a%27b /.//c?d=%22e%22&amp;f=%3Cg%3E%5C", type);
  }
  for (const type of ["text/plain", "text/plain;charset=utf-8", "text/event-stream"]) {
    assertEquals(fill(type), `a'b ///c?d="e"&f=<g>\\`, type);
  }
});

/** A target that would end a string, a comment, a template or a script. */
const CODE_ENDS = "/');alert(1)//\"`${alert(2)}\\*/</script>&a=b%27#|^~{}";
/** The same, percent-encoded where it could end one. */
const CODE_STAYS = "/%27);alert(1)//%22%60%24%7Balert(2)%7D%5C*/%3C/script%3E&a=b%27#|^~%7B%7D";

Deno.test("contentTemplateOf() keeps values in every string of JavaScript, and as sent in JSON", () => {
  const request = requestOf(`GET ${CODE_ENDS} HTTP/1.1`);
  const fill = (text: string, type: string) => contentTemplateOf(text, type)(request, CLIENT);
  for (const type of ["text/javascript", "application/ecmascript", "a/{x}"]) {
    for (const quote of ["'", '"', "`"]) {
      const code = fill(`${quote}{target}${quote}`, type);
      // deno-lint-ignore no-eval -- JavaScript itself decides what the string means
      assertEquals(eval(code), CODE_STAYS, type);
      assertMatch(code.slice(1, -1), /^[^<>&'"`$*]*$/);
    }
  }
  assertEquals(JSON.parse(fill('"{target}"', "application/ld+json")), CODE_ENDS);
  const plain = contentTemplateOf("{target}", "text/javascript");
  assertEquals(plain(requestOf("GET /a/b?c=d HTTP/1.1"), CLIENT), "/a/b?c=d");
});

Deno.test("contentTemplateOf() keeps values in a string of CSS", () => {
  const fill = contentTemplateOf("'{target}'", "text/css; charset=utf-8");
  assertEquals(fill(requestOf("GET //a'}\"* HTTP/1.1"), CLIENT), "'/.//a%27%7D%22\\00002a'");
});

Deno.test("isInCodeUrl() finds placeholders that a browser would decode and run", () => {
  const found = [
    `<a href="javascript:go('{target}')">`,
    "0; url=JavaScript:go({client}, {port})",
    '{port}<iframe src="data:text/html;charset=utf-8,hello%20{method}">',
    `<a href="javascript:(()=>go('{target}'))()">`,
    `<a href="java&#115;cript:go('{target}')">`,
    `<a href="java&#x73;cript&colon;go('{target}')">`,
    `<a href="java\nscr\tipt:go('{target}')">`,
    `<a href="data&#58;text/html,{target}">`,
    `<a href="{method}:{target}">`,
  ];
  for (const text of found) assertEquals(isInCodeUrl(text), true, text);
  const others = [
    "{target}",
    '<a href="javascript:back()">{target}</a>',
    "data: {target}",
    "<p>javascript: <b>{target}</b>",
    `<a href='javascript:back()' title="{target}">`,
    "method={method}, target={target}",
  ];
  for (const text of others) assertEquals(isInCodeUrl(text), false, text);
});
