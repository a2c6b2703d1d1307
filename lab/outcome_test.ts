import { assertEquals } from "@std/assert";
import { lab } from "./lab.ts";
import type { Contract } from "./contract.ts";
import { contentFrom, outcomeOf } from "./outcome.ts";
import { bytesOf, NEXT_REQUEST, type Piece, STALL } from "./pieces.ts";
import { CLIENT, requestOf } from "../tests/requests.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const SHORT = `${OK}Content-Length: 3\r\n\r\nok\n`;

function contentIn(...pieces: Piece[]): string | undefined {
  return outcomeOf(pieces, "GET")?.content;
}

Deno.test("outcomeOf() reads the first final response, and what frames its content", () => {
  assertEquals(outcomeOf([SHORT], "GET"), { status: 200, content: "ok\n" });
  assertEquals(outcomeOf([SHORT], "HEAD"), { status: 200, content: "" });
  assertEquals(contentIn(0.5, "HTTP/1.1 103 Early Hints\r\n\r\n", SHORT, SHORT), "ok\n");
  assertEquals(contentIn(`${OK}\r\nuntil the`, " close"), "until the close");
  assertEquals(
    contentIn(
      `${OK}Transfer-Encoding: chunked\r\n\r\n`,
      "2\r\nab\r\n",
      "0003;x\r\ncde\r\n0\r\n\r\n",
    ),
    "abcde",
  );
  assertEquals(contentIn("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nok\n"), "");
  assertEquals(contentIn(`${OK}Content-Length: 6\r\n\r\n`, { repeat: "ab", times: 3 }), "ababab");
  assertEquals(contentIn("\r\nHTTP/1.1 200\nContent-Length : 3\n\nok\n"), "ok\n"); // leniently
});

Deno.test("outcomeOf() leaves out what comes late, and what no request asks for", () => {
  assertEquals(contentIn(`${OK}\r\nok`, { late: 0.1 }, "late"), "ok");
  assertEquals(contentIn(`${OK}\r\nok`, NEXT_REQUEST, "more"), "ok");
});

Deno.test("outcomeOf() has none for what is incomplete or does not end", () => {
  assertEquals(contentIn(), undefined);
  assertEquals(contentIn(`${OK}Content-Le`), undefined);
  assertEquals(contentIn(`${OK}Content-Length: 4\r\n\r\nok\n`), undefined);
  assertEquals(contentIn(`${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n`), undefined);
  assertEquals(
    contentIn(`${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n`),
    undefined,
  );
  assertEquals(contentIn(`${OK}\r\nok`, STALL), undefined);
  assertEquals(contentIn(`${OK}\r\n`, { repeat: "ab" }), undefined);
  assertEquals(contentIn(SHORT, STALL), "ok\n");
  assertEquals(contentIn("HTTP/1.1 100 Continue\r\n\r\n"), undefined);
});

Deno.test("contentFrom() gives short UTF-8 as text, and the rest as a hash", () => {
  assertEquals(contentFrom(bytesOf("")), "");
  assertEquals(contentFrom(bytesOf("\xef\xbb\xbfcaf\xc3\xa9")), "\ufeffcafé");
  assertEquals(contentFrom(bytesOf("caf\xe9")), {
    bytes: 4,
    sha256: "dafd66c0b98965e688be1fc12942c09f0350e6be0685017c3f234e97d0adc92e",
  });
  assertEquals(typeof contentFrom(bytesOf("a".repeat(257))), "object");
});

Deno.test("/lab.json has a contract for each entry, with all that a program needs", () => {
  const reply = lab({ canReset: true })(requestOf("GET /lab.json HTTP/1.1"), CLIENT);
  const entries: Contract[] = JSON.parse(String((reply as { body: string }).body));
  const at = (path: string) => entries.find((entry) => entry.path === path);
  assertEquals(at("/gzip"), {
    path: "/gzip",
    usage: "/gzip",
    group: "Right: content codings",
    about: "sends a text compressed by gzip",
    section: "RFC 9110 §8.4.1",
    broken: false,
    client: "accepts the text, decompressed or as it is with its Content-Encoding",
    curl: "-i --compressed",
    expect: "accept",
    level: "should",
    harm: ["content"],
    method: "GET",
    sends: 0,
    status: 200,
    contents: [
      { bytes: 46, sha256: "0f054e251495b207732eef4c7585c7209ba6b153005460dddf786412603f401b" },
      "This text was compressed.\n",
    ],
    reuse: true,
    bounded: false,
    stalls: false,
  });
  const { contents, status, needs, expect } = at("/reset-body")!;
  assertEquals([contents, status, needs, expect], [undefined, undefined, "reset", "report"]);
  assertEquals(at("/unread")?.sends, 8 * 1024 * 1024);
  assertEquals(at("/two-responses")?.reuse, false);
  assertEquals(at("/hang")?.stalls, true);
});
