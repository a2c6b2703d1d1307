import { assertEquals, assertThrows } from "@std/assert";
import { bytesOf, textOf } from "../tests/wire.ts";
import { UnusableFile } from "./files.ts";
import { parseHttpFile } from "./http_file.ts";

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

Deno.test("parseHttpFile() gives content without a type the one that it has", () => {
  assertEquals(parsed("200\n\n\xff").headers, [["Content-Type", "application/octet-stream"]]);
  assertEquals(parsed("200\n\na").headers, [TEXT]);
  assertEquals(parsed("200\ncontent-type: a/b\n\na").headers, [["content-type", "a/b"]]);
});

Deno.test("parseHttpFile() takes Response-Delay out, in milliseconds", () => {
  const delayIn = (value: string) => parsed(`200\nresponse-delay: ${value}\nA: b\n\n`).delay;
  assertEquals(delayIn("500"), { minMs: 500, maxMs: 500 });
  assertEquals(delayIn("200-500"), { minMs: 200, maxMs: 500 });
  assertEquals(parsed("200\nResponse-Delay: 1\nA: b\n\n").headers, [["A", "b"]]);
});

Deno.test("parseHttpFile() refuses what the server could not send", () => {
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
