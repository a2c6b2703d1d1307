/** Tests in the order of server.ts, then of the command: real sockets, real processes, no fixed ports. */

import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { getAvailablePort } from "@std/net/get-available-port";
import net from "node:net";
import manifest from "./deno.json" with { type: "json" };
import { EXIT_CODES, FLAGS, helpText, readmeTables } from "./command/flags.ts";
import { commonLogLine, jsonLogLine } from "./command/log.ts";
import { wireLines } from "./command/wire.ts";
import { urlOf } from "./command/address.ts";
import { escapeHtml, page } from "./command/page.ts";
import {
  checkField,
  type Client,
  DEFAULT_LIMITS,
  escapeControls,
  type Exchange,
  parseRequestLine,
  type Reply,
  type RequestLine,
  type Responder,
  scanHead,
  serve,
  type ServeOptions,
} from "./server.ts";

// ---------------------------------------------------------------- tools

const HELLO: Reply = { body: "Hello world!" };

const HELLO_WIRE = "HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Type: text/plain; charset=utf-8\r\n" +
  "Content-Length: 12\r\nConnection: close\r\n\r\nHello world!";

/** A server on a free loopback port; whatever reaches `onError` fails the test. */
function start(responder: Responder | Reply = HELLO, options: ServeOptions = {}) {
  return serve({ hostname: "127.0.0.1", port: 0, onError: fail, ...options }, responder);
}

function fail(error: unknown): never {
  throw error;
}

function connect({ port }: { port: number }): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port });
}

/** One character an octet, both ways. */
function octets(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function send(socket: Deno.Conn, text: string): Promise<void> {
  return sendOctets(socket, octets(text));
}

async function sendOctets(socket: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
}

/** Reads until the server closes. */
async function readAll(socket: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(65536);
  const parts: string[] = [];
  for (let count; (count = await socket.read(buffer)) !== null;) {
    parts.push(new TextDecoder("latin1").decode(buffer.subarray(0, count)));
  }
  return parts.join("");
}

/** Sends the pieces one after another, then reads until the server closes. */
async function talk(addr: { port: number }, ...pieces: string[]): Promise<string> {
  using socket = await connect(addr);
  for (const piece of pieces) await send(socket, piece);
  return await readAll(socket);
}

/** Checks the form of the date (RFC 9110 §5.6.7), then hides it. */
function undated(wire: string): string {
  const date = /\r\nDate: (\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT)\r\n/.exec(wire)?.[1] ?? "";
  assertEquals(new Date(date).toUTCString(), date);
  return wire.replace(date, "DATE");
}

function refusalWire(status: string, expected: string, received: string): string {
  const body = `${status}\n\n${expected}\nReceived: ${received}\n`;
  return `HTTP/1.1 ${status}\r\nDate: DATE\r\nContent-Type: text/plain; charset=utf-8\r\n` +
    `Content-Length: ${body.length}\r\nX-Content-Type-Options: nosniff\r\n` +
    `Connection: close\r\n\r\n${body}`;
}

function statusOf(wire: string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(wire)?.[1]);
}

/** A client made with node:net, the one that can reset a connection. */
async function resettable({ port }: { port: number }): Promise<net.Socket> {
  const socket = net.connect(port, "127.0.0.1");
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}

/** Until disposed of, whoever listens accepts this one connection and no other. */
function listeningToOneWho(socket: Pick<Deno.Conn, "read" | "write">): Disposable {
  const { listen } = Deno;
  const closed = Promise.withResolvers<never>();
  const accepted = [{ ...socket, closeWrite() {}, [Symbol.dispose]() {} }];
  Object.assign(Deno, {
    listen: () => ({
      accept: () => accepted.pop() ?? closed.promise,
      close: () => closed.reject(new Deno.errors.BadResource("closed")),
    }),
  });
  return { [Symbol.dispose]: () => Object.assign(Deno, { listen }) };
}

async function reset(socket: net.Socket): Promise<void> {
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.once("error", ({ message }) => assertStringIncludes(message, "ECONNRESET")); // in Deno 2.7
  socket.resetAndDestroy();
  await closed;
}

// ---------------------------------------------------------------- limits

Deno.test("serve() refuses a limit that is not a positive number", () => {
  for (const value of [0, -1, NaN, Infinity]) {
    assertThrows(
      () => start(HELLO, { requestTimeoutMs: value }),
      RangeError,
      `Cannot use requestTimeoutMs ${value}`,
    );
  }
});

Deno.test("serve() refuses a fixed reply that would be invalid", () => {
  assertThrows(() => start({ status: 199 }), RangeError, "Cannot send status 199");
  assertThrows(() => start({ headers: [["A b", "c"]] }), RangeError, 'Cannot send header "A b"');
});

// ---------------------------------------------------------------- accepting

Deno.test("serve() gives its real address and calls onListen", async () => {
  const heard: Deno.NetAddr[] = [];
  await using server = start(HELLO, { onListen: (addr) => heard.push(addr) });
  assertEquals(heard, [server.addr]);
  assert(server.addr.port > 0);
  assertEquals(undated(await talk(server.addr, "GET / HTTP/1.1\r\n")), HELLO_WIRE);
});

Deno.test("serve() throws where the port is taken", async () => {
  await using server = start();
  assertThrows(() => start(HELLO, { port: server.addr.port }), Deno.errors.AddrInUse);
});

Deno.test("serve() takes the next client when one has reset before it was accepted", async () => {
  await using server = start(HELLO, { maxConnections: 1 });
  const first = await connect(server.addr);
  const gone = await resettable(server.addr); // waits in the kernel's queue behind the first
  await reset(gone);
  const last = talk(server.addr, "GET / HTTP/1.1\r\n");
  first.close();
  assertEquals(statusOf(await last), 200);
});

Deno.test("serve() lets no more than maxConnections in", async () => {
  const order: string[] = [];
  await using server = start(HELLO, {
    maxConnections: 1,
    onExchange: (exchange) => order.push(exchange.requestLine),
  });
  using first = await connect(server.addr);
  const second = talk(server.addr, "GET /second HTTP/1.1\r\n\r\n");
  await send(first, "GET /first HTTP/1.1\r\n\r\n");
  assertEquals(statusOf(await readAll(first)), 200);
  assertEquals(statusOf(await second), 200);
  assertEquals(order, ["GET /first HTTP/1.1", "GET /second HTTP/1.1"]);
});

Deno.test("serve() sees an IPv4 client of an IPv6 socket as IPv4", async () => {
  const seen: Client[] = [];
  const responder = (_: RequestLine, client: Client) => (seen.push(client), HELLO);
  await using server = start(responder, { hostname: "::" });
  using socket = await connect(server.addr);
  await send(socket, "GET / HTTP/1.1\r\n\r\n");
  await readAll(socket);
  const { hostname, port } = socket.localAddr as Deno.NetAddr;
  assertEquals(seen, [{ hostname, port }]);
});

Deno.test("shutdown() closes who waits, answers who has sent half a line, and refuses the rest", async () => {
  const server = start();
  using waiting = await connect(server.addr);
  using half = await connect(server.addr);
  await send(half, "GET / HT");
  assertEquals(statusOf(await talk(server.addr, "GET / HTTP/1.1\r\n\r\n")), 200); // both are in
  const ending = server.shutdown();
  assertEquals(await readAll(waiting), "");
  await send(half, "TP/1.1\r\n\r\n");
  assertEquals(undated(await readAll(half)), HELLO_WIRE);
  assertEquals(await ending, { cut: 0 });
  let refused: unknown;
  await connect(server.addr).catch((error) => refused = error);
  assert(refused instanceof Deno.errors.ConnectionRefused);
});

Deno.test("shutdown() answers everyone who had sent a line by then", async () => {
  const server = start();
  const sockets = await Promise.all(Array.from({ length: 300 }, () => connect(server.addr)));
  await Promise.all(sockets.map((socket) => send(socket, "GET / HTTP/1.1\r\n\r\n")));
  const ending = server.shutdown();
  for (const socket of sockets) {
    assertEquals(undated(await readAll(socket)), HELLO_WIRE);
    socket.close();
  }
  assertEquals(await ending, { cut: 0 });
});

Deno.test("shutdown() delivers the answer in flight", async () => {
  const asked = Promise.withResolvers<void>();
  const reply = Promise.withResolvers<Reply>();
  const server = start(() => (asked.resolve(), reply.promise));
  const wire = talk(server.addr, "GET / HTTP/1.1\r\n\r\n");
  await asked.promise;
  const ending = server.shutdown();
  reply.resolve(HELLO);
  assertEquals(undated(await wire), HELLO_WIRE);
  assertEquals(await ending, { cut: 0 });
});

Deno.test("shutdown() cuts off at the grace period who does not finish", async () => {
  const server = start(HELLO, { shutdownGraceMs: 20 });
  using half = await connect(server.addr);
  await send(half, "GET / HT");
  assertEquals(statusOf(await talk(server.addr, "GET / HTTP/1.1\r\n\r\n")), 200);
  assertEquals(await server.shutdown(), { cut: 1 });
  assertEquals(await readAll(half), "");
});

Deno.test("shutdown() is what an aborted signal starts", async () => {
  const controller = new AbortController();
  const server = start(HELLO, { signal: controller.signal });
  controller.abort();
  assertEquals(await server.finished, { cut: 0 });
  assertEquals(await start(HELLO, { signal: controller.signal }).finished, { cut: 0 });
});

// ---------------------------------------------------------------- one connection

Deno.test("serve() answers the first line alone, with nothing after it", async () => {
  await using server = start();
  assertEquals(undated(await talk(server.addr, "GET / HTTP/1.1\r\n")), HELLO_WIRE);
});

Deno.test("serve() answers a line that comes one byte at a time", async () => {
  await using server = start();
  assertEquals(undated(await talk(server.addr, ..."GET / HTTP/1.1\r\n")), HELLO_WIRE);
});

Deno.test("serve() answers before the header fields arrive", async () => {
  await using server = start();
  using socket = await connect(server.addr);
  await send(socket, "POST / HTTP/1.1\r\nHo");
  assertEquals(undated(await readAll(socket)), HELLO_WIRE);
  await send(socket, "st: x\r\n\r\n"); // still welcome: drained
});

