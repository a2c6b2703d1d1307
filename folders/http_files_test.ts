import { assertEquals, assertThrows } from "@std/assert";
import { finish } from "../tests/files.ts";
import { bytesOf, textOf } from "../tests/wire.ts";
import { endOfHead, hasBareLf, parseHttpFile } from "./http_files.ts";
import { UnusableFile } from "./source.ts";

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
    assertEquals(finish(endOfHead(bytesOf(text))), end, JSON.stringify(text));
  }
});

Deno.test("endOfHead() does not decode a large file", () => {
  const large = new Uint8Array(600_000_000); // a string of that length cannot exist
  assertEquals(finish(endOfHead(large)), large.length);
});

Deno.test("endOfHead() finds an end across the pieces in which it looks", () => {
  const piece = 1024 * 1024;
  for (const before of [piece - 3, piece - 2, piece - 1, piece, piece + 1]) {
    const content = new Uint8Array(before + 10).fill(97);
    content.set(bytesOf("\r\n\r\n"), before);
    assertEquals(finish(endOfHead(content)), before + 4);
  }
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
  for (const [text, is] of Object.entries(heads)) {
    assertEquals(finish(hasBareLf(bytesOf(text))), is, text);
  }
});

const TEXT = ["Content-Type", "text/plain; charset=utf-8"];

function parsed(text: string) {
  const { reply, delay } = finish(parseHttpFile(bytesOf(text)));
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
    "200\nContent-Length: 1\n\na": "the server sets it",
    "200\nTransfer-Encoding: chunked\n\na": "the server sets it",
    "200\nConnection: close\n\na": "the server sets it",
    "200\nContent-Type: a\ncontent-type: b\n\n": "expected one Content-Type",
    "200\nResponse-Delay: 2s\n\n": "expected Response-Delay in milliseconds",
    "200\nResponse-Delay: 500-200\n\n": "expected Response-Delay in milliseconds",
    "200\nResponse-Delay: -1\n\n": "expected Response-Delay in milliseconds",
  };
  for (const [file, reason] of Object.entries(reasons)) {
    assertThrows(() => finish(parseHttpFile(bytesOf(file))), UnusableFile, reason);
  }
});
