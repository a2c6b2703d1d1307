/**
 * Firstline: an HTTP server that reads one line and answers it.
 *
 * A byte's way through this file, from top to bottom: a socket is accepted, its
 * bytes are gathered up to the first line end, the line is parsed, a responder
 * turns it into a reply, the reply is written out by hand, and the connection
 * is closed so that the reply survives.
 *
 * The first line alone decides the reply. What follows it only decides how the
 * connection is closed.
 *
 * @example A server that answers everyone alike
 * ```ts
 * import { serve } from "./server.ts";
 *
 * await using server = serve({ port: 0 }, { body: "Hello world!" });
 * const response = await fetch(`http://127.0.0.1:${server.addr.port}/`);
 * console.log(await response.text()); // "Hello world!"
 * ```
 *
 * @module
 */

// ---------------------------------------------------------------- limits

/** What a server grants each client. Every limit is an option of {@linkcode serve}. */
export interface Limits {
  /** Octets in a request line with its line end; RFC 9112 §3 asks for 8000 or more. */
  maxRequestLineBytes: number;
  /** Milliseconds from accept to the end of the request line, however the bytes dribble. */
  requestTimeoutMs: number;
  /** Milliseconds a reply may make no progress because its client does not read. */
  writeTimeoutMs: number;
  /** Milliseconds to wait, after the reply, for a client that is still sending. */
  lingerTimeoutMs: number;
  /** Octets to read and discard in that time. */
  maxLingerBytes: number;
  /** Connections open at once; beyond it they wait in the kernel's queue. */
  maxConnections: number;
  /** Milliseconds that a shutdown grants to answers in flight. */
  shutdownGraceMs: number;
}

/** The limits that hold where {@linkcode serve} is given no others. */
export const DEFAULT_LIMITS: Readonly<Limits> = {
  maxRequestLineBytes: 8 * 1024,
  requestTimeoutMs: 10_000,
  writeTimeoutMs: 10_000,
  lingerTimeoutMs: 2_000,
  maxLingerBytes: 64 * 1024 * 1024, // 256 KiB cost clients that send first and read later their reply
  maxConnections: 8192,
  shutdownGraceMs: 5_000, // within the 10 s that container runtimes wait before they kill
};

/** Most requests fit; a longer line makes the buffer of its connection grow. */
const FIRST_BUFFER_BYTES = 2048;
/** RFC 9112 §2.2 asks for one; people press Enter twice. */
const MAX_EMPTY_LINES = 2;
/** How much of an offending line a refusal repeats. */
const MAX_ECHO_OCTETS = 200;
/** Descriptors and kernel memory come back when clients leave, which takes a moment. */
const ACCEPT_RETRY_MS = 100;
/** A shortage comes and goes with each client; one report a minute tells enough. */
const ACCEPT_REPORT_MS = 60_000;

// ---------------------------------------------------------------- public types

/** A request line that matches the grammar of RFC 9112 §3. All of it is visible ASCII. */
export interface RequestLine {
  /** The method, a token such as `GET`; case matters (RFC 9110 §9.1). */
  readonly method: string;
  /** The request target, as sent. */
  readonly target: string;
  /** The digit after `HTTP/1.`. */
  readonly minorVersion: number;
  /** The whole line, without its line end. */
  readonly text: string;
}

/** The far end of a connection. */
export interface Client {
  /** IP address; an IPv4 client of an IPv6 socket is shown as IPv4. */
  readonly hostname: string;
  /** TCP port. */
  readonly port: number;
}

/** A reply that the server frames: it adds `Date`, `Content-Length` and `Connection`. */
export interface Reply {
  /** Status code from 200 to 599; 200 by default. */
  readonly status?: number;
  /** Header fields in order. A `Content-Type` or `Date` here replaces the server's own. */
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]>;
  /** Content; a string is sent as UTF-8 `text/plain`. Not sent with 204, 205 and 304. */
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

/** Turns a request line and a client into a reply. A throw is answered with 500. */
export type Responder = (
  request: RequestLine,
  client: Client,
) => Reply | Promise<Reply>;

/** What became of one request. */
export interface Exchange {
  /** Who asked. */
  readonly client: Client;
  /** The line as it came, one character an octet: control characters included. */
  readonly requestLine: string;
  /** The status code of the reply. */
  readonly status: number;
  /** Octets of content that the kernel took over. */
  readonly bytes: number;
  /** When the line was complete, in milliseconds since the epoch. */
  readonly time: number;
  /** Milliseconds from then until the kernel had the reply. */
  readonly milliseconds: number;
}