Deno.test("serve() gives the same reply wherever the request is cut", async () => {
  await using server = start(({ text }) => ({ body: `You said ${text}` }));
  const request = "\r\nGET /a%20b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  const whole = undated(await talk(server.addr, request));
  assertStringIncludes(whole, "You said GET /a%20b?c=d HTTP/1.1");
  for (let cut = 1; cut < request.length; cut++) {
    const wire = await talk(server.addr, request.slice(0, cut), request.slice(cut));
    assertEquals(undated(wire), whole, `cut at ${cut}`);
  }
});

Deno.test("serve() accepts a bare LF and skips two empty lines", async () => {
  await using server = start();
  assertEquals(undated(await talk(server.addr, "GET / HTTP/1.1\n")), HELLO_WIRE);
  assertEquals(undated(await talk(server.addr, "\r\n\nGET / HTTP/1.1\r\n")), HELLO_WIRE);
  assertEquals(statusOf(await talk(server.addr, "\r\n\r\n\r\nGET / HTTP/1.1\r\n")), 400);
});

Deno.test("serve() answers HTTP/1.0 and later 1.x as HTTP/1.1", async () => {
  await using server = start();
  for (const version of ["1.0", "1.1", "1.2", "1.9"]) {
    assertEquals(undated(await talk(server.addr, `GET / HTTP/${version}\r\n`)), HELLO_WIRE);
  }
});

Deno.test("serve() sends HEAD the same head and no content", async () => {
  await using server = start();
  const head = HELLO_WIRE.slice(0, HELLO_WIRE.indexOf("Hello"));
  assertEquals(undated(await talk(server.addr, "HEAD / HTTP/1.1\r\n")), head);
  const refused = await talk(server.addr, "HEAD / HTTP/3.0\r\n");
  assertEquals([statusOf(refused), refused.endsWith("\r\n\r\n")], [505, true]);
});

Deno.test("serve() refuses what is not a request line", async () => {
  await using server = start();
  const malformed = "Expected a request line: a method, a target and a version " +
    "with one space between them, such as: GET / HTTP/1.1";
  assertEquals(
    undated(await talk(server.addr, 'GET  "/\\\x1b\xff HTTP/1.1\r\n')),
    refusalWire("400 Bad Request", malformed, "GET  \\x22/\\x5C\\x1B\\xFF HTTP/1.1"),
  );
});

Deno.test("serve() refuses CONNECT", async () => {
  await using server = start();
  assertEquals(
    undated(await talk(server.addr, "CONNECT example.com:443 HTTP/1.1\r\n")),
    refusalWire(
      "501 Not Implemented",
      "Expected any method but CONNECT: this server opens no tunnels.",
      "CONNECT example.com:443 HTTP/1.1",
    ),
  );
});

