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
  /** Milliseconds from accept, or later from a request's first octet, to its first line end. */
  requestTimeoutMs: number;
  /** Milliseconds that a connection may stay open between two requests. */
  idleTimeoutMs: number;
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
  idleTimeoutMs: 5_000,
  writeTimeoutMs: 10_000,
  lingerTimeoutMs: 2_000,
  maxLingerBytes: 64 * 1024 * 1024, // with 256 KiB, clients that send before they read lost replies
  maxConnections: 8192,
  shutdownGraceMs: 5_000, // within the 10 s that container runtimes wait before they kill
};

/** Most requests fit; a longer line makes the buffer of its connection grow. */
const FIRST_BUFFER_BYTES = 2048;
/** RFC 9112 §2.2 asks for one; people press Enter twice. */
const MAX_EMPTY_LINES = 2;
/** Replies to requests that came together leave together, up to this size. */
const MAX_GATHERED_BYTES = 8 * 1024;
/** A reply that fits in one of these is encoded there, and leaves it to the next one. */
const SPARE_BYTES = 8 * 1024;
const MAX_SPARES = 64;
/** Content larger than this is not copied, but written on its own. */
const MAX_COPIED_BYTES = 16 * 1024;
/** Large content is written in turns of so much; then other events have theirs. */
const MAX_TURN_BYTES = 4 * 1024 * 1024;
/** What a drained octet counts in a turn: it comes in smaller pieces than it would be written. */
const DRAINED_WEIGHT = 4;
/** How much of an offending line a refusal repeats. */
const MAX_ECHO_OCTETS = 200;
/** Descriptors and kernel memory come back when clients leave, which takes a moment. */
const ACCEPT_RETRY_MS = 100;
/** Long enough for the event loop to hand over what the kernel holds, and too short to notice. */
const SETTLE_MS = 10;
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

/** A whole response as it is, framed or misframed by its author; the connection closes after it. */
export interface RawReply {
  /** The pieces in order, each sent as soon as it is there. */
  readonly raw: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** Turns a request line and a client into a reply. A throw is answered with 500. */
export type Responder = (
  request: RequestLine,
  client: Client,
) => Reply | RawReply | Promise<Reply | RawReply>;

/** What became of one request. */
export interface Exchange {
  /** Who asked. */
  readonly client: Client;
  /** The line as it came, one character an octet: control characters included. */
  readonly requestLine: string;
  /** The status code of the reply; 0 for a raw one. */
  readonly status: number;
  /** Octets of content that the kernel took over; of a raw reply, all octets. */
  readonly bytes: number;
  /** When the line was complete, in milliseconds since the epoch. */
  readonly time: number;
  /** Milliseconds from then until the kernel had the reply. */
  readonly milliseconds: number;
}

/** Something that a connection went through, for {@linkcode ServeOptions.onWire}. */
export interface WireEvent {
  /** The far end. */
  readonly client: Client;
  /** What happened: `drained` stands for octets that came after the reply and were discarded. */
  readonly kind: "opened" | "received" | "sent" | "drained" | "closed";
  /** What was received or sent; only to be looked at during the call. */
  readonly octets?: Uint8Array;
  /** How many octets that was, or how many were drained. */
  readonly count: number;
}

/** How {@linkcode serve} listens, what it grants, and whom it tells. */
export interface ServeOptions extends Partial<Limits> {
  /** Address to listen on; `"0.0.0.0"` by default. `"::"` serves IPv6 and IPv4. */
  hostname?: string;
  /** Port to listen on; 8080 by default, 0 for any that is free. */
  port?: number;
  /** Connections that may wait in the kernel's queue; 511 by default. */
  tcpBacklog?: number;
  /** Shares the port with other processes that set this too; Linux, `--unstable-net`. */
  reusePort?: boolean;
  /** Starts {@linkcode Server.shutdown} when aborted. */
  signal?: AbortSignal;
  /** Called once the port is bound. */
  onListen?: (addr: Deno.NetAddr) => void;
  /** Called after each reply. Must not throw. */
  onExchange?: (exchange: Exchange) => void;
  /** Called for everything that crosses the wire. Must not throw. */
  onWire?: (event: WireEvent) => void;
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
  readonly responder: Responder | FixedReply;
  /** Each knows its place: V8 keeps what a set has forgotten until a full collection. */
  readonly connections: Connection[] = [];
  stopping = false;
  /** The value of the `Date` field (RFC 9110 §6.6.1), at most one sweep old. */
  date = "";

  readonly #listener: Deno.TcpListener;
  readonly #sweepMs: number;
  #accepted = 0;
  #closed = false;
  #clock: AbortSignal | undefined;
  #now = 0;
  #turnBytes = 0;
  #nextTurn: Promise<void> | undefined;
  #nextClose: PromiseWithResolvers<void> | undefined;
  #ended = Promise.withResolvers<Ending>();

