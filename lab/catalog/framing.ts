/**
 * Lengths and chunks.
 *
 * @module
 */

import { type Catalog, LASTS, OPEN, TEXT } from "./entry.ts";
import { chunk, chunked, joined, OK, ok, repeat } from "../pieces.ts";

/** Lengths and chunks. */
// deno-fmt-ignore: a table with two or three lines per entry
export const FRAMING: Catalog = {
  "Lengths": [
    { name: "truncated", section: "9112 §8", about: "announces 10 bytes of content and sends 5",
      client: "reports that the content is incomplete", wrong: [ok("Content-Length: 10", "01234")] },
    { name: "too-long", section: "9112 §9.2", about: "announces 3 bytes of content and sends 8",
      client: "reads 3, drops the rest, and closes", wrong: [`${OPEN}01234`] },
    { name: "two-lengths", section: "9112 §6.3", about: "has two Content-Length fields, 5 and 10",
      client: "reports an invalid response",
      wrong: [ok("Content-Length: 5|Content-Length: 10", "0123456789")] },
    { name: "same-lengths", section: "9112 §6.3", about: "has Content-Length: 5 twice",
      client: "reads it as 5, or reports an invalid response",
      wrong: [ok("Content-Length: 5|Content-Length: 5", "01234")] },
    { name: "list-length", section: "9112 §6.3", about: "has Content-Length: 5, 5",
      client: "reads it as 5, or reports an invalid response", wrong: [ok("Content-Length: 5, 5", "01234")] },
    { name: "negative-length", section: "9110 §8.6", about: "has Content-Length: -1",
      client: "reports an invalid response", wrong: [ok("Content-Length: -1", "01234")] },
    { name: "plus-length", section: "9110 §8.6", about: "has Content-Length: +5",
      client: "reports an invalid response", wrong: [ok("Content-Length: +5", "01234")] },
    { name: "hex-length", section: "9110 §8.6", about: "has Content-Length: 0x5",
      client: "reports an invalid response", wrong: [ok("Content-Length: 0x5", "01234")] },
    { name: "word-length", section: "9110 §8.6", about: "has Content-Length: 5 five",
      client: "reports an invalid response", wrong: [ok("Content-Length: 5 five", "01234")] },
    { name: "empty-length", section: "9110 §8.6", about: "has Content-Length without a value",
      client: "reports an invalid response", wrong: [ok("Content-Length:", "01234")] },
    { name: "huge-length", section: "9110 §8.6", about: "has a Content-Length beyond 64 bits",
      client: "reports an invalid response", wrong: [ok("Content-Length: 18446744073709551621", "01234")] },
    { name: "length-and-chunked", section: "9112 §6.3", about: "has both Content-Length and Transfer-Encoding: chunked",
      client: "reads the chunks or reports an invalid response, and closes",
      wrong: [ok("Content-Length: 3|Transfer-Encoding: chunked", `${chunk("01234")}0\r\n\r\n`)] },
  ],
  "Chunks": [
    { name: "not-chunked", section: "9112 §7.1", about: "announces chunks, and sends none",
      client: "reports an invalid response", wrong: [chunked("zero one two\n")] },
    { name: "bad-chunk", section: "9112 §7.1", about: "has a chunk size that is not a number",
      client: "reports invalid content", wrong: [chunked(chunk("01234"), "xyz\r\n")] },
    { name: "negative-chunk", section: "9112 §7.1", about: "has a chunk size of -5",
      client: "reports invalid content", wrong: [chunked("-5\r\n01234\r\n0\r\n\r\n")] },
    { name: "prefixed-chunk", section: "9112 §7.1", about: "has a chunk size of 0x5",
      client: "reports invalid content", wrong: [chunked("0x5\r\n01234\r\n0\r\n\r\n")] },
    { name: "huge-chunk", section: "9112 §7.1", about: "has a chunk size beyond 64 bits",
      client: "reports invalid content", wrong: [chunked("10000000000000005\r\n01234")] },
    { name: "long-chunk", section: "9112 §7.1", about: "has 10 bytes in a chunk of 5",
      client: "reports invalid content", wrong: [chunked("5\r\n0123456789\r\n0\r\n\r\n")] },
    { name: "cut-chunk", section: "9112 §8", about: "closes in the middle of a chunk",
      client: "reports that the content is incomplete", // some do so only if the close came unannounced
      wrong: [`${OK}${TEXT}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("01234")}5\r\n56`] },
    { name: "no-last-chunk", section: "9112 §8", about: "closes as announced, but without the last chunk",
      client: "reports that the content is incomplete", wrong: [chunked(chunk("01234"))] },
    { name: "lf-chunks", section: "9112 §7.1", about: "ends the lines of chunks with LF alone",
      client: "reports invalid content", wrong: [chunked("5\n01234\n0\n\n")] },
    { name: "long-extension", section: "9112 §7.1.1", about: "has a chunk extension of 1 MiB",
      client: "gives up before it has read all of that",
      wrong: () => joined(chunked("5;a="), repeat("a".repeat(65536), 16), "\r\n01234\r\n0\r\n\r\n") },
    { name: "chunked-twice", section: "9112 §7", about: "announces chunked twice, and applies it once",
      client: "reports an invalid response",
      wrong: [ok("Transfer-Encoding: chunked, chunked", `${chunk("01234")}0\r\n\r\n`)] },
    { name: "unknown-coding", section: "9112 §6.1", about: "has an unknown transfer coding",
      client: "reports an invalid response", wrong: [ok("Transfer-Encoding: tea", "01234")] },
    { name: "endless-chunks", takes: LASTS, section: "9112 §7.1", about: "sends a chunk twenty times a second, without end",
      client: "gives up after a total timeout or size", curl: "-im 5",
      wrong: () => joined(chunked(), repeat(chunk("01234"), Infinity, 0.05)), ending: "close" },
    { name: "bad-trailers", section: "9110 §6.5.1", about: "has Content-Length: 3 in its trailer section",
      client: "reads 5 bytes of content, and ignores the trailer or reports invalid content",
      wrong: [chunked(chunk("01234"), "0\r\nContent-Length: 3\r\n\r\n")] },
    { name: "endless-trailers", section: "9112 §7.1.2", about: "sends a trailer section without end",
      client: "gives up after a limit of its own", curl: "-o /dev/null",
      wrong: () => joined(chunked(chunk("01234"), "0\r\n"), repeat(`X-More: ${"a".repeat(1014)}\r\n`.repeat(16))) },
  ],
};