Deno.test("serve() refuses other major versions", async () => {
  await using server = start();
  assertEquals(
    undated(await talk(server.addr, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
    refusalWire(
      "505 HTTP Version Not Supported",
      "Expected HTTP/1.0 or HTTP/1.1.",
      "PRI * HTTP/2.0",
    ),
  );
});

Deno.test("serve() refuses a line beyond the limit, however it is cut", async () => {
  await using server = start(HELLO, { maxRequestLineBytes: 4000 });
  const line = (length: number) => `GET /${"a".repeat(length - 16)} HTTP/1.1\r\n`;
  const halves = (text: string) => [text.slice(0, 3000), text.slice(3000)];
  assertEquals(statusOf(await talk(server.addr, line(4000))), 200);
  assertEquals(statusOf(await talk(server.addr, ...halves(line(4000)))), 200);
  const wire = refusalWire(
    "414 URI Too Long",
    "Expected a shorter request line.",
    line(4001).slice(0, 200) + " ... (4000 octets)",
  );
  assertEquals(undated(await talk(server.addr, line(4001))), wire);
  assertEquals(undated(await talk(server.addr, ...halves(line(4001)))), wire);
  assertEquals(undated(await talk(server.addr, "\r\n\r\n" + line(4001))), wire);
});

Deno.test("serve() accepts 8192 octets of request line by default", async () => {
  await using server = start();
  const line = (length: number) => `GET /${"a".repeat(length - 16)} HTTP/1.1\r\n`;
  assertEquals(statusOf(await talk(server.addr, line(8192))), 200);
  assertEquals(statusOf(await talk(server.addr, line(8193))), 414);
  assertEquals(statusOf(await talk(server.addr, "\r\n\r\n", line(8192))), 200);
});

Deno.test("serve() keeps its memory and its answer for 10 MB without a line end", async () => {
  await using server = start();
  using socket = await connect(server.addr);
  const flood = sendOctets(socket, new Uint8Array(10_000_000).fill(97));
  assertEquals(statusOf(await readAll(socket)), 414);
  await flood;
});

Deno.test("serve() answers 408 to half a line and silence, however it dribbles", async () => {
  await using server = start(HELLO, { requestTimeoutMs: 80 });
  using socket = await connect(server.addr);
  let over = false;
  const dribble = (async () => {
    while (!over) await send(socket, "G").then(() => new Promise((go) => setTimeout(go, 10)));
  })();
  const wire = undated(await readAll(socket));
  over = true;
  await dribble;
  const received = /Received: (G+)\n$/.exec(wire)?.[1] ?? "";
  const expected = "Expected a whole request line, ended by CRLF, in less time.";
  assertEquals(wire, refusalWire("408 Request Timeout", expected, received));
});

Deno.test("serve() answers 400 to half a line and the end of input", async () => {
  await using server = start();
  using socket = await connect(server.addr);
  await send(socket, "GET / HTTP/1.1");
  await socket.closeWrite();
  assertEquals(
    undated(await readAll(socket)),
    refusalWire(
      "400 Bad Request",
      "Expected a line end (CRLF) after the request line, but the input ended.",
      "GET / HTTP/1.1",
    ),
  );
});

Deno.test("serve() closes in silence where nothing came", async () => {
  await using server = start(HELLO, { requestTimeoutMs: 40 });
  assertEquals(await talk(server.addr), "");
  assertEquals(await talk(server.addr, "\r\n"), "");
  using ended = await connect(server.addr);
  await ended.closeWrite();
  assertEquals(await readAll(ended), "");
});

Deno.test("serve() answers 500 where a responder throws, and lives on", async () => {
  const errors: unknown[] = [];
  const responder: Responder = ({ target }) => {
    if (target === "/throw") throw new Error("oh");
    if (target === "/reject") return Promise.reject(new Error("no"));
    return { status: 99 };
  };
  await using server = start(responder, { onError: (error) => errors.push(error) });
  const wire = "HTTP/1.1 500 Internal Server Error\r\nDate: DATE\r\n" +
    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 26\r\nConnection: close\r\n\r\n" +
    "500 Internal Server Error\n";
  for (const target of ["/throw", "/reject", "/invalid"]) {
    assertEquals(undated(await talk(server.addr, `GET ${target} HTTP/1.1\r\n`)), wire);
  }
  const messages = errors.map((error) => error instanceof Error && error.message);
  assertEquals(messages, [
    "oh",
    "no",
    "Cannot send status 99: expected an integer from 200 to 599",
  ]);
});

Deno.test("serve() tells onExchange what became of each request", async () => {
  const exchanges: Exchange[] = [];
  await using server = start(HELLO, { onExchange: (exchange) => exchanges.push(exchange) });
  using socket = await connect(server.addr);
  const before = Date.now();
  await send(socket, "GET /\xff HTTP/1.1\r\n");
  await readAll(socket);
  const [{ client, requestLine, status, bytes, time, milliseconds }] = exchanges;
  assertEquals(client.port, (socket.localAddr as Deno.NetAddr).port);
  assertEquals({ requestLine, status }, { requestLine: "GET /\xff HTTP/1.1", status: 400 });
  assert(bytes > 0 && time >= before - 1 && time <= Date.now());
  assert(milliseconds >= 0 && milliseconds < 1000);
});

Deno.test("serve() survives a reset while it reads, while it thinks and while it writes", async () => {
  const asked = Promise.withResolvers<void>();
  const wait = Promise.withResolvers<Reply>();
  const large = { body: new Uint8Array(20_000_000) };
  const exchanges: Exchange[] = [];
  const written = Promise.withResolvers<void>();
  await using server = start(
    ({ target }) => target === "/large" ? large : (asked.resolve(), wait.promise),
    { onExchange: (exchange) => (exchanges.push(exchange), written.resolve()) },
  );
  const reading = await resettable(server.addr);
  reading.write("GET / HT");
  await reset(reading);
  const thinking = await resettable(server.addr);
  thinking.write("GET / HTTP/1.1\r\n\r\n");
  await asked.promise;
  await reset(thinking);
  const writing = await resettable(server.addr);
  writing.write("GET /large HTTP/1.1\r\n\r\n");
  await new Promise((resolve) => writing.once("readable", resolve)); // the reply is under way
  await reset(writing);
  await written.promise;
  assert(exchanges[0].bytes < large.body.length);
  wait.resolve(HELLO);
  assertEquals(undated(await talk(server.addr, "GET / HTTP/1.1\r\n\r\n")), HELLO_WIRE);
});

// ---------------------------------------------------------------- request line

function parse(line: string): string {
  const request = parseRequestLine(octets(line));
  return "expected" in request
    ? String(request.status)
    : `${request.method}|${request.target}|${request.minorVersion}`;
}

Deno.test("parseRequestLine() accepts every form of target its method allows", () => {
  const lines: Array<[string, string]> = [
    ["GET / HTTP/1.1", "GET|/|1"],
    ["GET / HTTP/1.0", "GET|/|0"],
    ["get /~a?b=c&d#e HTTP/1.9", "get|/~a?b=c&d#e|9"],
    ["!#$%&'*+-.^_`|~09 //x HTTP/1.1", "!#$%&'*+-.^_`|~09|//x|1"],
    ["POST http://example.com/a HTTP/1.1", "POST|http://example.com/a|1"],
    ["GET coap+tcp://[::1]:1/ HTTP/1.1", "GET|coap+tcp://[::1]:1/|1"],
    ["OPTIONS * HTTP/1.1", "OPTIONS|*|1"],
    ['GET /"<>\\^`{|} HTTP/1.1', 'GET|/"<>\\^`{|}|1'],
  ];
  for (const [line, expected] of lines) assertEquals(parse(line), expected, line);
});

Deno.test("parseRequestLine() keeps the wording", () => {
  const request = parseRequestLine(octets("BREW /pot HTTP/1.1")) as RequestLine;
  assertEquals(request.text, "BREW /pot HTTP/1.1");
});

Deno.test("parseRequestLine() rejects two spaces", () => {
  for (const line of ["GET  / HTTP/1.1", "GET /  HTTP/1.1", " GET / HTTP/1.1"]) {
    assertEquals(parse(line), "400", line);
  }
});

Deno.test("parseRequestLine() rejects what is not the grammar", () => {
  const lines = [
    ..."|GET|GET /|GET / |GET HTTP/1.1|/ HTTP/1.1|GET / HTTP/1.1 |GET / HTTP/1|GET / HTTP/1.".split(
      "|",
    ),
    ..."GET / HTTP/1.10|GET / HTTP/11|GET / HTTP/x.1|GET / http/1.1|GET / HTTPS/1.1".split("|"),
    ..."G(T / HTTP/1.1|G:T / HTTP/1.1|GET / HTTP/1.1 x|GET\t/ HTTP/1.1|GET /\t HTTP/1.1".split("|"),
    "GET /\x7f HTTP/1.1",
    "GET /\xe9 HTTP/1.1",
    "GET /\0 HTTP/1.1",
    "GET / HTTP/1.1\r",
    "GET /\r HTTP/1.1",
    "G\xc9T / HTTP/1.1",
  ];
  for (const line of lines) assertEquals(parse(line), "400", line);
});

Deno.test("parseRequestLine() rejects a target its method does not allow", () => {
  const lines = [
    ..."GET * HTTP/1.1|OPTIONS ** HTTP/1.1|GET example.com:80 HTTP/1.1|GET a HTTP/1.1".split("|"),
    ..."GET ?a HTTP/1.1|GET 1a://b HTTP/1.1|GET http:/a HTTP/1.1|GET http:// HTTP/1.1".split("|"),
    ..."CONNECT * HTTP/1.1|CONNECT a HTTP/1.1|CONNECT :1 HTTP/1.1|CONNECT a@b:1 HTTP/1.1".split(
      "|",
    ),
  ];
  for (const line of lines) assertEquals(parse(line), "400", line);
});

Deno.test("parseRequestLine() answers CONNECT with 501 and other versions with 505", () => {
  for (const target of ["a:1", "[::1]:443", "example.com:80"]) {
    assertEquals(parse(`CONNECT ${target} HTTP/1.1`), "501", target);
  }
  for (const version of ["0.9", "2.0", "3.0", "9.9"]) {
    assertEquals(parse(`GET / HTTP/${version}`), "505", version);
  }
});

Deno.test("parseRequestLine() takes each octet for what it is, in method and target", () => {
  for (let octet = 0; octet < 256; octet++) {
    const character = String.fromCharCode(octet);
    const isToken = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(character);
    const isVisible = octet >= 0x21 && octet <= 0x7e;
    assertEquals(parse(`G${character}T / HTTP/1.1`) !== "400", isToken, `method ${octet}`);
    assertEquals(parse(`GET /${character} HTTP/1.1`) !== "400", isVisible, `target ${octet}`);
  }
});

// ---------------------------------------------------------------- closing

Deno.test("serve() closes at once where the whole request was read", async () => {
  await using server = start(HELLO, { lingerTimeoutMs: 60_000 });
  for (const head of ["", "Host: x\r\n", "Host: x\r\nAccept: */*\r\nX-Empty:\r\nX-Tab:\ta\r\n"]) {
    assertEquals(statusOf(await talk(server.addr, `GET / HTTP/1.0\r\n${head}\r\n`)), 200);
  }
  assertEquals(await server.shutdown(), { cut: 0 });
});

Deno.test("serve() answers a client that sends 2 MB and reads only then, 100 times out of 100", async () => {
  await using server = start();
  const request = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n${"x".repeat(2e6)}`;
  const bytes = octets(request);
  for (let round = 0; round < 100; round++) {
    using socket = await connect(server.addr);
    await sendOctets(socket, bytes);
    assertEquals(undated(await readAll(socket)), HELLO_WIRE);
  }
});

Deno.test("serve() lingers no longer than lingerTimeoutMs", async () => {
  await using server = start(HELLO, { lingerTimeoutMs: 40 });
  using socket = await connect(server.addr);
  await send(socket, "GET / HTTP/1.1\r\n");
  assertEquals(undated(await readAll(socket)), HELLO_WIRE);
  assertEquals(await server.shutdown(), { cut: 0 }); // the client never closed
});

Deno.test("serve() discards no more than maxLingerBytes", async () => {
  await using server = start(HELLO, { lingerTimeoutMs: 60_000, maxLingerBytes: 1000 });
  const socket = await resettable(server.addr);
  socket.resume();
  const error = new Promise<Error>((resolve) => socket.once("error", resolve));
  socket.write("POST / HTTP/1.1\r\n");
  socket.write(new Uint8Array(50_000_000));
  assertMatch(String(await error), /ECONNRESET|EPIPE/);
  assertEquals(await server.shutdown(), { cut: 0 });
});

Deno.test("serve() writes and drains in turns, so that others have theirs", async () => {
  const content = new Uint8Array(32 * 1024 * 1024);
  const crossed = { written: 0, drained: 0 };
  let request: string | undefined = "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n";
  using _ = listeningToOneWho({ // is never slow: with real ones, others get in by chance
    read(buffer: Uint8Array) {
      const count = request ? octets(request).length : buffer.length;
      if (request) buffer.set(octets(request));
      else crossed.drained += count;
      request = undefined;
      return Promise.resolve(count);
    },
    write(bytes: Uint8Array) {
      crossed.written += bytes.length;
      return Promise.resolve(bytes.length);
    },
  });
  await using _server = start({ body: content });
  const turnsUntil = async (isDone: () => boolean) => {
    let turns = 0;
    for (; !isDone(); turns++) await new Promise((resolve) => setTimeout(resolve, 0));
    return turns;
  };
  const toWrite = await turnsUntil(() => crossed.written > content.length);
  assert(toWrite >= 4, `written in ${toWrite} turns`);
  const toDrain = await turnsUntil(() => crossed.drained >= DEFAULT_LIMITS.maxLingerBytes);
  assert(toDrain >= 16, `drained in ${toDrain} turns`);
});

Deno.test("serve() gives up on a client that does not read", async () => {
  const closed = Promise.withResolvers<Exchange>();
  const large = { body: new Uint8Array(50_000_000) };
  await using server = start(large, { writeTimeoutMs: 60, onExchange: closed.resolve });
  using socket = await connect(server.addr);
  await send(socket, "GET / HTTP/1.1\r\n\r\n");
  const { bytes } = await closed.promise;
  assert(bytes < large.body.length);
});

Deno.test("serve() writes a large body whole to a slow reader", async () => {
  const body = Uint8Array.from({ length: 5_000_000 }, (_, at) => at % 251);
  await using server = start({ body });
  using socket = await connect(server.addr);
  await send(socket, "GET / HTTP/1.1\r\n\r\n");
  const buffer = new Uint8Array(4096);
  const received = new Uint8Array(body.length + 1000);
  let length = 0;
  for (let count; (count = await socket.read(buffer)) !== null; length += count) {
    received.set(buffer.subarray(0, count), length);
  }
  const head = new TextDecoder().decode(received.subarray(0, length - body.length));
  assertEquals(
    undated(head),
    "HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Type: application/octet-stream\r\n" +
      "Content-Length: 5000000\r\nConnection: close\r\n\r\n",
  );
  assert(body.every((octet, at) => received[head.length + at] === octet));
});

// ---------------------------------------------------------------- staying open

const PLAIN = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

const HELLO_OPEN = HELLO_WIRE.replace("Connection: close\r\n", "");

/** Reads this many whole replies that have a `Content-Length`. */
async function readReplies(socket: Deno.Conn, count: number): Promise<string[]> {
  const replies: string[] = [];
  const buffer = new Uint8Array(65536);
  for (let text = ""; replies.length < count;) {
    const read = await socket.read(buffer);
    if (read === null) throw new Error(`The connection closed after ${replies.length} replies`);
    text += new TextDecoder("latin1").decode(buffer.subarray(0, read));
    for (;;) {
      const head = /^[^]*?\r\n\r\n/.exec(text)?.[0];
      const length = Number(/\r\nContent-Length: (\d+)\r\n/.exec(head ?? "")?.[1]);
      if (head === undefined || text.length < head.length + length) break;
      replies.push(text.slice(0, head.length + length));
      text = text.slice(head.length + length);
    }
  }
  return replies;
}

Deno.test("serve() stays open after a plain request, 1000 times", async () => {
  await using server = start();
  using socket = await connect(server.addr);
  for (let round = 0; round < 1000; round++) {
    await send(socket, PLAIN);
    const [reply] = await readReplies(socket, 1);
    assertEquals(undated(reply), HELLO_OPEN);
  }
});

Deno.test("serve() stays open for what fetch() sends: the port stays the same", async () => {
  await using server = start((_, { port }) => ({ body: String(port) }));
  const client = Deno.createHttpClient({ poolMaxIdlePerHost: 1 });
  const ports = new Set<string>();
  for (let round = 0; round < 5; round++) {
    const response = await fetch(`http://127.0.0.1:${server.addr.port}/`, { client });
    ports.add(await response.text());
  }
  client.close();
  assertEquals(ports.size, 1);
});

Deno.test("serve() stays open after every plain head", async () => {
  await using server = start();
  const heads = [
    "Host: x\r\n",
    "host:\r\n",
    "HOST: x\r\nConnection: keep-alive\r\n",
    "Host: x\r\nconnection:Keep-Alive \t\r\n",
    "Host: x\r\nAccept-Encoding: gzip\r\nUpgrade-Insecure-Requests: 1\r\nCookie: a=b; c\r\n",
    "X-Tab:\ta\tb\r\nX-Empty:\r\nX-Obs: \xe9\r\nHost: x\r\nTE: trailers\r\ntraceparent: 00\r\n",
  ];
  using socket = await connect(server.addr);
  for (const head of heads) {
    await send(socket, `GET / HTTP/1.2\r\n${head}\r\n`);
    const [reply] = await readReplies(socket, 1);
    assertEquals(undated(reply), HELLO_OPEN, head);
  }
});

Deno.test("serve() keeps HEAD, 204 and 304 free of content on an open connection", async () => {
  await using server = start(({ target }) => ({ status: Number(target.slice(1)), body: "x" }));
  using socket = await connect(server.addr);
  const request = (line: string) => `${line} HTTP/1.1\r\nHost: x\r\n\r\n`;
  await send(socket, ["GET /204", "GET /304", "HEAD /200"].map(request).join(""));
  await send(socket, "GET /299 HTTP/1.1\r\n\r\n");
  const replies = (await readAll(socket)).split("\r\n\r\n").map(statusOf);
  assertEquals(replies, [204, 304, 200, 299, NaN]); // nothing but heads, until the last one's "x"
});

Deno.test("serve() answers requests that come together in their order, and a rest later", async () => {
  await using server = start(({ target }) => ({ body: target }));
  using socket = await connect(server.addr);
  const targets = Array.from({ length: 1000 }, (_, at) => `/${at}`);
  const requests = targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`).join("");
  await send(socket, requests + "GET /rest HT");
  const replies = await readReplies(socket, 1000);
  assertEquals(replies.map((reply) => reply.split("\r\n\r\n")[1]), targets);
  await send(socket, "TP/1.1\r\nHost: x\r\n\r\n");
  assertStringIncludes((await readReplies(socket, 1))[0], "\r\n\r\n/rest");
});

Deno.test("serve() stays open for heads up to the size of a request line", async () => {
  await using server = start();
  using socket = await connect(server.addr);
  for (const length of [1900, 2048, 2049, 4096, 8000, 8192]) {
    const request = PLAIN.replace("\r\n\r\n", "\r\nX-A: \r\n\r\n");
    await send(socket, request.replace("X-A: ", "X-A: ".padEnd(5 + length - request.length, "a")));
    assertEquals(undated((await readReplies(socket, 1))[0]), HELLO_OPEN, String(length));
  }
});

Deno.test("serve() answers a head that ends where its buffer does, though no more comes", async () => {
  await using server = start();
  const begun = "GET / HTTP/1.1\r\nHost: x\r\nX-A: ";
  for (const length of [2048, 4096, 8192]) {
    assertEquals(undated(await talk(server.addr, begun.padEnd(length, "a"))), HELLO_WIRE);
  }
});

Deno.test("serve() does not hold a reply back for one that takes its time", async () => {
  const slow = Promise.withResolvers<Reply>();
  await using server = start(({ target }) => target === "/slow" ? slow.promise : HELLO);
  using socket = await connect(server.addr);
  await send(socket, PLAIN + PLAIN.replace("/", "/slow"));
  assertEquals(undated((await readReplies(socket, 1))[0]), HELLO_OPEN);
  slow.resolve({ body: "slow" });
  assertStringIncludes((await readReplies(socket, 1))[0], "slow");
});

Deno.test("serve() lets a responder take longer than a request may", async () => {
  const late = () => new Promise<Reply>((resolve) => setTimeout(() => resolve(HELLO), 120));
  await using server = start(late, { requestTimeoutMs: 30, idleTimeoutMs: 30, writeTimeoutMs: 30 });
  assertEquals(undated(await talk(server.addr, PLAIN)), HELLO_OPEN);
});

Deno.test("serve() writes large replies alone, between small ones", async () => {
  const large = "x".repeat(300_000);
  await using server = start(({ target }) => ({ body: target === "/large" ? large : target }));
  using socket = await connect(server.addr);
  const targets = ["/a", "/large", "/b", "/large", "/c"];
  await send(socket, targets.map((target) => PLAIN.replace("/", target)).join(""));
  const bodies = (await readReplies(socket, 5)).map((reply) => reply.split("\r\n\r\n")[1]);
  assertEquals(bodies, ["/a", large, "/b", large, "/c"]);
});

Deno.test("serve() keeps replies that wait for their reader apart from others", async () => {
  const bodyOf = (target: string) => target.padEnd(7_000, target.slice(1));
  const ask = (target: string) => PLAIN.replace("/", target);
  await using server = start(({ target }) => ({ body: bodyOf(target) }));
  const targets = Array.from({ length: 1000 }, (_, at) => `/${at}`);
  using late = await connect(server.addr);
  const sent = send(late, targets.map(ask).join("")); // 7 MB of replies, more than the kernel takes
  using other = await connect(server.addr);
  for (const target of targets.slice(0, 200).map((target) => target + "x")) {
    await send(other, ask(target));
    assertEquals((await readReplies(other, 1))[0].split("\r\n\r\n")[1], bodyOf(target));
  }
  const replies = await readReplies(late, targets.length);
  assertEquals(replies.map((reply) => reply.split("\r\n\r\n")[1]), targets.map(bodyOf));
  await sent;
});

Deno.test("serve() gives pipelined requests the same replies wherever they are cut", async () => {
  await using server = start(({ target }) => ({ body: target }));
  const wire = PLAIN.replace("/", "/1") + "\r\n" + PLAIN.replace("/", "/2") +
    "GET /3 HTTP/1.0\r\n\r\n";
  for (let cut = 1; cut < wire.length; cut++) {
    const text = await talk(server.addr, wire.slice(0, cut), wire.slice(cut));
    const bodies = text.split("\r\n\r\n").slice(1).map((part) => part.replace(/HTTP.*/s, ""));
    // A head that is cut may close its connection; what was answered was answered right.
    assertEquals(bodies, ["/1", "/2", "/3"].slice(0, bodies.length), `cut at ${cut}`);
    assert(bodies.length > 0);
  }
});

Deno.test("serve() answers nothing after a reply that closes", async () => {
  await using server = start();
  const closing = [
    "GET / HTTP/1.1\nHost: x\r\n\r\n",
    "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "\r\n\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.0\r\nHost: x\r\n\r\n",
    "G@T / HTTP/1.1\r\n\r\n",
  ];
  for (const request of closing) {
    const wire = await talk(server.addr, request + PLAIN);
    assertEquals(wire.match(/HTTP\/1\.1 /g)?.length, 1, request);
    assertStringIncludes(wire, "\r\nConnection: close\r\n");
  }
});

Deno.test("serve() closes an idle connection in silence, and 408s a late rest", async () => {
  await using server = start(HELLO, { idleTimeoutMs: 40, requestTimeoutMs: 60 });
  using idle = await connect(server.addr);
  await send(idle, PLAIN);
  assertEquals(undated(await readAll(idle)), HELLO_OPEN);
  using half = await connect(server.addr);
  await send(half, PLAIN);
  await readReplies(half, 1);
  await send(half, "GET");
  assertEquals(statusOf(await readAll(half)), 408);
  using glued = await connect(server.addr);
  await send(glued, PLAIN + "GET");
  const wire = await readAll(glued);
  assertEquals([statusOf(wire), wire.includes("408 Request Timeout")], [200, true]);
});

Deno.test("shutdown() closes idle connections at once and says close on the last reply", async () => {
  const asked = Promise.withResolvers<void>();
  const slow = Promise.withResolvers<Reply>();
  const server = start(({ target }) =>
    target === "/slow" ? (asked.resolve(), slow.promise) : HELLO
  );
  using idle = await connect(server.addr);
  await send(idle, PLAIN);
  await readReplies(idle, 1);
  using busy = await connect(server.addr);
  await send(busy, PLAIN.replace("/", "/slow") + PLAIN);
  await asked.promise;
  const ending = server.shutdown();
  assertEquals(await readAll(idle), "");
  slow.resolve({ body: "slow" });
  const wire = await readAll(busy);
  assertEquals(wire.match(/\r\n\r\n(slow|Hello world!)/g)?.length, 2);
  assertEquals(wire.match(/\r\nConnection: close\r\n/g)?.length, 1);
  busy.close();
  assertEquals(await ending, { cut: 0 });
});

/** Heads that are odd in one way each; a second request is glued behind them. */
const ODD_HEADS: Record<string, string> = {
  "no Host": "Accept: */*\r\n",
  "two Hosts": "Host: x\r\nHost: x\r\n",
  "space before the colon": "Host : x\r\n",
  "space before the colon of a length": "Host: x\r\nContent-Length : 5\r\n",
  "space before the name": " Host: x\r\n",
  "folding": "Host: x\r\nX-A: b\r\n c\r\n",
  "folding with a tab": "Host: x\r\nX-A: b\r\n\tTransfer-Encoding: chunked\r\n",
  "no colon": "Host: x\r\nnonsense\r\n",
  "no name": "Host: x\r\n: value\r\n",
  "bare LF": "Host: x\nX-A: b\r\n",
  "bare LF before the empty line": "Host: x\n",
  "bare CR in a value": "Host: x\r\nX-A: b\rc\r\n",
  "bare CR before the line end": "Host: x\r\r\n",
  "bare CR for a line end": "Host: x\rContent-Length: 5\r\n",
  "NUL in a value": "Host: x\r\nX-A: b\0c\r\n",
  "escape in a value": "Host: x\r\nX-A: \x1b\r\n",
  "DEL in a value": "Host: x\r\nX-A: \x7f\r\n",
  "control byte in a name": "Host: x\r\nX\x0bA: b\r\n",
  "octet above ASCII in a name": "Host: x\r\nTransfer-Encod\xedng: chunked\r\n",
  "underscore in a name": "Host: x\r\nContent_Length: 5\r\n",
  "Content-Length": "Host: x\r\nContent-Length: 5\r\n",
  "Content-Length 0": "Host: x\r\nContent-Length: 0\r\n",
  "Content-Length +5": "Host: x\r\nContent-Length: +5\r\n",
  "Content-Length -1": "Host: x\r\nContent-Length: -1\r\n",
  "Content-Length 0x5": "Host: x\r\nContent-Length: 0x5\r\n",
  "Content-Length 5, 5": "Host: x\r\nContent-Length: 5, 5\r\n",
  "empty Content-Length": "Host: x\r\nContent-Length:\r\n",
  "huge Content-Length": "Host: x\r\nContent-Length: 99999999999999999999\r\n",
  "two Content-Lengths": "Host: x\r\nContent-Length: 0\r\nContent-Length: 5\r\n",
  "Transfer-Encoding": "Host: x\r\nTransfer-Encoding: chunked\r\n",
  "both framings": "Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
  "both framings, the other way": "Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
  "Transfer-Encoding identity": "Host: x\r\nTransfer-Encoding: identity\r\n",
  "Transfer-Encoding xchunked": "Host: x\r\ntransfer-encoding: xchunked\r\n",
  "Transfer-Encoding in other letters": "Host: x\r\ntRANSFER-eNCODING:\tchunked\r\n",
  "Transfer-Encodings": "Host: x\r\nTransfer-Encodings: chunked\r\n",
  "Tranfer-Encoding": "Host: x\r\nTranfer-Encoding: chunked\r\n",
  "Content-Encoding": "Host: x\r\nContent-Encoding: gzip\r\n",
  "Upgrade": "Host: x\r\nUpgrade: h2c\r\n",
  "Expect": "Host: x\r\nExpect: 100-continue\r\n",
  "Connection close": "Host: x\r\nConnection: close\r\n",
  "Connection Upgrade": "Host: x\r\nConnection: Upgrade\r\n",
  "Connection of two": "Host: x\r\nConnection: keep-alive, close\r\n",
  "two Connections": "Host: x\r\nConnection: keep-alive\r\nConnection: close\r\n",
  "empty Connection": "Host: x\r\nConnection:\r\n",
};

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

function assertOneReply(wire: string, message: string): void {
  assertEquals(wire.match(/HTTP\/1\.1 /g)?.length, 1, message);
  assertEquals(undated(wire), HELLO_WIRE, message);
}

for (const [name, head] of Object.entries(ODD_HEADS)) {
  Deno.test(`serve() answers once and closes: ${name}`, async () => {
    await using server = start(({ target }) => target === "/" ? HELLO : { body: "SMUGGLED" });
    const request = `GET / HTTP/1.1\r\n${head}\r\n`;
    assertOneReply(await talk(server.addr, request + SMUGGLED), "in one piece");
    const cuts = Array.from({ length: request.length }, (_, cut) => cut + 1);
    await Promise.all(cuts.map(async (cut) => {
      const wire = await talk(server.addr, request.slice(0, cut), request.slice(cut) + SMUGGLED);
      assertOneReply(wire, `cut at ${cut}`);
    }));
  });
}

Deno.test("serve() answers once and closes: heads too large for its buffer", async () => {
  await using server = start(({ target }) => target === "/" ? HELLO : { body: "SMUGGLED" });
  const fields = "X-A: b\r\n".repeat(10_000);
  const large = `X-Large: ${"a".repeat(100_000)}\r\n`;
  for (const head of [fields, large]) {
    const wire = await talk(server.addr, `GET / HTTP/1.1\r\nHost: x\r\n${head}\r\n${SMUGGLED}`);
    assertOneReply(wire, head.slice(0, 20));
  }
});

Deno.test("scanHead() says where the next request starts, and what may follow", () => {
  const scan = (text: string) => scanHead(octets(text), 0, text.length);
  const doubtful = { end: -1, bodyless: false, persistent: false };
  assertEquals(scan("Host: x\r\n\r\nGET"), { end: 11, bodyless: true, persistent: true });
  assertEquals(scan("\r\n"), { end: 2, bodyless: true, persistent: false });
  assertEquals(scan("Connection: close\r\nHost: x\r\n\r\n"), {
    end: 30,
    bodyless: true,
    persistent: false,
  });
  for (const part of ["", "\r", "H", "Host", "Host:", "Host: x", "Host: x\r", "Host: x\r\n\r"]) {
    assertEquals(scan(part), doubtful, part);
  }
});

// ---------------------------------------------------------------- replies

Deno.test("serve() frames 204, 205 and 304 without content", async () => {
  await using server = start(({ target }) => ({ status: Number(target.slice(1)), body: "x" }));
  const wire = async (status: number) =>
    undated(await talk(server.addr, `GET /${status} HTTP/1.1\r\n`));
  const tail = "Connection: close\r\n\r\n";
  assertEquals(await wire(204), `HTTP/1.1 204 No Content\r\nDate: DATE\r\n${tail}`);
  assertEquals(await wire(304), `HTTP/1.1 304 Not Modified\r\nDate: DATE\r\n${tail}`);
  const reset = "HTTP/1.1 205 Reset Content\r\nDate: DATE\r\nContent-Length: 0\r\n";
  assertEquals(await wire(205), reset + tail);
});

Deno.test("serve() lets a reply replace its header fields, and add to them", async () => {
  const headers = [["content-type", "text/x"], ["Set-Cookie", "a"], ["Set-Cookie", "b"], [
    "date",
    "now",
  ]] as const;
  await using server = start({ status: 299, headers, body: "é" });
  assertEquals(
    await talk(server.addr, "GET / HTTP/1.1\r\n"),
    "HTTP/1.1 299 \r\nContent-Length: 2\r\ncontent-type: text/x\r\nSet-Cookie: a\r\n" +
      "Set-Cookie: b\r\ndate: now\r\nConnection: close\r\n\r\n\xc3\xa9",
  );
});

Deno.test("checkField() refuses what would make a response invalid or splittable", () => {
  checkField("X-Fine", "a \t~");
  checkField("X-Empty", "");
  const bad = [["", "a"], ["A b", "a"], ["A:", "a"], ["A\r\nB", "a"], ["A", "b\r\nC: d"]];
  bad.push(["A", "\0"], ["A", "\x7f"], ["A", "é"], ["Connection", "close"]);
  bad.push(["content-length", "1"], ["TRANSFER-ENCODING", "chunked"]);
  for (const [name, value] of bad) assertThrows(() => checkField(name, value), RangeError);
});

Deno.test("escapeControls() leaves one printable line", () => {
  assertEquals(
    escapeControls('a\r\n"\\\x1b\x7f\xe9\0 ~'),
    "a\\x0D\\x0A\\x22\\x5C\\x1B\\x7F\\xE9\\x00 ~",
  );
});

// ---------------------------------------------------------------- the page

Deno.test("page() greets the client, offers the link and repeats the line", async () => {
  await using server = start(page("/a?b&c"));
  using socket = await connect(server.addr);
  await send(socket, "GET /<script>\"&' HTTP/1.1\r\n");
  const [head, html] = (await readAll(socket)).split("\r\n\r\n");
  const { port } = socket.localAddr as Deno.NetAddr;
  assertEquals(
    undated(head),
    `HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Length: ${html.length}\r\n` +
      "Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: default-src 'none'; " +
      "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n" +
      "X-Content-Type-Options: nosniff\r\nConnection: close",
  );
  assertStringIncludes(html, `<title>Hello, 127.0.0.1:${port}</title>`);
  assertStringIncludes(html, `<h1>Hello, 127.0.0.1:${port}</h1>`);
  assertStringIncludes(html, '<a class="link" href="/a?b&amp;c">');
  assertStringIncludes(html, "GET /&lt;script&gt;&quot;&amp;&#39; HTTP/1.1");
});

Deno.test("page() puts IPv6 addresses in brackets", async () => {
  const request = parseRequestLine(octets("GET / HTTP/1.1")) as RequestLine;
  const { body } = await page()(request, { hostname: "2001:db8::1", port: 5 });
  assertStringIncludes(String(body), "<h1>Hello, [2001:db8::1]:5</h1>");
});

Deno.test("escapeHtml() escapes what HTML gives a meaning", () => {
  assertEquals(escapeHtml(`<a href="x">'&`), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
});

// ---------------------------------------------------------------- the command

const ROOT = import.meta.dirname!;

/** The map that these tests run under serves the command as well: `npm:` or its cached file. */
const IMPORT_MAP = /^(npm|file):/.test(import.meta.resolve("@std/cli/parse-args"))
  ? ["--import-map=.ci/npm_imports.json"]
  : [];

interface RunOptions {
  permissions?: string[];
  /** What runs in place of Deno itself; it gets Deno and its arguments. */
  through?: string[];
  stdout?: "piped" | "null";
}

/** Spawns the command with arguments of its own. */
function spawn(args: string[], options: RunOptions = {}): Deno.ChildProcess {
  const { permissions = ["--allow-net"], through = [], stdout = "piped" } = options;
  const [program, ...rest] = [
    ...through,
    Deno.execPath(),
    "run",
    ...permissions,
    ...IMPORT_MAP,
    "main.ts",
    ...args,
  ];
  return new Deno.Command(program, {
    args: rest,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout,
    stderr: "piped",
  }).spawn();
}

/** Runs the command to its end. */
async function run(args: string[], options?: RunOptions) {
  const { code, stdout, stderr } = await spawn(args, options).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** The lines of a stream, one at a time. */
class Lines {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next line; empty at the end. */
  async next(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end !== -1) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return line;
      }
      const { value, done } = await this.#reader.read();
      if (done) return "";
      this.#rest += value;
    }
  }

  /** The first line from here on that holds this text. */
  async until(text: string): Promise<string> {
    for (;;) {
      const line = await this.next();
      if (line.includes(text)) return line;
      if (line === "") throw new Error(`The stream ended without ${text}`);
    }
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

/** A command that has said where it listens. */
class Running implements AsyncDisposable {
  readonly stdout: Lines;
  readonly stderr: Lines;

  private constructor(readonly process: Deno.ChildProcess) {
    this.stdout = new Lines(process.stdout);
    this.stderr = new Lines(process.stderr);
  }

  port = 0;
  listening = "";

  static async start(args: string[], options?: RunOptions): Promise<Running> {
    const running = new Running(spawn(args, options));
    running.listening = await running.stderr.until("listening on");
    running.port = Number(/:(\d+), http/.exec(running.listening)?.[1]);
    return running;
  }

  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    this.process.kill(signal);
    return (await this.process.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.process.kill("SIGTERM");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended already
    }
    await this.process.status;
    await this.stdout.cancel();
    await this.stderr.cancel();
  }
}

