/**
 * Correct responses: status and time, content, and what is unusual.
 *
 * @module
 */

import { type Client, REASONS } from "../../server.ts";
import {
  BYTES,
  type Catalog,
  CONTINUE,
  COUNT,
  DELAY,
  EARLY_HINTS,
  message,
  SHORT,
  STATUS,
  TAKES,
  TEXT,
} from "./entry.ts";
import { contentOf, type Message } from "../pieces.ts";

/** Correct responses: status and time, content, and what is unusual. */
// deno-fmt-ignore: a table with three lines per entry
export const RIGHT: Catalog = {
  "Right: status and time": [
    { name: "status", takes: STATUS, section: "9110 §15", about: "answers with the status CODE",
      client: "acts as the class of the status says", expect: "accept", level: "must", right: withStatus },
    { name: "delay", takes: DELAY, section: "9112 §9.5", about: "waits SECONDS, then answers",
      client: "waits, unless its own timeout is shorter", expect: "accept", level: "should",
      right: (seconds) => ({ ...SHORT, after: seconds }) },
    { name: "flaky", takes: COUNT, section: "9110 §15.6.4",
      about: "answers 503 on one connection in N, chosen by the client's port",
      client: "accepts the status, or tries again on a new connection", expect: "either", level: "may",
      status: "any", contents: "any", right: flaky },
    { name: "retry-after", takes: { ...DELAY, isDecimal: false, example: 2 }, section: "9110 §10.2.3",
      about: "answers 503, and asks to try again after SECONDS",
      client: "accepts the status, or waits at least so long before it tries again", expect: "either", level: "may",
      right: (n) => failure(503, "Not yet.\n", `Retry-After: ${n}`) },
    { name: "early", takes: { ...STATUS, example: 413 }, section: "9112 §9.5", curl: "-iT bigfile",
      about: "answers with CODE while the content of the request is still on its way",
      client: "reads the response even if it is still sending", expect: "accept", level: "should",
      method: "PUT", sends: 8 << 20, right: (code) => ({ ...withStatus(code), close: true }) },
  ],
  "Right: content": [
    { name: "bytes", takes: BYTES, section: "9110 §8.6", curl: "-o /dev/null",
      about: "sends N bytes of content, the same each time",
      client: "reads all of them", expect: "accept", level: "should", harm: ["content"],
      right: (n) => ({ fields: `Content-Type: application/octet-stream|Content-Length: ${n}`, content: contentOf(n) }) },
    { name: "stream", takes: { ...COUNT, max: 10_000 }, section: "9112 §7.1",
      about: "sends N lines, each in a chunk of its own", client: "joins the chunks",
      expect: "accept", level: "must", harm: ["content"], right: (n) => ({ fields: TEXT, chunks: lines(n) }) },
    { name: "tiny-chunks", section: "9112 §7.1", about: "sends 10000 bytes in chunks of one byte",
      client: "joins the chunks without much effort", expect: "accept", level: "must", harm: ["content"],
      right: { fields: TEXT, chunks: Array(10_000).fill("a") } },
    { name: "chunk-extensions", section: "9112 §7.1.1", about: "puts an extension behind each chunk size",
      client: "ignores extensions that it does not know", expect: "accept", level: "must", harm: ["content"],
      right: { fields: TEXT, chunks: lines(3), extension: ';mood=good;note="a ; b"' } },
    { name: "trailers", section: "9112 §7.1", about: "sends a trailer section after the last chunk",
      client: "reads the content, and drops or keeps the trailers", expect: "accept", level: "must",
      harm: ["content", "next"],
      right: { fields: `${TEXT}|Trailer: X-Lines`, chunks: lines(3), trailers: "X-Lines: 3\r\n" } },
    { name: "no-length", section: "9112 §6.3", about: "sends no length; the close ends the content",
      client: "reads until the close", expect: "accept", level: "should", harm: ["content"],
      right: { fields: TEXT, content: "01234", close: true } },
  ],
  "Right: unusual": [
    { name: "continue", section: "9110 §15.2", about: "sends 100 Continue unasked, then answers",
      client: "skips it", expect: "accept", level: "must", right: { ...SHORT, interim: [CONTINUE] } },
    { name: "early-hints", section: "9110 §15.2", about: "sends 103 Early Hints, then answers",
      client: "skips it or uses the hints", expect: "accept", level: "must", right: { ...SHORT, interim: [EARLY_HINTS] } },
    { name: "interim", section: "9110 §15.2", about: "sends 3 informational responses, then answers",
      client: "skips all of them", expect: "accept", level: "must",
      right: { ...SHORT, interim: [CONTINUE, EARLY_HINTS, EARLY_HINTS] } },
    { name: "many-interim", section: "9110 §15.2", about: "sends 100 informational responses, then answers",
      client: "skips all of them, or gives up after a limit of its own", expect: "either", level: "may",
      right: { ...SHORT, interim: [{ repeat: EARLY_HINTS, times: 100 }] } },
    { name: "http-1.0", section: "9110 §2.5", about: "answers with HTTP/1.0",
      client: "accepts it, and uses the connection for nothing else", expect: "accept", level: "should",
      right: { statusLine: "HTTP/1.0 200 OK", fields: TEXT, content: "ok\n", close: true } },
    { name: "empty-reason", section: "9112 §4", about: "leaves the reason phrase empty",
      client: "accepts the response, because only the code matters", expect: "accept", level: "should",
      right: { ...SHORT, statusLine: "HTTP/1.1 200 " } },
    { name: "latin1", section: "9110 §5.5", about: "has a byte beyond ASCII in a field value",
      client: "accepts the response, and treats the value as opaque bytes", expect: "accept", level: "should",
      right: message("ok\n", "X-Name: caf\xe9") },
    { name: "slow-head", takes: TAKES, section: "9112 §9.5", curl: "-iN",
      about: "sends the head byte by byte, for 1 second or SECONDS",
      client: "waits for all of it, unless its own timeout is shorter", expect: "accept", level: "should",
      right: (n) => ({ ...SHORT, headSeconds: n }) },
    { name: "slow-body", takes: TAKES, section: "9112 §9.5", curl: "-iN",
      about: "sends ten bytes of content one by one, for 1 second or SECONDS",
      client: "waits for all of it, unless its own timeout is shorter", expect: "accept", level: "should",
      right: (n) => ({ ...message("0123456789"), contentSeconds: n }) },
  ],
};

