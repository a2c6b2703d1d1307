/**
 * The lab: correct and incorrect responses by path, for testing HTTP clients. Each path stands for
 * one behavior of a server, and always behaves the same.
 *
 * @example Test a client with a response that breaks off
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { lab } from "./lab.ts";
 * import { serve } from "../server.ts";
 *
 * await using server = serve({ hostname: "127.0.0.1", port: 0 }, lab());
 * const response = await fetch(`http://127.0.0.1:${server.addr.port}/truncated`);
 * await assertRejects(() => response.text());
 * ```
 *
 * @module
 */

import {
  type Client,
  escapeControls,
  type RawReply,
  type Reply,
  type RequestLine,
  type Responder,
} from "../server.ts";
import {
  bounded,
  chunk,
  chunked,
  CONTENT,
  contentOf,
  joined,
  MAX_SECONDS,
  OK,
  ok,
  type Piece,
  repeat,
  response,
  sends,
  STALL,
  trickle,
} from "./pieces.ts";
import { indexOf, type Listed } from "./page.ts";
import { pathOf } from "../replies/target.ts";

export { listenWithReset } from "./reset.ts";

// ---------------------------------------------------------------- the catalog

/** The parameter behind the name of an entry, such as 418 in `/status/418`. */
interface Parameter {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** True if it may have a fraction. */
  readonly isDecimal?: boolean;
  /** The value if it is left out; without a fallback it is required. */
  readonly fallback?: number;
  /** The value in the list. */
  readonly example?: number;
}

/** One path of the lab. */
interface Entry {
  /** The first segment of the path. */
  readonly name: string;
  readonly takes?: Parameter;
  /** The RFC and section that define the right behavior, such as `9112 §7.1`. */
  readonly section: string;
  /** What the server does, in one sentence without its full stop. */
  readonly about: string;
  /** What a robust client does, in the same form. */
  readonly client: string;
  /** Makes a correct response. */
  readonly right?: (value: number, request: RequestLine, client: Client) => Reply | RawReply;
  /** The pieces of an incorrect response, the same for each method. */
  readonly wrong?: Iterable<Piece> | ((seconds: number) => Iterable<Piece>);
  /** How the connection ends after an incorrect response; `linger` by default. */
  readonly ending?: RawReply["ending"];
  /** Arguments for `curl`; `-i` by default. */
  readonly curl?: string;
}

const STATUS: Parameter = { name: "CODE", min: 200, max: 599, example: 503 };
const COUNT: Parameter = { name: "N", min: 1, max: 1000, example: 3 };
const BYTES: Parameter = { name: "N", min: 0, max: 100_000_000, example: 1000 };
const DELAY: Parameter = { name: "SECONDS", min: 0, max: MAX_SECONDS, isDecimal: true, example: 1 };
/** How long a response stalls or goes on before the connection is closed. */
const LASTS: Parameter = { ...DELAY, fallback: MAX_SECONDS, example: undefined };
/** How long a slow response takes in all. */
const TAKES: Parameter = { ...LASTS, fallback: 2 };

const PLAIN = "Content-Length: 3\r\nConnection: close\r\n\r\nok\n";
const TEXT = "Content-Type: text/plain";
const PLAIN_FIELDS = `${TEXT}|Content-Length: 3`;
const LOCATION = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\n";
/** A response that leaves the connection open. */
const OPEN = `${OK}${TEXT}\r\nContent-Length: 3\r\n\r\nok\n`;
const EARLY_HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
/** The line `This text was compressed.` in gzip format. */
const GZIP = hex(
  "1f8b08000000000002030bc9c82c562849ad2851284f2c5648cecf2d284a2d2e4e4dd1e302002da8f0041a000000",
);
/** In gzip format, 13 bytes stand for 2064 zeros; they are repeated 32512 times. */
const BOMB_START = hex("1f8b08000000000000ff63");
const BOMB_REPEATS = hex("1805a360148c8251300a46c128").repeat(508);
const BOMB_END = hex("00008e3c3ff201f0ff03");

/**
 * All entries of the lab by group. To add one, write its name, what the server does, the section of
 * the RFC, what a robust client does, and the bytes: `wrong` takes pieces of text, one character per
 * byte, and numbers, which are waits in seconds.
 */