const ANY_PORT = ["--host", "127.0.0.1", "--port", "0"];

Deno.test("firstline --help prints every flag with its default, and wins", async () => {
  const { code, stdout, stderr } = await run(["--port", "abc", "--help", "--bogus", "-V"]);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  assertEquals(stdout, helpText());
  for (const { name } of Object.values(FLAGS).flat()) assertStringIncludes(stdout, ` --${name}`);
  for (const code of Object.keys(EXIT_CODES)) assertStringIncludes(stdout, `\n  ${code} `);
  const { requestTimeoutMs, idleTimeoutMs, maxConnections } = DEFAULT_LIMITS;
  for (const text of [requestTimeoutMs / 1000, idleTimeoutMs / 1000, maxConnections]) {
    assertStringIncludes(stdout, `[${text}]`);
  }
  assertEquals(stdout.split("\n").filter((line) => line.length > 80), []);
});

Deno.test("README.md has the tables of flags, limits and exit codes that the code has", async () => {
  const words = (text: string) => text.replace(/-{3,}/g, "---").replace(/ +/g, " "); // as formatted
  const readme = words(await Deno.readTextFile(`${ROOT}/README.md`));
  for (const table of readmeTables()) assertStringIncludes(readme, words(table));
  for (const [name, value] of Object.entries(DEFAULT_LIMITS)) {
    assertStringIncludes(readme, `| \`${name}\` | ${value} |`);
  }
});