  constructor(options: ServeOptions, responder: Responder | Reply) {
    this.options = options;
    this.limits = checkLimits(options);
    this.responder = typeof responder === "function" ? responder : new FixedReply(responder);
    const { requestTimeoutMs, idleTimeoutMs, writeTimeoutMs, lingerTimeoutMs } = this.limits;
    const shortest = Math.min(requestTimeoutMs, idleTimeoutMs, writeTimeoutMs, lingerTimeoutMs);
    this.#sweepMs = Math.min(250, Math.ceil(shortest / 8));
    this.#listener = Deno.listen({
      hostname: options.hostname ?? "0.0.0.0",
      port: options.port ?? 8080,
      tcpBacklog: options.tcpBacklog,
      reusePort: options.reusePort,
    });
    this.addr = this.#listener.addr;
    options.onListen?.(this.addr);
    if (options.signal?.aborted) this.shutdown();
    options.signal?.addEventListener("abort", () => this.shutdown(), { once: true });
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
        this.#accepted++;
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
      while (this.connections.length >= this.limits.maxConnections) {
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
    await settled(() => this.#accepted); // lets in whoever has connected already,
    this.#closed = true;
    this.#listener.close();
    await settled(() => this.#waiting()); // and reads the lines that they have sent
    this.#expire();
    let cut = 0;
    const grace = setTimeout(() => {
      for (const connection of [...this.connections]) {
        if (connection.phase !== "lingering") cut++;
        connection.close();
      }
    }, this.limits.shutdownGraceMs);
    while (this.connections.length > 0) await this.#aClose();
    clearTimeout(grace);
    this.#ended.resolve({ cut });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  report(error: unknown): void {
    this.options.onError?.(error);
  }

  /** The last connection takes the place of the one that has closed. */
  released({ place }: Connection): void {
    const last = this.connections.pop()!;
    if (place < this.connections.length) this.connections[place] = last;
    last.place = place;
    this.#nextClose?.resolve();
    this.#nextClose = undefined;
  }

  /**
   * Waits until this turn of the event loop has room for so much. Copying to and from
   * the kernel is work: 500 clients that never read 5 MB kept everyone waiting for 2 s,
   * and 200 that sent on after their last reply for 1 s.
   */
  async room(bytes: number): Promise<void> {
    while (this.#turnBytes >= MAX_TURN_BYTES) await this.#nextTurn;
    this.#turnBytes += bytes;
    this.#nextTurn ??= sleep(0).then(() => {
      this.#turnBytes = 0;
      this.#nextTurn = undefined;
    });
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
    this.#readTime();
    this.#nextSweep();
  }

  /** Unlike `setTimeout`, this needs no timers of Node's: 3.7 MB less at rest. */
  #nextSweep(): void {
    this.#clock = AbortSignal.timeout(this.#sweepMs);
    this.#clock.onabort = () => this.#sweep();
  }

  #readTime(): void {
    this.#now = performance.now();
    this.date = new Date().toUTCString();
  }

  #sweep(): void {
    this.#readTime();
    this.#expire();
    if (this.connections.length > 0) this.#nextSweep();
    else this.#clock = undefined;
  }

  #waiting(): number {
    let count = 0;
    for (const { phase } of this.connections) if (phase === "waiting") count++;
    return count;
  }

  /** Ends what is out of time, and after a shutdown what waits for nothing. */
  #expire(): void {
    for (const connection of [...this.connections]) {
      const isIdle = this.#closed && connection.phase === "waiting";
      if (isIdle || connection.deadline <= this.#now) connection.expire();
    }
  }
}

function checkLimits(options: ServeOptions): Limits {
  const limits = { ...DEFAULT_LIMITS };
  for (const name of Object.keys(limits) as Array<keyof Limits>) {
    const value = options[name] ?? limits[name];
    if (!(value > 0 && value < 2 ** 31)) { // more is too much for a timer
      throw new RangeError(`Cannot use ${name} ${value}: expected a positive number`);
    }
    limits[name] = value;
  }
  return limits;
}

