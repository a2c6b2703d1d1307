/**
 * Fuzzes request lines, heads and paths of a folder: first as pure functions, then over sockets.
 * Each case has a seed of its own: `--seed N --inputs 1 --seconds 0` replays one that failed.
 *
 * The oracles are regular expressions written from the grammars of RFC 9110 and RFC 9112. They
 * share no code with the parser.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { DEFAULT_LIMITS, parseRequestLine, scanHead, serve } from "../server.ts";
import { connect, HOST, isGone, type Target } from "../tests/clients.ts";
import { sleep } from "../tests/time.ts";
import { bytesOf } from "../tests/wire.ts";
import { readUntilEnd, runClients, trySend } from "./clients.ts";
import { fuzzMethods, fuzzPath, fuzzPrefixes, fuzzRoutes } from "./fuzz_folder.ts";
import { check, numberOf, Random } from "./harness.ts";

// ---------------------------------------------------------------- oracles

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const ABSOLUTE = "[A-Za-z][A-Za-z0-9+.-]*://[^\\x00- /?#\\x7f-\\xff][!-~]*";
const LINE = new RegExp(
  `^(?<method>${TOKEN}) (?<target>(?<uri>/[!-~]*|${ABSOLUTE})|[!-~]+) ` +
    "HTTP/(?<major>[0-9])[.](?<minor>[0-9])$",
);
const AUTHORITY = /^(\[[0-9a-f:.]+\]|[a-z0-9._~!$&'()*+,;=%-]+):[0-9]+$/i;
const HOST_VALUE = /^(\[[0-9a-f:.]+\]|([a-z0-9._~!$&'()*+;=-]|%[0-9a-f]{2})+)(:[0-9]*)?$/;
const HEAD = new RegExp(`^((?:${TOKEN}:[\\t\\x20-\\x7e\\x80-\\xff]*\\r\\n)*)\\r\\n`);

/** The statuses that a request line, without its line end, may be answered with. */
function statusesFor(line: string): number[] {
  const { method, target, uri, major } = LINE.exec(line)?.groups ?? {};
  if (method === undefined) return [400];
  if (major !== "1") return [505];
  if (uri !== undefined && !uri.startsWith("/") && !URL.canParse(uri)) return [400];
  if (method.length > 32 && (uri !== undefined || target === "*")) return [400, 501];
  if (uri !== undefined) return [method === "CONNECT" ? 501 : 200];
  if (target === "*") return [method === "OPTIONS" ? 200 : 400];
  if (method !== "CONNECT") return [400];
  return AUTHORITY.test(target) ? [501] : [400, 501]; // an invalid host may be found first
}

/** Connection options after which a connection may stay open. */
const PERSISTENT_OPTIONS = new Set(["keep-alive", "te", "upgrade", "http2-settings"]);

/** The end of an unambiguous head, after which the connection may stay open; otherwise -1. */
function endOfUnambiguousHead(rest: string): number {
  const head = HEAD.exec(rest);
  if (head === null) return -1;
  const fields = head[1].split("\r\n").slice(0, -1).map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()].map((part) => part.toLowerCase());
  });
  const valuesOf = (wanted: string) =>
    fields.filter(([name]) => name === wanted).map(([, value]) => value);
  const framing = fields.filter(([name]) => {
    const similar = name.replaceAll("_", "-");
    return /^(content-l|transfer|expect$)/.test(similar) ||
      similar.endsWith("encoding") && !similar.startsWith("accept-");
  });
  const promisesContent = framing.length > 1 ||
    framing.some((field) => field.join() !== "content-length,0");
  const options = valuesOf("connection").flatMap((value) => value.split(","));
  const mayStay = valuesOf("host").length === 1 && HOST_VALUE.test(valuesOf("host")[0]) &&
    !promisesContent && options.every((option) => PERSISTENT_OPTIONS.has(option.trim()));
  return mayStay ? head[0].length : -1;
}

/** A reply that a stream of requests may get. */
interface Expected {
  statuses: number[];
  line: string;
  /** The connection may stay open after it. */
  mayStay: boolean;
}