/** Fields that a status requires, or is of no use without (RFC 9110 §15). */
const STATUS_FIELDS: Readonly<Record<number, string>> = {
  206: "Content-Range: bytes 0-3/4",
  301: "Location: /",
  302: "Location: /",
  303: "Location: /",
  307: "Location: /",
  308: "Location: /",
  401: 'WWW-Authenticate: Basic realm="lab"',
  405: "Allow:",
  407: 'Proxy-Authenticate: Basic realm="lab"',
  416: "Content-Range: bytes */4",
  426: "Upgrade: TLS/1.3",
};

/** A response with a status, and with that as its content if it may have any (RFC 9112 §6.3). */
function withStatus(status: number): Message {
  const field = STATUS_FIELDS[status] ?? "";
  const statusLine = `HTTP/1.1 ${status} ${REASONS.get(status) ?? ""}`;
  if (status === 204 || status === 304) return { statusLine, fields: field };
  return { ...message(status === 205 ? "" : `${status}\n`, field), statusLine };
}

function failure(status: number, content: string, fields = ""): Message {
  return { ...message(content, fields), statusLine: `HTTP/1.1 ${status} ${REASONS.get(status)}` };
}

/** The lowest bit of the port does not count, because Linux assigns ports in steps of two. */
function flaky(n: number, { port }: Client): Message {
  const fails = (port >> 1) % n === 0;
  return fails ? { ...failure(503, "Not on this connection.\n"), close: true } : SHORT;
}

function lines(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `line ${at + 1}\n`);
}