// deno-fmt-ignore: a table with two or three lines per entry
const CATALOG: Readonly<Record<string, readonly Entry[]>> = {
  "Right: status and time": [
    { name: "status", takes: STATUS, section: "9110 §15", about: "answers with the status CODE",
      client: "acts as the class of the status says", right: statusReply },
    { name: "delay", takes: DELAY, section: "9112 §9.5", about: "waits SECONDS, then answers",
      client: "waits, or gives up after its own timeout",
      right: sends((seconds) => ({ after: seconds, fields: PLAIN_FIELDS, content: ["ok\n"] })) },
    { name: "flaky", takes: COUNT, section: "9110 §15.6.4",
      about: "answers 503 on one connection in N, chosen by the client's port",
      client: "tries again on a new connection", right: flaky },
    { name: "retry-after", takes: { ...DELAY, isDecimal: false, example: 2 }, section: "9110 §10.2.3",
      about: "answers 503, and asks to try again after SECONDS",
      client: "waits at least so long before it tries again",
      right: (n) => ({ status: 503, headers: [["Retry-After", `${n}`]], body: "Not yet.\n" }) },
    { name: "early", takes: { ...STATUS, example: 413 }, section: "9112 §9.5", curl: "-iT bigfile",
      about: "answers with CODE while the content of the request is still on its way",
      client: "reads the response even if it is still sending",
      right: (code) => ({ ...statusReply(code), close: true }) },
  ],
  "Right: content": [
    { name: "bytes", takes: BYTES, section: "9110 §8.6", curl: "-o /dev/null",
      about: "sends N bytes of content, the same each time",
      client: "reads all of them", right: bytesReply },
    { name: "stream", takes: { ...COUNT, max: 10_000 }, section: "9112 §7.1",
      about: "sends N lines, each in a chunk of its own", client: "joins the chunks",
      right: sends((n) => ({ fields: TEXT, chunks: lines(n) })) },
    { name: "tiny-chunks", section: "9112 §7.1", about: "sends 10000 bytes in chunks of one byte",
      client: "joins the chunks without much effort",
      right: sends({ fields: TEXT, chunks: Array(10_000).fill("a") }) },
    { name: "chunk-extensions", section: "9112 §7.1.1", about: "puts an extension behind each chunk size",
      client: "ignores extensions that it does not know",
      right: sends({ fields: TEXT, chunks: lines(3), extension: ';mood=good;note="a ; b"' }) },
    { name: "trailers", section: "9112 §7.1.2", about: "sends a trailer section after the last chunk",
      client: "reads the content, and drops or keeps the trailers",
      right: sends({ fields: `${TEXT}|Trailer: X-Lines`, chunks: lines(3), trailers: "X-Lines: 3\r\n" }) },
    { name: "gzip", section: "9110 §8.4.1", about: "sends a text compressed by gzip", curl: "-i --compressed",
      client: "decompresses it, or passes on the bytes with their Content-Encoding",
      right: sends({ fields: `${TEXT}|Content-Encoding: gzip|Content-Length: ${GZIP.length}`, content: [GZIP] }) },
    { name: "no-length", section: "9112 §6.3", about: "sends no length; the close ends the content",
      client: "reads until the close",
      right: sends({ fields: TEXT, content: ["01234"] }) },
  ],
  "Right: unusual": [
    { name: "continue", section: "9110 §15.2", about: "sends 100 Continue unasked, then answers",
      client: "skips it", right: after("HTTP/1.1 100 Continue\r\n\r\n") },
    { name: "early-hints", section: "8297 §2", about: "sends 103 Early Hints, then answers",
      client: "skips it, or uses the hints", right: after(EARLY_HINTS) },
    { name: "interim", section: "9110 §15.2", about: "sends 100 informational responses, then answers",
      client: "skips all of them", right: after(EARLY_HINTS.repeat(100)) },
    { name: "http-1.0", section: "9110 §2.5", about: "answers with HTTP/1.0",
      client: "accepts it, and uses the connection for nothing else",
      right: sends({ statusLine: "HTTP/1.0 200 OK", fields: TEXT, content: ["ok\n"] }) },
    { name: "empty-reason", section: "9112 §4", about: "leaves the reason phrase empty",
      client: "accepts the response, because only the code matters",
      right: sends({ statusLine: "HTTP/1.1 200 ", fields: PLAIN_FIELDS, content: ["ok\n"] }) },
    { name: "latin1", section: "9110 §5.5", about: "has a byte beyond ASCII in a field value",
      client: "accepts the response, and treats the value as opaque bytes",
      right: sends({ fields: `X-Name: caf\xe9|${PLAIN_FIELDS}`, content: ["ok\n"] }) },
    { name: "slow-head", takes: TAKES, section: "9112 §9.5", curl: "-iN",
      about: "sends the head byte by byte, for 2 seconds or SECONDS",
      client: "waits for all of it, or gives up after its own timeout",
      right: sends((n) => ({ headSeconds: n, fields: PLAIN_FIELDS, content: ["ok\n"] })) },
    { name: "slow-body", takes: TAKES, section: "9112 §9.5", curl: "-iN",
      about: "sends ten bytes of content one by one, for 2 seconds or SECONDS",
      client: "waits for all of it, or gives up after its own timeout",
      right: sends((n) => ({ fields: `${TEXT}|Content-Length: 10`, content: trickle("0123456789", n) })) },
  ],
  "Redirects": [
    { name: "redirect", takes: COUNT, section: "9110 §15.4", curl: "-iL",
      about: "redirects N times, the last time to the list",
      client: "follows as many redirects as it allows",
      right: (n) => ({ status: 302, headers: [["Location", n > 1 ? `/redirect/${n - 1}` : "/"]] }) },
    { name: "loop", section: "9110 §15.4", about: "redirects to itself", curl: "-iL",
      client: "gives up after some redirects", wrong: [`${LOCATION}Location: /loop\r\n\r\n`] },
    { name: "endless-redirects", takes: { ...COUNT, max: 999_999_998, fallback: 1 },
      section: "9110 §15.4", about: "redirects to another path each time, without end", curl: "-iL",
      client: "counts redirects, because no path repeats",
      wrong: (n) => [`${LOCATION}Location: /endless-redirects/${n + 1}\r\n\r\n`] },
    { name: "redirect-nowhere", section: "9110 §15.4", about: "redirects without Location",
      client: "treats it as a response without content", curl: "-iL", wrong: [`${LOCATION}\r\n`] },
    { name: "redirect-empty", section: "9110 §10.2.2", about: "redirects to an empty Location", curl: "-iL",
      client: "sees a reference to the same path, and gives up", wrong: [`${LOCATION}Location:\r\n\r\n`] },
    { name: "redirect-invalid", section: "9110 §10.2.2", about: "redirects to an invalid URI", curl: "-iL",
      client: "reports an invalid redirect", wrong: [`${LOCATION}Location: http://[::1/\r\n\r\n`] },
    { name: "redirect-latin1", section: "9110 §10.2.2", about: "redirects to a URI with a byte beyond ASCII",
      client: "encodes the byte as %E9, or reports an invalid redirect", curl: "-iL",
      wrong: [`${LOCATION}Location: /status/200?caf\xe9\r\n\r\n`] },
    { name: "redirect-scheme", section: "9110 §15.4", about: "redirects to a file: URI", curl: "-iL",
      client: "does not follow it: a server must not open local files",
      wrong: [`${LOCATION}Location: file:///etc/hostname\r\n\r\n`] },
    { name: "two-locations", section: "9110 §5.3", about: "has two Location fields", curl: "-iL",
      client: "reports an invalid redirect",
      wrong: [`${LOCATION}Location: /status/200\r\nLocation: /status/404\r\n\r\n`] },
  ],
  "Closing and stalling": [
    { name: "empty", section: "9112 §9.5", about: "closes without sending anything",
      client: "reports an error; may try again", wrong: [] },
    { name: "cut-head", section: "9112 §8", about: "closes in the middle of the head",
      client: "reports that the response is incomplete", wrong: [`${OK}Content-Le`] },
    { name: "hang", takes: LASTS, section: "9112 §9.5", about: "answers nothing and stays open",
      client: "gives up after its timeout", curl: "-im 5", wrong: [STALL], ending: "close" },
    { name: "hang-head", takes: LASTS, section: "9112 §9.5", about: "stops in the middle of the head",
      client: "gives up after its timeout", curl: "-im 5", wrong: [`${OK}Content-Le`, STALL], ending: "close" },
    { name: "hang-body", takes: LASTS, section: "9112 §9.5", about: "stops in the middle of the content",
      client: "gives up after its timeout", curl: "-im 5",
      wrong: [ok("Content-Length: 10", "01234"), STALL], ending: "close" },
    { name: "hang-chunk", takes: LASTS, section: "9112 §9.5", about: "stops between two chunks",
      client: "gives up after its timeout", curl: "-im 5", wrong: [chunked(chunk("01234")), STALL], ending: "close" },
    { name: "close-late", takes: LASTS, section: "9112 §9.6", about: "announces that it closes, and stays open",
      client: "reads the response by its length, and closes", curl: "-im 5",
      wrong: [ok("Content-Length: 3", "ok\n"), STALL], ending: "close" },
    { name: "close-unsaid", section: "9112 §9.6", about: "closes after the response without announcing it",
      client: "accepts the response, and sends its next request on a new connection", wrong: [OPEN] },
    { name: "reset-idle", section: "9112 §9.5", about: "answers, and resets the open connection a moment later",
      client: "accepts the response, and sends its next request on a new connection",
      wrong: [OPEN, 0.1], ending: "reset" },
    { name: "unread", section: "9112 §9.6", about: "answers, and closes with the request half read",
      client: "reads the response if it still can; otherwise reports an error", curl: "-iT bigfile",
      wrong: [ok("Content-Length: 3", "ok\n")], ending: "close" },
    { name: "reset", section: "9112 §9.5", about: "resets the connection instead of answering",
      client: "reports a reset; may try again", wrong: [], ending: "reset" },
    { name: "reset-body", section: "9112 §9.5", about: "resets the connection in the middle of the content",
      client: "reports a reset, not a complete response",
      // without the wait, the reset would discard content that the client has not read yet
      wrong: [ok("Content-Length: 10", "01234"), 0.1], ending: "reset" },
  ],
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

// ---------------------------------------------------------------- right replies

/** Fields that a status requires, or is of no use without (RFC 9110 §15). */
const STATUS_FIELDS: Readonly<Record<number, readonly [string, string]>> = {
  206: ["Content-Range", "bytes 0-3/4"],
  301: ["Location", "/"],
  302: ["Location", "/"],
  303: ["Location", "/"],
  307: ["Location", "/"],
  308: ["Location", "/"],
  401: ["WWW-Authenticate", 'Basic realm="lab"'],
  405: ["Allow", ""],
  407: ["Proxy-Authenticate", 'Basic realm="lab"'],
  416: ["Content-Range", "bytes */4"],
  426: ["Upgrade", "TLS/1.3"],
};

function statusReply(status: number): Reply {
  const field = STATUS_FIELDS[status];
  return { status, headers: field && [field], body: `${status}\n` };
}

/** The lowest bit of the port does not count, because Linux assigns ports in steps of two. */
function flaky(n: number, _request: RequestLine, { port }: Client): Reply {
  const fails = (port >> 1) % n === 0;
  return fails ? { status: 503, body: "Not on this connection.\n", close: true } : { body: "ok\n" };
}

/** The server encodes short content itself, and keeps the connection open. */
function bytesReply(count: number, request: RequestLine): Reply | RawReply {
  const type = "application/octet-stream";
  if (count <= CONTENT.length) {
    return { headers: [["Content-Type", type]], body: CONTENT.subarray(0, count) };
  }
  const fields = `Content-Type: ${type}|Content-Length: ${count}`;
  return sends({ fields, content: contentOf(count) })(count, request);
}

function after(interim: string): Entry["right"] {
  return sends({ interim, fields: PLAIN_FIELDS, content: ["ok\n"] });
}

function lines(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `line ${at + 1}\n`);
}