/** Resolves when a number has not changed for a moment, or when a flood never lets it rest. */
async function settled(read: () => number): Promise<void> {
  for (let moments = 0, before = NaN; before !== read() && moments < 20; moments++) {
    before = read();
    await sleep(SETTLE_MS);
  }
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
    for (let open = true; open;) {
      const line = connection.takeLine();
      if (line === undefined) {
        // As flush() does, without the price of another coroutine for each request.
        while (connection.hasOutput()) connection.wrote(await connection.write());
        connection.received(await connection.read());
        if (connection.hasEnded()) return;
        continue;
      }
      const answered = answer(server, connection, line);
      const reply = answered instanceof Promise ? await connection.awaitReply(answered) : answered;
      if (connection.add(reply, line)) await connection.flush();
      open = !reply.close;
    }
    await connection.flush();
    await connection.linger();
  } catch (error) {
    if (!isClientGone(error)) server.report(error);
  }
}

/** Turns a line into the octets of its reply, at once wherever the responder answers at once. */
function answer(
  server: LineServer,
  connection: Connection,
  line: Line,
): EncodedReply | Promise<EncodedReply> {
  const form = isHead(line) ? HEAD_ONLY : 0;
  const refusal = line.fault ?? checkRequestLine(line.octets, line.from, line.to);
  if (refusal !== undefined) {
    return encodeReply(refuse(refusal, textOf(line)), server.date, form | CLOSE);
  }
  if (server.responder instanceof FixedReply) {
    return server.responder.encode(server.date, form | lastFlag(server, connection, line));
  }
  const encode = (reply: Reply | RawReply) =>
    encodeReply(reply, server.date, form | lastFlag(server, connection, line));
  const fail = (error: unknown) => {
    server.report(error);
    return encodeReply(FAILURE, server.date, form | CLOSE);
  };
  try {
    const reply = server.responder(requestLineOf(textOf(line)), connection.client);
    return reply instanceof Promise ? reply.then(encode).catch(fail) : encode(reply);
  } catch (error) {
    return fail(error);
  }
}