Deno.test("firstline --version prints the version and wins over mistakes", async () => {
  const { code, stdout, stderr } = await run(["--port", "abc", "-V"]);
  assertEquals({ code, stdout, stderr }, {
    code: 0,
    stdout: `firstline ${manifest.version}\n`,
    stderr: "",
  });
});

Deno.test("firstline exits with 2 and one line for a mistake in the arguments", async () => {
  const mistakes: Array<[string[], string]> = [
    [["--bogus"], 'Cannot use "--bogus": expected only the flags that --help lists'],
    [["-z"], 'Cannot use "-z": expected only the flags that --help lists'],
    [["stray\n"], 'Cannot use "stray\\x0A": expected only the flags that --help lists'],
    [["--", "stray"], 'Cannot use "stray": expected only the flags that --help lists'],
    [["--port", "abc"], 'Cannot use --port "abc": expected an integer from 0 to 65535'],
    [["--port", "0x50"], 'Cannot use --port "0x50": expected an integer from 0 to 65535'],
    [["--port", "99999"], 'Cannot use --port "99999": expected an integer from 0 to 65535'],
    [["--port=-1"], 'Cannot use --port "-1": expected an integer from 0 to 65535'],
    [["--port"], "Cannot use --port without a value: expected N, as in --port=VALUE"],
    [["--text="], "Cannot use --text without a value: expected TEXT"],
    [["--host", ""], "Cannot use --host without a value: expected ADDR"],
    [["--host", "127.0.0.1:80"], 'Cannot use --host "127.0.0.1:80": expected an address or a name'],
    [["--request-timeout", "0"], 'Cannot use --request-timeout "0": expected seconds above 0'],
    [["--request-timeout", "1s"], 'Cannot use --request-timeout "1s": expected seconds above 0'],
    [["--max-connections", "0"], 'Cannot use --max-connections "0": expected an integer from 1'],
    [["--link", "javascript:x"], 'Cannot use --link "javascript:x": expected an http'],
    [["--log", "xml"], 'Cannot use --log "xml": expected common or json'],
    [["--idle-timeout", "-1"], "Cannot use --idle-timeout without a value: expected SECONDS"],
    [["--delay", "soon"], 'Cannot use --delay "soon": expected seconds above 0, such as 2.5'],
    [["--status", "199"], 'Cannot use --status "199": expected an integer from 200 to 599'],
    [["-s", "600"], 'Cannot use --status "600": expected an integer from 200 to 599'],
    [["-H", "no colon"], 'Cannot use --header "no colon": expected "Name: value"'],
    [["-H", "A b: c"], 'Cannot use --header "A b: c": expected a token for a name'],
    [["-H", "A: b\r\nC: d"], 'Cannot use --header "A: b\\x0D\\x0AC: d": expected a value'],
    [["-H", "content-length: 5"], 'Cannot use --header "content-length: 5": the server sets it'],
    [["-H", "Transfer-Encoding: a"], "the server sets it itself"],
    [["-H", "Connection: close"], "the server sets it itself"],
    [["--header"], 'Cannot use --header without a value: expected "NAME: VALUE"'],
    [["--text", "a", "--file", "b"], "Cannot use --text with --file: expected one of the two"],
    [["--text", "a", "--link", "/"], "Cannot use --text with --link: expected one of the two"],
    [["--file", "a", "--link", "/"], "Cannot use --file with --link: expected one of the two"],
    [["--raw", "a", "--text", "b"], "Cannot use --raw with --text: expected one of the two"],
    [["--raw", "a", "-s", "201"], "Cannot use --raw with --status: expected one of the two"],
    [["--raw", "a", "-H", "B: c"], "Cannot use --raw with --header: expected one of the two"],
    [["--probe", "--port", "0"], "Cannot use --probe with --port 0: expected a port to ask"],
  ];
  await Promise.all(mistakes.map(async ([args, message]) => {
    const { code, stdout, stderr } = await run(args);
    assertEquals({ code, stdout }, { code: 2, stdout: "" }, args.join(" "));
    assertStringIncludes(stderr, message);
    assertMatch(stderr, /^firstline: [^\n]+\n$/);
  }));
});

