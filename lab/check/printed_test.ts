import { assert, assertEquals } from "@std/assert";
import { sha256 } from "../outcome.ts";
import { textOf } from "../pieces.ts";
import { OutputReader, tellingLine } from "./printed.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** What is printed in pieces of this size. */
function print(text: string, size = text.length || 1) {
  const reader = new OutputReader();
  const all = bytes(text);
  for (let at = 0; at < all.length; at += size) reader.add(all.subarray(at, at + size));
  return reader.printed();
}

Deno.test("OutputReader hashes what is printed, with and without a line end at the end", () => {
  for (const size of [1, 2, 7, 100]) {
    const output = print("a content of some length\r\n", size);
    assertEquals(output.bytes, 26);
    assertEquals(output.head, "a content of some length\r\n");
    assertEquals(output.sha256, sha256(bytes("a content of some length\r\n")));
    assertEquals(output.trimmedSha256, sha256(bytes("a content of some length")));
    assertEquals(output.beforeNext, undefined);
  }
});

Deno.test("OutputReader tells the content of the next request apart, with any line end", () => {
  for (const content of ["", "01234", "line\n", "line\r\n", "a longer content\n"]) {
    for (const next of ["next", "next\n", "next\r\n"]) {
      for (const size of [1, 3, 100]) {
        const { beforeNext } = print(content + next, size);
        assert(beforeNext);
        assertEquals(beforeNext.sha256, sha256(bytes(content)));
        assertEquals(beforeNext.trimmedSha256, sha256(bytes(content.replace(/\r?\n$/, ""))));
        assertEquals([beforeNext.bytes, beforeNext.head], [content.length, content]);
      }
    }
  }
  assertEquals(print("next one").beforeNext, undefined);
});

Deno.test("OutputReader keeps no more than the start of what is printed", () => {
  const reader = new OutputReader();
  const megabyte = new Uint8Array(1024 * 1024).fill(97);
  for (let count = 0; count < 3; count++) reader.add(megabyte);
  const { bytes, head } = reader.printed();
  assertEquals([bytes, head.length], [3 * 1024 * 1024, 64 * 1024]);
});

Deno.test("OutputReader takes nothing for a content without bytes", () => {
  const { bytes, head, sha256: hash } = print("");
  assertEquals([bytes, head, hash], [0, "", sha256(new Uint8Array())]);
});

Deno.test("textOf() has one character per byte", () => {
  assertEquals(textOf(Uint8Array.of(0, 0x61, 0x80, 0xff)), "\0a\x80\xff");
});

Deno.test("tellingLine() finds the line that names the error", () => {
  const node = `node:internal/deps/undici/undici:14900
      Error.captureStackTrace(err);
            ^

TypeError: fetch failed
    at node:internal/deps/undici/undici:14900:13 {
  [cause]: HTTPParserError: Response does not match the HTTP/1.1 protocol
      at Parser.execute (node:internal/deps/undici/undici:7285:19) {
    code: 'HPE_INVALID_CONSTANT',
  }
}

Node.js v24.21.0
`;
  assertEquals(
    tellingLine(node),
    "[cause]: HTTPParserError: Response does not match the HTTP/1.1 protocol",
  );
  const details = `error: fetch failed HTTPParserError: Invalid character in chunk extensions
    at Parser.execute (node:internal/deps/undici/undici:5922:21) {
  code: 'HPE_INVALID_CONSTANT',
  [Symbol(undici.error.UND_ERR)]: true
}
`;
  assertEquals(
    tellingLine(details),
    "error: fetch failed HTTPParserError: Invalid character in chunk extensions",
  );
  const python = `Traceback (most recent call last):
  File "a.py", line 3, in <module>
    get(url)
httpx.ReadError: [Errno 104] Connection reset by peer
`;
  assertEquals(tellingLine(python), "httpx.ReadError: [Errno 104] Connection reset by peer");
  const java = `Exception in thread "main" java.io.IOException: chunked transfer encoding
\tat java.net.http/jdk.internal.net.http.HttpClientImpl.send(HttpClientImpl.java:586)
Caused by: java.io.EOFException: EOF reached while reading
\t... 1 more
`;
  assertEquals(tellingLine(java), "Caused by: java.io.EOFException: EOF reached while reading");
  assertEquals(tellingLine("curl: (18) transfer closed\n"), "curl: (18) transfer closed");
  assertEquals(tellingLine("one\ntwo\n\n"), "two");
  assertEquals(tellingLine(""), "");
});
