import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Responder } from "../server.ts";
import { heldFolder } from "../tests/files.ts";
import { CLIENT, requestOf } from "../tests/requests.ts";
import { bytesOf, textOf } from "../tests/wire.ts";
import { type Bytes, UnusableFile } from "./read.ts";
import { endOfHead, hasBareLf, parseHttpFile, rawResponder } from "./http_files.ts";

Deno.test("endOfHead() finds the end of the first empty line, with or without CR", () => {
  const cases: Array<[string, number]> = [
    ["HTTP/1.1 200 OK\r\n\r\nab", 19],
    ["HTTP/1.1 200 OK\n\nab", 17],
    ["a\n\r\nb\r\n\r\n", 4],
    ["\r\n\r\n", 4],
    ["a\nb\r\nc\r\n\r\nd", 10],
    ["a\r\n\r", 4],
    ["a\n", 2],
    ["a\r\rb", 4],
    ["", 0],
  ];
  for (const [text, end] of cases) {
    assertEquals(endOfHead(bytesOf(text)), end, JSON.stringify(text));
  }
});

Deno.test("endOfHead() does not decode a large file", () => {
  const large = new Uint8Array(600_000_000); // a string of that length cannot exist
  const start = performance.now();
  assertEquals(endOfHead(large), large.length);
  assert(performance.now() - start < 3000);
});

/** A responder for a folder whose files contain their own names. */
function folderOf(paths: readonly string[]): Responder {
  return rawResponder(heldFolder(paths.map((path) => [path, bytesOf(path)])), undefined);
}

/** The text of a raw reply, or the reply itself. */
function sent(responder: Responder, line: string) {
  const reply = responder(requestOf(`${line} HTTP/1.1`), CLIENT);
  assert(!(reply instanceof Promise));
  return "raw" in reply ? [...reply.raw as Bytes[]].map(textOf).join() : reply;
}

Deno.test("rawResponder() answers each path with its file, whatever the method", () => {
  const responder = folderOf([
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
      assertEquals(sent(responder, `${method} ${target}`), path);
    }
  }
  assertEquals(sent(responder, "GET /nothing"), { status: 404, body: "404 Not Found\n" });
  assertEquals(sent(responder, "GET /a"), { status: 404, body: "404 Not Found\n" });
  assertEquals(sent(folderOf(["/404.http"]), "PUT /nothing"), "/404.http");
});

Deno.test("rawResponder() answers methods by the names of files", () => {
  const responder = folderOf([
    "/tea.POST.http",
    "/cup.http",
    "/cup.PUT.http",
    "/{pot}/index.GET.http",
    "/404.http",
  ]);
  assertEquals(sent(responder, "POST /tea"), "/tea.POST.http");
  const allow = [["Allow", "POST, OPTIONS"]] as const;
  assertEquals(sent(responder, "GET /tea"), {
    status: 405,
    headers: allow,
    body: "405 Method Not Allowed\n\nExpected POST or OPTIONS.\n",
  });
  assertEquals(sent(responder, "OPTIONS /tea"), { status: 204, headers: allow });
  assertEquals(sent(responder, "PUT /cup"), "/cup.PUT.http");
  assertEquals(sent(responder, "BREW /cup"), "/cup.http");
  assertEquals(sent(responder, "HEAD /any/"), "/{pot}/index.GET.http");
  assertEquals(sent(responder, "GET /tea.POST.http"), "/404.http");
  assertThrows(() => folderOf(["/a.GET.http", "/a.GET.txt"]), UnusableFile, '"/a.GET.txt"');
  assertThrows(() => folderOf(["/a.GET.200.http"]), UnusableFile, '"/a.GET.200.http"');
});

