/**
 * Correct responses: status and time, content, and what is unusual.
 *
 * @module
 */

import type { Client, RawReply, Reply, RequestLine } from "../../server.ts";
import {
  BYTES,
  type Catalog,
  COUNT,
  DELAY,
  EARLY_HINTS,
  type Entry,
  GZIP,
  PLAIN_FIELDS,
  STATUS,
  TAKES,
  TEXT,
} from "./entry.ts";
import { CONTENT, contentOf, sends, trickle } from "../pieces.ts";

/** Correct responses: status and time, content, and what is unusual. */
// deno-fmt-ignore: a table with two or three lines per entry
export const RIGHT: Catalog = {
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
};

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