/** How {@linkcode serve} listens, what it grants, and whom it tells. */
export interface ServeOptions extends Partial<Limits> {
  /** Address to listen on; `"0.0.0.0"` by default. `"::"` serves IPv6 and IPv4. */
  hostname?: string;
  /** Port to listen on; 8080 by default, 0 for any that is free. */
  port?: number;
  /** Connections that may wait in the kernel's queue; 511 by default. */
  tcpBacklog?: number;
  /** Starts {@linkcode Server.shutdown} when aborted. */
  signal?: AbortSignal;
  /** Called once the port is bound. */
  onListen?: (addr: Deno.NetAddr) => void;
  /** Called after each reply. Must not throw. */
  onExchange?: (exchange: Exchange) => void;
  /** Called for what is nobody's request: a throw in a responder, a shortage of descriptors. Must not throw. */
  onError?: (error: unknown) => void;
}

/** How a server ended. */
export interface Ending {
  /** Connections that were still being answered when the grace period ran out. */
  readonly cut: number;
}

/** A running server. */
export interface Server extends AsyncDisposable {
  /** The address in use, with the real port. */
  readonly addr: Deno.NetAddr;
  /** Settles when the last connection has closed after a shutdown. */
  readonly finished: Promise<Ending>;
  /** Stops accepting, lets answers in flight finish within the grace period, closes. */
  shutdown(): Promise<Ending>;
}

/**
 * Listens on a TCP socket and answers every request by its first line.
 *
 * A reply instead of a responder goes to everyone; it is encoded only once a
 * second, for its date.
 *
 * @throws {RangeError} If a limit is not a positive number or the reply is invalid.
 * @throws {Deno.errors.AddrInUse} If the port is taken; other errors of `Deno.listen` likewise.
 *
 * @example
 * ```ts
 * import { serve } from "./server.ts";
 *
 * await using server = serve({ port: 0, hostname: "127.0.0.1" }, (request) => ({
 *   status: request.target === "/" ? 200 : 404,
 *   body: `You asked for ${request.target}`,
 * }));
 * const response = await fetch(`http://127.0.0.1:${server.addr.port}/tea`);
 * console.log(response.status, await response.text()); // 404 "You asked for /tea"
 * ```
 */
export function serve(
  options: ServeOptions,
  responder: Responder | Reply,
): Server {
  return new LineServer(options, responder);
}

// ---------------------------------------------------------------- accepting

/** The listener, the open connections, and the one clock that watches them all. */
class LineServer implements Server {
  readonly addr: Deno.NetAddr;
  readonly options: ServeOptions;
  readonly limits: Limits;
  readonly respond: Responder;
  readonly connections = new Set<Connection>();
  stopping = false;
  /** The value of the `Date` field (RFC 9110 §6.6.1), at most one sweep old. */
  date = "";

  readonly #listener: Deno.TcpListener;
  readonly #sweepMs: number;
  #closed = false;
  #clock: ReturnType<typeof setInterval> | undefined;
  #now = 0;
  #nextClose: PromiseWithResolvers<void> | undefined;
  #ended = Promise.withResolvers<Ending>();