/** A reply is the last if its request was not plain, or when the server is about to stop. */
function lastFlag(server: LineServer, connection: Connection, line: Line): number {
  return line.mayStay && !(server.stopping && connection.isEmpty()) ? 0 : CLOSE;
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

/** Waiting for a request, reading its line, answering it, or waiting for the client to close. */
type Phase = "waiting" | "reading" | "answering" | "lingering";

/** What came before the first line end, or before whatever went wrong. */
interface Line {
  /** It is what these hold between the two positions, without the line end. */
  octets: Uint8Array;
  from: number;
  to: number;
  /** True if the request allows the connection to stay open. */
  mayStay: boolean;
  /** When it was complete, if anyone wants to know. */
  time: number;
  fault?: Refusal;
}

/** An exchange whose reply is on its way. */
interface PendingExchange {
  line: Line;
  requestLine: string;
  reply: EncodedReply;
  /** Where its content starts in all that this connection sends. */
  contentAt: number;
}

const CR = 13;
const LF = 10;
const SP = 32;
const COLON = 58;
const DIGIT_0 = 48;
const DOT = 46;
const SLASH = 47;
const LETTER_C = 67;

/** What a read brings that our deadline has ended. */
const EXPIRED = -1;

/** Where drained bytes go; nobody looks at them, so all connections share it. */
const SINK = new Uint8Array(64 * 1024);

/** A socket, what has come in, what is about to go out, and when its patience ends. */
class Connection implements Disposable {
  phase: Phase = "waiting";
  deadline: number;
  /** Where it stands among the server's connections. */
  place: number;

  readonly #server: LineServer;
  readonly #socket: Deno.TcpConn;
  #client: Client | undefined;
  #hasNoDelay = false;
  #closed = false;
  #onExpire: (() => void) | undefined;

  #input = new Uint8Array(FIRST_BUFFER_BYTES);
  /** What is between these two has come in and belongs to no request yet. */
  #from = 0;
  #to = 0;
  /** Octets after `#from` that hold no line end. */
  #scanned = 0;
  #emptyLines = 0;
  /** True if the line, or an empty one before it, has no CR at its end. */
  #hasBareLf = false;
  /** True if a line is here, and its head ends where the buffer does. */
  #headIsCut = false;
  /** Why no more can come, if the client or its time is at an end. */
  #ended: Refusal | undefined;
  /** True if the client has nothing more to say. */
  #mayCloseAtOnce = false;

  #output: Uint8Array[] = [];
  #outputBytes = 0;
  /** What the replies in it lie in. */
  #spares: ArrayBuffer[] = [];
  /** What the kernel is being given, and how much of it it has taken. */
  #writing: Uint8Array | undefined;
  #written = 0;
  /** What leaves after `#output`, piece by piece. */
  #rest: RawReply["raw"] | undefined;
  #sentBytes = 0;
  #exchanges: PendingExchange[] = [];

  constructor(server: LineServer, socket: Deno.TcpConn) {
    this.#server = server;
    this.#socket = socket;
    this.deadline = server.deadlineIn(server.limits.requestTimeoutMs);
    this.place = server.connections.push(this) - 1;
    this.#tell("opened");
  }

  get client(): Client {
    return this.#client ??= clientOf(this.#socket.remoteAddr as Deno.NetAddr);
  }

  /**
   * Takes the next request that has come in: its line, and its head if that is
   * plain. A head that fills the buffer to the brim may have its rest one read
   * away, so that read is tried before the line is taken.
   */
  takeLine(): Line | undefined {
    const limit = this.#server.limits.maxRequestLineBytes;
    for (;;) {
      const lf = endOfLine(this.#input, this.#from + this.#scanned, this.#to);
      if (lf - this.#from >= limit) return this.#line(this.#from + limit, DOUBTFUL_HEAD, TOO_LONG);
      if (lf === this.#to) {
        this.#scanned = this.#to - this.#from;
        return this.#ended && this.#line(this.#to, DOUBTFUL_HEAD, this.#ended);
      }
      const end = lf > this.#from && this.#input[lf - 1] === CR ? lf - 1 : lf;
      if (end === lf) this.#hasBareLf = true;
      if (end === this.#from && this.#emptyLines < MAX_EMPTY_LINES) {
        this.#emptyLines++;
        this.#scanned = 0;
        this.#from = lf + 1;
        continue;
      }
      const head = scanHead(this.#input, lf + 1, this.#to);
      if (head === UNFINISHED_HEAD && this.#to === this.#input.length && !this.#headIsCut) {
        this.#headIsCut = true;
        this.#scanned = lf - this.#from;
        return undefined;
      }
      this.#headIsCut = false;
      this.#scanned = this.#emptyLines = 0;
      const line = this.#line(end, this.#hasBareLf ? DOUBTFUL_HEAD : head);
      this.#hasBareLf = false;
      this.#from = head.end === -1 ? lf + 1 : head.end;
      return line;
    }
  }

  #line(end: number, head: Head, fault?: Refusal): Line {
    this.phase = "answering";
    const mayStay = head.persistent && this.#input[end - 1] !== DIGIT_0; // HTTP/1.0 may not
    this.#mayCloseAtOnce = head.bodyless && !mayStay;
    const time = this.#server.options.onExchange ? performance.now() : 0;
    return { octets: this.#input, from: this.#from, to: end, mayStay, time, fault };
  }

  /** Asks for more octets. */
  read(): Promise<number | null> {
    const phase = this.#scanned === 0 ? "waiting" : "reading";
    if (phase !== this.phase) this.#enter(phase);
    const space = this.#space();
    return phase === "waiting" ? this.#socket.read(space) : this.#readUnlessExpired(space);
  }

  /** The first request has its deadline since the accept; later ones get theirs here. */
  #enter(phase: "waiting" | "reading"): void {
    this.phase = phase;
    if (this.#sentBytes === 0) return;
    const { idleTimeoutMs, requestTimeoutMs } = this.#server.limits;
    this.#setDeadline(phase === "waiting" ? idleTimeoutMs : requestTimeoutMs);
    // A small reply must not wait until the client acknowledges the one before: 40 ms, measured.
    if (!this.#hasNoDelay) this.#socket.setNoDelay();
    this.#hasNoDelay = true;
  }

  /** Takes note of what a read brought. Nothing is the end, unless a whole line was here before. */
  received(count: number | null): void {
    if (count !== null && count > 0) {
      this.#tell("received", count, this.#input, this.#to);
      this.#to += count;
      this.#headIsCut = false;
    } else if (!this.#headIsCut) {
      this.#ended = count === EXPIRED ? TIMED_OUT : UNFINISHED;
    }
  }

  /** True if nothing more comes, and nothing that came wants an answer. */
  hasEnded(): boolean {
    return this.#ended !== undefined && (this.#closed || this.#scanned === 0);
  }

  /**
   * A read that our deadline ends while the socket stays open, or that a cut head may not
   * wait for. One that was given up goes on, and takes what comes before `linger()` does.
   */
  async #readUnlessExpired(space: Uint8Array): Promise<number | null> {
    const timer = this.#headIsCut ? setTimeout(() => this.expire(), 0) : undefined;
    try {
      return await new Promise<number | null>((resolve, reject) => {
        this.#onExpire = () => resolve(EXPIRED);
        this.#socket.read(space).then(resolve, reject);
      });
    } finally {
      this.#onExpire = undefined;
      clearTimeout(timer);
    }
  }

  /** Where the next octets go: the buffer is reused, cleared of requests, or made larger. */
  #space(): Uint8Array {
    if (this.isEmpty()) {
      this.#from = this.#to = 0;
      return this.#input;
    }
    if (this.#to === this.#input.length && this.#from > 0) {
      this.#input.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
    } else if (this.#to === this.#input.length) {
      const most = Math.max(FIRST_BUFFER_BYTES, this.#server.limits.maxRequestLineBytes);
      const larger = new Uint8Array(Math.min(2 * this.#input.length, most));
      larger.set(this.#input);
      this.#input = larger;
    }
    return this.#input.subarray(this.#to);
  }

  /** True if no octet of a further request is here. */
  isEmpty(): boolean {
    return this.#from === this.#to;
  }

  /** Earlier replies do not wait for this one, which may take its time. */
  async awaitReply(reply: Promise<EncodedReply>): Promise<EncodedReply> {
    await this.flush();
    this.deadline = Infinity;
    return await reply;
  }

  /** Puts a reply behind the others that are ready; true if it is time to flush. */
  add(reply: EncodedReply, line: Line): boolean {
    if (this.#server.options.onExchange) {
      const contentAt = this.#sentBytes + this.#outputBytes + reply.contentStart;
      this.#exchanges.push({ line, requestLine: textOf(line), reply, contentAt });
    }
    this.#output.push(reply.octets);
    this.#outputBytes += reply.octets.length;
    if (reply.spare !== undefined) this.#spares.push(reply.spare);
    this.#rest = reply.rest;
    return this.#rest !== undefined || this.#outputBytes >= MAX_GATHERED_BYTES;
  }

  hasOutput(): boolean {
    return this.#writing !== undefined || this.#output.length > 0;
  }

  /** Hands all that is ready to the kernel, which takes what it has room for. */
  write(): Promise<number> {
    if (this.#writing === undefined) {
      this.#writing = this.#output.length === 1 ? this.#output[0] : join(this.#output);
      if (this.#output.length > 1) giveBack(this.#spares); // they have been copied
      this.#output.length = this.#outputBytes = 0;
    }
    this.#setDeadline(this.#server.limits.writeTimeoutMs);
    return this.#socket.write(
      this.#written ? this.#writing.subarray(this.#written) : this.#writing,
    );
  }

  /** Takes note of what the kernel took. */
  wrote(count: number): void {
    this.#tell("sent", count, this.#writing, this.#written);
    this.#sentBytes += count;
    this.#written += count;
    if (this.#written < this.#writing!.length) return;
    this.#writing = undefined;
    this.#written = 0;
    giveBack(this.#spares);
    if (this.#rest === undefined) this.#reportExchanges();
  }

  /** Writes all that is ready, and the rest as it comes. */
  async flush(): Promise<void> {
    while (this.hasOutput()) this.wrote(await this.write());
    if (this.#rest === undefined) return;
    this.deadline = Infinity; // a piece may take its time, like a responder
    for await (const piece of this.#rest) {
      for (let at = 0; at < piece.length; at += MAX_TURN_BYTES) {
        const octets = piece.subarray(at, at + MAX_TURN_BYTES);
        await this.#server.room(octets.length);
        this.#output.push(octets);
        while (this.hasOutput()) this.wrote(await this.write());
        this.deadline = Infinity;
      }
    }
    this.#rest = undefined;
    this.#reportExchanges();
  }

  #reportExchanges(): void {
    if (this.#exchanges.length === 0) return;
    const now = performance.now();
    for (const { line, requestLine, reply, contentAt } of this.#exchanges) {
      const contentEnd = reply.rest
        ? Infinity
        : contentAt + reply.octets.length - reply.contentStart;
      const milliseconds = now - line.time;
      this.#server.options.onExchange?.({
        client: this.client,
        requestLine,
        status: reply.status,
        bytes: Math.max(0, Math.min(this.#sentBytes, contentEnd) - contentAt),
        time: Date.now() - milliseconds,
        milliseconds,
      });
    }
    this.#exchanges.length = 0;
  }

  /**
   * Waits for the client to close, unless it has nothing more to say. Closing
   * with unread input would make the kernel send a reset, which destroys the
   * reply in flight (RFC 9112 §9.6).
   */
  async linger(): Promise<void> {
    if (this.#mayCloseAtOnce && this.isEmpty()) return;
    const { lingerTimeoutMs, maxLingerBytes } = this.#server.limits;
    this.phase = "lingering";
    this.#setDeadline(lingerTimeoutMs);
    let drained = 0;
    try {
      await this.#socket.closeWrite();
      while (drained < maxLingerBytes) {
        const count = await this.#socket.read(SINK);
        if (count === null) return;
        drained += count;
        await this.#server.room(DRAINED_WEIGHT * count);
      }
    } finally {
      if (drained > 0) this.#tell("drained", drained);
    }
  }

  #tell(kind: WireEvent["kind"], count = 0, octets?: Uint8Array, at = 0): void {
    const { onWire } = this.#server.options;
    if (onWire === undefined) return;
    onWire({ client: this.client, kind, count, octets: octets?.subarray(at, at + count) });
  }

  #setDeadline(milliseconds: number): void {
    this.deadline = this.#server.deadlineIn(milliseconds);
  }

  /** Called by the sweep when the deadline has passed. */
  expire(): void {
    if (this.#onExpire) this.#onExpire();
    else this.close();
  }

  close(): void {
    this.#closed = true;
    this.#tell("closed");
    this.#socket[Symbol.dispose]();
    this.#server.released(this);
  }

  [Symbol.dispose](): void {
    this.#reportExchanges();
    if (!this.#closed) this.close();
  }
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
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

/**
 * Octet classes: visible ASCII, the part of it that makes a token (RFC 9110
 * §5.6.2), and the part of that which field names in use are made of. Others,
 * such as the underscore, are changed or dropped by some servers.
 */
const VISIBLE = 1;
const TOKEN = 2;
const NAME = 4;
const CLASS = new Uint8Array(256);
for (let octet = 0x21; octet <= 0x7e; octet++) {
  const character = String.fromCharCode(octet);
  CLASS[octet] = VISIBLE;
  if (/[!#$%&'*+.^_`|~\dA-Za-z-]/.test(character)) CLASS[octet] |= TOKEN;
  if (/[\dA-Za-z-]/.test(character)) CLASS[octet] |= NAME;
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
  return checkRequestLine(line, 0, line.length) ?? requestLineOf(latin1(line, 0, line.length));
}

/** Compares octets, and builds strings only for a target that is not in origin form. */
function checkRequestLine(octets: Uint8Array, from: number, to: number): Refusal | undefined {
  const methodEnd = endOfClass(octets, from, to, TOKEN);
  const targetEnd = endOfClass(octets, methodEnd + 1, to, VISIBLE);
  const wellFormed = methodEnd > from && octets[methodEnd] === SP &&
    targetEnd > methodEnd + 1 && octets[targetEnd] === SP && isVersion(octets, targetEnd + 1, to);
  if (!wellFormed) return MALFORMED;
  if (octets[to - 3] !== DIGIT_0 + 1) return OTHER_VERSION;
  if (octets[methodEnd + 1] === SLASH && octets[from] !== LETTER_C) return undefined;
  const { method, target } = requestLineOf(latin1(octets, from, to));
  if (!isTargetFor(method, target)) return MALFORMED;
  return method === "CONNECT" ? NO_TUNNEL : undefined;
}

/** `HTTP/`, a digit, a dot, a digit, and nothing after them. */
function isVersion(octets: Uint8Array, from: number, to: number): boolean {
  return to === from + 8 && matches(octets, from, "HTTP/") && octets[from + 6] === DOT &&
    isDigit(octets[from + 5]) && isDigit(octets[from + 7]);
}

function isDigit(octet: number): boolean {
  return octet >= DIGIT_0 && octet <= DIGIT_0 + 9;
}

function isHead({ octets, from }: Line): boolean {
  return matches(octets, from, "HEAD ");
}

function matches(octets: Uint8Array, from: number, text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (octets[from + at] !== text.charCodeAt(at)) return false;
  }
  return true;
}

/** The strings of a line that has been checked. */
function requestLineOf(text: string): RequestLine {
  const methodEnd = text.indexOf(" ");
  const targetEnd = text.length - " HTTP/1.1".length;
  return {
    method: text.slice(0, methodEnd),
    target: text.slice(methodEnd + 1, targetEnd),
    minorVersion: text.charCodeAt(text.length - 1) - DIGIT_0,
    text,
  };
}

/** The four forms of RFC 9112 §3.2. */
function isTargetFor(method: string, target: string): boolean {
  if (target.startsWith("/")) return true;
  if (target === "*") return method === "OPTIONS";
  if (/^[a-z][a-z0-9+.-]*:\/\/./i.test(target)) return true;
  return method === "CONNECT" && /^(\[[\da-f:.]+\]|[^:\/?#@[\]]+):\d+$/i.test(target);
}

function endOfLine(octets: Uint8Array, from: number, to: number): number {
  while (from < to && octets[from] !== LF) from++;
  return from;
}

function endOfClass(octets: Uint8Array, from: number, to: number, kind: number): number {
  while (from < to && (CLASS[octets[from]] & kind) !== 0) from++;
  return from;
}

function textOf({ octets, from, to }: Line): string {
  return latin1(octets, from, to);
}

/** One character an octet, so that nothing that was sent is lost. */
function latin1(octets: Uint8Array, from: number, to: number): string {
  let text = "";
  while (from < to) text += String.fromCharCode(octets[from++]);
  return text;
}

// ---------------------------------------------------------------- the rest of the head

/** What the header section says of the end of a request. */
export interface Head {
  /** Where the next request starts; -1 if the section is unfinished or not plain. */
  readonly end: number;
  /** True if no content and no other protocol follows. */
  readonly bodyless: boolean;
  /** True if, besides, the connection may stay open. */
  readonly persistent: boolean;
}

/** Nothing speaks against it yet, but its end has not come in. */
const UNFINISHED_HEAD: Head = { end: -1, bodyless: false, persistent: false };
const DOUBTFUL_HEAD: Head = { end: -1, bodyless: false, persistent: false };

/**
 * Reads the header section that starts at `from`, and doubts whatever is not
 * plain: what one recipient reads in one way and the next in another is how
 * requests are smuggled (RFC 9112 §11.2).
 *
 * @example
 * ```ts
 * import { scanHead } from "./server.ts";
 *
 * const octets = new TextEncoder().encode("Host: example.com\r\n\r\n");
 * console.log(scanHead(octets, 0, octets.length)); // { end: 21, bodyless: true, persistent: true }
 * ```
 */
export function scanHead(octets: Uint8Array, from: number, to: number): Head {
  let hosts = 0;
  let staysOpen = true;
  for (;;) {
    const colon = endOfClass(octets, from, to, NAME);
    if (colon === to) return UNFINISHED_HEAD;
    if (colon === from && octets[from] === CR) {
      if (from + 1 === to) return UNFINISHED_HEAD;
      const persistent = staysOpen && hosts === 1;
      return octets[from + 1] === LF
        ? { end: from + 2, bodyless: true, persistent }
        : DOUBTFUL_HEAD;
    }
    if (colon === from || octets[colon] !== COLON) return DOUBTFUL_HEAD;
    const cr = endOfValue(octets, colon + 1, to);
    if (cr === to || octets[cr] === CR && cr + 1 === to) return UNFINISHED_HEAD;
    if (octets[cr] !== CR || octets[cr + 1] !== LF) return DOUBTFUL_HEAD;
    if (isFraming(octets, from, colon)) return DOUBTFUL_HEAD;
    if (isName(octets, from, colon, "host")) hosts++;
    if (isName(octets, from, colon, "connection")) {
      staysOpen &&= /^[ \t]*keep-alive[ \t]*$/i.test(latin1(octets, colon + 1, cr));
    }
    from = cr + 2;
  }
}

/**
 * Fields after which more than a head may follow (RFC 9112 §6, RFC 9110 §7.8
 * and §10.1.1), and names close enough for another recipient to take them for one.
 */
function isFraming(octets: Uint8Array, from: number, to: number): boolean {
  return startsWith(octets, from, to, "content") || startsWith(octets, from, to, "transfer") ||
    startsWith(octets, from, to, "expect") || isName(octets, from, to, "upgrade") ||
    startsWith(octets, to - 8, to, "encoding") && !startsWith(octets, from, to, "accept-");
}

function isName(octets: Uint8Array, from: number, to: number, name: string): boolean {
  return to - from === name.length && startsWith(octets, from, to, name);
}

/** Compares letters in either case with a name in lower case. */
function startsWith(octets: Uint8Array, from: number, to: number, name: string): boolean {
  if (to - from < name.length) return false;
  for (let at = 0; at < name.length; at++) {
    if ((octets[from + at] | 0x20) !== name.charCodeAt(at)) return false;
  }
  return true;
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
  /** The head, and the content with it unless that is large. */
  octets: Uint8Array;
  /** What `octets` lies in, if that is free again once they are written. */
  spare?: ArrayBuffer;
  /** What follows, written piece by piece. */
  rest?: RawReply["raw"];
  /** How many octets come before the content. */
  contentStart: number;
  /** True if it is the last reply on its connection. */
  close: boolean;
}

/** What a reply's form depends on, besides the reply: flags. */
const CLOSE = 1;
const HEAD_ONLY = 2;

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

/** A reply for everyone: each of its forms is encoded once a second, for its date. */
class FixedReply {
  readonly #reply: Reply;
  #date = "";
  #forms: EncodedReply[] = [];

  constructor(reply: Reply) {
    this.#reply = reply;
    encodeReply(reply, "", CLOSE); // throws now rather than at the first request
  }

  encode(date: string, form: number): EncodedReply {
    if (date !== this.#date) {
      this.#date = date;
      this.#forms = [];
    }
    // It is sent many times, so what it lies in is never given back.
    return this.#forms[form] ??= { ...encodeReply(this.#reply, date, form), spare: undefined };
  }
}

/** Frames a reply (RFC 9112 §4, §6.2). Throws a RangeError where that would be invalid. */
function encodeReply(reply: Reply | RawReply, date: string, form: number): EncodedReply {
  if ("raw" in reply) return { ...RAW, rest: reply.raw };
  const { status = 200, headers = NO_FIELDS, body = "" } = reply;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError(`Cannot send status ${status}: expected an integer from 200 to 599`);
  }
  const close = (form & CLOSE) !== 0;
  const fields = encodeFields(headers);
  const content = typeof body === "string" ? encodeText(body) : body;
  let head = `HTTP/1.1 ${status} ${REASONS.get(status) ?? ""}\r\n`;
  if (!fields.hasDate) head += `Date: ${date}\r\n`;
  if (status === 205) head += "Content-Length: 0\r\n";
  else if (status !== 204 && status !== 304) {
    if (!fields.hasType) head += typeof body === "string" ? TEXT_TYPE : BYTES_TYPE;
    head += `Content-Length: ${content.length}\r\n`;
  }
  head += fields.lines + (close ? "Connection: close\r\n\r\n" : "\r\n");

  const isBare = (form & HEAD_ONLY) !== 0 || status === 204 || status === 205 || status === 304;
  const isLarge = content.length > MAX_COPIED_BYTES;
  const length = head.length + (isBare || isLarge ? 0 : content.length);
  const spare = length > SPARE_BYTES ? undefined : SPARES.pop() ?? new ArrayBuffer(SPARE_BYTES);
  const octets = new Uint8Array(spare ?? new ArrayBuffer(length), 0, length);
  encoder.encodeInto(head, octets);
  if (octets.length > head.length) octets.set(content, head.length);
  const rest = isLarge && !isBare ? [content] : undefined;
  return { status, octets, spare, rest, contentStart: head.length, close };
}

/** Memory of replies that are written. To allocate it each time took a tenth of what the page costs. */
const SPARES: ArrayBuffer[] = [];

function giveBack(spares: ArrayBuffer[]): void {
  for (const spare of spares) if (SPARES.length < MAX_SPARES) SPARES.push(spare);
  spares.length = 0;
}

/** What is known of a reply that the server does not frame. */
const RAW: EncodedReply = { status: 0, octets: new Uint8Array(), contentStart: 0, close: true };

const NO_FIELDS: NonNullable<Reply["headers"]> = Object.freeze([]);
const TEXT_TYPE = "Content-Type: text/plain; charset=utf-8\r\n";
const BYTES_TYPE = "Content-Type: application/octet-stream\r\n";

/** Text of moderate length is encoded here and copied at once, which beats an array of its own. */
const SCRATCH = new Uint8Array(MAX_COPIED_BYTES);

function encodeText(text: string): Uint8Array {
  const { read, written } = encoder.encodeInto(text, SCRATCH);
  return read === text.length ? SCRATCH.subarray(0, written) : encoder.encode(text);
}

/** The given header fields as they are sent, checked. */
interface EncodedFields {
  lines: string;
  hasDate: boolean;
  hasType: boolean;
}

/** Responders that send the same frozen fields each time have them checked once. */
const KNOWN_FIELDS = new WeakMap<NonNullable<Reply["headers"]>, EncodedFields>();

function encodeFields(headers: NonNullable<Reply["headers"]>): EncodedFields {
  const known = KNOWN_FIELDS.get(headers);
  if (known !== undefined) return known;
  const fields: EncodedFields = { lines: "", hasDate: false, hasType: false };
  for (const [name, value] of headers) {
    checkField(name, value);
    fields.lines += `${name}: ${value}\r\n`;
    fields.hasDate ||= /^date$/i.test(name);
    fields.hasType ||= /^content-type$/i.test(name);
  }
  if (Object.isFrozen(headers)) KNOWN_FIELDS.set(headers, fields);
  return fields;
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

/** Says what was expected, and shows what came in characters that any terminal survives. */
function refuse({ status, expected }: Refusal, line: string): Reply {
  const shown = escapeControls(line.slice(0, MAX_ECHO_OCTETS));
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
export const DEFAULT_LINK = "https://www.rfc-editor.org/rfc/rfc9112";

const PAGE_HEADERS: Reply["headers"] = Object.freeze<Array<readonly [string, string]>>([
  ["Content-Type", "text/html; charset=utf-8"],
  [
    "Content-Security-Policy",
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ],
  ["X-Content-Type-Options", "nosniff"],
]);

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
 * @param link Where the link leads; RFC 9112 by default.
 */
export function page(
  link: string = DEFAULT_LINK,
): (request: RequestLine, client: Client) => Reply {
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