Deno.test("hasBareLf() looks at the heads of HTTP responses", () => {
  const heads = {
    "HTTP/1.1 200 OK\n\n": true,
    "HTTP/1.1 200 OK\r\nA: b\n\r\n": true,
    "HTTP/1.1 200 OK\r\nA: b\r\n\n": true,
    "HTTP/1.1 200 OK\n": true,
    "HTTP/1.1 200 OK\r\nA: b\r\n\r\n\n": false,
    "HTTP/1.1 200 OK\r\n\r\na\nb": false,
    "HTTP/1.1 200 OK": false,
    "Hello\n\n": false,
    "": false,
  };
  for (const [text, is] of Object.entries(heads)) assertEquals(hasBareLf(bytesOf(text)), is, text);
});

const TEXT = ["Content-Type", "text/plain; charset=utf-8"];

function parsed(text: string) {
  const { reply, delay } = parseHttpFile(bytesOf(text));
  const content = textOf(reply.body as Uint8Array);
  return { status: reply.status, headers: reply.headers as unknown[], content, delay };
}

Deno.test("parseHttpFile() reads a status, fields and content, with CRLF or LF", () => {
  const [headers, delay] = [[["A", "b: c"], TEXT].reverse(), undefined];
  for (const end of ["\n", "\r\n"]) {
    for (const first of ["HTTP/1.1 201 Created", "HTTP/2 201", "201", "201 Whatever it is"]) {
      const file = [first, "A:  b: c ", "", "one\r\n\ntwo\n"].join(end);
      assertEquals(parsed(file), { status: 201, headers, content: "one\r\n\ntwo\n", delay });
    }
  }
  const bare = { status: 204, headers: [] as unknown[], content: "", delay };
  for (const file of ["204", "204\n", "204\r\n\r\n", "\xef\xbb\xbf204\n\n"]) {
    assertEquals(parsed(file), bare);
  }
});

Deno.test("parseHttpFile() adds a Content-Type where there is none", () => {
  assertEquals(parsed("200\n\n\xff").headers, [["Content-Type", "application/octet-stream"]]);
  assertEquals(parsed("200\n\na").headers, [TEXT]);
  assertEquals(parsed("200\ncontent-type: a/b\n\na").headers, [["content-type", "a/b"]]);
});

Deno.test("parseHttpFile() removes Response-Delay, and reads it in milliseconds", () => {
  const delayIn = (value: string) => parsed(`200\nresponse-delay: ${value}\nA: b\n\n`).delay;
  assertEquals(delayIn("500"), { minMs: 500, maxMs: 500 });
  assertEquals(delayIn("200-500"), { minMs: 200, maxMs: 500 });
  assertEquals(parsed("200\nResponse-Delay: 1\nA: b\n\n").headers, [["A", "b"]]);
});

Deno.test("parseHttpFile() rejects what the server could not send", () => {
  const reasons = {
    "": 'expected a status from 200 to 599 in the first line, not ""',
    "hello": "expected a status from 200 to 599",
    "HTTP/1.1 100 Continue\n\n": "expected a status from 200 to 599",
    "600\n\n": "expected a status from 200 to 599",
    "A: b\n\n": "expected a status from 200 to 599",
    "200\nno colon\n\n": 'expected "Name: value", not "no colon"',
    "200\nA: b\n folded\n\n": 'expected "Name: value", not " folded"',
    "200\nA b: c\n\n": 'expected a token for a name, not "A b: c"',
    "200\nA: \x01\n\n": "expected a value of printable ASCII",
    "200\nContent-Length: 1\n\na": "the server sets it itself",
    "200\nTransfer-Encoding: chunked\n\na": "the server sets it itself",
    "200\nConnection: close\n\na": "the server sets it itself",
    "200\nContent-Type: a\ncontent-type: b\n\n": "expected one Content-Type",
    "200\nResponse-Delay: 2s\n\n": "expected Response-Delay in milliseconds",
    "200\nResponse-Delay: 500-200\n\n": "expected Response-Delay in milliseconds",
    "200\nResponse-Delay: -1\n\n": "expected Response-Delay in milliseconds",
  };
  for (const [file, reason] of Object.entries(reasons)) {
    assertThrows(() => parseHttpFile(bytesOf(file)), UnusableFile, reason);
  }
});