  constructor(options: ServeOptions, responder: Responder | Reply) {
    this.options = options;
    this.limits = checkLimits(options);
    this.respond = typeof responder === "function" ? responder : always(responder);
    const { requestTimeoutMs, writeTimeoutMs, lingerTimeoutMs } = this.limits;
    const shortest = Math.min(requestTimeoutMs, writeTimeoutMs, lingerTimeoutMs);
    this.#sweepMs = Math.min(250, Math.ceil(shortest / 8));
    this.#listener = Deno.listen({
      hostname: options.hostname ?? "0.0.0.0",
      port: options.port ?? 8080,
      tcpBacklog: options.tcpBacklog,
    });
    this.addr = this.#listener.addr;
    options.onListen?.(this.addr);
    if (options.signal?.aborted) this.shutdown();
    options.signal?.addEventListener("abort", () => this.shutdown());
    this.#acceptAll();
  }

  get finished(): Promise<Ending> {
    return this.#ended.promise;
  }

  async #acceptAll(): Promise<void> {
    let reported = -Infinity;
    while (!this.#closed) {
      try {
        const socket = await this.#listener.accept();
        this.#startClock();
        serveConnection(this, socket);
      } catch (error) {
        if (this.#closed) return;
        if (leftTheQueue(error)) continue;
        if (performance.now() - reported > ACCEPT_REPORT_MS) {
          reported = performance.now();
          this.report(new Error("Cannot accept connections for now", { cause: error }));
        }
        await sleep(ACCEPT_RETRY_MS);
      }
      while (this.connections.size >= this.limits.maxConnections) {
        await this.#aClose();
      }
    }
  }

  shutdown(): Promise<Ending> {
    if (!this.stopping) {
      this.stopping = true;
      this.#stop();
    }
    return this.finished;
  }

  async #stop(): Promise<void> {
    await sleep(0); // one turn of the event loop lets in whoever has connected already,
    this.#closed = true;
    this.#listener.close();
    await sleep(0); // and one more reads the lines they have sent.
    for (const connection of this.connections) {
      if (connection.phase === "waiting") connection.close();
    }
    let cut = 0;
    const grace = setTimeout(() => {
      for (const connection of this.connections) {
        if (connection.phase !== "lingering") cut++;
        connection.close();
      }
    }, this.limits.shutdownGraceMs);
    while (this.connections.size > 0) await this.#aClose();
    clearTimeout(grace);
    clearInterval(this.#clock);
    this.#ended.resolve({ cut });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  report(error: unknown): void {
    this.options.onError?.(error);
  }

  released(connection: Connection): void {
    this.connections.delete(connection);
    this.#nextClose?.resolve();
    this.#nextClose = undefined;
  }

  #aClose(): Promise<void> {
    this.#nextClose ??= Promise.withResolvers();
    return this.#nextClose.promise;
  }

  /** A deadline that is never early, and late by two sweeps at most. */
  deadlineIn(milliseconds: number): number {
    return this.#now + milliseconds + this.#sweepMs;
  }

  /** One timer for all connections costs nothing per request, and nothing when idle. */
  #startClock(): void {
    if (this.#clock !== undefined) return;
    this.#clock = setInterval(() => this.#sweep(), this.#sweepMs);
    this.#readTime();
  }

  #readTime(): void {
    this.#now = performance.now();
    this.date = new Date().toUTCString();
  }

  #sweep(): void {
    this.#readTime();
    for (const connection of this.connections) {
      if (connection.deadline <= this.#now) connection.expire();
    }
    if (this.connections.size > 0) return;
    clearInterval(this.#clock);
    this.#clock = undefined;
  }
}