/** All replies that a stream may get. The server may close after any of them. */
function expectedReplies(stream: string, ended: boolean): Expected[] {
  const replies: Expected[] = [];
  for (let rest = stream, mayStay = true; mayStay;) {
    const skipped = /^(?:\r?\n){0,2}/.exec(rest)?.[0] ?? "";
    rest = rest.slice(skipped.length);
    const lf = rest.indexOf("\n");
    const line = (lf === -1 ? rest : rest.slice(0, lf)).replace(/\r$/, "");
    let statuses = statusesFor(line);
    if (lf === -1 && rest === "") return replies;
    if (lf === -1) statuses = [ended ? 400 : 408];
    if ((lf === -1 ? rest.length : lf) >= DEFAULT_LIMITS.maxRequestLineBytes) statuses = [414];
    const head = endOfUnambiguousHead(rest.slice(lf + 1));
    const isUnambiguous = rest[lf - 1] === "\r" && !/(^|[^\r])\n/.test(skipped) && !/0$/.test(line);
    mayStay = lf !== -1 && statuses[0] === 200 && isUnambiguous && head !== -1;
    replies.push({ statuses, line, mayStay });
    rest = rest.slice(lf + 1 + head);
  }
  return replies;
}

// ---------------------------------------------------------------- inputs

const TOKEN_OCTETS = "!#$%&'*+-.^_`|~0189AZaz";
const ODD_OCTETS = "\r\n\0\t :\x0b\x7f\x80\xff*/[]@%HTP012";
const UNAMBIGUOUS_FIELDS =
  ("Accept: */*|User-Agent: curl/8.5.0|X-Empty:|X-Tab: \ta|Te-St:x|X_A: b|Content-Type: a/b|" +
    "Expect-CT: max-age=0|Upgrade: h2c|Connection: Upgrade, HTTP2-Settings|Connection: keep-alive, TE")
    .split("|");
const ODD_FIELDS =
  ("Host: y|host:|Host: u@h|Host: h/p|Host: a, b|Host: [::1]:8080|Host: a%20b|Host: a%2|Host: h:8x|Content-Length: 0|content-length:\t0|Content-Length: 00|Content_Length: 0|content-length:5|Content-Length: 5, 5|" +
    "Content-Length : 5|Content-Lengthy: 5|Transfer-Encoding: chunked|TRANSFER-ENCODING:\tchunked|" +
    "Transfer-Encoding : chunked|Transfer_Encoding: chunked|Transfer-Encodin: x|Upgrade: h2c|" +
    "Expect: 100-continue|Connection: close|Connection: Keep-Alive|connection:keep-alive|" +
    "Connection: keep-alive, upgrade|Connection:| folded|\tfolded|: x|no colon|X: \xe9|X: a\0b|" +
    "X: a\rb|X: a\nContent-Length: 5|Te\x80st: x|\xa0Host: y").split("|");

function text(random: Random, alphabet: string, most: number): string {
  return Array.from({ length: 1 + random.below(most) }, () => random.pick(alphabet)).join("");
}

function visible(random: Random): string {
  return text(random, "!\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~", 20);
}

/** A line that follows the grammar, with any form of target for any method. */
function requestLine(random: Random): string {
  const named = random.pick(["GET", "HEAD", "POST", "OPTIONS", "CONNECT", "get"]);
  const method = random.below(3) > 0 ? named : text(random, TOKEN_OCTETS, 8);
  const path = "/" + (random.below(2) > 0 ? visible(random) : "");
  const authority = random.pick(["a.example:80", "[::1]:443", "a:1", "user@a:1", ":1", "a%20:9"]);
  const scheme = random.pick(["http", "HTTPS", "coap+tcp", "x-1.y", "1x"]);
  const target = random.pick([path, path, path, "*", authority, `${scheme}://${visible(random)}`]);
  const version = random.pick(["1.1", "1.1", "1.1", "1.0", "1.9", "2.0", "0.9"]);
  return `${method} ${target} HTTP/${version}`;
}

/** Fields and the empty line. After unambiguous ones the connection may stay open. */
function headSection(random: Random, isUnambiguous: boolean): string {
  const fields = Array.from(
    { length: random.below(5) },
    () => random.pick(isUnambiguous || random.below(2) > 0 ? UNAMBIGUOUS_FIELDS : ODD_FIELDS),
  );
  if (isUnambiguous || random.below(5) > 0) {
    fields.splice(random.below(fields.length + 1), 0, "Host: x");
  }
  return fields.map((field) => `${field}\r\n`).join("") + "\r\n";
}

function mutate(random: Random, input: string): string {
  let output = input;
  for (let times = 1 + random.below(3); times > 0; times--) {
    const at = random.below(output.length + 1);
    const end = at + random.below(4);
    const [before, part, after] = [output.slice(0, at), output.slice(at, end), output.slice(end)];
    output = random.pick([
      () => before + random.pick(ODD_OCTETS) + after, // replaces
      () => before + part + random.pick(ODD_OCTETS) + after, // inserts
      () => before + after, // deletes
      () => before + part + part + after, // repeats
      () => output.replace("\r\n", random.pick(["\n", "\r", "\r\r\n", "\n\r"])),
    ])();
  }
  return output;
}