Deno.test("firstline exits with 1 and one line for a start that fails", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const failures: Array<[string[], RunOptions, RegExp]> = [
    [
      ["--host", "127.0.0.1", "--port", `${port}`],
      {},
      /Cannot listen on 127\.0\.0\.1:\d+: the port is taken, port \d+ is free/,
    ],
    [
      ["--host", "127.0.0.1", "--port", `${port}`],
      { permissions: [`--allow-net=127.0.0.1:${port}`] },
      /Cannot listen on 127\.0\.0\.1:\d+: the port is taken$/m,
    ],
    [["--host", "203.0.113.7"], {}, /203\.0\.113\.7:8080: the address is not on this machine/],
    [["--host", "nosuch.invalid"], {}, /nosuch\.invalid:8080: the name was not found/],
    [
      ["--port", "8081"],
      { permissions: ["--allow-net=0.0.0.0:8082"] },
      /0\.0\.0\.0:8081: permission missing, add --allow-net or --allow-net=0\.0\.0\.0:8081/,
    ],
    [["--host", "::"], { permissions: [] }, /\[::\]:8080: permission missing, add --allow-net/],
  ];
  await Promise.all(failures.map(async ([args, options, message]) => {
    const { code, stdout, stderr } = await run(args, options);
    assertEquals({ code, stdout }, { code: 1, stdout: "" }, args.join(" "));
    assertMatch(stderr, message);
    assertMatch(stderr, /^firstline: [^\n]+\n$/);
  }));
});

Deno.test({
  name: "firstline exits with 1 where the system forbids the port",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const drop = "setpriv --bounding-set=-net_bind_service --inh-caps=-all";
    const through = ["sh", "-c", `[ "$(id -u)" = 0 ] && exec ${drop} "$@"; exec "$@"`, "sh"];
    const { code, stderr } = await run(["--host", "127.0.0.1", "--port", "1"], { through });
    assertEquals(code, 1);
    assertMatch(stderr, /^firstline: Cannot listen on 127\.0\.0\.1:1: the system forbids it/);
  },
});

Deno.test("firstline takes a free port, loudly, where the default one is taken", async () => {
  let blocker: Deno.TcpListener | undefined;
  try {
    blocker = Deno.listen({ hostname: "127.0.0.1", port: 8080 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error; // taken already: as good
  }
  await using running = await Running.start(["--host", "127.0.0.1", "--text", "moved"]);
  blocker?.close();
  assert(running.port !== 8080);
  assertStringIncludes(await talk(running, "GET / HTTP/1.1\r\n"), "moved");
});

Deno.test("firstline listens on the port it is given and says where", async () => {
  const port = getAvailablePort({ preferredPort: 0 });
  await using running = await Running.start(["-p", `${port}`, "--host", "127.0.0.1"]);
  assertEquals(
    running.listening,
    `firstline: listening on 127.0.0.1:${port}, http://127.0.0.1:${port}/`,
  );
  const response = await fetch(`http://127.0.0.1:${port}/tea`);
  assertStringIncludes(await response.text(), "GET /tea HTTP/1.1");
});

Deno.test("firstline --text answers exactly that, and logs each request", async () => {
  await using running = await Running.start([...ANY_PORT, "--text", "Hello world!"]);
  assertEquals(undated(await talk(running, "GET / HTTP/1.1\r\n")), HELLO_WIRE);
  await talk(running, 'GET /"\x1b[2J HTTP/1.1\r\n');
  const stamp = String.raw`\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\]`;
  assertMatch(
    await running.stdout.next(),
    new RegExp(`^127\\.0\\.0\\.1 - - ${stamp} "GET / HTTP/1\\.1" 200 12$`),
  );
  assertMatch(await running.stdout.next(), /"GET \/\\x22\\x1B\[2J HTTP\/1\.1" 400 \d+$/);
});

Deno.test("firstline --link changes where the page leads", async () => {
  await using running = await Running.start([...ANY_PORT, "--link", "https://example.com/"]);
  assertStringIncludes(await talk(running, "GET / HTTP/1.1\r\n"), 'href="https://example.com/"');
});

Deno.test("firstline --quiet logs nothing", async () => {
  await using running = await Running.start([...ANY_PORT, "-q"]);
  await talk(running, "GET / HTTP/1.1\r\n");
  assertEquals(await running.stop(), 0);
  assertEquals(await running.stdout.next(), "");
});

Deno.test("firstline --request-timeout and --max-connections reach the server", async () => {
  const flags = ["--request-timeout", "0.1", "--max-connections", "1"];
  await using running = await Running.start([...ANY_PORT, ...flags]);
  const holding = await connect(running);
  await send(holding, "GET");
  const wire = talk(running, "GET / HTTP/1.1\r\n\r\n");
  assertEquals(statusOf(await readAll(holding)), 408);
  holding.close(); // lets the other in
  assertEquals(statusOf(await wire), 200);
});

Deno.test("firstline finishes what it is answering at SIGINT and SIGTERM, exit 0", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await using running = await Running.start(ANY_PORT);
    using half = await connect(running);
    await send(half, "GET /late HT");
    await talk(running, "GET / HTTP/1.1\r\n"); // the half line has been read by now
    running.process.kill(signal);
    assertStringIncludes(await running.stderr.next(), `${signal} received, finishing`);
    await send(half, "TP/1.1\r\nHost: x\r\n\r\n");
    assertStringIncludes(await readAll(half), "GET /late HTTP/1.1");
    half.close();
    assertEquals((await running.process.status).code, 0);
  }
});