function checkLimits(options: ServeOptions): Limits {
  const limits = { ...DEFAULT_LIMITS };
  for (const name of Object.keys(limits) as Array<keyof Limits>) {
    const value = options[name] ?? limits[name];
    if (!(value > 0 && value <= Number.MAX_SAFE_INTEGER)) {
      throw new RangeError(`Cannot use ${name} ${value}: expected a positive number`);
    }
    limits[name] = value;
  }
  return limits;
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** True for a client that reset its connection before it was accepted. */
function leftTheQueue(error: unknown): boolean {
  return error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted;
}

// ---------------------------------------------------------------- one connection

async function serveConnection(server: LineServer, socket: Deno.TcpConn): Promise<void> {
  using connection = new Connection(server, socket);
  try {
    const line = await connection.readLine();
    if (line === null) return;
    const request = line.fault ?? parseRequestLine(line.octets);
    const time = Date.now();
    const start = performance.now();
    const reply = await answer(server, request, line.octets, connection.client);
    try {
      await connection.writeAll(reply.octets);
    } finally {
      server.options.onExchange?.({
        client: connection.client,
        requestLine: latin1(line.octets),
        status: reply.status,
        bytes: Math.max(0, connection.sent - reply.contentStart),
        time,
        milliseconds: performance.now() - start,
      });
    }
    if (!connection.holdsWholeRequest()) await connection.linger();
  } catch (error) {
    if (!isClientGone(error)) server.report(error);
  }
}

/** Turns a request or a refusal into octets; a fault in the responder becomes a 500. */
async function answer(
  server: LineServer,
  request: RequestLine | Refusal,
  line: Uint8Array,
  client: Client,
): Promise<EncodedReply> {
  const context = { date: server.date, close: true, headOnly: false };
  if ("expected" in request) return encodeReply(refuse(request, line), context);
  context.headOnly = request.method === "HEAD";
  try {
    return encodeReply(await server.respond(request, client), context);
  } catch (error) {
    server.report(error);
    return encodeReply(FAILURE, context);
  }
}

/** True if the client, or our own deadline, has ended the connection. */
function isClientGone(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.TimedOut ||
    error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.BadResource;
}

// ---------------------------------------------------------------- bytes in

/** Waiting for a first byte, busy with a request, or waiting for the client to close. */
type Phase = "waiting" | "answering" | "lingering";

/** What came before the first line end, or before whatever went wrong. */
interface Line {
  octets: Uint8Array;
  fault?: Refusal;
}

const CR = 13;
const LF = 10;
const SP = 32;
const COLON = 58;

/** What a read can bring instead of bytes. */
const END = 0;
const EXPIRED = -1;

/** Where drained bytes go; nobody looks at them, so all connections share it. */
const SINK = new Uint8Array(64 * 1024);

/** A socket with the bytes that have come in and the moment its patience ends. */
class Connection implements Disposable {
  readonly client: Client;
  phase: Phase = "waiting";
  deadline: number;
  /** Octets that the kernel took over. */
  sent = 0;

  readonly #server: LineServer;
  readonly #socket: Deno.TcpConn;
  #closed = false;
  #buffer = new Uint8Array(FIRST_BUFFER_BYTES);
  /** The bytes from here to `#to` have come in and belong to no line yet. */
  #from = 0;
  #to = 0;
  #onExpire: (() => void) | undefined;

  constructor(server: LineServer, socket: Deno.TcpConn) {
    this.#server = server;
    this.#socket = socket;
    this.client = clientOf(socket.remoteAddr as Deno.NetAddr);
    this.deadline = server.deadlineIn(server.limits.requestTimeoutMs);
    server.connections.add(this);
  }

  /** Reads up to the first line end; null if nothing came. */
  async readLine(): Promise<Line | null> {
    const limit = this.#server.limits.maxRequestLineBytes;
    let emptyLines = 0;
    let scanned = 0; // octets after `#from` that hold no line end
    for (;;) {
      const lf = this.#buffer.indexOf(LF, this.#from + scanned);
      const found = lf !== -1 && lf < this.#to;
      if ((found ? lf : this.#to) - this.#from >= limit) {
        return this.#line(this.#from + limit, TOO_LONG);
      }
      if (found) {
        const line = this.#line(lf);
        this.#from = lf + 1;
        scanned = 0;
        if (line.octets.length > 0 || ++emptyLines > MAX_EMPTY_LINES) return line;
        continue;
      }
      scanned = this.#to - this.#from;
      const count = await this.#receive();
      if (count > 0) continue;
      if (this.#closed || scanned === 0) return null;
      return this.#line(this.#to, count === END ? UNFINISHED : TIMED_OUT);
    }
  }

  #line(end: number, fault?: Refusal): Line {
    this.phase = "answering";
    if (!fault && end > this.#from && this.#buffer[end - 1] === CR) end--;
    return { octets: this.#buffer.subarray(this.#from, end), fault };
  }

  async #receive(): Promise<number> {
    if (this.#to === this.#buffer.length) this.#makeRoom();
    const space = this.#buffer.subarray(this.#to);
    const halfALine = this.#from < this.#to;
    const count = halfALine
      ? await this.#readUnlessExpired(space)
      : await this.#socket.read(space) ?? END;
    if (count > 0) this.#to += count;
    return count;
  }

  /** A read that our deadline ends while the socket stays open for the 408. */
  #readUnlessExpired(space: Uint8Array): Promise<number> {
    this.phase = "answering";
    return new Promise<number>((resolve, reject) => {
      this.#onExpire = () => resolve(EXPIRED);
      this.#socket.read(space).then((count) => resolve(count ?? END), reject);
    }).finally(() => this.#onExpire = undefined);
  }

  #makeRoom(): void {
    if (this.#from > 0) {
      this.#buffer.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
    } else {
      const { maxRequestLineBytes } = this.#server.limits;
      const size = Math.min(2 * this.#buffer.length, maxRequestLineBytes);
      const larger = new Uint8Array(size);
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
  }

  /** True if the head is complete, promises no content, and nothing follows it. */
  holdsWholeRequest(): boolean {
    const head = scanHead(this.#buffer, this.#from, this.#to);
    return head.bodyless && head.end === this.#to;
  }

  /** A write takes what the kernel has room for, so it takes several for a slow reader. */
  async writeAll(octets: Uint8Array): Promise<void> {
    for (let at = 0; at < octets.length;) {
      this.deadline = this.#server.deadlineIn(this.#server.limits.writeTimeoutMs);
      const count = await this.#socket.write(octets.subarray(at));
      at += count;
      this.sent += count;
    }
  }

  /**
   * Waits for the client to close. Closing with unread input would make the
   * kernel send a reset, which destroys the reply in flight (RFC 9112 §9.6).
   */
  async linger(): Promise<void> {
    const { lingerTimeoutMs, maxLingerBytes } = this.#server.limits;
    this.phase = "lingering";
    this.deadline = this.#server.deadlineIn(lingerTimeoutMs);
    await this.#socket.closeWrite();
    for (let left = maxLingerBytes; left > 0;) {
      const count = await this.#socket.read(SINK);
      if (count === null) return;
      left -= count;
    }
  }

  /** Called by the sweep when the deadline has passed. */
  expire(): void {
    if (this.#onExpire) this.#onExpire();
    else this.close();
  }

  close(): void {
    this.#closed = true;
    this.#socket[Symbol.dispose]();
    this.#server.released(this);
  }

  [Symbol.dispose](): void {
    if (!this.#closed) this.close();
  }
}

/** IPv6 sockets show IPv4 clients as `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2). */
function clientOf({ hostname, port }: Deno.NetAddr): Client {
  return { hostname: hostname.replace(/^::ffff:(?=\d+\.)/, ""), port };
}

// ---------------------------------------------------------------- request line

/** Why a line gets no reply of the responder's, and what was expected instead. */
export interface Refusal {
  /** 400, 408, 414, 501 or 505. */
  readonly status: number;
  /** A sentence for the person at the other end. */
  readonly expected: string;
}

const MALFORMED: Refusal = {
  status: 400,
  expected: "Expected a request line: a method, a target and a version with one space " +
    "between them, such as: GET / HTTP/1.1",
};
const UNFINISHED: Refusal = {
  status: 400,
  expected: "Expected a line end (CRLF) after the request line, but the input ended.",
};
const TIMED_OUT: Refusal = {
  status: 408,
  expected: "Expected a whole request line, ended by CRLF, in less time.",
};
const TOO_LONG: Refusal = {
  status: 414,
  expected: "Expected a shorter request line.",
};
const NO_TUNNEL: Refusal = {
  status: 501,
  expected: "Expected any method but CONNECT: this server opens no tunnels.",
};
const OTHER_VERSION: Refusal = {
  status: 505,
  expected: "Expected HTTP/1.0 or HTTP/1.1.",
};

/** Octet classes: visible ASCII, and the part of it that makes a token (RFC 9110 §5.6.2). */
const VISIBLE = 1;
const TOKEN = 2;
const CLASS = new Uint8Array(256);
for (let octet = 0x21; octet <= 0x7e; octet++) {
  const inToken = /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(octet));
  CLASS[octet] = inToken ? VISIBLE | TOKEN : VISIBLE;
}

/**
 * Parses a request line without its line end, strictly: RFC 9112 §3, any
 * version 1.x, and the form of target that the method allows.
 *
 * @example
 * ```ts
 * import { parseRequestLine } from "./server.ts";
 *
 * const line = new TextEncoder().encode("GET /tea HTTP/1.1");
 * const request = parseRequestLine(line);
 * console.log("target" in request && request.target); // "/tea"
 * ```
 */
export function parseRequestLine(line: Uint8Array): RequestLine | Refusal {
  const methodEnd = endOfClass(line, 0, line.length, TOKEN);
  const targetEnd = endOfClass(line, methodEnd + 1, line.length, VISIBLE);
  const wellFormed = methodEnd > 0 && line[methodEnd] === SP &&
    targetEnd > methodEnd + 1 && line[targetEnd] === SP;
  if (!wellFormed) return MALFORMED;

  const text = latin1(line);
  const version = /^HTTP\/(\d)\.(\d)$/.exec(text.slice(targetEnd + 1));
  if (version === null) return MALFORMED;
  if (version[1] !== "1") return OTHER_VERSION;

  const method = text.slice(0, methodEnd);
  const target = text.slice(methodEnd + 1, targetEnd);
  if (!isTargetFor(method, target)) return MALFORMED;
  if (method === "CONNECT") return NO_TUNNEL;
  return { method, target, minorVersion: Number(version[2]), text };
}

/** The four forms of RFC 9112 §3.2. */
function isTargetFor(method: string, target: string): boolean {
  if (target.startsWith("/")) return true;
  if (target === "*") return method === "OPTIONS";
  if (/^[a-z][a-z0-9+.-]*:\/\/./i.test(target)) return true;
  return method === "CONNECT" && /^(\[[\da-f:.]+\]|[^:\/?#@[\]]+):\d+$/i.test(target);
}

function endOfClass(octets: Uint8Array, from: number, to: number, kind: number): number {
  while (from < to && (CLASS[octets[from]] & kind) !== 0) from++;
  return from;
}

/** One character an octet, so that nothing that was sent is lost. */
function latin1(octets: Uint8Array): string {
  let text = "";
  for (let at = 0; at < octets.length; at++) text += String.fromCharCode(octets[at]);
  return text;
}

// ---------------------------------------------------------------- the rest of the head

/** What the header section says about the end of a request. */
interface Head {
  /** Where the next octet after the empty line is; -1 if not there yet. */
  end: number;
  /** True if every line is plain and none promises or asks for more. */
  bodyless: boolean;
}

const DOUBTFUL: Head = { end: -1, bodyless: false };

/** Fields after which more than a head may follow (RFC 9112 §6, RFC 9110 §7.8, §10.1.1). */
const FRAMING_FIELD = /^(content|transfer|upgrade$|expect)/i;

/** Reads the header section at `from`, and doubts whatever is not plain. */
function scanHead(octets: Uint8Array, from: number, to: number): Head {
  for (;;) {
    const colon = endOfClass(octets, from, to, TOKEN);
    if (colon === from) {
      const isEnd = to - from >= 2 && octets[from] === CR && octets[from + 1] === LF;
      return isEnd ? { end: from + 2, bodyless: true } : DOUBTFUL;
    }
    const cr = octets[colon] === COLON ? endOfValue(octets, colon + 1, to) : to;
    if (to - cr < 2 || octets[cr] !== CR || octets[cr + 1] !== LF) return DOUBTFUL;
    if (FRAMING_FIELD.test(latin1(octets.subarray(from, colon)))) return DOUBTFUL;
    from = cr + 2;
  }
}

/** A field value has no control characters but the tab (RFC 9110 §5.5). */
function endOfValue(octets: Uint8Array, from: number, to: number): number {
  while (from < to && (octets[from] >= SP || octets[from] === 9) && octets[from] !== 127) from++;
  return from;
}

// ---------------------------------------------------------------- bytes out

/** A reply as it crosses the wire. */
interface EncodedReply {
  status: number;
  octets: Uint8Array;
  /** How many of them come before the content. */
  contentStart: number;
}

/** Reason phrases (RFC 9110 §15 and the IANA registry); others are sent without one. */
const REASONS = new Map(
  `200 OK,201 Created,202 Accepted,203 Non-Authoritative Information,204 No Content,
  205 Reset Content,206 Partial Content,300 Multiple Choices,301 Moved Permanently,302 Found,
  303 See Other,304 Not Modified,307 Temporary Redirect,308 Permanent Redirect,400 Bad Request,
  401 Unauthorized,402 Payment Required,403 Forbidden,404 Not Found,405 Method Not Allowed,
  406 Not Acceptable,408 Request Timeout,409 Conflict,410 Gone,411 Length Required,
  412 Precondition Failed,413 Content Too Large,414 URI Too Long,415 Unsupported Media Type,
  416 Range Not Satisfiable,417 Expectation Failed,421 Misdirected Request,
  422 Unprocessable Content,425 Too Early,426 Upgrade Required,428 Precondition Required,
  429 Too Many Requests,431 Request Header Fields Too Large,451 Unavailable For Legal Reasons,
  500 Internal Server Error,501 Not Implemented,502 Bad Gateway,503 Service Unavailable,
  504 Gateway Timeout,505 HTTP Version Not Supported,507 Insufficient Storage,
  511 Network Authentication Required`.split(/,\s*/).map((line) =>
    [Number(line.slice(0, 3)), line.slice(4)] as const
  ),
);

const FAILURE: Reply = { status: 500, body: "500 Internal Server Error\n" };

const encoder = new TextEncoder();

interface EncodeContext {
  date: string;
  close: boolean;
  headOnly: boolean;
}

/** Frames a reply (RFC 9112 §4, §6.2). Throws a RangeError where that would be invalid. */
function encodeReply(reply: Reply, { date, close, headOnly }: EncodeContext): EncodedReply {
  const { status = 200, headers = [], body = "" } = reply;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError(`Cannot send status ${status}: expected an integer from 200 to 599`);
  }
  const content = typeof body === "string" ? encoder.encode(body) : body;
  const type = typeof body === "string" ? "text/plain; charset=utf-8" : "application/octet-stream";
  const fields: Array<readonly [string, string]> = [["Date", date]];
  if (status === 205) fields.push(["Content-Length", "0"]);
  else if (status !== 204 && status !== 304) {
    fields.push(["Content-Type", type], ["Content-Length", String(content.length)]);
  }
  if (close) fields.push(["Connection", "close"]);
  const given = new Set(headers.map(([name]) => name.toLowerCase()));
  let head = `HTTP/1.1 ${status} ${REASONS.get(status) ?? ""}\r\n`;
  for (const [name, value] of fields) {
    if (!given.has(name.toLowerCase())) head += `${name}: ${value}\r\n`;
  }
  for (const [name, value] of headers) {
    checkField(name, value);
    head += `${name}: ${value}\r\n`;
  }
  const start = encoder.encode(head + "\r\n");
  const bodyless = headOnly || status === 204 || status === 205 || status === 304;
  if (bodyless) return { status, octets: start, contentStart: start.length };
  const octets = new Uint8Array(start.length + content.length);
  octets.set(start);
  octets.set(content, start.length);
  return { status, octets, contentStart: start.length };
}

/**
 * Checks a header field that a reply would carry: a token for a name, a value
 * of printable ASCII, and not one that frames the message.
 *
 * @throws {RangeError} If the field would make the response invalid or splittable.
 */
export function checkField(name: string, value: string): void {
  if (!/^[!#$%&'*+.^_`|~\dA-Za-z-]+$/.test(name)) {
    throw new RangeError(`Cannot send header "${name}": expected a token for a name`);
  }
  if (/^(content-length|transfer-encoding|connection)$/i.test(name)) {
    throw new RangeError(`Cannot send header "${name}": the server sets it itself`);
  }
  if (!/^[\t\x20-\x7e]*$/.test(value)) {
    throw new RangeError(`Cannot send header "${name}": expected a value of printable ASCII`);
  }
}

/** A reply that never changes. */
function always(reply: Reply): Responder {
  encodeReply(reply, { date: "", close: true, headOnly: false });
  return () => reply;
}

/** Says what was expected, and shows what came in characters that any terminal survives. */
function refuse({ status, expected }: Refusal, line: Uint8Array): Reply {
  const shown = escapeControls(latin1(line.subarray(0, MAX_ECHO_OCTETS)));
  const more = line.length > MAX_ECHO_OCTETS ? ` ... (${line.length} octets)` : "";
  return {
    status,
    headers: [["X-Content-Type-Options", "nosniff"]],
    body: `${status} ${REASONS.get(status)}\n\n${expected}\nReceived: ${shown}${more}\n`,
  };
}

/**
 * Shows each character that is not printable ASCII, and each quote and
 * backslash, as `\xHH`, so that one line stays one line.
 *
 * @example
 * ```ts
 * import { escapeControls } from "./server.ts";
 *
 * console.log(escapeControls("GET /\x1b[2J")); // GET /\x1b[2J, harmless
 * ```
 */
export function escapeControls(text: string): string {
  return text.replace(
    /[^\x20-\x7e]|["\\]/g,
    (character) => "\\x" + character.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase(),
  );
}

// ---------------------------------------------------------------- the page

/** Where the page's link leads by default: the specification of what the page shows. */
export const DEFAULT_LINK = "https://www.rfc-editor.org/rfc/rfc9112#name-request-line";

const PAGE_HEADERS: Reply["headers"] = [
  ["Content-Type", "text/html; charset=utf-8"],
  [
    "Content-Security-Policy",
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ],
  ["X-Content-Type-Options", "nosniff"],
];

const PAGE_STYLE = `
  :root { color-scheme: light dark; --ink: #1c2127; --soft: #59636e; --paper: #fbfaf7;
    --card: #fff; --line: #dfdcd3; --accent: #0b63ce; --on-accent: #fff; --wire: #0a7a4b }
  @media (prefers-color-scheme: dark) { :root { --ink: #e8e6e1; --soft: #a2a9b1; --paper: #14171a;
    --card: #1d2125; --line: #343a40; --accent: #7ab4ff; --on-accent: #10151c; --wire: #6fd6a4 } }
  * { box-sizing: border-box }
  body { margin: 0; padding: clamp(1.5rem, 6vw, 5rem) 1.25rem; background: var(--paper);
    color: var(--ink); font: 1.0625rem/1.6 system-ui, sans-serif }
  main { max-width: 42rem; margin: auto }
  h1 { margin: 0 0 .75rem; font-size: clamp(1.75rem, 7vw, 3rem); line-height: 1.15;
    letter-spacing: -.02em; overflow-wrap: anywhere; text-wrap: balance }
  h2 { margin: 3rem 0 .75rem; font-size: 1.125rem }
  p { margin: 0 0 1rem }
  .lead { color: var(--soft); font-size: 1.1875rem }
  .link { display: inline-block; margin-top: .5rem; padding: .6rem 1.2rem; border-radius: .5rem;
    background: var(--accent); color: var(--on-accent); font-weight: 600; text-decoration: none }
  .link:hover { text-decoration: underline }
  .link:focus-visible { outline: 3px solid var(--ink); outline-offset: 3px }
  ol { margin: 0; padding: 0; list-style: none; counter-reset: step }
  li { position: relative; padding: 0 0 1.25rem 2.75rem; counter-increment: step }
  li::before { content: counter(step); position: absolute; left: 0; top: .05rem; width: 1.75rem;
    height: 1.75rem; border: 1px solid var(--line); border-radius: 50%; background: var(--card);
    color: var(--soft); font-size: .875rem; line-height: 1.65rem; text-align: center }
  pre { margin: .5rem 0 0; padding: .75rem 1rem; border: 1px solid var(--line);
    border-radius: .5rem; background: var(--card); color: var(--wire); white-space: pre-wrap;
    overflow-wrap: anywhere; font: .9375rem/1.5 ui-monospace, monospace }
  small { color: var(--soft); font-size: .75rem; letter-spacing: .05em }
  footer { margin-top: 2rem; padding-top: 1rem; border-top: 1px solid var(--line);
    color: var(--soft); font-size: .9375rem }
`;

/**
 * A responder that greets each client by its address with an HTML page: a link
 * to follow, what has just happened on the wire, and the request line.
 *
 * @param link Where the link leads; the request-line section of RFC 9112 by default.
 */
export function page(link: string = DEFAULT_LINK): Responder {
  const href = escapeHtml(link);
  return (request, { hostname, port }) => {
    const address = hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
    return {
      headers: PAGE_HEADERS,
      body: `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hello, ${address}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<main>
<h1>Hello, ${address}</h1>
<p class="lead">That is the address you called from, and this page was written for it.</p>
<p><a class="link" href="${href}">Follow this link</a></p>
<h2>What just happened on the wire</h2>
<ol>
<li>Your client opened a TCP connection from port ${port}.</li>
<li>It sent one line that says what it wants:
<pre>${escapeHtml(request.text)} <small>line end</small></pre></li>
<li>That line end was enough. The server answered at once, without waiting for header
fields: they could not have changed a word of this page.</li>
<li>The answer was a status line, a few header fields, an empty line, and the text that
you are reading.</li>
</ol>
<footer>Change the path in the address bar and watch the line above change with it.</footer>
</main>
</body>
</html>
`,
    };
  };
}

/**
 * Makes text safe between tags and in quoted attributes of HTML.
 *
 * @example
 * ```ts
 * import { escapeHtml } from "./server.ts";
 *
 * console.log(escapeHtml('<a href="x">')); // "&lt;a href=&quot;x&quot;&gt;"
 * ```
 */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => HTML_ENTITIES[character]);
}

const HTML_ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
