/**
 * Content where none is allowed, or that differs from its header fields.
 *
 * @module
 */

import { type Catalog, LEFTOVER, ok, OPEN_RESPONSE, openResponse, TEXT_TYPE } from "./entry.ts";
import { chunk } from "../pieces.ts";

/** The length of a content that looks like a response. */
const LENGTH = `Content-Length: ${LEFTOVER.length}`;

/** Content where none is allowed, or that differs from its header fields. */
// deno-fmt-ignore: a table with three lines per entry
export const CONTENTS: Catalog = {
  "Content where none is allowed": [
    // it looks like a response, and the connection stays open: the next request must not get it
    { name: "204-body", section: "9112 §6.3", about: "sends content with 204, and stays open",
      client: "drops the content and closes, or reports an invalid response", expect: "either", level: "may",
      harm: ["content", "next"], reuse: false, wrong: [openResponse("204 No Content", LENGTH, LEFTOVER)], ending: "open" },
    { name: "204-chunked", section: "9112 §6.3", about: "sends content in chunks with 204, and stays open",
      client: "drops the content and closes, or reports an invalid response", expect: "either", level: "may",
      harm: ["content", "next"], reuse: false, ending: "open",
      wrong: [openResponse("204 No Content", "Transfer-Encoding: chunked", `${chunk("ok\n")}0\r\n\r\n`)] },
    { name: "205-body", section: "9110 §15.3.6", about: "sends content with 205, and stays open",
      client: "reads the content and keeps or drops it, or reports an invalid response",
      expect: "either", level: "may", harm: ["next"], contents: ["ok\n", ""],
      wrong: [openResponse("205 Reset Content", "Content-Length: 3", "ok\n")], ending: "open" },
    { name: "304-body", section: "9112 §6.3", about: "sends content with 304, and stays open",
      client: "drops the content and closes, or reports an invalid response", expect: "either", level: "may",
      harm: ["content", "next"], reuse: false, wrong: [openResponse("304 Not Modified", LENGTH, LEFTOVER)], ending: "open" },
    { name: "head-body", section: "9112 §6.3", about: "sends content after a response to HEAD, and stays open",
      client: "drops the content and closes, or reports an invalid response", expect: "either", level: "may",
      harm: ["content", "next"], reuse: false, method: "HEAD", curl: "-I", contents: [""],
      wrong: [openResponse("200 OK", LENGTH, LEFTOVER)], ending: "open" },
    { name: "two-responses", section: "9112 §9.2", about: "sends a second response after the first, and stays open",
      client: "drops the second and closes, or reports an error", expect: "either", level: "may",
      harm: ["next"], reuse: false, wrong: [OPEN_RESPONSE + LEFTOVER], ending: "open" },
    { name: "many-responses", section: "9112 §9.2", about: "sends 2000 responses more, and stays open",
      client: "drops them and closes, or reports an error", expect: "either", level: "may",
      harm: ["next", "memory"], reuse: false, wrong: [OPEN_RESPONSE + LEFTOVER, { repeat: LEFTOVER, times: 1999 }], ending: "open" },
    { name: "extra-crlf", section: "9112 §9.2", about: "sends an empty line after the response, and stays open",
      client: "accepts the response, and drops the line", expect: "accept", level: "should", harm: ["next"],
      wrong: [`${OPEN_RESPONSE}\r\n`], ending: "open" },
    { name: "late-response", section: "9112 §9.2", about: "sends a second response 0.1 seconds after the first",
      client: "accepts the first, and does not take the second for its next one",
      expect: "accept", level: "must", harm: ["next"], reuse: false, wrong: [OPEN_RESPONSE, { late: 0.1 }, LEFTOVER], ending: "open" },
    { name: "late-408", section: "9112 §9.2", about: "sends 408 Request Timeout 0.1 seconds after the response",
      client: "accepts the response, and does not take the 408 for its next one",
      expect: "accept", level: "must", harm: ["next"], reuse: false, ending: "open",
      wrong: [OPEN_RESPONSE, { late: 0.1 }, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\nConnection: close\r\n\r\n408\n"] },
  ],
  "Content that differs from its header fields": [
    { name: "wrong-charset", section: "9110 §8.3.2", about: "announces UTF-8, and sends ISO 8859-1",
      client: "shows a replacement character, or reports an error", expect: "either", level: "may",
      wrong: [ok("Content-Type: text/plain; charset=utf-8|Content-Length: 5", "caf\xe9\n")] },
    { name: "cut-utf8", section: "9110 §8.3.2", about: "ends in the middle of a UTF-8 character",
      client: "shows a replacement character, or reports an error", expect: "either", level: "may",
      wrong: [ok("Content-Type: text/plain; charset=utf-8|Content-Length: 5", "tea \xe2")] },
    { name: "unknown-charset", section: "9110 §8.3.2", about: "has a charset that nobody knows",
      client: "passes on the bytes, or reports an error", expect: "either", level: "may",
      wrong: [ok("Content-Type: text/plain; charset=tea|Content-Length: 3", "ok\n")] },
    { name: "bad-type", section: "9110 §8.3", about: "has a Content-Type without a slash",
      client: "passes on the bytes, or reports an error", expect: "either", level: "may",
      wrong: [ok("Content-Type: text|Content-Length: 3", "ok\n")] },
    { name: "two-types", section: "9110 §8.3", about: "has two Content-Type fields",
      client: "uses one of them, or reports an error", expect: "either", level: "may",
      wrong: [ok(`${TEXT_TYPE}|Content-Type: application/json|Content-Length: 3`, "{}\n")] },
    { name: "bad-json", section: "8259 §2", about: "announces JSON, and ends inside an array",
      client: "accepts the response; only a parser of JSON reports an error", expect: "accept", level: "should",
      wrong: [ok("Content-Type: application/json|Content-Length: 7", "[1, 2, ")] },
  ],
};
