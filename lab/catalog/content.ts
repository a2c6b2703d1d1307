/**
 * Content where none is allowed, or that differs from its header fields.
 *
 * @module
 */

import { BOMB_END, BOMB_REPEATS, BOMB_START, type Catalog, GZIP, OPEN, TEXT } from "./entry.ts";
import { chunk, joined, ok, repeat, response } from "../pieces.ts";

/** Content where none is allowed, or that differs from its header fields. */
// deno-fmt-ignore: a table with two or three lines per entry
export const CONTENTS: Catalog = {
  "Content where none is allowed": [
    { name: "204-body", section: "9110 §15.3.5", about: "sends content with 204",
      client: "drops the content, and closes", wrong: [response("204 No Content", "Content-Length: 3", "ok\n")] },
    { name: "204-chunked", section: "9112 §6.1", about: "sends content in chunks with 204",
      client: "drops the content, and closes",
      wrong: [response("204 No Content", "Transfer-Encoding: chunked", `${chunk("ok\n")}0\r\n\r\n`)] },
    { name: "205-body", section: "9110 §15.3.6", about: "sends content with 205",
      client: "accepts or drops the content", wrong: [response("205 Reset Content", "Content-Length: 3", "ok\n")] },
    { name: "304-body", section: "9110 §15.4.5", about: "sends content with 304",
      client: "drops the content, and closes", wrong: [response("304 Not Modified", "Content-Length: 3", "ok\n")] },
    { name: "head-body", section: "9110 §9.3.2", about: "sends content after a response to HEAD", curl: "-I",
      client: "drops the content, and closes", wrong: [ok("Content-Length: 3", "ok\n")] },
    { name: "two-responses", section: "9112 §9.2", about: "sends a second response after the first",
      client: "drops the second, and closes",
      wrong: [OPEN + response("404 Not Found", "Content-Length: 3", "no\n")] },
  ],
  "Content that differs from its header fields": [
    { name: "bad-gzip", section: "9110 §8.4", about: "announces gzip, and sends plain text", curl: "-i --compressed",
      client: "reports invalid content", wrong: [ok("Content-Encoding: gzip|Content-Length: 3", "ok\n")] },
    { name: "cut-gzip", section: "9110 §8.4", about: "ends in the middle of the gzip data", curl: "-i --compressed",
      client: "reports invalid content",
      wrong: [ok("Content-Encoding: gzip|Content-Length: 30", GZIP.slice(0, 30))] },
    { name: "gzip-garbage", section: "9110 §8.4", about: "has garbage after the gzip data", curl: "-i --compressed",
      client: "reports invalid content, or drops the garbage",
      wrong: [ok(`Content-Encoding: gzip|Content-Length: ${GZIP.length + 5}`, `${GZIP}01234`)] },
    { name: "gzip-bomb", section: "9110 §8.4", about: "sends 0.4 MiB that decompress to 64 MiB of zeros",
      client: "gives up after a limit of its own, or reads them piece by piece", curl: "--compressed -o /dev/null",
      wrong: () => joined(ok("Content-Encoding: gzip|Content-Length: 422677", BOMB_START),
        repeat(BOMB_REPEATS, 64), BOMB_END) },
    { name: "empty-encoding", section: "9110 §8.4", about: "has Content-Encoding without a value",
      client: "accepts the content as it is, or reports an error",
      wrong: [ok("Content-Encoding:|Content-Length: 3", "ok\n")] },
    { name: "unknown-encoding", section: "9110 §8.4", about: "has an unknown content coding",
      client: "passes on the bytes with their Content-Encoding, or reports an error",
      wrong: [ok("Content-Encoding: tea|Content-Length: 3", "ok\n")] },
    { name: "wrong-charset", section: "9110 §8.3.2", about: "announces UTF-8, and sends ISO 8859-1",
      client: "shows a replacement character, or reports an error",
      wrong: [ok("Content-Type: text/plain; charset=utf-8|Content-Length: 5", "caf\xe9\n")] },
    { name: "cut-utf8", section: "9110 §8.3.2", about: "ends in the middle of a UTF-8 character",
      client: "shows a replacement character, or reports an error",
      wrong: [ok("Content-Type: text/plain; charset=utf-8|Content-Length: 5", "tea \xe2")] },
    { name: "two-types", section: "9110 §8.3", about: "has two Content-Type fields",
      client: "uses one of them", 
      wrong: [ok(`${TEXT}|Content-Type: application/json|Content-Length: 3`, "{}\n")] },
    { name: "bad-json", section: "8259 §2", about: "announces JSON, and ends inside an array",
      client: "accepts the response, and reports invalid JSON",
      wrong: [ok("Content-Type: application/json|Content-Length: 7", "[1, 2, ")] },
  ],
};
