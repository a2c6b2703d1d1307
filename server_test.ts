/** Tests of server.ts, in its order: real sockets, or scripted ones where it must be exact. */

import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
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
  type Server,
} from "./server.ts";
import {
  connect,
  HOST,
  readAll,
  readReplies,
  reset,
  resettable,
  send,
  talk,
} from "./tests/clients.ts";
import { sleep, WATCHED } from "./tests/time.ts";
import { HELLO_WIRE, octets, PLAIN_REQUEST, statusOf, undated } from "./tests/wire.ts";

// ---------------------------------------------------------------- tools

const HELLO: Reply = { body: "Hello world!" };

/** A server on a free loopback port; whatever reaches `onError` fails the test. */
function start(responder: Responder | Reply = HELLO, options: ServeOptions = {}): Server {
  const server = serve({ hostname: HOST, port: 0, onError: fail, ...options }, responder);
  return {
    addr: server.addr,
    finished: server.finished,
    shutdown: () => server.shutdown(),
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await sleep(0); // the turn of the event loop in which the last octets were counted
    },
  };
}

function fail(error: unknown): never {
  throw error;
}

function refusalWire(status: string, expected: string, received: string): string {
  const body = `${status}\n\n${expected}\nReceived: ${received}\n`;
  return `HTTP/1.1 ${status}\r\nDate: DATE\r\nContent-Type: text/plain; charset=utf-8\r\n` +
    `Content-Length: ${body.length}\r\nX-Content-Type-Options: nosniff\r\n` +
    `Connection: close\r\n\r\n${body}`;
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

// ---------------------------------------------------------------- limits

Deno.test("serve() refuses a limit that is not a positive number", WATCHED, () => {
  for (const value of [0, -1, NaN, Infinity]) {
    assertThrows(
      () => start(HELLO, { requestTimeoutMs: value }),
      RangeError,
      `Cannot use requestTimeoutMs ${value}`,
    );
  }
});

Deno.test("serve() refuses a fixed reply that would be invalid", WATCHED, () => {
  assertThrows(() => start({ status: 199 }), RangeError, "Cannot send status 199");
  assertThrows(() => start({ headers: [["A b", "c"]] }), RangeError, 'Cannot send header "A b"');
});

// ---------------------------------------------------------------- accepting

Deno.test("serve() gives its real address and calls onListen", WATCHED, async () => {
  const heard: Deno.NetAddr[] = [];
  await using server = start(HELLO, { onListen: (addr) => heard.push(addr) });
  assertEquals(heard, [server.addr]);
  assert(server.addr.port > 0);
  assertEquals(undated(await talk(server.addr, "GET / HTTP/1.1\r\n")), HELLO_WIRE);
});

Deno.test("serve() throws where the port is taken", WATCHED, async () => {
  await using server = start();
  assertThrows(() => start(HELLO, { port: server.addr.port }), Deno.errors.AddrInUse);
});

Deno.test(
  "serve() takes the next client when one has reset before it was accepted",
  WATCHED,
  async () => {
    await using server = start(HELLO, { maxConnections: 1 });
    const first = await connect(server.addr);
    const gone = await resettable(server.addr); // waits in the kernel's queue behind the first
    await reset(gone);
    const last = talk(server.addr, "GET / HTTP/1.1\r\n");
    first.close();
    assertEquals(statusOf(await last), 200);
  },
);

Deno.test("serve() lets no more than maxConnections in", WATCHED, async () => {
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

Deno.test("serve() sees an IPv4 client of an IPv6 socket as IPv4", WATCHED, async () => {
  const seen: Client[] = [];
  const responder = (_: RequestLine, client: Client) => (seen.push(client), HELLO);
  await using server = start(responder, { hostname: "::" });
  using socket = await connect(server.addr);
  await send(socket, "GET / HTTP/1.1\r\n\r\n");
  await readAll(socket);
  const { hostname, port } = socket.localAddr as Deno.NetAddr;
  assertEquals(seen, [{ hostname, port }]);
});

Deno.test(
  "shutdown() closes who waits, answers who has sent half a line, and refuses the rest",
  WATCHED,
  async () => {
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
  },
);

Deno.test("shutdown() answers everyone who had sent a line by then", WATCHED, async () => {
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

Deno.test("shutdown() delivers the answer in flight", WATCHED, async () => {
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

Deno.test("shutdown() cuts off at the grace period who does not finish", WATCHED, async () => {
  const server = start(HELLO, { shutdownGraceMs: 20 });
  using half = await connect(server.addr);
  await send(half, "GET / HT");
  assertEquals(statusOf(await talk(server.addr, "GET / HTTP/1.1\r\n\r\n")), 200);
  assertEquals(await server.shutdown(), { cut: 1 });
  assertEquals(await readAll(half), "");
});

Deno.test("shutdown() is what an aborted signal starts", WATCHED, async () => {
  const controller = new AbortController();
  const server = start(HELLO, { signal: controller.signal });
  controller.abort();
  assertEquals(await server.finished, { cut: 0 });
  assertEquals(await start(HELLO, { signal: controller.signal }).finished, { cut: 0 });
});

// ---------------------------------------------------------------- one connection

Deno.test("serve() answers the first line alone, with nothing after it", WATCHED, async () => {
  await using server = start();
  assertEquals(undated(await talk(server.addr, "GET / HTTP/1.1\r\n")), HELLO_WIRE);
});

Deno.test("serve() answers a line that comes one byte at a time", WATCHED, async () => {
  await using server = start();
  assertEquals(undated(await talk(server.addr, ..."GET / HTTP/1.1\r\n")), HELLO_WIRE);
});

Deno.test("serve() answers before the header fields arrive", WATCHED, async () => {
  await using server = start();
  using socket = await connect(server.addr);
  await send(socket, "POST / HTTP/1.1\r\nHo");
  assertEquals(undated(await readAll(socket)), HELLO_WIRE);
  await send(socket, "st: x\r\n\r\n"); // still welcome: drained
});

Deno.test("serve() gives the same reply wherever the request is cut", WATCHED, async () => {
  await using server = start(({ text }) => ({ body: `You said ${text}` }));
  const request = "\r\nGET /a%20b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  const whole = undated(await talk(server.addr, request));
  assertStringIncludes(whole, "You said GET /a%20b?c=d HTTP/1.1");
  for (let cut = 1; cut < request.length; cut++) {
    const wire = await talk(server.addr, request.slice(0, cut), request.slice(cut));
    assertEquals(undated(wire), whole, `cut at ${cut}`);
  }
});

Deno.test("serve() accepts a bare LF and skips two empty lines", WATCHED, async () => {
  await using server = start();
  assertEquals(undated(await talk(server.addr, "GET / HTTP/1.1\n")), HELLO_WIRE);
  assertEquals(undated(await talk(server.addr, "\r\n\nGET / HTTP/1.1\r\n")), HELLO_WIRE);
  assertEquals(statusOf(await talk(server.addr, "\r\n\r\n\r\nGET / HTTP/1.1\r\n")), 400);
});

Deno.test("serve() answers HTTP/1.0 and later 1.x as HTTP/1.1", WATCHED, async () => {
  await using server = start();
  for (const version of ["1.0", "1.1", "1.2", "1.9"]) {
    assertEquals(undated(await talk(server.addr, `GET / HTTP/${version}\r\n`)), HELLO_WIRE);
  }
});

Deno.test("serve() sends HEAD the same head and no content", WATCHED, async () => {
  await using server = start();
  const head = HELLO_WIRE.slice(0, HELLO_WIRE.indexOf("Hello"));
  assertEquals(undated(await talk(server.addr, "HEAD / HTTP/1.1\r\n")), head);
  const refused = await talk(server.addr, "HEAD / HTTP/3.0\r\n");
  assertEquals([statusOf(refused), refused.endsWith("\r\n\r\n")], [505, true]);
});

Deno.test("serve() refuses what is not a request line", WATCHED, async () => {
  await using server = start();
  const malformed = "Expected a request line: a method, a target and a version " +
    "with one space between them, such as: GET / HTTP/1.1";
  assertEquals(
    undated(await talk(server.addr, 'GET  "/\\\x1b\xff HTTP/1.1\r\n')),
    refusalWire("400 Bad Request", malformed, "GET  \\x22/\\x5C\\x1B\\xFF HTTP/1.1"),
  );
});

Deno.test("serve() refuses CONNECT", WATCHED, async () => {
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

Deno.test("serve() refuses other major versions", WATCHED, async () => {
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

Deno.test("serve() refuses a line beyond the limit, however it is cut", WATCHED, async () => {
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

Deno.test("serve() accepts 8192 octets of request line by default", WATCHED, async () => {
  await using server = start();
  const line = (length: number) => `GET /${"a".repeat(length - 16)} HTTP/1.1\r\n`;
  assertEquals(statusOf(await talk(server.addr, line(8192))), 200);
  assertEquals(statusOf(await talk(server.addr, line(8193))), 414);
  assertEquals(statusOf(await talk(server.addr, "\r\n\r\n", line(8192))), 200);
});

Deno.test(
  "serve() keeps its memory and its answer for 10 MB without a line end",
  WATCHED,
  async () => {
    await using server = start();
    using socket = await connect(server.addr);
    const flood = send(socket, new Uint8Array(10_000_000).fill(97));
    assertEquals(statusOf(await readAll(socket)), 414);
    await flood;
  },
);

Deno.test(
  "serve() answers 408 to half a line and silence, however it dribbles",
  WATCHED,
  async () => {
    await using server = start(HELLO, { requestTimeoutMs: 80 });
    using socket = await connect(server.addr);
    let over = false;
    const dribble = (async () => {
      while (!over) await send(socket, "G").then(() => sleep(10));
    })();
    const wire = undated(await readAll(socket));
    over = true;
    await dribble;
    const received = /Received: (G+)\n$/.exec(wire)?.[1] ?? "";
    const expected = "Expected a whole request line, ended by CRLF, in less time.";
    assertEquals(wire, refusalWire("408 Request Timeout", expected, received));
  },
);

Deno.test("serve() answers 400 to half a line and the end of input", WATCHED, async () => {
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

Deno.test("serve() closes in silence where nothing came", WATCHED, async () => {
  await using server = start(HELLO, { requestTimeoutMs: 40 });
  assertEquals(await talk(server.addr), "");
  assertEquals(await talk(server.addr, "\r\n"), "");
  using ended = await connect(server.addr);
  await ended.closeWrite();
  assertEquals(await readAll(ended), "");
});

Deno.test("serve() answers 500 where a responder throws, and lives on", WATCHED, async () => {
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

Deno.test("serve() tells onExchange what became of each request", WATCHED, async () => {
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

Deno.test(
  "serve() survives a reset while it reads, while it thinks and while it writes",
  WATCHED,
  async () => {
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
  },
);

// ---------------------------------------------------------------- request line

function parse(line: string): string {
  const request = parseRequestLine(octets(line));
  return "expected" in request
    ? String(request.status)
    : `${request.method}|${request.target}|${request.minorVersion}`;
}

Deno.test("parseRequestLine() accepts every form of target its method allows", WATCHED, () => {
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

Deno.test("parseRequestLine() keeps the wording", WATCHED, () => {
  const request = parseRequestLine(octets("BREW /pot HTTP/1.1")) as RequestLine;
  assertEquals(request.text, "BREW /pot HTTP/1.1");
});

Deno.test("parseRequestLine() rejects two spaces", WATCHED, () => {
  for (const line of ["GET  / HTTP/1.1", "GET /  HTTP/1.1", " GET / HTTP/1.1"]) {
    assertEquals(parse(line), "400", line);
  }
});

Deno.test("parseRequestLine() rejects what is not the grammar", WATCHED, () => {
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

Deno.test("parseRequestLine() rejects a target its method does not allow", WATCHED, () => {
  const lines = [
    ..."GET * HTTP/1.1|OPTIONS ** HTTP/1.1|GET example.com:80 HTTP/1.1|GET a HTTP/1.1".split("|"),
    ..."GET ?a HTTP/1.1|GET 1a://b HTTP/1.1|GET http:/a HTTP/1.1|GET http:// HTTP/1.1".split("|"),
    ..."CONNECT * HTTP/1.1|CONNECT a HTTP/1.1|CONNECT :1 HTTP/1.1|CONNECT a@b:1 HTTP/1.1".split(
      "|",
    ),
  ];
  for (const line of lines) assertEquals(parse(line), "400", line);
});

Deno.test(
  "parseRequestLine() answers CONNECT with 501 and other versions with 505",
  WATCHED,
  () => {
    for (const target of ["a:1", "[::1]:443", "example.com:80"]) {
      assertEquals(parse(`CONNECT ${target} HTTP/1.1`), "501", target);
    }
    for (const version of ["0.9", "2.0", "3.0", "9.9"]) {
      assertEquals(parse(`GET / HTTP/${version}`), "505", version);
    }
  },
);

Deno.test(
  "parseRequestLine() takes each octet for what it is, in method and target",
  WATCHED,
  () => {
    for (let octet = 0; octet < 256; octet++) {
      const character = String.fromCharCode(octet);
      const isToken = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(character);
      const isVisible = octet >= 0x21 && octet <= 0x7e;
      assertEquals(parse(`G${character}T / HTTP/1.1`) !== "400", isToken, `method ${octet}`);
      assertEquals(parse(`GET /${character} HTTP/1.1`) !== "400", isVisible, `target ${octet}`);
    }
  },
);

// ---------------------------------------------------------------- closing

Deno.test("serve() closes at once where the whole request was read", WATCHED, async () => {
  await using server = start(HELLO, { lingerTimeoutMs: 60_000 });
  for (const head of ["", "Host: x\r\n", "Host: x\r\nAccept: */*\r\nX-Empty:\r\nX-Tab:\ta\r\n"]) {
    assertEquals(statusOf(await talk(server.addr, `GET / HTTP/1.0\r\n${head}\r\n`)), 200);
  }
  assertEquals(await server.shutdown(), { cut: 0 });
});

Deno.test(
  "serve() answers a client that sends 2 MB and reads only then, 100 times out of 100",
  WATCHED,
  async () => {
    await using server = start();
    const request = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n${
      "x".repeat(2e6)
    }`;
    const bytes = octets(request);
    for (let round = 0; round < 100; round++) {
      using socket = await connect(server.addr);
      await send(socket, bytes);
      assertEquals(undated(await readAll(socket)), HELLO_WIRE);
    }
  },
);

Deno.test("serve() lingers no longer than lingerTimeoutMs", WATCHED, async () => {
  await using server = start(HELLO, { lingerTimeoutMs: 40 });
  using socket = await connect(server.addr);
  await send(socket, "GET / HTTP/1.1\r\n");
  assertEquals(undated(await readAll(socket)), HELLO_WIRE);
  assertEquals(await server.shutdown(), { cut: 0 }); // the client never closed
});

Deno.test("serve() discards no more than maxLingerBytes", WATCHED, async () => {
  await using server = start(HELLO, { lingerTimeoutMs: 60_000, maxLingerBytes: 1000 });
  const socket = await resettable(server.addr);
  socket.resume();
  const error = new Promise<Error>((resolve) => socket.once("error", resolve));
  socket.write("POST / HTTP/1.1\r\n");
  socket.write(new Uint8Array(50_000_000));
  assertMatch(String(await error), /ECONNRESET|EPIPE/);
  assertEquals(await server.shutdown(), { cut: 0 });
});

Deno.test("serve() writes and drains in turns, so that others have theirs", WATCHED, async () => {
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

Deno.test("serve() gives up on a client that does not read", WATCHED, async () => {
  const closed = Promise.withResolvers<Exchange>();
  const large = { body: new Uint8Array(50_000_000) };
  await using server = start(large, { writeTimeoutMs: 60, onExchange: closed.resolve });
  using socket = await connect(server.addr);
  await send(socket, "GET / HTTP/1.1\r\n\r\n");
  const { bytes } = await closed.promise;
  assert(bytes < large.body.length);
});

Deno.test("serve() writes a large body whole to a slow reader", WATCHED, async () => {
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

const HELLO_OPEN = HELLO_WIRE.replace("Connection: close\r\n", "");

Deno.test("serve() stays open after a plain request, 1000 times", WATCHED, async () => {
  await using server = start();
  using socket = await connect(server.addr);
  for (let round = 0; round < 1000; round++) {
    await send(socket, PLAIN_REQUEST);
    const [reply] = await readReplies(socket, 1);
    assertEquals(undated(reply), HELLO_OPEN);
  }
});

Deno.test(
  "serve() stays open for what fetch() sends: the port stays the same",
  WATCHED,
  async () => {
    await using server = start((_, { port }) => ({ body: String(port) }));
    const client = Deno.createHttpClient({ poolMaxIdlePerHost: 1 });
    const ports = new Set<string>();
    for (let round = 0; round < 5; round++) {
      const response = await fetch(`http://127.0.0.1:${server.addr.port}/`, { client });
      ports.add(await response.text());
    }
    client.close();
    assertEquals(ports.size, 1);
  },
);

Deno.test("serve() stays open after every plain head", WATCHED, async () => {
  await using server = start();
  const heads = [
    "Host: x\r\n",
    "host:x:80\r\n",
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

Deno.test(
  "serve() keeps HEAD, 204 and 304 free of content on an open connection",
  WATCHED,
  async () => {
    await using server = start(({ target }) => ({ status: Number(target.slice(1)), body: "x" }));
    using socket = await connect(server.addr);
    const request = (line: string) => `${line} HTTP/1.1\r\nHost: x\r\n\r\n`;
    await send(socket, ["GET /204", "GET /304", "HEAD /200"].map(request).join(""));
    await send(socket, "GET /299 HTTP/1.1\r\n\r\n");
    const replies = (await readAll(socket)).split("\r\n\r\n").map(statusOf);
    assertEquals(replies, [204, 304, 200, 299, NaN]); // nothing but heads, until the last one's "x"
  },
);

Deno.test(
  "serve() answers requests that come together in their order, and a rest later",
  WATCHED,
  async () => {
    await using server = start(({ target }) => ({ body: target }));
    using socket = await connect(server.addr);
    const targets = Array.from({ length: 1000 }, (_, at) => `/${at}`);
    const requests = targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`).join("");
    await send(socket, requests + "GET /rest HT");
    const replies = await readReplies(socket, 1000);
    assertEquals(replies.map((reply) => reply.split("\r\n\r\n")[1]), targets);
    await send(socket, "TP/1.1\r\nHost: x\r\n\r\n");
    assertStringIncludes((await readReplies(socket, 1))[0], "\r\n\r\n/rest");
  },
);

Deno.test("serve() stays open for heads up to the size of a request line", WATCHED, async () => {
  await using server = start();
  using socket = await connect(server.addr);
  for (const length of [1900, 2048, 2049, 4096, 8000, 8192]) {
    const request = PLAIN_REQUEST.replace("\r\n\r\n", "\r\nX-A: \r\n\r\n");
    await send(socket, request.replace("X-A: ", "X-A: ".padEnd(5 + length - request.length, "a")));
    assertEquals(undated((await readReplies(socket, 1))[0]), HELLO_OPEN, String(length));
  }
});

Deno.test(
  "serve() answers a head that ends where its buffer does, though no more comes",
  WATCHED,
  async () => {
    await using server = start();
    const begun = "GET / HTTP/1.1\r\nHost: x\r\nX-A: ";
    for (const length of [2048, 4096, 8192]) {
      assertEquals(undated(await talk(server.addr, begun.padEnd(length, "a"))), HELLO_WIRE);
    }
  },
);

Deno.test("serve() does not hold a reply back for one that takes its time", WATCHED, async () => {
  const slow = Promise.withResolvers<Reply>();
  await using server = start(({ target }) => target === "/slow" ? slow.promise : HELLO);
  using socket = await connect(server.addr);
  await send(socket, PLAIN_REQUEST + PLAIN_REQUEST.replace("/", "/slow"));
  assertEquals(undated((await readReplies(socket, 1))[0]), HELLO_OPEN);
  slow.resolve({ body: "slow" });
  assertStringIncludes((await readReplies(socket, 1))[0], "slow");
});

Deno.test("serve() lets a responder take longer than a request may", WATCHED, async () => {
  const late = () => new Promise<Reply>((resolve) => setTimeout(() => resolve(HELLO), 120));
  await using server = start(late, { requestTimeoutMs: 30, idleTimeoutMs: 30, writeTimeoutMs: 30 });
  assertEquals(undated(await talk(server.addr, PLAIN_REQUEST)), HELLO_OPEN);
});

Deno.test("serve() writes large replies alone, between small ones", WATCHED, async () => {
  const large = "x".repeat(300_000);
  await using server = start(({ target }) => ({ body: target === "/large" ? large : target }));
  using socket = await connect(server.addr);
  const targets = ["/a", "/large", "/b", "/large", "/c"];
  await send(socket, targets.map((target) => PLAIN_REQUEST.replace("/", target)).join(""));
  const bodies = (await readReplies(socket, 5)).map((reply) => reply.split("\r\n\r\n")[1]);
  assertEquals(bodies, ["/a", large, "/b", large, "/c"]);
});

Deno.test(
  "serve() keeps replies that wait for their reader apart from others",
  WATCHED,
  async () => {
    const bodyOf = (target: string) => target.padEnd(7_000, target.slice(1));
    const ask = (target: string) => PLAIN_REQUEST.replace("/", target);
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
  },
);

Deno.test(
  "serve() gives pipelined requests the same replies wherever they are cut",
  WATCHED,
  async () => {
    await using server = start(({ target }) => ({ body: target }));
    const wire = PLAIN_REQUEST.replace("/", "/1") + "\r\n" + PLAIN_REQUEST.replace("/", "/2") +
      "GET /3 HTTP/1.0\r\n\r\n";
    for (let cut = 1; cut < wire.length; cut++) {
      const text = await talk(server.addr, wire.slice(0, cut), wire.slice(cut));
      const bodies = text.split("\r\n\r\n").slice(1).map((part) => part.replace(/HTTP.*/s, ""));
      // A head that is cut may close its connection; what was answered was answered right.
      assertEquals(bodies, ["/1", "/2", "/3"].slice(0, bodies.length), `cut at ${cut}`);
      assert(bodies.length > 0);
    }
  },
);

Deno.test("serve() answers nothing after a reply that closes", WATCHED, async () => {
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
    const wire = await talk(server.addr, request + PLAIN_REQUEST);
    assertEquals(wire.match(/HTTP\/1\.1 /g)?.length, 1, request);
    assertStringIncludes(wire, "\r\nConnection: close\r\n");
  }
});

Deno.test(
  "serve() closes an idle connection in silence, and 408s a late rest",
  WATCHED,
  async () => {
    await using server = start(HELLO, { idleTimeoutMs: 40, requestTimeoutMs: 60 });
    using idle = await connect(server.addr);
    await send(idle, PLAIN_REQUEST);
    assertEquals(undated(await readAll(idle)), HELLO_OPEN);
    using half = await connect(server.addr);
    await send(half, PLAIN_REQUEST);
    await readReplies(half, 1);
    await send(half, "GET");
    assertEquals(statusOf(await readAll(half)), 408);
    using glued = await connect(server.addr);
    await send(glued, PLAIN_REQUEST + "GET");
    const wire = await readAll(glued);
    assertEquals([statusOf(wire), wire.includes("408 Request Timeout")], [200, true]);
  },
);

Deno.test(
  "shutdown() closes idle connections at once and says close on the last reply",
  WATCHED,
  async () => {
    const asked = Promise.withResolvers<void>();
    const slow = Promise.withResolvers<Reply>();
    const server = start(({ target }) =>
      target === "/slow" ? (asked.resolve(), slow.promise) : HELLO
    );
    using idle = await connect(server.addr);
    await send(idle, PLAIN_REQUEST);
    await readReplies(idle, 1);
    using busy = await connect(server.addr);
    await send(busy, PLAIN_REQUEST.replace("/", "/slow") + PLAIN_REQUEST);
    await asked.promise;
    const ending = server.shutdown();
    assertEquals(await readAll(idle), "");
    slow.resolve({ body: "slow" });
    const wire = await readAll(busy);
    assertEquals(wire.match(/\r\n\r\n(slow|Hello world!)/g)?.length, 2);
    assertEquals(wire.match(/\r\nConnection: close\r\n/g)?.length, 1);
    busy.close();
    assertEquals(await ending, { cut: 0 });
  },
);

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

Deno.test("serve() answers once and closes: heads too large for its buffer", WATCHED, async () => {
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
  const whole = (end: number, persistent: boolean) => ({ state: "whole", end, persistent });
  assertEquals<unknown>(scan("Host: x\r\n\r\nGET"), whole(11, true));
  assertEquals<unknown>(scan("\r\n"), whole(2, false));
  assertEquals<unknown>(scan("Connection: close\r\nHost: x\r\n\r\n"), whole(30, false));
  for (const part of ["", "\r", "H", "Host", "Host:", "Host: x", "Host: x\r", "Host: x\r\n\r"]) {
    assertEquals(scan(part), { state: "unfinished", end: -1, persistent: false }, part);
  }
  for (const part of ["Host : x", "\rx", "\n", "Host: x\n", "A: \0", "Content-Length: 0\r\n\r\n"]) {
    assertEquals(scan(part), { state: "doubtful", end: -1, persistent: false }, part);
  }
});

// ---------------------------------------------------------------- replies

Deno.test("serve() frames 204, 205 and 304 without content", WATCHED, async () => {
  await using server = start(({ target }) => ({ status: Number(target.slice(1)), body: "x" }));
  const wire = async (status: number) =>
    undated(await talk(server.addr, `GET /${status} HTTP/1.1\r\n`));
  const tail = "Connection: close\r\n\r\n";
  assertEquals(await wire(204), `HTTP/1.1 204 No Content\r\nDate: DATE\r\n${tail}`);
  assertEquals(await wire(304), `HTTP/1.1 304 Not Modified\r\nDate: DATE\r\n${tail}`);
  const reset = "HTTP/1.1 205 Reset Content\r\nDate: DATE\r\nContent-Length: 0\r\n";
  assertEquals(await wire(205), reset + tail);
});

Deno.test("serve() lets a reply replace its header fields, and add to them", WATCHED, async () => {
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

Deno.test("checkField() refuses what would make a response invalid or splittable", WATCHED, () => {
  checkField("X-Fine", "a \t~");
  checkField("X-Empty", "");
  const bad = [["", "a"], ["A b", "a"], ["A:", "a"], ["A\r\nB", "a"], ["A", "b\r\nC: d"]];
  bad.push(["A", "\0"], ["A", "\x7f"], ["A", "é"], ["Connection", "close"]);
  bad.push(["content-length", "1"], ["TRANSFER-ENCODING", "chunked"]);
  for (const [name, value] of bad) assertThrows(() => checkField(name, value), RangeError);
});

Deno.test("escapeControls() leaves one printable line", WATCHED, () => {
  assertEquals(
    escapeControls('a\r\n"\\\x1b\x7f\xe9\0 ~'),
    "a\\x0D\\x0A\\x22\\x5C\\x1B\\x7F\\xE9\\x00 ~",
  );
});