Deno.test("firstline exits at once at the second signal, with 130 or 143", async () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    await using running = await Running.start(ANY_PORT);
    using half = await connect(running);
    await send(half, "GET /late HT");
    await talk(running, "GET / HTTP/1.1\r\n");
    running.process.kill("SIGTERM");
    await running.stderr.next();
    assertEquals(await running.stop(signal), code);
  }
});

Deno.test("firstline takes one Ctrl-C that reaches it twice for one", async () => {
  await using running = await Running.start(ANY_PORT);
  using half = await connect(running);
  await send(half, "GET /late HT");
  await talk(running, "GET / HTTP/1.1\r\n");
  running.process.kill("SIGINT");
  running.process.kill("SIGTERM");
  assertMatch(await running.stderr.next(), /SIG\w+ received, finishing/);
  await send(half, "TP/1.1\r\n\r\n");
  assertStringIncludes(await readAll(half), "GET /late HTTP/1.1");
  half.close();
  assertEquals((await running.process.status).code, 0);
});

Deno.test("firstline exits with 1 where the grace period cut someone off", async () => {
  await using running = await Running.start(ANY_PORT);
  using half = await connect(running);
  await send(half, "GET /never");
  await talk(running, "GET / HTTP/1.1\r\n");
  assertEquals(await running.stop(), 1);
  await running.stderr.next();
  assertEquals(
    await running.stderr.next(),
    "firstline: cut off 1 connection that did not finish in time",
  );
});

Deno.test({
  name: "firstline reports a shortage of descriptors once, and recovers",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const through = ["sh", "-c", 'ulimit -n 40; exec "$@"', "sh"];
    await using running = await Running.start([...ANY_PORT, "-q"], { through });
    const sockets: Deno.TcpConn[] = [];
    for (let count = 0; count < 60; count++) sockets.push(await connect(running));
    assertStringIncludes(
      await running.stderr.next(),
      "Cannot accept connections for now: Too many",
    );
    const answer = talk(running, "GET / HTTP/1.1\r\n");
    for (const socket of sockets) socket.close();
    assertEquals(statusOf(await answer), 200);
    assertEquals(await running.stop(), 0);
    assertStringIncludes(await running.stderr.next(), "SIGTERM received"); // and nothing before it
  },
});

Deno.test({
  name: "firstline serves on where nobody reads its log, and counts what it drops",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using running = await Running.start(ANY_PORT);
    const target = "/" + "a".repeat(8000);
    for (let count = 0; count < 200; count++) {
      assertEquals(statusOf(await talk(running, `GET ${target} HTTP/1.1\r\n\r\n`)), 200);
    }
    assertEquals(await running.stop(), 0);
    await running.stderr.until("SIGTERM received");
    assertMatch(
      await running.stderr.next(),
      /^firstline: dropped \d+ lines of the log so far: nobody reads it$/,
    );
  },
});

Deno.test({
  name: "firstline serves on where its log cannot be written, and says so once",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const fullDisk = ["sh", "-c", 'exec "$@" >/dev/full', "sh"];
    await using running = await Running.start(ANY_PORT, { through: fullDisk });
    await talk(running, "GET / HTTP/1.1\r\n");
    assertMatch(
      await running.stderr.next(),
      /^firstline: dropped 1 line of the log so far: No space/,
    );
    await talk(running, "GET / HTTP/1.1\r\n");
    assertEquals(await running.stop(), 0);
    assertStringIncludes(await running.stderr.next(), "SIGTERM received");
    assertMatch(
      await running.stderr.next(),
      /^firstline: dropped 2 lines of the log so far: No space/,
    );
  },
});

Deno.test("firstline serves on where the reader of its log has left", async () => {
  await using running = await Running.start(ANY_PORT);
  await running.stdout.cancel();
  await talk(running, "GET / HTTP/1.1\r\n");
  assertMatch(
    await running.stderr.next(),
    /^firstline: dropped 1 line of the log so far: Broken pipe/,
  );
  assertEquals(statusOf(await talk(running, "GET / HTTP/1.1\r\n")), 200);
});

Deno.test("firstline --status and --header shape the text, the page and a file", async () => {
  const shape = ["-s", "503", "-H", "Retry-After: 60", "-H", "X-A: 1", "-H", "X-A: 2"];
  await using text = await Running.start([...ANY_PORT, "--text", "Back at noon", ...shape]);
  assertEquals(
    undated(await talk(text, "GET / HTTP/1.1\r\n")),
    "HTTP/1.1 503 Service Unavailable\r\nDate: DATE\r\n" +
      "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 12\r\nRetry-After: 60\r\n" +
      "X-A: 1\r\nX-A: 2\r\nConnection: close\r\n\r\nBack at noon",
  );
  const replaced = ["-s", "404", "-H", "content-type:text/x", "-H", "Date: never"];
  await using page = await Running.start([...ANY_PORT, ...replaced]);
  const [head, html] = (await talk(page, "GET /a HTTP/1.1\r\n")).split("\r\n\r\n");
  assertStringIncludes(html, "GET /a HTTP/1.1");
  assertEquals(statusOf(head), 404);
  assertEquals(head.match(/^(content-type|date): .*$/gim), ["content-type: text/x", "Date: never"]);
  assertStringIncludes(head, "Content-Security-Policy: ");
});

Deno.test("firstline --status 204 and 304 answer without content", async () => {
  const cases = [["204", "No Content", "--text=x"], ["304", "Not Modified", "--link=/"]];
  for (const [code, reason, flag] of cases) {
    await using running = await Running.start([...ANY_PORT, flag, "-s", code]);
    assertEquals(
      undated(await talk(running, "GET / HTTP/1.1\r\n")),
      `HTTP/1.1 ${code} ${reason}\r\nDate: DATE\r\nConnection: close\r\n\r\n`,
    );
  }
});