/** One to four requests, some of them odd or mutated. */
function requestStream(random: Random): string {
  const requests = Array.from({ length: 1 + random.below(4) }, () => {
    const isUnambiguous = random.below(3) > 0;
    const length = random.below(100) > 0 ? random.below(9) : 8170 + random.below(20);
    const line = isUnambiguous ? `GET /${"a".repeat(length)} HTTP/1.1` : requestLine(random);
    const request = random.pick(["", "", "", "\r\n", "\n\r\n"]) + `${line}\r\n` +
      headSection(random, isUnambiguous) + random.pick(["", "", "", "", "body"]);
    return random.below(3) > 0 ? request : mutate(random, request);
  });
  const stream = requests.join("");
  return random.below(5) > 0 ? stream : stream.slice(0, random.below(stream.length));
}

// ---------------------------------------------------------------- pure functions

/** Checks that the parser and the oracle agree on the status. True if the line is accepted. */
function fuzzLine(random: Random): boolean {
  const grammatical = requestLine(random);
  const line = random.below(2) > 0 ? grammatical : mutate(random, grammatical);
  const parsed = parseRequestLine(bytesOf(line));
  const status = "expected" in parsed ? parsed.status : 200;
  check(statusesFor(line).includes(status), `parsed as ${status}, not ${statusesFor(line)}`, line);
  check("expected" in parsed || parsed.text === line, "the text changed", line);
  return status === 200;
}

/**
 * Checks that only heads that the oracle calls unambiguous are persistent, and end where it says.
 * Heads made of unambiguous fields must be persistent. True if the head is.
 */
function fuzzHead(random: Random): boolean {
  const before = "x".repeat(random.below(3));
  const isUnambiguous = random.below(3) === 0;
  const section = headSection(random, isUnambiguous);
  const head = isUnambiguous || random.below(2) > 0 ? section : mutate(random, section);
  const rest = head + random.pick(["", "GET / HTTP/1.1\r\n", "\r\n", "x"]);
  const to = isUnambiguous || random.below(4) > 0 ? rest.length : random.below(rest.length + 1);
  const found = scanHead(bytesOf(before + rest), before.length, before.length + to);
  const end = found?.persistence === "open" ? found.end - before.length : -1;
  const expected = endOfUnambiguousHead(rest.slice(0, to));
  check(
    end === expected || end === -1 && !isUnambiguous,
    `ends at ${end}, not ${expected}`,
    rest,
    to,
  );
  return end !== -1;
}

function fuzzPure(name: string, seed: number, inputs: number, fuzz: (random: Random) => boolean) {
  let accepted = 0;
  for (let index = 0; index < inputs; index++) {
    try {
      if (fuzz(new Random(seed + index))) accepted++;
    } catch (error) {
      throwWithSeed(error, seed + index);
    }
  }
  console.log(`${name}: ${inputs} inputs, ${accepted} accepted, as expected`);
}

function throwWithSeed(error: unknown, seed: number): never {
  const message = error instanceof Error ? error.message : String(error);
  throw new Error(`${message}\nReplay with --seed ${seed} --inputs 1 --seconds 0`);
}

// ---------------------------------------------------------------- sockets

const REQUEST_TIMEOUT_MS = 1_000;
const REPLY_TIMEOUT_MS = 10_000;
const CONCURRENCY = 50;

/** Sends requests to a server in this process, and returns the number of replies. */
async function fuzzSockets(seed: number, seconds: number): Promise<number> {
  let reported: unknown;
  const onError = (error: unknown) => reported ??= error;
  const options = { hostname: HOST, port: 0, requestTimeoutMs: REQUEST_TIMEOUT_MS, onError };
  await using server = serve(options, ({ text }) => ({ body: text }));
  const end = performance.now() + seconds * 1000;
  let [next, replies] = [seed, 0];
  await runClients(CONCURRENCY, CONCURRENCY, async () => {
    do {
      const caseSeed = next++;
      const conversation = fuzzConversation(new Random(caseSeed), server.addr);
      const count = await conversation.catch((error) => throwWithSeed(error, caseSeed));
      replies += count;
    } while (performance.now() < end);
  });
  check(reported === undefined, `the server reported ${reported}`);
  return replies;
}