function hex(digits: string): string {
  return digits.replace(/../g, (pair) => String.fromCharCode(parseInt(pair, 16)));
}

// ---------------------------------------------------------------- by path

/** Options of {@linkcode lab}. */
export interface LabOptions {
  /** The origin in the commands of the list; `http://localhost:8080` by default. */
  readonly origin?: string;
  /** True if the listener is one of {@linkcode listenWithReset}; false by default. */
  readonly canReset?: boolean;
}

/**
 * Makes a responder for all paths of the lab. The list of them is at `/` as a page, at `/list` as
 * text, and at `/lab.json` for programs. Responses that stall or do not end are closed after 60
 * seconds or 64 MiB. Entries that reset the connection are left out unless the listener can reset.
 *
 * @example
 * ```ts
 * import { lab, listenWithReset } from "./lab.ts";
 * import { serve } from "../server.ts";
 *
 * const listener = await listenWithReset({ hostname: "127.0.0.1", port: 0 });
 * await using server = serve({ listener }, lab({ canReset: true }));
 * const entries = await (await fetch(`http://127.0.0.1:${server.addr.port}/lab.json`)).json();
 * console.log(entries.length > 60); // true
 * ```
 */
export function lab(
  { origin = "http://localhost:8080", canReset = false }: LabOptions = {},
): Responder {
  const entries = Object.entries(CATALOG).map(([group, entries]) =>
    [group, entries.filter(({ ending }) => canReset || ending !== "reset")] as const
  );
  const byName = new Map(entries.flatMap(([, some]) => some).map((entry) => [entry.name, entry]));
  const index = indexOf(
    entries.flatMap(([group, some]) => some.map((e) => listed(group, e))),
    origin,
  );
  return (request, client) => {
    const path = pathOf(request.target);
    const [, name, text] = /^\/([^/]*)(?:\/(.*))?$/.exec(path) ?? [];
    const entry = byName.get(name);
    if (entry === undefined || text !== undefined && entry.takes === undefined) {
      return index.get(path) ?? complaint(404, path, "expected a path that / lists");
    }
    const value = valueOf(entry, text);
    if (value === undefined) return complaint(400, path, `expected ${usageOf(entry)}`);
    return answer(entry, value, request, client);
  };
}