/** A file for one test. */
async function withFile(name: string, content: Uint8Array, use: (path: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/${name}`, content);
    await use(`${folder}/${name}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("firstline --file answers the file's octets with the type of its extension", async () => {
  const types = [["a.html", "text/html; charset=utf-8"], ["a.b.JSON", "application/json"]];
  types.push(["noextension", "application/octet-stream"], ["a.svg", "image/svg+xml"]);
  for (const [name, type] of types) {
    await withFile(name, octets("\0\xff\r\n"), async (path) => {
      const permissions = ["--allow-net", `--allow-read=${path}`];
      await using running = await Running.start([...ANY_PORT, "--file", path], { permissions });
      assertEquals(
        undated(await talk(running, "GET / HTTP/1.1\r\n")),
        `HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Length: 4\r\nContent-Type: ${type}\r\n` +
          "Connection: close\r\n\r\n\0\xff\r\n",
      );
    });
  }
});

Deno.test("firstline --file serves 50 MB whole to a slow client and a fast one at once", async () => {
  const content = Uint8Array.from({ length: 50_000_000 }, (_, at) => at % 251);
  await withFile("a.bin", content, async (path) => {
    const permissions = ["--allow-net", "--allow-read"];
    await using running = await Running.start([...ANY_PORT, "--file", path], { permissions });
    const download = async (pieceBytes: number) => {
      using socket = await connect(running);
      await send(socket, "GET / HTTP/1.1\r\n\r\n");
      const received = new Uint8Array(content.length + 500);
      let length = 0;
      for (
        let count;
        (count = await socket.read(received.subarray(length, length + pieceBytes)));
      ) {
        length += count;
      }
      const start = length - content.length;
      assert(content.every((octet, at) => octet === received[start + at]));
    };
    await Promise.all([download(16 * 1024), download(10_000_000)]);
  });
});

Deno.test("firstline refuses a file that it cannot read, and names the permission", async () => {
  for (const flag of ["--file", "--raw"]) {
    const absent = await run([flag, "/nowhere/a.txt"], { permissions: ["--allow-read"] });
    assertEquals(absent.code, 2);
    assertMatch(
      absent.stderr,
      /^firstline: Cannot use --\w+ "\/nowhere\/a\.txt": expected a rea.*\n$/,
    );
    const folder = await run([flag, ROOT], { permissions: ["--allow-read"] });
    assertEquals(folder.code, 2);
    const forbidden = await run([flag, "a.txt"]);
    assertEquals(forbidden.code, 1);
    assertEquals(
      forbidden.stderr,
      `firstline: Cannot use ${flag} "a.txt": permission missing, add --allow-read=a.txt\n`,
    );
  }
});

Deno.test("firstline --raw sends the file octet for octet, whatever was asked, then closes", async () => {
  const broken = "HTTP/1.1 200 OK\nContent-Length: 99\r\n\r\n\0short";
  await withFile("a.http", octets(broken), async (path) => {
    const permissions = ["--allow-net", "--allow-read"];
    await using running = await Running.start([...ANY_PORT, "--raw", path], { permissions });
    for (const method of ["GET", "HEAD"]) {
      assertEquals(await talk(running, `${method} / HTTP/1.1\r\nHost: x\r\n\r\n`), broken);
    }
    assertEquals(statusOf(await talk(running, "G\xc9T / HTTP/1.1\r\n")), 400);
    assertMatch(await running.stdout.next(), /"GET \/ HTTP\/1\.1" - 44$/);
  });
});

Deno.test("firstline --raw with --delay stalls after the head", async () => {
  const early = "HTTP/1.1 103 Early Hints\r\n\r\n";
  const late = "HTTP/1.1 200 OK\r\n\r\nlate";
  await withFile("a.http", octets(early + late), async (path) => {
    const options = { permissions: ["--allow-net", "--allow-read"] };
    const flags = ["--raw", path, "--delay", "0.3"];
    await using running = await Running.start([...ANY_PORT, ...flags], options);
    using socket = await connect(running);
    const start = performance.now();
    await send(socket, "GET / HTTP/1.1\r\n\r\n");
    const buffer = new Uint8Array(1000);
    const count = await socket.read(buffer) ?? 0;
    assertEquals(new TextDecoder().decode(buffer.subarray(0, count)), early);
    assertEquals(await readAll(socket), late);
    assert(performance.now() - start >= 300);
  });
});

Deno.test("firstline --delay waits before each reply, and stops nobody else", async () => {
  await using running = await Running.start([...ANY_PORT, "--delay", "0.3"]);
  const start = performance.now();
  const answers = await Promise.all([1, 2, 3].map(() => talk(running, "GET /a HTTP/1.1\r\n\r\n")));
  const elapsed = performance.now() - start;
  assertEquals(answers.map(statusOf), [200, 200, 200]);
  assert(elapsed >= 300 && elapsed < 900, String(elapsed));
});

Deno.test("firstline --idle-timeout reaches the server", async () => {
  await using running = await Running.start([...ANY_PORT, "--idle-timeout", "0.05"]);
  assertEquals(statusOf(await talk(running, PLAIN)), 200); // ends because the server closes
});

Deno.test({
  name: "firstline --reuse-port shares the port, and the load, among processes",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using one = await Running.start([...ANY_PORT, "--reuse-port", "--text", "one"]);
    const flags = ["--host", "127.0.0.1", "--port", `${one.port}`, "--reuse-port"];
    await using two = await Running.start([...flags, "--text", "two"]);
    assertEquals(two.port, one.port);
    const counts = { one: 0, two: 0 };
    for (let round = 0; round < 200; round++) {
      const wire = await talk(one, "GET / HTTP/1.1\r\n\r\n");
      counts[wire.slice(-3) as "one" | "two"]++;
    }
    assert(counts.one > 40 && counts.two > 40, JSON.stringify(counts));
  },
});

Deno.test("firstline takes $PORT where it may read it: flag, then variable, then default", async () => {
  const permissions = ["--allow-net", "--allow-env=PORT"];
  const withPort = (port: string) => ({ permissions, through: ["env", `PORT=${port}`] });
  const port = getAvailablePort();
  await using running = await Running.start(["--host", "127.0.0.1"], withPort(`${port}`));
  assertEquals(running.port, port);
  const taken = await run(["--host", "127.0.0.1"], withPort(`${port}`));
  assertEquals(taken.code, 1); // it was asked for, so it is not switched
  await using other = await Running.start(ANY_PORT, withPort(`${port}`));
  assert(other.port !== port);
  const nonsense = await run(ANY_PORT.slice(0, 2), withPort("80a"));
  assertEquals(nonsense.code, 2);
  assertStringIncludes(nonsense.stderr, 'Cannot use $PORT "80a": expected an integer');
  const unread = await run(["--host", "203.0.113.7"], { through: ["env", "PORT=80a"] });
  assertStringIncludes(unread.stderr, "203.0.113.7:8080"); // no permission: as if it were not set
  const empty = await run(["--host", "203.0.113.7"], withPort(""));
  assertStringIncludes(empty.stderr, "203.0.113.7:8080");
});

Deno.test("firstline --log json writes one object a line", async () => {
  await using running = await Running.start([...ANY_PORT, "--log", "json", "--text", "a"]);
  await talk(running, 'GET /"\xe9 HTTP/1.1\r\n');
  const { time, client, port, requestLine, status, bytes, milliseconds } = JSON.parse(
    await running.stdout.next(),
  );
  assertEquals({ client, requestLine, status }, {
    client: "127.0.0.1",
    requestLine: "GET /\\x22\\xE9 HTTP/1.1",
    status: 400,
  });
  assert(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert(port > 0 && bytes > 0 && milliseconds >= 0);
});

Deno.test("firstline --wire prints each request as it was received, and each reply", async () => {
  await using running = await Running.start([
    ...ANY_PORT,
    "-q",
    "--wire",
    "--text",
    "Hello world!",
  ]);
  using socket = await connect(running);
  await send(socket, "GET / HTTP/1.0\r\nX-A: \x1b\xff\\\r\n");
  await readAll(socket);
  await send(socket, "more");
  socket.close();
  const lines = [await running.stdout.next()];
  while (!lines[lines.length - 1].endsWith("-- closed")) lines.push(await running.stdout.next());
  const who = /^\S+/.exec(lines[0])?.[0] ?? "";
  assertMatch(who, /^127\.0\.0\.1:\d+$/);
  assertEquals(lines.map((line) => undatedLine(line.replace(who, "CLIENT"))), [
    "CLIENT -- opened",
    String.raw`CLIENT >> GET / HTTP/1.0\r\n`,
    String.raw`CLIENT >> X-A: \x1B\xFF\x5C\r\n`,
    String.raw`CLIENT << HTTP/1.1 200 OK\r\n`,
    String.raw`CLIENT << Date: DATE\r\n`,
    String.raw`CLIENT << Content-Type: text/plain; charset=utf-8\r\n`,
    String.raw`CLIENT << Content-Length: 12\r\n`,
    String.raw`CLIENT << Connection: close\r\n`,
    String.raw`CLIENT << \r\n`,
    "CLIENT << Hello world!",
    "CLIENT >> 4 more octets, discarded",
    "CLIENT -- closed",
  ]);
});

function undatedLine(line: string): string {
  return line.replace(/Date: .* GMT/, "Date: DATE");
}

Deno.test("firstline --probe tells by its exit code whether the server is well", async () => {
  await using well = await Running.start([...ANY_PORT, "--status", "302"]);
  const good = await run(["--probe", "--host", "127.0.0.1", "-p", `${well.port}`]);
  assertEquals(good, {
    code: 0,
    stdout: "",
    stderr: `firstline: 127.0.0.1:${well.port} is well: HTTP/1.1 302 Found\n`,
  });
  const permissions = ["--allow-net", "--allow-env=PORT"];
  const byPort = await run(["--probe"], { permissions, through: ["env", `PORT=${well.port}`] });
  assertEquals(byPort.code, 0); // 0.0.0.0 is asked at 127.0.0.1
  await using sick = await Running.start([...ANY_PORT, "--status", "503"]);
  const bad = await run(["--probe", "--host", "127.0.0.1", "-p", `${sick.port}`]);
  assertEquals(bad.code, 1);
  assertStringIncludes(bad.stderr, "is not well: HTTP/1.1 503 Service Unavailable");
  const absent = await run(["--probe", "-p", `${getAvailablePort()}`]);
  assertEquals(absent.code, 1);
  assertMatch(absent.stderr, /^firstline: 127\.0\.0\.1:\d+ is not well: Connection refused.*\n$/);
  const forbidden = await run(["--probe", "-p", "8080"], {
    permissions: ["--allow-net=0.0.0.0:8080"],
  });
  assertEquals(forbidden.code, 1);
  assertStringIncludes(forbidden.stderr, "permission missing, add --allow-net or --allow-net=127");
});

Deno.test("firstline --probe passes over interim responses, and gives up in time", async () => {
  const answers = ["HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n", "nonsense", ""];
  const codes: number[] = [];
  for (const answer of answers) {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const probing = run(["--probe", "--host", "127.0.0.1", "-p", `${listener.addr.port}`]);
    using socket = await listener.accept();
    if (answer !== "") {
      await send(socket, answer);
      await socket.closeWrite();
    }
    const { code, stderr } = await probing;
    codes.push(code);
    if (answer === "nonsense") assertStringIncludes(stderr, "is not well: no HTTP response");
    if (answer === "") assertStringIncludes(stderr, "is not well: no answer in time");
  }
  assertEquals(codes, [0, 1, 1]);
});

Deno.test("wireLines() colours for a terminal and hides what is too much", () => {
  const client = { hostname: "::1", port: 9 };
  const event = { client, kind: "received", octets: octets("a\r\n"), count: 3 } as const;
  const esc = "\x1b[";
  assertEquals(
    wireLines(event, true),
    `${esc}2m[::1]:9${esc}0m ${esc}36m>>${esc}0m ${esc}36ma${esc}0m${esc}2m\\r\\n${esc}0m\n`
      .replace(`${esc}36ma${esc}0m`, "a"),
  );
  const long = {
    ...event,
    kind: "sent",
    octets: new Uint8Array(20_000).fill(97),
    count: 20_000,
  } as const;
  const [shown, hidden] = wireLines(long, false).split("\n");
  assertEquals(shown, `[::1]:9 << ${"a".repeat(16 * 1024)}`);
  assertEquals(hidden, `[::1]:9 << ${20_000 - 16 * 1024} more octets`);
});

Deno.test("jsonLogLine() is one line of printable ASCII", () => {
  const line = jsonLogLine({
    client: { hostname: "::1", port: 1 },
    requestLine: "GET /\n\xff",
    status: 0,
    bytes: 7,
    time: Date.UTC(2026, 0, 2, 3, 4, 5),
    milliseconds: 0.12345,
  });
  assertEquals(
    line,
    '{"time":"2026-01-02T03:04:05.000Z","client":"::1","port":1,' +
      String.raw`"requestLine":"GET /\\x0A\\xFF","status":null,"bytes":7,"milliseconds":0.123}` +
      "\n",
  );
});

Deno.test("urlOf() gives a link a person can click", () => {
  assertEquals(urlOf("0.0.0.0", 80), "http://localhost:80/");
  assertEquals(urlOf("::", 80), "http://localhost:80/");
  assertEquals(urlOf("::1", 80), "http://[::1]:80/");
  assertEquals(urlOf("127.0.0.1", 80), "http://127.0.0.1:80/");
});

Deno.test("commonLogLine() is one line of printable ASCII", () => {
  const line = commonLogLine({
    client: { hostname: "::1", port: 1 },
    requestLine: 'GET /\n" \xff',
    status: 400,
    bytes: 7,
    time: Date.UTC(2026, 0, 2, 3, 4, 5),
    milliseconds: 0.5,
  });
  assertEquals(line, '::1 - - [02/Jan/2026:03:04:05 +0000] "GET /\\x0A\\x22 \\xFF" 400 7\n');
});
