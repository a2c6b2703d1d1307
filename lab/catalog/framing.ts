/**
 * Lengths and chunks.
 *
 * @module
 */

import { type Catalog, LASTS, OPEN, openChunked } from "./entry.ts";
import { chunk, chunked, ok } from "../pieces.ts";

/** What follows the chunks, without trailers. */
const LAST = "0\r\n\r\n";
/** A piece of 64 KiB, 16 of which make 1 MiB. */
const MIB = { repeat: "a".repeat(65536), times: 16 };

/** Lengths and chunks. */
// deno-fmt-ignore: a table with three lines per entry
export const FRAMING: Catalog = {
  "Lengths": [
    { name: "truncated", section: "9112 §6.3", about: "announces 10 bytes of content and sends 5",
      client: "reports that the content is incomplete", expect: "report", level: "must", harm: ["content"],
      wrong: [ok("Content-Length: 10", "01234")] },
    { name: "too-long", section: "9112 §9.2", about: "announces 3 bytes of content, sends 8, and stays open",
      client: "reads 3, drops the rest and closes, or reports an invalid response",
      expect: "either", level: "may", harm: ["content", "next"], reuse: false, wrong: [`${OPEN}01234`], ending: "open" },
    { name: "two-lengths", section: "9112 §6.3", about: "has two Content-Length fields, 5 and 10",
      client: "reports an invalid response", expect: "report", level: "must", harm: ["content"],
      wrong: [ok("Content-Length: 5|Content-Length: 10", "0123456789")] },
    { name: "same-lengths", section: "9110 §8.6", about: "has Content-Length: 5 twice",
      client: "reads it as 5, or reports an invalid response", expect: "either", level: "may",
      contents: ["01234"], wrong: [ok("Content-Length: 5|Content-Length: 5", "01234")] },
    { name: "list-length", section: "9110 §8.6", about: "has Content-Length: 5, 5",
      client: "reads it as 5, or reports an invalid response", expect: "either", level: "may",
      contents: ["01234"], wrong: [ok("Content-Length: 5, 5", "01234")] },
    { name: "negative-length", section: "9112 §6.3", about: "has Content-Length: -1",
      client: "reports an invalid response", expect: "report", level: "must",
      wrong: [ok("Content-Length: -1", "01234")] },
    { name: "plus-length", section: "9112 §6.3", about: "has Content-Length: +5",
      client: "reports an invalid response", expect: "report", level: "must",
      wrong: [ok("Content-Length: +5", "01234")] },
    { name: "hex-length", section: "9112 §6.3", about: "has Content-Length: 0x5",
      client: "reports an invalid response", expect: "report", level: "must",
      wrong: [ok("Content-Length: 0x5", "01234")] },
    { name: "word-length", section: "9112 §6.3", about: "has Content-Length: 5 five",
      client: "reports an invalid response", expect: "report", level: "must",
      wrong: [ok("Content-Length: 5 five", "01234")] },
    { name: "empty-length", section: "9112 §6.3", about: "has Content-Length without a value",
      client: "reports an invalid response", expect: "report", level: "must",
      wrong: [ok("Content-Length:", "01234")] },
    { name: "huge-length", section: "9110 §8.6", about: "has a Content-Length of 5 beyond 64 bits, and sends 5 bytes",
      client: "reports that the length is too large, not a length of 5", expect: "report", level: "must",
      harm: ["content"], wrong: [ok("Content-Length: 18446744073709551621", "01234")] },
    { name: "length-and-chunked", section: "9112 §6.3", about: "has both Content-Length and Transfer-Encoding: chunked",
      client: "reads the chunks, or reports an invalid response", expect: "either", level: "may", harm: ["content"],
      wrong: [ok("Content-Length: 3|Transfer-Encoding: chunked", `${chunk("01234")}${LAST}`)] },
  ],
  "Chunks": [
    // what follows the fault would be right, so that a client that misreads it goes on
    { name: "not-chunked", section: "9112 §8", about: "announces chunks, and sends text instead",
      client: "reports invalid content", expect: "report", level: "must", harm: ["content"],
      wrong: [chunked(`zero one two\r\n${LAST}`)] },
    { name: "bad-chunk", section: "9112 §8", about: "has a chunk size that is not a number",
      client: "reports invalid content", expect: "report", level: "must", harm: ["content"],
      wrong: [chunked(chunk("01234"), `xyz\r\n\r\n${chunk("56789")}${LAST}`)] },
    { name: "negative-chunk", section: "9112 §8", about: "has a chunk size of -5",
      client: "reports invalid content", expect: "report", level: "must", harm: ["content"],
      wrong: [chunked(`-5\r\n01234\r\n${LAST}`)] },
    { name: "prefixed-chunk", section: "9112 §8", about: "has a chunk size of 0x5",
      client: "reports invalid content", expect: "report", level: "must", harm: ["content"],
      wrong: [chunked(`0x5\r\n01234\r\n${LAST}`)] },
    { name: "huge-chunk", section: "9112 §7.1", about: "has a chunk size of 5 beyond 64 bits, and sends 5 bytes",
      client: "reports that the chunk size is too large", expect: "report", level: "must", harm: ["content"],
      wrong: [chunked(`10000000000000005\r\n01234\r\n${LAST}`)] },
    { name: "long-chunk", section: "9112 §8", about: "has 10 bytes in a chunk of 5",
      client: "reports invalid content", expect: "report", level: "must", harm: ["content"],
      wrong: [chunked(`5\r\n0123456789\r\n${LAST}`)] },
    { name: "cut-chunk", section: "9112 §8", about: "closes in the middle of a chunk",
      client: "reports that the content is incomplete", expect: "report", level: "must", harm: ["content"],
      wrong: [`${openChunked(chunk("01234"))}5\r\n56`] }, // some report it only if the close came unannounced
    { name: "no-last-chunk", section: "9112 §8", about: "closes as announced, but without the last chunk",
      client: "reports that the content is incomplete", expect: "report", level: "must", harm: ["content"],
      wrong: [chunked(chunk("01234"))] },
    { name: "chunk-after-last", section: "9112 §9.2", about: "sends a chunk after the last one, and stays open",
      client: "drops it and closes, or reports invalid content", expect: "either", level: "may",
      harm: ["content", "next"], reuse: false,
      wrong: [openChunked(chunk("01234"), LAST, chunk("56789"), LAST)], ending: "open" },
    { name: "lf-chunks", section: "9112 §7.1", about: "ends the lines of chunks with LF alone",
      client: "reports invalid content, or reads LF as CRLF", expect: "either", level: "may", contents: ["01234"],
      wrong: [chunked("5\n01234\n0\n\n")] },
    { name: "long-extension", section: "9112 §7.1.1", about: "has a chunk extension of 1 MiB",
      client: "ignores it, or gives up after a limit of its own", expect: "either", level: "may", contents: ["01234"],
      wrong: [chunked("5;a="), MIB, `\r\n01234\r\n${LAST}`] },
    { name: "chunked-twice", section: "9112 §6.1", about: "announces chunked twice, and applies it once",
      client: "reads the chunks, or reports an invalid response", expect: "either", level: "may",
      contents: ["01234"], wrong: [ok("Transfer-Encoding: chunked, chunked", `${chunk("01234")}${LAST}`)] },
    { name: "unknown-coding", section: "9112 §6.3", about: "has an unknown transfer coding, and no other",
      client: "reads until the close, or reports an unknown coding", expect: "either", level: "may",
      wrong: [ok("Transfer-Encoding: tea", "01234")] },
    { name: "endless-chunks", takes: LASTS, section: "9112 §7.1", about: "sends a chunk twenty times a second, without end",
      client: "gives up after a total timeout or size", expect: "report", level: "should", stalls: true, curl: "-im 5",
      wrong: [chunked(), { repeat: chunk("01234"), pause: 0.05 }], ending: "close" },
    { name: "bad-trailers", section: "9110 §6.5.1", about: "has Content-Length: 3 in its trailer section",
      client: "reads 5 bytes of content and ignores the trailer, or reports invalid content",
      expect: "either", level: "may", harm: ["content"],
      wrong: [chunked(chunk("01234"), "0\r\nContent-Length: 3\r\n\r\n")] },
    { name: "endless-trailers", section: "9112 §7.1.2", about: "sends a trailer section without end",
      client: "gives up after a limit of its own, or accepts the content and closes",
      expect: "either", level: "may", harm: ["memory", "time"], bounded: true, curl: "-o /dev/null",
      contents: ["01234"],
      wrong: [chunked(chunk("01234"), "0\r\n"), { repeat: `X-More: ${"a".repeat(1014)}\r\n`.repeat(16) }] },
  ],
};
