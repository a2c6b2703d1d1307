/**
 * Content where none is allowed, or that differs from its header fields.
 *
 * @module
 */

import {
  BOMB_END,
  BOMB_REPEATS,
  BOMB_START,
  type Catalog,
  COMPRESSED,
  GZIP,
  LEFTOVER,
  OPEN,
  open,
  TEXT,
} from "./entry.ts";
import { chunk, ok } from "../pieces.ts";

/** The length of a content that looks like a response. */
const LENGTH = `Content-Length: ${LEFTOVER.length}`;

/** Content where none is allowed, or that differs from its header fields. */
// deno-fmt-ignore: a table with three lines per entry
export const CONTENTS: Catalog = {
  "Content where none is allowed": [
    // it looks like a response, and the connection stays open: the next request must not get it
    { name: "204-body", section: "9112 §6.3", about: "sends content with 204, and stays open",
      client: "drops the content and closes, or reports an invalid response", expect: "either", level: "may",
      harm: ["content", "next"], reuse: false, wrong: [open("204 No Content", LENGTH, LEFTOVER)], ending: "open" },
    { name: "204-chunked", section: "9112 §6.3", about: "sends content in chunks with 204, and stays open",
      client: "drops the content and closes, or reports an invalid response", expect: "either", level: "may",
      harm: ["content", "next"], reuse: false, ending: "open",
      wrong: [open("204 No Content", "Transfer-Encoding: chunked", `${chunk("ok\n")}0\r\n\r\n`)] },
    { name: "205-body", section: "9110 §15.3.6", about: "sends content with 205, and stays open",
      client: "reads the content and keeps or drops it, or reports an invalid response",
      expect: "either", level: "may", harm: ["next"], contents: ["ok\n", ""],
      wrong: [open("205 Reset Content", "Content-Length: 3", "ok\n")], ending: "open" },
    { name: "304-body", section: "9112 §6.3", about: "sends content with 304, and stays open",
      client: "drops the content and closes, or reports an invalid response", expect: "either", level: "may",
      harm: ["content", "next"], reuse: false, wrong: [open("304 Not Modified", LENGTH, LEFTOVER)], ending: "open" },
    { name: "head-body", section: "9112 §6.3", about: "sends content after a response to HEAD, and stays open",
      client: "drops the content and closes, or reports an invalid response", expect: "either", level: "may",
      harm: ["content", "next"], reuse: false, method: "HEAD", curl: "-I", contents: [""],
      wrong: [open("200 OK", LENGTH, LEFTOVER)], ending: "open" },
    { name: "two-responses", section: "9112 §9.2", about: "sends a second response after the first, and stays open",
      client: "drops the second and closes, or reports an error", expect: "either", level: "may",
      harm: ["next"], reuse: false, wrong: [OPEN + LEFTOVER], ending: "open" },
    { name: "late-response", section: "9112 §9.2", about: "sends a second response 0.1 seconds after the first",
      client: "accepts the first, and does not take the second for its next one",
      expect: "accept", level: "must", harm: ["next"], reuse: false, wrong: [OPEN, 0.1, LEFTOVER], ending: "open" },
    { name: "late-408", section: "9112 §9.2", about: "sends 408 Request Timeout 0.1 seconds after the response",
      client: "accepts the response, and does not take the 408 for its next one",
      expect: "accept", level: "must", harm: ["next"], reuse: false, ending: "open",
      wrong: [OPEN, 0.1, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\nConnection: close\r\n\r\n408\n"] },
  ],
  "Content that differs from its header fields": [
    { name: "bad-gzip", section: "9110 §8.4", about: "announces gzip, and sends plain text", curl: "-i --compressed",
      client: "reports invalid content, or passes on the bytes with their Content-Encoding",
      expect: "either", level: "may", harm: ["content"], wrong: [ok("Content-Encoding: gzip|Content-Length: 3", "ok\n")] },
    { name: "cut-gzip", section: "9110 §8.4", about: "ends in the middle of the gzip data", curl: "-i --compressed",
      client: "reports invalid content, or passes on the bytes with their Content-Encoding",
      expect: "either", level: "may", harm: ["content"],
      wrong: [ok("Content-Encoding: gzip|Content-Length: 30", GZIP.slice(0, 30))] },
    { name: "gzip-garbage", section: "9110 §8.4", about: "has garbage after the gzip data", curl: "-i --compressed",
      client: "reports invalid content, drops the garbage, or passes on the bytes with their Content-Encoding",
      expect: "either", level: "may", decoded: COMPRESSED,
      wrong: [ok(`Content-Encoding: gzip|Content-Length: ${GZIP.length + 5}`, `${GZIP}01234`)] },
    { name: "gzip-bomb", section: "9110 §8.4", about: "sends 0.4 MiB that decompress to 64 MiB of zeros",
      client: "gives up after a limit of its own, or reads them piece by piece", expect: "either", level: "may",
      harm: ["memory"], contents: "any", curl: "-o /dev/null --compressed",
      wrong: [ok("Content-Encoding: gzip|Content-Length: 422677", BOMB_START),
        { repeat: BOMB_REPEATS, times: 64 }, BOMB_END] },
    { name: "empty-encoding", section: "9110 §8.4", about: "has Content-Encoding without a value",
      client: "accepts the content as it is, or reports an error", expect: "either", level: "may",
      wrong: [ok("Content-Encoding:|Content-Length: 3", "ok\n")] },
    { name: "unknown-encoding", section: "9110 §8.4", about: "has an unknown content coding",
      client: "passes on the bytes with their Content-Encoding, or reports an error", expect: "either", level: "may",
      wrong: [ok("Content-Encoding: tea|Content-Length: 3", "ok\n")] },
    { name: "wrong-charset", section: "9110 §8.3.2", about: "announces UTF-8, and sends ISO 8859-1",
      client: "shows a replacement character, or reports an error", expect: "either", level: "may",
      wrong: [ok("Content-Type: text/plain; charset=utf-8|Content-Length: 5", "caf\xe9\n")] },
    { name: "cut-utf8", section: "9110 §8.3.2", about: "ends in the middle of a UTF-8 character",
      client: "shows a replacement character, or reports an error", expect: "either", level: "may",
      wrong: [ok("Content-Type: text/plain; charset=utf-8|Content-Length: 5", "tea \xe2")] },
    { name: "two-types", section: "9110 §8.3", about: "has two Content-Type fields",
      client: "uses one of them, or reports an error", expect: "either", level: "may",
      wrong: [ok(`${TEXT}|Content-Type: application/json|Content-Length: 3`, "{}\n")] },
    { name: "bad-json", section: "8259 §2", about: "announces JSON, and ends inside an array",
      client: "accepts the response; only a parser of JSON reports an error", expect: "accept", level: "should",
      wrong: [ok("Content-Type: application/json|Content-Length: 7", "[1, 2, ")] },
  ],
};