/** Checks that a stream gets the expected replies, the same in one piece and in several. */
async function fuzzConversation(random: Random, server: Target): Promise<number> {
  const stream = requestStream(random);
  const ended = random.below(50) > 0;
  const expected = expectedReplies(stream, ended);
  const splits = Array.from({ length: 1 + random.below(5) }, () => random.below(stream.length + 1));
  const edges = [0, ...splits.sort((a, b) => a - b), stream.length];
  const pieces = edges.slice(1).map((edge, at) => stream.slice(edges[at], edge));
  const whole = splitReplies(await converse(server, [stream], ended, false), expected);
  const split = splitReplies(await converse(server, pieces, ended, random.below(2) > 0), expected);
  for (const replies of [whole, split]) checkReplies(replies, expected, stream, pieces);
  for (let at = 0; at < Math.min(whole.length, split.length); at++) {
    const isSame = comparable(whole[at].wire) === comparable(split[at].wire);
    check(isSame, "splitting changed the reply", stream, pieces);
  }
  return whole.length + split.length;
}

/** Sends the pieces and returns everything that comes back. */
async function converse(
  server: Target,
  pieces: string[],
  ended: boolean,
  paused: boolean,
): Promise<string> {
  using socket = await connect(server);
  let hangs = false;
  const timeout = setTimeout(() => {
    hangs = true;
    socket[Symbol.dispose]();
  }, REPLY_TIMEOUT_MS);
  const wire = readUntilEnd(socket);
  for (const piece of pieces) {
    if (!await trySend(socket, piece)) break;
    if (paused) await sleep(0); // so that the server reads each piece separately
  }
  if (ended) await socket.closeWrite().catch((error) => check(isGone(error), String(error)));
  await wire;
  clearTimeout(timeout);
  check(!hangs, "hangs", pieces);
  return wire;
}

interface Received {
  wire: string;
  status: number;
  closes: boolean;
  content: string;
}

function splitReplies(wire: string, expected: Expected[]): Received[] {
  const replies: Received[] = [];
  for (let rest = wire; rest !== "";) {
    const head = /^HTTP\/1\.1 (\d{3}) [^]*?\r\n\r\n/.exec(rest);
    check(head !== null, "not the head of a response", rest);
    const isHead = expected[replies.length]?.line.startsWith("HEAD ");
    const length = isHead ? 0 : Number(/\r\ncontent-length: (\d+)\r\n/i.exec(head[0])?.[1]);
    const content = rest.slice(head[0].length, head[0].length + length);
    check(content.length === length, "a reply is incomplete", rest);
    const closes = /\r\nconnection: close\r\n/i.test(head[0]);
    replies.push({ wire: head[0] + content, status: Number(head[1]), closes, content });
    rest = rest.slice(head[0].length + length);
  }
  return replies;
}

/** Checks replies. Some may be missing after one with `Connection: close`. */
function checkReplies(replies: Received[], expected: Expected[], stream: string, pieces: string[]) {
  const statuses = replies.map(({ status }) => status);
  const explain = `got ${statuses}, expected ${JSON.stringify(expected)}`;
  check(replies.length <= expected.length, `too many replies, ${explain}`, stream, pieces);
  check(replies.length > 0 || expected.length === 0, `no reply, ${explain}`, stream, pieces);
  for (const [at, { status, closes, content }] of replies.entries()) {
    const { statuses, line, mayStay } = expected[at];
    const isLast = at === replies.length - 1;
    check(statuses.includes(status), `reply ${at}: ${explain}`, stream, pieces);
    check(closes || mayStay, `reply ${at} stays open, ${explain}`, stream, pieces);
    check(!closes || isLast, `reply ${at} closes and is not the last, ${explain}`, stream, pieces);
    check(
      closes || !isLast || at === expected.length - 1,
      `missing replies, ${explain}`,
      stream,
      pieces,
    );
    const isEcho = status !== 200 || content === line || line.startsWith("HEAD ");
    check(isEcho, `reply ${at} answers another request, ${explain}`, stream, pieces);
  }
}

function comparable(wire: string): string {
  return wire.replace(/\r\nDate: [^\r]*|\r\nConnection: close/g, "");
}

// ---------------------------------------------------------------- the command

const flags = parseArgs(Deno.args, { string: ["seed", "inputs", "seconds"] });
const seed = numberOf(flags.seed, Date.now() % 1_000_000_000);
const inputs = numberOf(flags.inputs, 100_000);
const seconds = numberOf(flags.seconds, 20);
console.log(`seed ${seed}`);
fuzzPure("parseRequestLine()", seed, inputs, fuzzLine);
fuzzPure("scanHead()", seed, inputs, fuzzHead);
fuzzPure("folderAnswer()", seed, inputs, fuzzPath);
fuzzPure("folderAnswer() below prefixes", seed, inputs, fuzzPrefixes);
fuzzPure("folderAnswer() by method", seed, inputs, fuzzMethods);
fuzzPure("folderAnswer() by the names of files", seed, inputs, fuzzRoutes);
const replies = await fuzzSockets(seed, seconds);
console.log(`sockets: ${replies} replies in ${seconds} s, as expected`);
