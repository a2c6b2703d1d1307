/**
 * Header fields and status lines.
 *
 * @module
 */

import { type Catalog, EARLY_HINTS, LASTS, PLAIN } from "./entry.ts";
import { joined, OK, repeat } from "../pieces.ts";

/** Header fields and status lines. */
// deno-fmt-ignore: a table with two or three lines per entry
export const HEADS: Catalog = {
  "Heads": [
    { name: "endless-head", section: "9110 §5.4", about: "sends a head without end",
      client: "gives up after a limit of its own", curl: "-o /dev/null",
      wrong: () => joined(OK, repeat(`X-More: ${"a".repeat(1014)}\r\n`.repeat(16))) },
    { name: "long-field", section: "9110 §5.4", about: "has a field of 1 MiB",
      client: "gives up after a limit of its own, or accepts it", curl: "-o /dev/null",
      wrong: () => joined(`${OK}X-Long: `, repeat("a".repeat(65536), 16), `\r\n${PLAIN}`) },
    { name: "many-fields", section: "9110 §5.4", about: "has 10000 fields",
      client: "gives up after a limit of its own, or accepts them", curl: "-o /dev/null",
      wrong: () => joined(OK, repeat("X-More: a\r\n".repeat(1000), 10), PLAIN) },
    { name: "no-colon", section: "9112 §5", about: "has a line without a colon in the head",
      client: "reports an invalid response", wrong: [`${OK}This is no field\r\n${PLAIN}`] },
    { name: "no-name", section: "9110 §5.1", about: "has a field without a name",
      client: "reports an invalid response", wrong: [`${OK}: value\r\n${PLAIN}`] },
    { name: "bad-name", section: "9110 §5.1", about: "has a space in the name of a field",
      client: "reports an invalid response", wrong: [`${OK}X Y: value\r\n${PLAIN}`] },
    { name: "space-colon", section: "9112 §5.1", about: "has a space before the colon of Content-Length",
      client: "reports an invalid response, or drops the space", wrong: [`${OK}Connection: close\r\nContent-Length : 3\r\n\r\nok\n`] },
    { name: "leading-space", section: "9112 §2.2", about: "has a space before the first field",
      client: "reports an invalid response, or drops the line", wrong: [`${OK} X-First: a\r\n${PLAIN}`] },
    { name: "folded", section: "9112 §5.2", about: "has a field folded into two lines",
      client: "reads the value as: one two", wrong: [`${OK}X-Folded: one\r\n two\r\n${PLAIN}`] },
    { name: "nul", section: "9110 §5.5", about: "has a NUL in a field value",
      client: "reports an invalid response, or reads a space", wrong: [`${OK}X-Nul: a\0b\r\n${PLAIN}`] },
    { name: "bare-cr", section: "9112 §2.2", about: "has a bare CR in a field value",
      client: "reports an invalid response, or reads a space", wrong: [`${OK}X-CR: a\rX-Sneaky: b\r\n${PLAIN}`] },
    { name: "lf", section: "9112 §2.2", about: "ends its lines with LF alone",
      client: "reads it as CRLF, or reports an invalid response",
      wrong: [`${OK}${PLAIN}`.replaceAll("\r", "")] },
  ],
  "Status lines": [
    { name: "garbage", section: "9112 §4", about: "answers with the start of a TLS handshake",
      client: "reports that this is not HTTP", wrong: ["\x16\x03\x01\x00\x02\x01\x00\r\n\r\n"] },
    { name: "http-0.9", section: "9112 §4", about: "sends content without a head", curl: "--http0.9",
      client: "reports that this is not HTTP", wrong: ["<p>only this\r\n"] },
    { name: "http-2", section: "9112 §2.3", about: "has HTTP/2 in its status line",
      client: "reports an unknown version", wrong: [`HTTP/2 200\r\n${PLAIN}`] },
    { name: "lower-case", section: "9112 §2.3", about: "has http/1.1 in lower case",
      client: "reports an invalid response", wrong: [`http/1.1 200 OK\r\n${PLAIN}`] },
    { name: "no-reason", section: "9112 §4", about: "has no reason phrase, nor the space before it",
      client: "accepts it, or reports an invalid response", wrong: [`HTTP/1.1 200\r\n${PLAIN}`] },
    { name: "long-reason", section: "9112 §4", about: "has a reason phrase of 1 MiB",
      client: "gives up after a limit of its own", curl: "-o /dev/null",
      wrong: () => joined("HTTP/1.1 200 ", repeat("a".repeat(65536), 16), `\r\n${PLAIN}`) },
    { name: "leading-lines", section: "9112 §2.1", about: "sends two empty lines before the status line",
      client: "reports an invalid response, or skips them", wrong: [`\r\n\r\n${OK}${PLAIN}`] },
    { name: "status-word", section: "9112 §4", about: "has a word instead of a status code",
      client: "reports an invalid response", wrong: [`HTTP/1.1 OK\r\n${PLAIN}`] },
    { name: "status-99", section: "9112 §4", about: "has the status 99, of two digits",
      client: "reports an invalid response", wrong: [`HTTP/1.1 99 Small\r\n${PLAIN}`] },
    { name: "status-600", section: "9110 §15", about: "has the status 600, beyond the last class",
      client: "treats it as a server error", wrong: [`HTTP/1.1 600 Beyond\r\n${PLAIN}`] },
    { name: "status-1000", section: "9112 §4", about: "has the status 1000, of four digits",
      client: "reports an invalid response", wrong: [`HTTP/1.1 1000 Grand\r\n${PLAIN}`] },
    { name: "101", section: "9110 §15.2.2", about: "switches to another protocol unasked",
      client: "reports an error",
      wrong: ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: tea\r\nConnection: Upgrade\r\n\r\nhello"] },
    { name: "continue-only", section: "9110 §15.2", about: "sends 100 Continue and closes",
      client: "reports that there was no response", wrong: ["HTTP/1.1 100 Continue\r\n\r\n"] },
    { name: "endless-1xx", takes: LASTS, section: "9110 §15.2",
      about: "sends informational responses twenty times a second, without end",
      client: "gives up after a total timeout or a limit of its own", curl: "-im 5",
      wrong: () => repeat(EARLY_HINTS, Infinity, 0.05), ending: "close" },
  ],
};