/** Parses the parameter; `undefined` if it is invalid or missing, 0 if the entry has none. */
function valueOf({ takes }: Entry, text: string | undefined): number | undefined {
  if (takes === undefined) return 0;
  if (text === undefined) return takes.fallback;
  const { min, max, isDecimal } = takes;
  const isNumber = /^(0|[1-9]\d{0,8})(\.\d{1,3})?$/.test(text);
  const value = Number(text);
  return isNumber && value >= min && value <= max && (isDecimal || !text.includes("."))
    ? value
    : undefined;
}

function answer(
  entry: Entry,
  value: number,
  request: RequestLine,
  client: Client,
): ReturnType<Responder> {
  const { right, wrong = [], takes, ending } = entry;
  if (right) return right(value, request, client);
  const pieces = typeof wrong === "function" ? wrong(value) : wrong;
  return { raw: bounded(pieces, takes === LASTS ? value : MAX_SECONDS), ending };
}

const NO_SNIFF: Reply["headers"] = Object.freeze([["X-Content-Type-Options", "nosniff"] as const]);

function complaint(status: number, path: string, expected: string): Reply {
  const body = `Cannot answer ${escapeControls(path)}: ${expected}\n`;
  return { status, headers: NO_SNIFF, body };
}

/** The path of an entry and its parameter: `/status/CODE, CODE is an integer from 200 to 599`. */
function usageOf(entry: Entry): string {
  const { takes } = entry;
  if (takes === undefined) return patternOf(entry);
  const kind = takes.isDecimal ? "a number" : "an integer";
  return `${patternOf(entry)}, ${takes.name} is ${kind} from ${takes.min} to ${takes.max}`;
}

function patternOf({ name, takes }: Entry): string {
  return takes ? `/${name}/${takes.name}` : `/${name}`;
}

function listed(group: string, entry: Entry): Listed {
  const { name, takes, about, section, client, right, curl } = entry;
  const hasExample = takes?.fallback === undefined && takes !== undefined;
  const path = hasExample ? `/${name}/${takes.example}` : `/${name}`;
  return {
    path,
    usage: usageOf(entry),
    group,
    about,
    section: `RFC ${section}`,
    broken: right === undefined,
    client,
    curl,
  };
}
