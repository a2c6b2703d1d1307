/**
 * Correct responses: status and time, content, what is unusual, ranges and cookies. The few that are
 * not correct stand beside their like.
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
  type Entry,
  message,
  openResponse,
  response,
  SHORT,
  STATUS,
  TEXT_TYPE,
  TOTAL_TIME,
} from "./entry.ts";
import { contentOf, type Message, trickle } from "../pieces.ts";

/** What responses that ask to be asked again have in common. */
const RETRY = {
  client: "accepts the status, or tries again within a limit of its own",
  expect: "either",
  level: "may",
  harm: ["time"],
} satisfies Partial<Entry>;

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
    { ...RETRY, name: "retry-after-date", section: "9110 §10.2.3",
      about: "answers 503, and asks to try again in the year 2100", right: later("Fri, 01 Jan 2100 00:00:00 GMT") },
    { ...RETRY, name: "retry-after-past", section: "9110 §10.2.3",
      about: "answers 503, and asks to try again at a time that has passed", right: later("Wed, 21 Oct 2015 07:28:00 GMT") },
    { ...RETRY, name: "retry-after-huge", section: "9110 §10.2.3",
      about: "answers 503, and asks to try again after 9999999999 seconds", right: later("9999999999") },
    { ...RETRY, name: "retry-after-junk", section: "9110 §10.2.3",
      about: "answers 503, and asks to try again: soon",
      wrong: [response("503 Service Unavailable", "Retry-After: soon|Content-Length: 9", "Not yet.\n")] },
    { ...RETRY, name: "retry-after-413", section: "9110 §15.5.14",
      about: "answers 413, and asks to try again after 1 second", right: failure(413, "413\n", "Retry-After: 1") },
    { ...RETRY, name: "retry-after-429", section: "6585 §4",
      about: "answers 429, and asks to try again after 1 second", right: failure(429, "429\n", "Retry-After: 1") },
    { name: "408", section: "9110 §15.5.9", about: "answers 408, as if the request had come too slowly, and closes",
      client: "accepts the status, or tries again on a new connection", expect: "either", level: "may",
      right: { ...failure(408, "408\n"), close: true } },
    { name: "417", section: "9110 §10.1.1", about: "answers 417, as if it did not know Expect: 100-continue", curl: "-iT bigfile",
      client: "accepts the status, or sends the request again without Expect", expect: "either", level: "may",
      method: "PUT", sends: 8 << 20, right: { ...failure(417, "417\n"), close: true } },
    { name: "421", section: "9110 §15.5.20", about: "answers 421: this connection is the wrong one",
      client: "accepts the status, or tries again on another connection", expect: "either", level: "may",
      right: failure(421, "421\n") },
    { name: "425", section: "8470 §5.2", about: "answers 425: it is too early",
      client: "accepts the status, or tries again", expect: "either", level: "may", right: failure(425, "425\n") },
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
      expect: "accept", level: "must", harm: ["content"], right: (n) => ({ fields: TEXT_TYPE, chunks: lines(n) }) },
    { name: "tiny-chunks", section: "9112 §7.1", about: "sends 10000 bytes in chunks of one byte",
      client: "joins the chunks without much effort", expect: "accept", level: "must", harm: ["content"],
      right: { fields: TEXT_TYPE, chunks: Array(10_000).fill("a") } },
    { name: "chunk-extensions", section: "9112 §7.1.1", about: "puts an extension behind each chunk size",
      client: "ignores extensions that it does not know", expect: "accept", level: "must", harm: ["content"],
      right: { fields: TEXT_TYPE, chunks: lines(3), extension: ';mood=good;note="a ; b"' } },
    { name: "trailers", section: "9112 §7.1", about: "sends a trailer section after the last chunk",
      client: "reads the content, and drops or keeps the trailers", expect: "accept", level: "must",
      harm: ["content", "next"],
      right: { fields: `${TEXT_TYPE}|Trailer: X-Lines`, chunks: lines(3), trailers: "X-Lines: 3\r\n" } },
    { name: "padded-length", section: "9110 §8.6", about: "has Content-Length: 010, and 10 bytes of content",
      client: "reads a decimal number, not an octal one", expect: "accept", level: "should", harm: ["content", "next"],
      right: { fields: `${TEXT_TYPE}|Content-Length: 010`, content: "0123456789" } },
    { name: "padded-chunks", section: "9112 §7.1", about: "has chunk sizes of 24 digits, most of them zeros",
      client: "reads the number, and joins the chunks", expect: "accept", level: "should", harm: ["content"],
      right: { fields: TEXT_TYPE, chunks: lines(3), sizeDigits: 24 } },
    { name: "split-chunks", section: "9112 §7.1", about: "sends chunks byte by byte",
      client: "joins the chunks", expect: "accept", level: "must", harm: ["content"],
      right: { fields: TEXT_TYPE, chunks: ["01234", "56789"], contentSeconds: 0.3 } },
    { name: "throttled", takes: { ...COUNT, min: 20, max: 1_000_000, fallback: 2000 }, section: "9112 §9.5", curl: "-iN",
      about: "sends 1000 bytes of content, N bytes a second",
      client: "waits for all of it, unless its own timeout is shorter", expect: "accept", level: "should",
      right: (n) => ({ fields: `${TEXT_TYPE}|Content-Length: 1000`,
        content: [{ repeat: "0123456789", times: 100, pause: 10 / n }] }) },
    { name: "no-length", section: "9112 §6.3", about: "sends no length; the close ends the content",
      client: "reads until the close", expect: "accept", level: "should", harm: ["content"],
      right: { fields: TEXT_TYPE, content: "01234", close: true } },
  ],
  "Right: unusual": [
    { name: "continue", section: "9110 §15.2", about: "sends 100 Continue unasked, then answers",
      client: "skips it", expect: "accept", level: "must", right: { ...SHORT, interim: [CONTINUE] } },
    { name: "early-hints", section: "9110 §15.2", about: "sends 103 Early Hints, then answers",
      client: "skips it or uses the hints", expect: "accept", level: "must", right: { ...SHORT, interim: [EARLY_HINTS] } },
    { name: "interim", section: "9110 §15.2", about: "sends 3 informational responses, then answers",
      client: "skips all of them", expect: "accept", level: "must",
      right: { ...SHORT, interim: [CONTINUE, EARLY_HINTS, EARLY_HINTS] } },
    { name: "split-continue", section: "9110 §15.2", about: "sends 100 Continue byte by byte, then answers",
      client: "skips it", expect: "accept", level: "must", right: { ...SHORT, interim: trickle(CONTINUE, 0.3) } },
    { name: "unknown-interim", section: "9110 §15.2", about: "sends 199, which nobody has defined, then answers",
      client: "skips it", expect: "accept", level: "must",
      right: { ...SHORT, interim: ["HTTP/1.1 199 Tea\r\nX-Tea: ready\r\n\r\n"] } },
    { name: "many-interim", section: "9110 §15.2", about: "sends 100 informational responses, then answers",
      client: "skips all of them, or gives up after a limit of its own", expect: "either", level: "may",
      right: { ...SHORT, interim: [{ repeat: EARLY_HINTS, times: 100 }] } },
    { name: "http-1.0", section: "9110 §2.5", about: "answers with HTTP/1.0",
      client: "accepts it, and uses the connection for nothing else", expect: "accept", level: "should",
      right: { statusLine: "HTTP/1.0 200 OK", fields: TEXT_TYPE, content: "ok\n", close: true } },
    { name: "http-1.0-keep-alive", section: "9112 §9.3", about: "answers with HTTP/1.0, and stays open",
      client: "accepts it", expect: "accept", level: "should",
      right: { ...message("ok\n", "Connection: keep-alive"), statusLine: "HTTP/1.0 200 OK" } },
    { name: "http-1.2", section: "9110 §2.5", about: "answers with HTTP/1.2, a version to come",
      client: "reads it as HTTP/1.1", expect: "accept", level: "should", right: { ...SHORT, statusLine: "HTTP/1.2 200 OK" } },
    { name: "status-299", section: "9110 §15", about: "answers with 299, which nobody has defined",
      client: "treats it as 200", expect: "accept", level: "must", right: { ...SHORT, statusLine: "HTTP/1.1 299 Tea" } },
    { name: "head", section: "9112 §6.3", about: "announces content in a response to HEAD, and sends none", curl: "-I",
      client: "waits for no content", expect: "accept", level: "must", harm: ["time"], method: "HEAD", right: SHORT },
    { name: "head-chunked", section: "9112 §6.3", about: "announces chunks in a response to HEAD, and sends none",
      curl: "-I", client: "waits for no content", expect: "accept", level: "must", harm: ["time"], method: "HEAD",
      right: { fields: TEXT_TYPE, chunks: ["ok\n"] } },
    { name: "304-length", section: "9112 §6.3", about: "has Content-Length: 3 in a response with 304, without content",
      client: "waits for no content", expect: "accept", level: "must", harm: ["time"],
      right: { statusLine: "HTTP/1.1 304 Not Modified", fields: "Content-Length: 3" } },
    { name: "field", takes: { ...COUNT, max: 1_000_000, fallback: 8000 }, section: "9110 §5.4",
      about: "has a field of N bytes, or 8000", curl: "-o /dev/null",
      client: "accepts the response", expect: "accept", level: "should",
      right: (n) => message("ok\n", `X-Long: ${"a".repeat(n)}`) },
    { name: "mixed-case", section: "9110 §5.1", about: "writes the name of Content-Length as cONTENT-lENGTH",
      client: "finds the length", expect: "accept", level: "should", harm: ["content", "time"],
      right: { fields: "cONTENT-tYPE: text/plain|cONTENT-lENGTH: 3", content: "ok\n" } },
    { name: "whitespace", section: "9112 §5.1", about: "has tabs and no space around the values of fields",
      client: "drops them", expect: "accept", level: "should", harm: ["content", "time"],
      right: { fields: "Content-Type:text/plain|Content-Length:\t3\t \t|X-Empty:", content: "ok\n" } },
    { name: "empty-reason", section: "9112 §4", about: "leaves the reason phrase empty",
      client: "accepts the response, because only the code matters", expect: "accept", level: "should",
      right: { ...SHORT, statusLine: "HTTP/1.1 200 " } },
    { name: "latin1", section: "9110 §5.5", about: "has a byte beyond ASCII in a field value",
      client: "accepts the response, and treats the value as opaque bytes", expect: "accept", level: "should",
      right: message("ok\n", "X-Name: caf\xe9") },
    { name: "slow-head", takes: TOTAL_TIME, section: "9112 §9.5", curl: "-iN",
      about: "sends the head byte by byte, for 1 second or SECONDS",
      client: "waits for all of it, unless its own timeout is shorter", expect: "accept", level: "should",
      right: (n) => ({ ...SHORT, headSeconds: n }) },
    { name: "slow-body", takes: TOTAL_TIME, section: "9112 §9.5", curl: "-iN",
      about: "sends ten bytes of content one by one, for 1 second or SECONDS",
      client: "waits for all of it, unless its own timeout is shorter", expect: "accept", level: "should",
      right: (n) => ({ ...message("0123456789"), contentSeconds: n }) },
  ],
  "Ranges": [
    { name: "range-ignored", section: "9110 §14.2", about: "sends the whole content with 200, whatever range is asked for",
      curl: "-ir 5-", client: "takes it for the whole content", expect: "accept", level: "should", harm: ["content"],
      right: message("0123456789", "Accept-Ranges: bytes") },
    { name: "range-wrong", section: "9110 §14.4", about: "sends 206 and bytes 0 to 4, whatever range is asked for",
      curl: "-ir 5-", client: "takes them for what Content-Range says, or reports an error",
      expect: "either", level: "may", harm: ["content"],
      right: { ...message("01234", "Content-Range: bytes 0-4/10"), statusLine: "HTTP/1.1 206 Partial Content" } },
    { name: "range-invalid", section: "9110 §14.4", about: "sends 206, and a range that ends before it begins",
      curl: "-ir 5-", client: "combines it with nothing, or reports an error", expect: "either", level: "may", harm: ["content"],
      wrong: [response("206 Partial Content", "Content-Range: bytes 9-5/10|Content-Length: 5", "56789")] },
  ],
  "Keep-Alive and cookies": [
    { name: "keep-alive", section: "2068 §19.7.1.1", about: "says how long the connection stays open",
      client: "accepts the response", expect: "accept", level: "should", right: message("ok\n", "Keep-Alive: timeout=4, max=100") },
    { name: "keep-alive-huge", section: "2068 §19.7.1.1", about: "says that the connection stays open for 10^20 seconds",
      client: "accepts the response", expect: "accept", level: "should",
      right: message("ok\n", "Keep-Alive: timeout=100000000000000000000") },
    { name: "keep-alive-junk", section: "2068 §19.7.1.1", about: "has a word instead of a number in Keep-Alive",
      client: "ignores what it cannot read", expect: "accept", level: "should",
      wrong: [openResponse("200 OK", "Keep-Alive: timeout=soon|Content-Length: 3", "ok\n")], ending: "open" },
    { name: "many-cookies", section: "6265 §6.1", about: "sets 50 cookies", client: "accepts the response",
      expect: "accept", level: "should",
      right: message("ok\n", Array.from({ length: 50 }, (_, at) => `Set-Cookie: c${at}=${at}`).join("|")) },
    { name: "long-cookie", section: "6265 §6.1", about: "sets a cookie of 4096 bytes", client: "accepts the response",
      expect: "accept", level: "should", right: message("ok\n", `Set-Cookie: long=${"a".repeat(4091)}`) },
    { name: "expired-cookie", section: "6265 §5.3", about: "sets a cookie that has expired", client: "does not send it back",
      expect: "accept", level: "should", right: message("ok\n", "Set-Cookie: old=1; Max-Age=0") },
    { name: "foreign-cookie", section: "6265 §5.3", about: "sets a cookie for another domain", client: "ignores the cookie",
      expect: "accept", level: "should",
      wrong: [openResponse("200 OK", "Set-Cookie: foreign=1; Domain=other.example|Content-Length: 3", "ok\n")], ending: "open" },
    { name: "bad-cookie", section: "6265 §5.2", about: "sets a cookie without a name", client: "ignores the cookie",
      expect: "accept", level: "should",
      wrong: [openResponse("200 OK", "Set-Cookie: =nameless|Content-Length: 3", "ok\n")], ending: "open" },
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

function later(when: string): Message {
  return failure(503, "Not yet.\n", `Retry-After: ${when}`);
}

/** The lowest bit of the port does not count, because Linux assigns ports in steps of two. */
function flaky(n: number, { port }: Client): Message {
  const fails = (port >> 1) % n === 0;
  return fails ? { ...failure(503, "Not on this connection.\n"), close: true } : SHORT;
}

function lines(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `line ${at + 1}\n`);
}
