/** Tests of server.ts, in its order, with real sockets, or with scripted ones for exactness. */

import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  type Address,
  checkField,
  type Client,
  clientOf,
  DEFAULT_LIMITS,
  escapeControls,
  type Exchange,
  type Listener,
  parseRequestLine,
  type RawReply,
  type Reply,
  type RequestLine,
  type Responder,
  scanHead,
  serve,
  type ServeOptions,
  type Server,
  type Socket,
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
import { needing } from "./tests/needs.ts";
import { named, ScriptedServer, ScriptedSocket } from "./tests/scripted.ts";
import { HeldPauses, HeldTicks, SkippableTime, sleep, until, WATCHED } from "./tests/time.ts";
import {
  bytesOf,
  HELLO_WIRE,
  isWhole,
  LAST_REQUEST,
  PLAIN_REQUEST,
  statusOf,
  textOf,
  undated,
} from "./tests/wire.ts";

const test = needing("net");

// ---------------------------------------------------------------- tools

const HELLO: Reply = { body: "Hello world!" };

const HELLO_OPEN = HELLO_WIRE.replace("Connection: close\r\n", "");

/** Any error that a server reports fails the test, and it aborts nothing on a busy machine. */
const PATIENT: ServeOptions = { onError: fail, shutdownGraceMs: 60_000 };

/** Starts a server on a free loopback port. */
function start(responder: Responder | Reply = HELLO, options: ServeOptions = {}): Server {
  const server = serve({ ...PATIENT, hostname: HOST, port: 0, ...options }, responder);
  return {
    addr: server.addr,
    finished: server.finished,
    shutdown: () => server.shutdown(),
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await sleep(0); // the last bytes are counted in the next turn of the event loop
    },
  };
}

function fail(error: unknown): never {
  throw error;
}

/** Starts a server for scripted clients. */
function startScripted(
  responder: Responder | Reply = HELLO,
  options: ServeOptions = {},
): ScriptedServer {
  return new ScriptedServer((listener) => serve({ ...PATIENT, listener, ...options }, responder));
}

function errorWire(status: string, expected: string, received: string): string {
  const body = `${status}\n\n${expected}\nReceived: ${received}\n`;
  return `HTTP/1.1 ${status}\r\nDate: DATE\r\nContent-Type: text/plain; charset=utf-8\r\n` +
    `Content-Length: ${body.length}\r\nX-Content-Type-Options: nosniff\r\n` +
    `Connection: close\r\n\r\n${body}`;
}

// ---------------------------------------------------------------- limits

Deno.test("serve() throws for requestTimeoutMs that is not a positive number", WATCHED, () => {
  for (const value of [0, -1, NaN, Infinity]) {
    assertThrows(
      () => start(HELLO, { requestTimeoutMs: value }),
      RangeError,
      `Cannot use requestTimeoutMs ${value}`,
    );
  }
});

Deno.test("serve() throws for every limit that is not a positive number below 2^31", () => {
  for (const name of Object.keys(DEFAULT_LIMITS)) {
    const none = name === "shutdownGraceMs" ? [] : [0]; // replies may be cut off at once
    for (const value of [...none, -1, NaN, Infinity, 2 ** 31]) {
      assertThrows(
        () => startScripted(HELLO, { [name]: value }),
        RangeError,
        `Cannot use ${name} ${value}: expected a positive ${
          name.endsWith("Ms") ? "number" : "integer"
        }`,
      );
    }
  }
});

Deno.test("serve() accepts fractions of milliseconds, not of bytes and connections", async () => {
  for (const name of ["maxRequestLineBytes", "maxLingerBytes", "maxConnections"]) {
    assertThrows(
      () => startScripted(HELLO, { [name]: 1500.5 }),
      RangeError,
      `Cannot use ${name} 1500.5`,
    );
  }
  await using _scripted = startScripted(HELLO, { idleTimeoutMs: 1500.5 });
});

Deno.test("serve() uses the default of a limit that is undefined", WATCHED, async () => {
  using ticks = new HeldTicks();
  const limits = Object.keys(DEFAULT_LIMITS).map((name) => [name, undefined]);
  await using scripted = startScripted(HELLO, Object.fromEntries(limits));
  const client = scripted.request(LAST_REQUEST);
  await client.closed;
  assertEquals([undated(client.wire), ticks.delays], [HELLO_WIRE, [250]]);
});

Deno.test("serve() accepts the greatest limits", WATCHED, async () => {
  const limits = Object.keys(DEFAULT_LIMITS).map((name) => [name, 2 ** 31 - 1]);
  await using scripted = startScripted(HELLO, Object.fromEntries(limits));
  const client = scripted.request(LAST_REQUEST);
  await client.closed;
  assertEquals(undated(client.wire), HELLO_WIRE);
});

Deno.test("serve() answers and reports request lines as long as its limit", WATCHED, async () => {
  const lines: string[] = [];
  const options: ServeOptions = {
    maxRequestLineBytes: 1e6,
    onExchange: ({ requestLine }) => lines.push(requestLine),
  };
  await using scripted = startScripted(({ target }) => ({ body: `${target.length}` }), options);
  for (const start of ["/", "http://a.example/"]) {
    const line = `GET ${start}${"a".repeat(300_000)} HTTP/1.1`;
    const client = scripted.request(`${line}\r\nHost: x\r\nConnection: close\r\n\r\n`);
    await client.closed;
    assertEquals(client.wire.split("\r\n\r\n")[1], `${start.length + 300_000}`);
    assert(lines.pop() === line, "reports another line");
  }
});

Deno.test("serve() throws for an invalid fixed reply", WATCHED, () => {
  assertThrows(() => start({ status: 199 }), RangeError, "Cannot send status 199");
  assertThrows(() => start({ headers: [["A b", "c"]] }), RangeError, 'Cannot send header "A b"');
});

// ---------------------------------------------------------------- accepting

test("serve() exposes its real address and calls onListen", WATCHED, async () => {
  const heard: Address[] = [];
  await using server = start(HELLO, { onListen: (addr) => heard.push(addr) });
  assertEquals(heard, [server.addr]);
  assert(server.addr.port > 0);
  assertEquals(undated(await talk(server.addr, "GET / HTTP/1.1\r\n")), HELLO_WIRE);
});

test("serve() throws if the port is in use", WATCHED, async () => {
  await using server = start();
  assertThrows(() => start(HELLO, { port: server.addr.port }), Deno.errors.AddrInUse);
});

test(
  "serve() accepts the next client after one that reset before it was accepted",
  WATCHED,
  async () => {
    await using server = start(HELLO, { maxConnections: 1 });
    const first = await connect(server.addr);
    const gone = await resettable(server.addr); // waits in the kernel's queue
    await reset(gone);
    const last = talk(server.addr, "GET / HTTP/1.1\r\n");
    first.close();
    assertEquals(statusOf(await last), 200);
  },
);

Deno.test(
  "serve() listens at the given address, by default at 0.0.0.0:8080",
  WATCHED,
  async () => {
    const listening = async (options: ServeOptions) => {
      const { listen } = Deno;
      const given: Deno.TcpListenOptions[] = [];
      await using _scripted = new ScriptedServer((listener) => {
        Object.assign(Deno, {
          listen: (options: typeof given[0]) => (given.push(options), listener),
        });
        return serve(options, HELLO);
      });
      Object.assign(Deno, { listen });
      const [{ hostname, port, tcpBacklog, reusePort }] = given;
      return [hostname, port, tcpBacklog, reusePort ?? false];
    };
    assertEquals(await listening({}), ["0.0.0.0", 8080, 2048, false]);
    const options = { hostname: "::1", port: 7, tcpBacklog: 9, reusePort: true };
    assertEquals(await listening(options), ["::1", 7, 9, true]);
  },
);

Deno.test(
  "serve() accepts the next client at once after one that left the kernel's queue",
  WATCHED,
  async () => {
    await using scripted = startScripted();
    for (const gone of ["NotConnected", "ConnectionReset"]) {
      const { accepts } = scripted;
      scripted.queue(named(gone));
      const client = scripted.request(LAST_REQUEST);
      for (let turn = 0; turn < 3; turn++) await sleep(0);
      assertEquals([scripted.accepts - accepts, client.isClosed], [2, true]);
    }
  },
);

Deno.test(
  "serve() pauses when descriptors run out, and reports it once a minute",
  WATCHED,
  async () => {
    using time = new SkippableTime();
    const errors: unknown[] = [];
    await using scripted = startScripted(HELLO, { onError: (error) => errors.push(error) });
    const shortage = new Error("Too many open files (os error 24)");
    const startedAt = performance.now();
    scripted.queue(shortage);
    scripted.queue(shortage);
    await until(() => scripted.accepts === 3);
    assert(performance.now() - startedAt > 195, "it tries again too soon");
    const client = scripted.request(LAST_REQUEST);
    await client.closed;
    await time.skip(61_000);
    scripted.queue(shortage);
    await until(() => scripted.accepts === 5);
    const [first, second, ...others] = errors as Error[];
    assertEquals([first.message, first.cause], ["Cannot accept connections for now", shortage]);
    assertEquals([second.cause, others], [shortage, []]);
  },
);

Deno.test("serve() accepts no further client while maxConnections are open", WATCHED, async () => {
  await using scripted = startScripted(HELLO, { maxConnections: 2 });
  const first = scripted.queue(new ScriptedSocket());
  const second = scripted.queue(new ScriptedSocket());
  const third = scripted.request(LAST_REQUEST);
  await sleep(20);
  assertEquals([scripted.accepts, third.calls], [2, []]);
  second.end();
  await third.closed;
  assertEquals([scripted.accepts > 2, undated(third.wire)], [true, HELLO_WIRE]);
  first.end();
});

Deno.test(
  "serve() closes connections after a reply while maxConnections are open",
  WATCHED,
  async () => {
    await using scripted = startScripted(HELLO, { maxConnections: 2 });
    const first = scripted.request(PLAIN_REQUEST);
    await until(() => first.wire.endsWith("!"));
    const second = scripted.queue(new ScriptedSocket());
    await until(() => second.calls.includes("read"));
    first.send(PLAIN_REQUEST.repeat(2));
    await until(() => first.calls.includes("closeWrite"));
    assertEquals(undated(undated(first.wire)), HELLO_OPEN + HELLO_WIRE);
  },
);

Deno.test("serve() reads and writes through what wrap() returns", WATCHED, async () => {
  const clients: Client[] = [];
  const wrap = (socket: Socket): Socket => ({
    remoteAddr: { hostname: "::ffff:203.0.113.5", port: 9 },
    read: (into) => socket.read(into),
    write: (bytes) => socket.write(bytes.map((byte) => byte === 33 ? 63 : byte)),
    setNoDelay: () => socket.setNoDelay(),
    closeWrite: () => socket.closeWrite(),
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  });
  await using scripted = startScripted((_, client) => (clients.push(client), HELLO), { wrap });
  const client = scripted.request(LAST_REQUEST);
  await client.closed;
  assertEquals(undated(client.wire), HELLO_WIRE.replace("!", "?"));
  assertEquals(clients, [{ hostname: "203.0.113.5", port: 9 }]);
});

Deno.test("clientOf() shows an IPv4-mapped address as IPv4, and IPv6 unchanged", () => {
  const shown = (hostname: string) => clientOf({ hostname, port: 1 }).hostname;
  assertEquals(shown("::ffff:192.0.2.1"), "192.0.2.1");
  assertEquals(shown("::ffff:c000:201"), "::ffff:c000:201");
  assertEquals(shown("2001:db8::ffff:1.2"), "2001:db8::ffff:1.2");
  assertEquals(shown("192.0.2.1"), "192.0.2.1");
});

test("serve() answers a client beyond maxConnections after another has left", WATCHED, async () => {
  const order: string[] = [];
  await using server = start(HELLO, {
    maxConnections: 1,
    onExchange: (exchange) => order.push(exchange.requestLine),
  });
  using first = await connect(server.addr);
  const second = talk(server.addr, "GET /second HTTP/1.0\r\n\r\n");
  await send(first, "GET /first HTTP/1.0\r\n\r\n");
  assertEquals(statusOf(await readAll(first)), 200);
  assertEquals(statusOf(await second), 200);
  assertEquals(order, ["GET /first HTTP/1.0", "GET /second HTTP/1.0"]);
});

test("serve() shows responders an IPv4 client of an IPv6 socket as IPv4", WATCHED, async () => {
  const seen: Client[] = [];
  const responder = (_: RequestLine, client: Client) => (seen.push(client), HELLO);
  await using server = start(responder, { hostname: "::" });
  using socket = await connect(server.addr);
  await send(socket, "GET / HTTP/1.1\r\n\r\n");
  await readAll(socket);
  const { hostname, port } = socket.localAddr as Deno.NetAddr;
  assertEquals(seen, [{ hostname, port }]);
});

test(
  "shutdown() closes waiting connections, answers half lines once complete, and stops listening",
  WATCHED,
  async () => {
    const server = start();
    using waiting = await connect(server.addr);
    using half = await connect(server.addr);
    await send(half, "GET / HT");
    assertEquals(statusOf(await talk(server.addr, "GET / HTTP/1.1\r\n\r\n")), 200); // both accepted
    const ending = server.shutdown();
    assertEquals(await readAll(waiting), "");
    await send(half, "TP/1.0\r\n\r\n");
    assertEquals(undated(await readAll(half)), HELLO_WIRE);
    assertEquals(await ending, { aborted: 0 });
    let refused: unknown;
    await connect(server.addr).catch((error) => refused = error);
    assert(refused instanceof Deno.errors.ConnectionRefused);
  },
);

test("shutdown() answers every client that had sent a line before it", WATCHED, async () => {
  const server = start();
  const sockets = await Promise.all(Array.from({ length: 300 }, () => connect(server.addr)));
  await Promise.all(sockets.map((socket) => send(socket, "GET / HTTP/1.1\r\n\r\n")));
  const ending = server.shutdown();
  for (const socket of sockets) {
    assertEquals(undated(await readAll(socket)), HELLO_WIRE);
    socket.close();
  }
  assertEquals(await ending, { aborted: 0 });
});

test("shutdown() delivers a reply that is still being made", WATCHED, async () => {
  const asked = Promise.withResolvers<void>();
  const reply = Promise.withResolvers<Reply>();
  const server = start(() => (asked.resolve(), reply.promise));
  const wire = talk(server.addr, "GET / HTTP/1.1\r\n\r\n");
  await asked.promise;
  const ending = server.shutdown();
  reply.resolve(HELLO);
  assertEquals(undated(await wire), HELLO_WIRE);
  assertEquals(await ending, { aborted: 0 });
});

test(
  "shutdown() resolves after each aborted exchange has been reported",
  WATCHED,
  async () => {
    const exchanges: Exchange[] = [];
    const onExchange = (exchange: Exchange) => exchanges.push(exchange);
    const body = new Uint8Array(50_000_000);
    await using server = start({ body }, { shutdownGraceMs: 20, onExchange });
    using socket = await connect(server.addr);
    await send(socket, PLAIN_REQUEST);
    await socket.read(new Uint8Array(1)); // the reply has begun
    assertEquals(await server.shutdown(), { aborted: 1 });
    assertEquals(exchanges.map(({ status }) => status), [200]);
    assert(exchanges[0].bytes < body.length);
    await readAll(socket); // waits until the aborted write has settled
  },
);

test(
  "shutdown() aborts connections that are unfinished when the grace period ends",
  WATCHED,
  async () => {
    const server = start(HELLO, { shutdownGraceMs: 20 });
    using half = await connect(server.addr);
    await send(half, "GET / HT");
    assertEquals(statusOf(await talk(server.addr, "GET / HTTP/1.1\r\n\r\n")), 200);
    assertEquals(await server.shutdown(), { aborted: 1 });
    assertEquals(await readAll(half), "");
  },
);

test(
  "shutdown() counts an aborted connection with pipelined requests once",
  WATCHED,
  async () => {
    const reply = Promise.withResolvers<Reply>();
    const asked = Promise.withResolvers<void>();
    const server = start(() => (asked.resolve(), reply.promise), { shutdownGraceMs: 20 });
    using socket = await connect(server.addr);
    await send(socket, PLAIN_REQUEST + PLAIN_REQUEST);
    await asked.promise;
    assertEquals(await server.shutdown(), { aborted: 1 });
    reply.resolve(HELLO); // after its connection was aborted
    await reply.promise;
    assertEquals(await readAll(socket), "");
  },
);

test("serve() shuts down when its signal is aborted", WATCHED, async () => {
  const controller = new AbortController();
  const server = start(HELLO, { signal: controller.signal });
  controller.abort();
  assertEquals(await server.finished, { aborted: 0 });
  assertEquals(await start(HELLO, { signal: controller.signal }).finished, { aborted: 0 });
});

/** Lets a server that stops have a turn of 5 ms, if it waits for one. */
async function lastTurn(turns: HeldTicks): Promise<number> {
  await sleep(0);
  const { length } = turns.delays;
  turns.tick();
  await sleep(0);
  return length;
}

Deno.test("shutdown() accepts until nobody has come for ten turns", WATCHED, async () => {
  using turns = new HeldTicks(5);
  await using scripted = startScripted();
  const ending = scripted.server.shutdown();
  for (const quietTurns of [0, 9, 9]) {
    for (let turn = 0; turn < quietTurns; turn++) await lastTurn(turns);
    const client = scripted.request(LAST_REQUEST);
    await client.closed;
    assertEquals(undated(client.wire), HELLO_WIRE);
    await lastTurn(turns);
  }
  for (let turn = 0; turn < 10; turn++) await lastTurn(turns);
  const late = scripted.request(LAST_REQUEST);
  while (turns.delays.length > await lastTurn(turns));
  assertEquals([await ending, late.calls], [{ aborted: 0 }, []]);
});

Deno.test("shutdown() answers what arrives while it accepts, or just after", WATCHED, async () => {
  using turns = new HeldTicks(5);
  await using scripted = startScripted();
  const clients = Array.from({ length: 12 }, () => scripted.queue(new ScriptedSocket()));
  await until(() => clients.every(({ calls }) => calls.includes("read")));
  const ending = scripted.server.shutdown();
  for (const client of clients) { // the listener closes after the tenth turn
    await lastTurn(turns);
    client.send(LAST_REQUEST);
  }
  assertEquals(await ending, { aborted: 0 });
  for (const client of clients) assertEquals(undated(client.wire), HELLO_WIRE);
});

Deno.test("shutdown() closes the listener and accepts no further client", WATCHED, async () => {
  await using scripted = startScripted();
  await scripted.server.shutdown();
  const late = scripted.request(LAST_REQUEST);
  await sleep(20);
  assertEquals([scripted.accepts, late.calls], [1, []]);
});

Deno.test("shutdown() closes idle connections at once", WATCHED, async () => {
  using _ = new HeldTicks();
  await using scripted = startScripted();
  const clients = Array.from({ length: 20 }, () => scripted.queue(new ScriptedSocket()));
  await until(() => scripted.accepts === 21);
  assertEquals(await scripted.server.shutdown(), { aborted: 0 });
  assert(clients.every(({ isClosed }) => isClosed));
});

Deno.test("shutdown() starts nothing that could outlive it", WATCHED, async () => {
  const { digest } = crypto.subtle;
  crypto.subtle.digest = () => Promise.reject(new Error("a leak in the test of a user"));
  try {
    await using scripted = startScripted();
    Array.from({ length: 20 }, () => scripted.queue(new ScriptedSocket()));
    await until(() => scripted.accepts === 21);
    assertEquals(await scripted.server.shutdown(), { aborted: 0 });
  } finally {
    crypto.subtle.digest = digest;
  }
});

Deno.test(
  "shutdown() counts unfinished requests and replies as aborted, not lingering connections",
  WATCHED,
  async () => {
    using time = new SkippableTime();
    const patience = { lingerTimeoutMs: 1e9, maxLingerMs: 1e9, requestTimeoutMs: 1e9 };
    const limits = { shutdownGraceMs: 100_000, ...patience };
    const responder: Responder = ({ target }) => target === "/" ? HELLO : new Promise(() => {});
    await using scripted = startScripted(responder, { ...limits, idleTimeoutMs: SHORT_MS });
    const lingering = scripted.request("GET / HTTP/1.1\r\n");
    const answered = scripted.request("GET /never HTTP/1.1\r\n\r\n");
    const reading = scripted.request("GET / HT");
    await until(() => lingering.calls.includes("closeWrite"));
    const ending = scripted.server.shutdown();
    await scripted.closed;
    await time.skip(80_000);
    const clients = [lingering, answered, reading];
    assertEquals(clients.map(({ isClosed }) => isClosed), [false, false, false]);
    await time.skip(30_000);
    assertEquals(clients.map(({ isClosed }) => isClosed), [true, true, true]);
    assertEquals(await ending, { aborted: 2 });
  },
);

Deno.test("shutdown() resolves after the last of several replies", WATCHED, async () => {
  const replies = [1, 2, 3].map(() => Promise.withResolvers<Reply>());
  await using scripted = startScripted(({ target }) => replies[Number(target.slice(1))].promise);
  const clients = replies.map((_, at) => scripted.request(LAST_REQUEST.replace("/", `/${at}`)));
  await until(() => clients.every(({ calls }) => calls.includes("read")));
  let hasEnded = false;
  const ending = scripted.server.shutdown().then((ending) => (hasEnded = true, ending));
  await scripted.closed;
  for (const [at, { resolve }] of replies.entries()) {
    for (let turn = 0; turn < 10; turn++) await sleep(1);
    assertEquals(hasEnded, false);
    resolve(HELLO);
    await clients[at].closed;
  }
  assertEquals(await ending, { aborted: 0 });
});

Deno.test("shutdown() measures the grace period from its call", WATCHED, async () => {
  using time = new SkippableTime();
  await using scripted = startScripted(() => new Promise<never>(() => {}), {
    shutdownGraceMs: 100_000,
  });
  const client = scripted.request(LAST_REQUEST);
  await until(() => client.calls.includes("read"));
  const ending = scripted.server.shutdown();
  time.jump(100_000);
  assertEquals(await ending, { aborted: 1 });
});

Deno.test("shutdown() accepts for 1 s at most while clients keep connecting", WATCHED, async () => {
  using turns = new HeldTicks(5);
  await using scripted = startScripted();
  const ending = scripted.server.shutdown();
  for (let turn = 0; turn < 202; turn++) {
    const client = scripted.queue(new ScriptedSocket());
    if (turn < 200) await until(() => client.calls.length > 0); // it has been accepted
    await lastTurn(turns);
  }
  assertEquals(await ending, { aborted: 0 });
  assertEquals(turns.delays.length, 202);
});

Deno.test("shutdown() accepts no longer than the grace period", WATCHED, async () => {
  using time = new SkippableTime();
  using turns = new HeldTicks(5);
  await using scripted = startScripted(HELLO, { shutdownGraceMs: 100_000 });
  const ending = scripted.server.shutdown();
  time.jump(100_001);
  for (let turn = 0; turn < 3; turn++) await lastTurn(turns);
  assertEquals([await ending, turns.delays.length], [{ aborted: 0 }, 3]);
});

test("serve() returns a server that `await using` shuts down", WATCHED, async () => {
  let addr: Address;
  {
    await using server = serve({ hostname: HOST, port: 0 }, HELLO);
    addr = server.addr;
    assertEquals(statusOf(await talk(addr, LAST_REQUEST)), 200);
  }
  const error = await connect(addr).catch((error) => error);
  assert(error instanceof Deno.errors.ConnectionRefused);
});

Deno.test("shutdown() resolves to the same result for every caller", WATCHED, async () => {
  await using scripted = startScripted();
  const { server } = scripted;
  assertEquals(await Promise.all([server.shutdown(), server.shutdown(), server.finished]), [
    { aborted: 0 },
    { aborted: 0 },
    { aborted: 0 },
  ]);
});

Deno.test(
  "shutdown() answers all requests received, the last with Connection: close",
  WATCHED,
  async () => {
    const asked = Promise.withResolvers<void>();
    const slow = Promise.withResolvers<Reply>();
    await using scripted = startScripted(({ target }) =>
      target === "/slow" ? (asked.resolve(), slow.promise) : HELLO
    );
    const client = scripted.request(PLAIN_REQUEST.replace("/", "/slow") + PLAIN_REQUEST);
    await asked.promise;
    const ending = scripted.server.shutdown();
    slow.resolve(HELLO);
    await until(() => client.calls.includes("closeWrite")); // more requests could follow
    client.end();
    assertEquals(await ending, { aborted: 0 });
    assertEquals(undated(undated(client.wire)), HELLO_OPEN + HELLO_WIRE);
  },
);

// ---------------------------------------------------------------- time

/** One limit this short makes the clock tick every 10 ms, however long the others are. */
const SHORT_MS = 80;

Deno.test("serve() updates the Date of every kind of reply", WATCHED, async () => {
  using time = new SkippableTime();
  const frozen = Object.freeze({ body: "frozen" });
  const responder: Responder = ({ target }) => target === "/frozen" ? frozen : { body: "fresh" };
  for (const reply of [HELLO, responder]) {
    await using scripted = startScripted(reply, {
      idleTimeoutMs: 2 ** 30,
      lingerTimeoutMs: SHORT_MS,
    });
    const client = scripted.queue(new ScriptedSocket());
    const dates: number[] = [];
    for (const target of ["/frozen", "/fresh"]) {
      for (let round = 0; round < 2; round++) {
        const offset = client.wire.length;
        client.send(PLAIN_REQUEST.replace("/", target));
        await until(() => client.wire.length > offset);
        const date = /\r\nDate: (.*)\r\n/.exec(client.wire.slice(offset))?.[1];
        dates.push(Math.round((Date.parse(date ?? "") - Date.now()) / 100_000));
        await time.skip(1_000_000);
      }
    }
    assertEquals(dates, [0, 0, 0, 0]);
  }
});

Deno.test(
  "serve() times the first request from accept, not from its first byte",
  WATCHED,
  async () => {
    using time = new SkippableTime();
    await using scripted = startScripted(HELLO, {
      requestTimeoutMs: 100_000,
      lingerTimeoutMs: SHORT_MS,
    });
    const client = scripted.queue(new ScriptedSocket());
    await until(() => client.calls.includes("read"));
    await time.skip(80_000);
    client.send("GET ");
    await time.skip(10_000);
    client.send("/ ");
    await time.skip(5_000);
    assertEquals(client.calls.includes("write"), false);
    await time.skip(10_000);
    assertEquals(statusOf(client.wire), 408);
  },
);

Deno.test(
  "serve() times a later request from its first byte, and later bytes do not extend it",
  WATCHED,
  async () => {
    using time = new SkippableTime();
    const limits = { requestTimeoutMs: 100_000, idleTimeoutMs: 70_000, lingerTimeoutMs: SHORT_MS };
    await using scripted = startScripted(HELLO, limits);
    const client = scripted.request(PLAIN_REQUEST);
    await until(() => client.writes.length === 1);
    await time.skip(60_000);
    client.send("G");
    for (const [byte, elapsed] of [["E", 80_000], ["T", 10_000], [" ", 5_000]] as const) {
      await time.skip(elapsed);
      assertEquals(client.writes.length, 1);
      client.send(byte);
    }
    await time.skip(10_000);
    assertEquals(statusOf(textOf(client.writes[1])), 408);
  },
);

Deno.test(
  "serve() closes an idle connection without a reply idleTimeoutMs after its last reply",
  WATCHED,
  async () => {
    using time = new SkippableTime();
    const limits = {
      requestTimeoutMs: 1_000_000,
      idleTimeoutMs: 70_000,
      lingerTimeoutMs: SHORT_MS,
    };
    await using scripted = startScripted(HELLO, limits);
    const client = scripted.request(PLAIN_REQUEST);
    await until(() => client.writes.length === 1);
    await time.skip(60_000);
    client.send(PLAIN_REQUEST);
    await until(() => client.writes.length === 2);
    await time.skip(65_000);
    assertEquals(client.isClosed, false);
    await time.skip(10_000);
    assertEquals(client.isClosed, true);
    assertEquals(client.writes.length, 2);
  },
);

Deno.test(
  "serve() aborts a write that makes no progress for writeTimeoutMs, not a slow one",
  WATCHED,
  async () => {
    using time = new SkippableTime();
    await using scripted = startScripted(HELLO, {
      writeTimeoutMs: 100_000,
      lingerTimeoutMs: SHORT_MS,
    });
    const client = scripted.queue(new ScriptedSocket());
    let proceed = (_count: number) => {};
    client.onWrite = () => new Promise((resolve) => proceed = resolve);
    client.send(LAST_REQUEST);
    for (let count = 1; count <= 3; count++) {
      await until(() => client.calls.filter((call) => call === "write").length === count);
      await time.skip(95_000);
      assertEquals(client.isClosed, false);
      proceed(10);
    }
    await time.skip(105_000);
    assertEquals([client.isClosed, client.wire.length], [true, 30]);
  },
);

Deno.test(
  "serve() waits for pieces of a raw reply without a deadline",
  WATCHED,
  async () => {
    using time = new SkippableTime();
    const pieces = [1, 2].map(() => Promise.withResolvers<Uint8Array>());
    let asked = false;
    const raw = async function* () {
      asked = true;
      for (const { promise } of pieces) yield await promise;
    };
    await using scripted = startScripted(() => ({ raw: raw() }), { lingerTimeoutMs: SHORT_MS });
    const client = scripted.request(LAST_REQUEST);
    await until(() => asked);
    for (const [at, { resolve }] of pieces.entries()) {
      await time.skip(1_000_000);
      resolve(bytesOf(`piece ${at},`));
      await until(() => client.writes.length === at + 1);
    }
    await client.closed;
    assertEquals(client.wire, "piece 0,piece 1,");
  },
);

Deno.test("serve() aborts a raw reply that its client does not read", WATCHED, async () => {
  using time = new SkippableTime();
  const raw = [bytesOf("a"), bytesOf("b")];
  await using scripted = startScripted(() => ({ raw }), {
    writeTimeoutMs: 100_000,
    lingerTimeoutMs: SHORT_MS,
  });
  const client = scripted.queue(new ScriptedSocket());
  client.onWrite = () => new Promise(() => {});
  client.send(LAST_REQUEST);
  await until(() => client.calls.includes("write"));
  await time.skip(105_000);
  assertEquals(client.isClosed, true);
});

Deno.test("serve() waits for a responder without a deadline", WATCHED, async () => {
  using time = new SkippableTime();
  const late = Promise.withResolvers<Reply>();
  let asked = false;
  await using scripted = startScripted(() => (asked = true, late.promise), {
    lingerTimeoutMs: SHORT_MS,
  });
  const client = scripted.request(PLAIN_REQUEST);
  await until(() => asked);
  await time.skip(1_000_000);
  late.resolve(HELLO);
  await until(() => client.writes.length === 1);
  assertEquals(undated(client.wire), HELLO_OPEN);
});

Deno.test(
  "serve() lingers while a client still sends, at most maxLingerMs",
  WATCHED,
  async () => {
    using time = new SkippableTime();
    const limits = { lingerTimeoutMs: 20_000, maxLingerMs: 60_000, idleTimeoutMs: SHORT_MS };
    await using scripted = startScripted(HELLO, limits);
    const uploading = scripted.request("POST / HTTP/1.1\r\n");
    const silent = scripted.request("POST / HTTP/1.1\r\n");
    for (const client of [uploading, silent]) {
      await until(() => client.calls.includes("closeWrite"));
    }
    for (let elapsed = 0; elapsed < 54_000; elapsed += 18_000) {
      assertEquals([uploading.isClosed, silent.isClosed], [false, elapsed > 20_000]);
      uploading.send("more");
      await time.skip(18_000);
    }
    uploading.send("more");
    await time.skip(8_000);
    await uploading.closed;
  },
);

/** Sends as much as four reads of an upload take, after which it pauses. */
function sendFast(upload: ScriptedSocket): void {
  for (let pieces = 0; pieces < 4; pieces++) upload.send(new Uint8Array(64 * 1024));
}

Deno.test("serve() pauses in fast uploads, the longer the more pause", WATCHED, async () => {
  using pauses = new HeldPauses();
  await using scripted = startScripted(HELLO);
  const [slow, ...fast] = [0, 1, 2, 3].map(() => scripted.request("POST / HTTP/1.1\r\n"));
  for (const upload of [slow, ...fast]) await until(() => upload.calls.includes("closeWrite"));
  for (let pieces = 0; pieces < 9; pieces++) slow.send("more");
  await until(() => slow.rooms.length === 11);
  for (const upload of fast) sendFast(upload);
  await until(() => pauses.delays.length === 3);
  assertEquals(pauses.delays, [0, 0.5, 1]);
  assertEquals(fast.map(({ rooms }) => rooms.length), [5, 5, 5]);
  pauses.resume();
  sendFast(fast[0]);
  await until(() => pauses.delays.length === 4);
  assertEquals(pauses.delays[3], 0);
  pauses.resume();
  for (const upload of [slow, ...fast]) upload.end();
});

Deno.test("serve() does not take its pause in an upload for silence", WATCHED, async () => {
  using time = new SkippableTime();
  using pauses = new HeldPauses();
  const limits = { lingerTimeoutMs: 20_000, maxLingerMs: 60_000, idleTimeoutMs: SHORT_MS };
  await using scripted = startScripted(HELLO, limits);
  const resumed = scripted.request("POST / HTTP/1.1\r\n");
  sendFast(resumed);
  await until(() => pauses.delays.length === 1);
  await time.skip(25_000);
  assertEquals(resumed.isClosed, false);
  pauses.resume();
  const held = scripted.request("POST / HTTP/1.1\r\n");
  sendFast(held);
  await until(() => pauses.delays.length === 2 && resumed.rooms.length === 6);
  await time.skip(21_000);
  assertEquals([resumed.isClosed, held.isClosed], [true, false]);
  await time.skip(40_000);
  await held.closed;
});

Deno.test(
  "serve() enforces a deadline never early, and at most two ticks late",
  WATCHED,
  async () => {
    using time = new SkippableTime(true);
    using ticks = new HeldTicks();
    await using scripted = startScripted(HELLO, { requestTimeoutMs: 800 }); // ticks every 100 ms
    scripted.queue(new ScriptedSocket()); // starts the clock
    await until(() => scripted.accepts === 2);
    time.jump(99);
    const client = scripted.queue(new ScriptedSocket());
    await until(() => scripted.accepts === 3);
    time.jump(799);
    ticks.tick();
    await until(() => ticks.delays.length === 2);
    assertEquals(client.isClosed, false);
    time.jump(201);
    ticks.tick();
    await client.closed;
  },
);

Deno.test(
  "serve() uses one timer for all connections, and none without connections",
  WATCHED,
  async () => {
    using ticks = new HeldTicks();
    await using scripted = startScripted();
    const clients = [1, 2, 3].map(() => scripted.queue(new ScriptedSocket()));
    await until(() => scripted.accepts === 4);
    for (let tick = 1; tick <= 3; tick++) {
      await until(() => ticks.delays.length === tick);
      if (tick < 3) assertEquals(ticks.tick(), 1);
    }
    assertEquals(ticks.delays, [250, 250, 250]);
    for (const client of clients) client.end();
    for (const client of clients) await client.closed;
    assertEquals(ticks.tick(), 1);
    await sleep(0);
    assertEquals([ticks.tick(), ticks.delays.length], [0, 3]);
    await scripted.request(LAST_REQUEST).closed;
    assertEquals(ticks.delays.length, 4);
  },
);

Deno.test(
  "serve() ticks eight times within its shortest limit, and at least four times a second",
  WATCHED,
  async () => {
    const tickMs = async (limits: ServeOptions) => {
      using ticks = new HeldTicks();
      await using scripted = startScripted(HELLO, limits);
      await scripted.request(LAST_REQUEST).closed;
      return ticks.delays.at(-1);
    };
    const limits = ["requestTimeoutMs", "idleTimeoutMs", "writeTimeoutMs", "lingerTimeoutMs"];
    assertEquals(await tickMs(Object.fromEntries(limits.map((name) => [name, 1e6]))), 250);
    for (const name of limits) assertEquals(await tickMs({ [name]: 801 }), 101, name);
  },
);

Deno.test("serve() answers many half lines at their deadline in batches", WATCHED, async () => {
  using time = new SkippableTime();
  using ticks = new HeldTicks();
  await using scripted = startScripted();
  const clients = Array.from({ length: 1200 }, () => scripted.request("GET"));
  await until(() => clients.every(({ calls }) => calls.length === 3)); // the second read is pending
  time.jump(20_000);
  ticks.tick(); // updates the clock's time for the next sweep
  await until(() => ticks.delays.length === 2);
  const { length } = clients.filter(({ writes }) => writes.length > 0);
  assertEquals(length, 0);
  ticks.tick();
  const portions: number[] = [];
  const answered = () => clients.filter(({ writes }) => writes.length > 0).length;
  await turnsUntil(() => {
    portions.push(answered() - portions.reduce((sum, portion) => sum + portion, 0));
    return answered() === clients.length;
  });
  assert(Math.max(...portions) < 64, `${portions}`);
  for (const client of clients) client.end();
});

Deno.test(
  "serve() forces a garbage collection after 1024 connections that outlived a tick",
  WATCHED,
  async () => {
    using time = new SkippableTime(true);
    const { ArrayBuffer } = globalThis;
    let collections = 0;
    globalThis.ArrayBuffer = class extends ArrayBuffer {
      constructor(bytes: number) {
        super(bytes);
        if (bytes < 256 * MEBIBYTE) return;
        collections++;
        time.jump(40); // a large heap
      }
    } as ArrayBufferConstructor;
    try {
      using ticks = new HeldTicks();
      await using scripted = startScripted();
      const collectionsAfter = async (count: number, isLong: boolean) => {
        const clients = Array.from({ length: count }, () => scripted.queue(new ScriptedSocket()));
        await until(() => clients[count - 1].calls.includes("read"));
        time.jump(300);
        const { length } = ticks.delays;
        if (isLong) await until(() => ticks.tick() > 0 || ticks.delays.length > length);
        for (const client of clients) client.end();
        await until(() => clients.every(({ isClosed }) => isClosed));
        return collections;
      };
      assertEquals(await collectionsAfter(100, false), 0);
      assertEquals(await collectionsAfter(1023, true), 0);
      assertEquals(await collectionsAfter(3, true), 1);
      assertEquals(await collectionsAfter(1100, true), 1, "too soon");
      time.jump(8_000);
      assertEquals(await collectionsAfter(1, true), 2);
      assertEquals(await collectionsAfter(1, true), 2);
    } finally {
      globalThis.ArrayBuffer = ArrayBuffer;
    }
  },
);

Deno.test(
  "serve() frees an input buffer at once, unless a read is under way",
  WATCHED,
  async () => {
    const buffers: ArrayBuffer[] = [];
    const wrap = (socket: Socket) => {
      const { read } = socket;
      socket.read = (into) => {
        buffers.push(into.buffer as ArrayBuffer);
        return read.call(socket, into);
      };
      return socket;
    };
    await using scripted = startScripted(HELLO, { wrap });
    const areDetached = async (client: ScriptedSocket) => {
      await client.closed;
      await sleep(0); // the connection ends in the turn after that
      return buffers.splice(0).map(({ detached }) => detached);
    };
    assertEquals(await areDetached(scripted.request(LAST_REQUEST)), [true]);
    const left = scripted.request(PLAIN_REQUEST);
    await until(() => buffers.length === 2);
    left.fail();
    assertEquals(await areDetached(left), [false, false]);
    const long = scripted.request(`GET /${"a".repeat(3000)} HTTP/1.1\r\n`);
    await until(() => long.calls.includes("closeWrite"));
    const [first, second, third, shared] = buffers.slice(0);
    assertEquals([first, second, third, shared].map(({ detached }) => detached), [
      true,
      true,
      false,
      false,
    ]);
    long.end();
    assertEquals((await areDetached(long)).slice(0, 3), [true, true, true]);
  },
);

Deno.test(
  "serve() times out the remaining connections when others end in any order",
  WATCHED,
  async () => {
    using time = new SkippableTime();
    const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (const order of orders) {
      await using scripted = startScripted(HELLO, { lingerTimeoutMs: SHORT_MS });
      const clients = [0, 1, 2, 3].map(() => scripted.queue(new ScriptedSocket()));
      await until(() => scripted.accepts === 5);
      for (const at of order.slice(0, 2)) {
        clients[at].end();
        await clients[at].closed;
      }
      await time.skip(110_000);
      assertEquals(clients.map(({ isClosed }) => isClosed), [true, true, true, true], `${order}`);
    }
  },
);

const MEBIBYTE = 1024 * 1024;

/** Counts turns of the event loop until this holds. */
async function turnsUntil(holds: () => boolean): Promise<number> {
  let turns = 0;
  await until(() => holds() || ++turns < 0);
  return turns;
}

/** Connects a client for which each write of large content takes this long. */
function connectSlow(
  scripted: ScriptedServer,
  time: SkippableTime,
  milliseconds: number,
): ScriptedSocket {
  const client = scripted.queue(new ScriptedSocket());
  client.onWrite = ({ length }) => {
    if (length > 1000) time.jump(milliseconds);
    return length;
  };
  return client;
}

Deno.test(
  "serve() yields to the event loop while it writes large content and discards input",
  WATCHED,
  async () => {
    using time = new SkippableTime(true);
    const body = new Uint8Array(32 * MEBIBYTE);
    const maxLingerBytes = 32 * MEBIBYTE;
    await using scripted = startScripted({ body }, { maxLingerBytes });
    const client = connectSlow(scripted, time, 10); // real sockets vary
    const written = () => client.writes.reduce((sum, { length }) => sum + length, 0);
    client.send("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n");
    const toWrite = await turnsUntil(() => written() > body.length);
    assert(toWrite >= 7, `written in ${toWrite} turns`);
    client.send(new Uint8Array(maxLingerBytes + MEBIBYTE));
    const toDiscard = await turnsUntil(() => client.isClosed);
    assert(toDiscard >= 60, `discarded in ${toDiscard} turns`);
  },
);

Deno.test("serve() writes for 2 ms in each time slice", WATCHED, async () => {
  const turnsFor = async (milliseconds: number) => {
    using time = new SkippableTime(true);
    await using scripted = startScripted({ body: new Uint8Array(32 * MEBIBYTE) });
    const client = connectSlow(scripted, time, milliseconds);
    client.send(LAST_REQUEST);
    return await turnsUntil(() => client.isClosed);
  };
  assertLess(await turnsFor(0.1), 5); // 64 pieces
  assertGreater(await turnsFor(4), 6);
});

Deno.test("serve() counts the time of failed writes against the time slice", WATCHED, async () => {
  using time = new SkippableTime(true);
  await using scripted = startScripted({ body: new Uint8Array(MEBIBYTE) });
  const clients = Array.from({ length: 400 }, () => scripted.queue(new ScriptedSocket()));
  await until(() => scripted.accepts === 401);
  for (const client of clients) {
    client.send(LAST_REQUEST);
    client.onWrite = ({ length }) => {
      if (length < 1000) return length;
      time.jump(0.5);
      throw named("ConnectionReset");
    };
  }
  const turns = await turnsUntil(() => clients.every(({ isClosed }) => isClosed));
  assert(turns > 60 && turns < 160, `${turns} turns`);
});

/** Connects clients one after another, for which each write of large content takes 10 ms. */
async function connectAll(
  scripted: ScriptedServer,
  time: SkippableTime,
  names: string,
  order: string[],
) {
  const clients: ScriptedSocket[] = [];
  for (const name of names) {
    const client = connectSlow(scripted, time, 10);
    const { onWrite } = client;
    client.onWrite = (bytes) => {
      if (bytes.length > 1000) order.push(name);
      return onWrite(bytes);
    };
    clients.push(client);
    await until(() => scripted.accepts === clients.length + 1);
    time.jump(1);
  }
  return clients;
}

Deno.test(
  "serve() alternates pieces between the newest connection and the one waiting longest",
  WATCHED,
  async () => {
    using time = new SkippableTime(true);
    await using scripted = startScripted({ body: new Uint8Array(MEBIBYTE) });
    const order: string[] = [];
    const clients = await connectAll(scripted, time, "abcdefghijkl", order);
    for (const client of clients.toReversed()) client.send(LAST_REQUEST);
    for (const client of clients) await client.closed;
    assertEquals(order.join(""), "lkljkijhighfgefdecdbcaba");
  },
);

Deno.test(
  "serve() shares writes among many connections, and discards their input evenly",
  WATCHED,
  async () => {
    using time = new SkippableTime(true);
    const body = new Uint8Array(4 * MEBIBYTE);
    await using scripted = startScripted({ body }, { lingerTimeoutMs: 1e6 });
    const order: string[] = [];
    const clients = await connectAll(scripted, time, "abcdefghijklmnopqrstuvwxyzABCDEF", order);
    for (const client of clients) client.send("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n");
    await until(() => clients.every(({ calls }) => calls.includes("closeWrite")));
    assertEquals(new Set(order.slice(0, order.length / 2)).size, clients.length);
    for (const client of clients) client.send(body);
    const readCounts = () => clients.map(({ rooms }) => rooms.length);
    await until(() => Math.max(...readCounts()) > 40);
    assertGreater(Math.min(...readCounts()), 35);
  },
);

Deno.test("serve() starts a write at once while a time slice lasts", WATCHED, async () => {
  using time = new SkippableTime(true);
  await using scripted = startScripted({ body: new Uint8Array(MEBIBYTE / 2) });
  using timers = new HeldTicks(0);
  let writes = 0;
  const writesAfter = async (clients: number) => {
    for (; clients > 0; clients--) {
      const client = scripted.request(LAST_REQUEST);
      client.onWrite = ({ length }) => {
        if (length < 1000) return length;
        writes++;
        time.jump(0.5);
        return new Promise(() => {});
      };
    }
    await sleep(1); // until() would wait for a held timer
    return writes;
  };
  assertEquals(await writesAfter(3), 3);
  assertEquals(await writesAfter(1), 4);
  assertEquals(await writesAfter(3), 4, "too late");
  timers.tick();
  assertEquals(await writesAfter(0), 7);
});

Deno.test("serve() applies writeTimeoutMs to the wait for a time slice", WATCHED, async () => {
  using time = new SkippableTime();
  const limits = { writeTimeoutMs: 100_000, lingerTimeoutMs: SHORT_MS };
  await using scripted = startScripted({ body: new Uint8Array(MEBIBYTE / 2) }, limits);
  const clients = Array.from({ length: 12 }, () => connectSlow(scripted, time, 10));
  await until(() => scripted.accepts === 13);
  using timers = new HeldTicks(0);
  for (const client of clients) client.send(LAST_REQUEST);
  await time.skip(80_000);
  const open = clients.filter(({ isClosed }) => !isClosed);
  assertEquals(open.length, 11);
  await time.skip(30_000);
  timers.tick();
  await sleep(1);
  open.shift(); // gets the time slice that starts while the sweep waits
  for (const client of open) assertEquals([client.isClosed, client.writes.length], [true, 1]);
});

// ---------------------------------------------------------------- replies that take their time

/** Starts a server that answers `/slow` when the test resolves `slow`, and all else at once. */
function startSlow(options: ServeOptions = {}) {
  const slow = Promise.withResolvers<Reply>();
  const scripted = startScripted(
    ({ target }) => target === "/slow" ? slow.promise : HELLO,
    options,
  );
  return { slow, scripted };
}

const SLOW_REQUEST = PLAIN_REQUEST.replace("/", "/slow");

Deno.test("serve() accepts the next client when one resets before its reply", WATCHED, async () => {
  const exchanges: number[] = [];
  const onExchange = ({ bytes }: Exchange) => exchanges.push(bytes);
  const { slow, scripted } = startSlow({ maxConnections: 1, onExchange });
  await using _scripted = scripted;
  const waiting = scripted.request(SLOW_REQUEST);
  const next = scripted.request(LAST_REQUEST);
  await until(() => waiting.calls.filter((call) => call === "read").length === 2);
  assertEquals(next.calls, []);
  waiting.fail();
  await next.closed;
  assertEquals([waiting.isClosed, undated(next.wire)], [true, HELLO_WIRE]);
  slow.resolve(HELLO);
  await until(() => exchanges.length === 2);
  assertEquals([exchanges, waiting.wire], [[HELLO.body!.length, 0], ""]);
});

Deno.test(
  "serve() answers what arrives while it writes, before the end of input",
  WATCHED,
  async () => {
    const { slow, scripted } = startSlow();
    await using _scripted = scripted;
    const client = scripted.request(SLOW_REQUEST);
    const written = Promise.withResolvers<number>();
    client.onWrite = () => written.promise;
    slow.resolve(HELLO);
    await until(() => client.calls.includes("write"));
    client.send(PLAIN_REQUEST + "GET");
    client.end();
    await until(() => client.calls.filter((call) => call === "read").length === 3);
    const { length } = client.offers[0];
    client.onWrite = (bytes) => bytes.length;
    written.resolve(length);
    await client.closed;
    const statuses = client.wire.match(/HTTP\/1\.1 \d{3}/g);
    assertEquals(statuses, ["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 400"]);
  },
);

Deno.test("serve() answers half a line alike, whatever was asked before", WATCHED, async () => {
  await using scripted = startScripted();
  const replies = ["", PLAIN_REQUEST.replace("GET", "HEAD")].map(async (before) => {
    const client = scripted.request(before);
    await until(() => client.writes.length === (before === "" ? 0 : 1));
    const { length } = client.wire;
    client.send("H");
    client.end();
    await client.closed;
    return undated(client.wire.slice(length));
  });
  const [alone, behind] = await Promise.all(replies);
  assertEquals(behind, alone);
});

Deno.test("serve() ends when its listener is closed by others", WATCHED, async () => {
  const closed = Promise.withResolvers<never>();
  let closings = 0;
  const listener: Listener = {
    addr: { hostname: "192.0.2.7", port: 7 },
    accept: () => closed.promise,
    close: () => closings++,
  };
  const server = serve({ listener }, HELLO);
  closed.reject(named("BadResource"));
  assertEquals(await server.finished, { aborted: 0 });
  assertEquals([await server.shutdown(), closings], [{ aborted: 0 }, 0]);
});

Deno.test("shutdown() bears a listener that others close before it does", WATCHED, async () => {
  const closed = Promise.withResolvers<never>();
  const listener: Listener = {
    addr: { hostname: "192.0.2.7", port: 7 },
    accept: () => closed.promise,
    close: () => fail(named("BadResource")),
  };
  const server = serve({ listener }, HELLO);
  const ending = server.shutdown();
  closed.reject(named("BadResource"));
  assertEquals(await ending, { aborted: 0 });
  await sleep(60); // a rejection that nobody handles would end the test
});

Deno.test("shutdown() bears a listener that others close at capacity", WATCHED, async () => {
  await using scripted = startScripted(HELLO, { maxConnections: 1 });
  const client = scripted.queue(new ScriptedSocket());
  await until(() => client.calls.includes("read"));
  const closed = () => named("BadResource");
  scripted.close = () => fail(closed());
  scripted.accept = () => Promise.reject(closed());
  assertEquals(await scripted.server.shutdown(), { aborted: 0 });
  scripted.close = () => {};
});

Deno.test(
  "serve() lingers no longer than maxLingerMs, if that is the shorter limit",
  WATCHED,
  async () => {
    using time = new SkippableTime();
    const limits = { maxLingerMs: 20_000, lingerTimeoutMs: 1e9, idleTimeoutMs: SHORT_MS };
    await using scripted = startScripted(HELLO, limits);
    const client = scripted.request("POST / HTTP/1.1\r\n");
    await until(() => client.calls.includes("closeWrite"));
    await time.skip(25_000);
    await client.closed;
  },
);

Deno.test("shutdown() counts no connection without a request as aborted", WATCHED, async () => {
  const scripted = startScripted(HELLO, { shutdownGraceMs: 1, idleTimeoutMs: SHORT_MS });
  const clients = [scripted.queue(new ScriptedSocket()), scripted.request("GET / HT")];
  await until(() => clients.every(({ calls }) => calls.includes("read")));
  assertEquals(await scripted.server.shutdown(), { aborted: 1 });
});

Deno.test("serve() answers 500 where a responder gives no reply, and reports it once", async () => {
  const errors: unknown[] = [];
  const nothing = (() => undefined) as unknown as Responder;
  await using scripted = startScripted(nothing, { onError: (error) => errors.push(error) });
  const client = scripted.request(LAST_REQUEST);
  await client.closed;
  assertEquals([statusOf(client.wire), errors.length], [500, 1]);
});

test(
  "Deno settles a read and a write that wait when their connection closes",
  WATCHED,
  async () => {
    using listener = Deno.listen({ hostname: HOST, port: 0 });
    using client = await Deno.connect({ hostname: HOST, port: listener.addr.port });
    const socket = await listener.accept();
    let blocks = 0;
    const reading = socket.read(new Uint8Array(1)).catch((error: Error) => error.name);
    const writing = (async () => {
      for (const block = new Uint8Array(MEBIBYTE);; blocks++) await socket.write(block);
    })().catch((error: Error) => error.name);
    await client.read(new Uint8Array(1));
    for (let taken = 0, turns = 0; turns < 10; turns = taken === blocks ? turns + 1 : 0) {
      taken = blocks;
      await sleep(5); // until the kernel takes no more
    }
    socket.close();
    assertEquals(await Promise.all([reading, writing]), ["Interrupted", "Interrupted"]);
  },
);

Deno.test("serve() answers a client that half-closes before its reply", WATCHED, async () => {
  const { slow, scripted } = startSlow();
  await using _scripted = scripted;
  const client = scripted.request(SLOW_REQUEST);
  client.end();
  await until(() => client.calls.filter((call) => call === "read").length === 2);
  await sleep(0);
  assertEquals(client.isClosed, false);
  slow.resolve({ body: "slow" });
  await client.closed;
  assertEquals(undated(client.wire), HELLO_OPEN.replace("12", "4").replace("Hello world!", "slow"));
});

Deno.test("serve() treats input received during a reply as the next request", WATCHED, async () => {
  const { slow, scripted } = startSlow();
  await using _scripted = scripted;
  const client = scripted.request(SLOW_REQUEST + "GET /a");
  for (const piece of [" HTTP/1.1\r\nHo", "st: x\r\n\r\nGET /b HTTP/1.0\r\n\r\n"]) {
    const { length } = client.rooms;
    client.send(piece);
    await until(() => client.rooms.length > length);
  }
  slow.resolve(HELLO);
  await client.closed;
  assertEquals(undated(undated(undated(client.wire))), HELLO_OPEN + HELLO_OPEN + HELLO_WIRE);
});

Deno.test(
  "serve() buffers no more input during a reply than maxRequestLineBytes",
  WATCHED,
  async () => {
    const { slow, scripted } = startSlow();
    await using _scripted = scripted;
    const client = scripted.request(SLOW_REQUEST);
    client.send(PLAIN_REQUEST.repeat(1000));
    await until(() => client.rooms.reduce((sum, room) => sum + room, 0) > 8192);
    await sleep(1);
    const { length } = client.rooms;
    await sleep(1);
    assertEquals(client.rooms.length, length);
    assertLess(client.rooms.reduce((sum, room) => sum + room, 0), 3 * 8192);
    slow.resolve(HELLO);
    await until(() => (client.wire.match(/Hello world!/g)?.length ?? 0) === 1001);
  },
);

Deno.test("serve() notices a reset behind input that fills its buffer", WATCHED, async () => {
  using ticks = new HeldTicks();
  const { slow, scripted } = startSlow();
  await using _scripted = scripted;
  const client = scripted.request(SLOW_REQUEST);
  await until(() => client.calls.filter((call) => call === "read").length === 2);
  client.send("GET /" + "a".repeat(9_000));
  await until(() => client.rooms.reduce((sum, room) => sum + room, 0) > 8192);
  const probe = Promise.withResolvers<number>();
  client.onWrite = () => probe.promise;
  for (let tick = 0; tick < 5; tick++) await until(() => ticks.tick() > 0);
  assertEquals([client.offers.map(({ length }) => length), client.isClosed], [[0], false]);
  client.fail();
  await client.closed;
  slow.resolve(HELLO);
});

test(
  "shutdown() does not wait for clients that have reset, whatever they sent",
  WATCHED,
  async () => {
    const asked = Promise.withResolvers<void>();
    const never = () => (asked.resolve(), new Promise<never>(() => {}));
    const server = start(never, { shutdownGraceMs: 600_000 });
    const client = await resettable(server.addr);
    client.write(PLAIN_REQUEST + "GET /" + "a".repeat(9_000));
    await asked.promise;
    await reset(client);
    assertEquals(await server.shutdown(), { aborted: 0 });
  },
);

Deno.test(
  "serve() closes a connection that the client resets amid large content",
  WATCHED,
  async () => {
    await using scripted = startScripted({ body: new Uint8Array(MEBIBYTE) });
    const client = scripted.queue(new ScriptedSocket());
    let isWriting = false;
    client.onWrite = ({ length }) => {
      isWriting = length > 1000;
      return isWriting ? new Promise(() => {}) : length;
    };
    client.send(PLAIN_REQUEST);
    await until(() => isWriting);
    assertEquals(client.calls.filter((call) => call === "read").length, 2);
    client.fail();
    await client.closed;
  },
);

Deno.test("serve() waits between pieces of a raw reply as its numbers say", WATCHED, async () => {
  const raw = [bytesOf("a"), 30, bytesOf("b"), 20];
  await using scripted = startScripted(() => ({ raw }));
  const startedAt = performance.now();
  const client = scripted.request(LAST_REQUEST);
  await until(() => client.wire === "a");
  await until(() => client.calls.includes("closeWrite"));
  assertEquals(client.wire, "ab");
  assertGreater(performance.now() - startedAt, 45);
});

Deno.test(
  "serve() reports errors of a raw reply's author, whatever their names",
  WATCHED,
  async () => {
    const errors: unknown[] = [];
    const thrown = ["ConnectionReset", "TimedOut", "Error"].map(named);
    async function* pieces(at: number) {
      yield bytesOf("a");
      throw await thrown[at];
    }
    await using scripted = startScripted(
      ({ target }) => ({ raw: pieces(Number(target.slice(1))) }),
      { onError: (error) => errors.push(error) },
    );
    for (const at of thrown.keys()) {
      const client = scripted.request(LAST_REQUEST.replace("/", `/${at}`));
      await client.closed;
      assertEquals([client.wire, client.calls.at(-1)], ["a", "close"]);
    }
    assertEquals(errors, thrown);
  },
);

Deno.test("serve() reports no error of the wire amid a raw reply", WATCHED, async () => {
  await using scripted = startScripted(() => ({ raw: [bytesOf("a"), bytesOf("b")] }));
  const client = scripted.queue(new ScriptedSocket());
  client.onWrite = () => Promise.reject(named("BrokenPipe")); // startScripted() fails if reported
  client.send(LAST_REQUEST);
  await client.closed;
});

Deno.test("serve() ends a raw reply when its client resets", WATCHED, async () => {
  const endings: string[] = [];
  function* syncPieces() {
    try {
      for (;;) yield 1e6;
    } finally {
      endings.push("sync");
    }
  }
  async function* asyncPieces() {
    try {
      yield bytesOf("a");
      for (;;) yield 1e6;
    } finally {
      endings.push("async");
    }
  }
  await using scripted = startScripted(({ target }) => ({
    raw: target === "/" ? syncPieces() : asyncPieces(),
  }));
  for (const target of ["/", "/async"]) {
    const client = scripted.request(PLAIN_REQUEST.replace("/", target));
    await until(() => client.calls.filter((call) => call === "read").length === 2);
    client.fail();
    await client.closed;
    await until(() => endings.length === (target === "/" ? 1 : 2));
  }
  assertEquals(endings, ["sync", "async"]);
});

Deno.test(
  "shutdown() aborts a raw reply that waits when the grace period ends",
  WATCHED,
  async () => {
    const scripted = startScripted(() => ({ raw: [1e6] }), {
      shutdownGraceMs: 60,
      lingerTimeoutMs: SHORT_MS,
    });
    const client = scripted.request(PLAIN_REQUEST);
    await until(() => client.calls.filter((call) => call === "read").length === 2);
    assertEquals(await scripted.server.shutdown(), { aborted: 1 });
    assertEquals(client.isClosed, true);
  },
);

Deno.test("serve() ends a connection as the `ending` of a raw reply says", WATCHED, async () => {
  class Resettable extends ScriptedSocket {
    reset() {
      this.calls.push("reset");
      this.fail();
    }
  }
  const endingOf = async (ending: RawReply["ending"], client = new ScriptedSocket()) => {
    await using scripted = startScripted(() => ({ raw: [bytesOf("x")], ending }));
    scripted.queue(client).send("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n");
    await until(() => client.isClosed || client.calls.includes("closeWrite"));
    await sleep(0);
    assertEquals(client.wire, "x");
    const { calls } = client;
    assertEquals(calls.filter((call) => call === "read").length, 2); // one at a time
    return calls.slice(calls.indexOf("write") + 1).filter((call) => call !== "read");
  };
  assertEquals(await endingOf(undefined), ["closeWrite"]);
  assertEquals(await endingOf("linger"), ["closeWrite"]);
  assertEquals(await endingOf("close"), ["close"]);
  assertEquals(await endingOf("reset"), ["close"]);
  assertEquals(await endingOf("reset", new Resettable()), ["reset", "close"]);
});

Deno.test("serve() reads on after a raw reply whose `ending` is open", WATCHED, async () => {
  const raw = [bytesOf("raw,")];
  const { exchanges, scripted } = startRecorded(({ target }) =>
    target === "/raw" ? { raw, ending: "open" } : HELLO
  );
  await using _scripted = scripted;
  const client = scripted.request(PLAIN_REQUEST.replace("/", "/raw").repeat(2) + PLAIN_REQUEST);
  await until(() => client.wire.endsWith("!"));
  client.send(LAST_REQUEST);
  await client.closed;
  assertEquals(undated(undated(client.wire)), "raw,raw," + HELLO_OPEN + HELLO_WIRE);
  assertEquals(exchanges.map(({ bytes }) => bytes), [4, 4, 12, 12]);
});

Deno.test(
  "serve() closes after a raw reply whose `ending` is open where it would after any reply",
  WATCHED,
  async () => {
    await using scripted = startScripted(() => ({ raw: [bytesOf("raw")], ending: "open" }));
    for (
      const [request, calls] of [[LAST_REQUEST, ["close"]], ["GET / HTTP/1.1\r\n", [
        "closeWrite",
        "close",
      ]]] as const
    ) {
      const client = scripted.request(request);
      client.end();
      await client.closed;
      assertEquals(client.wire, "raw");
      const after = client.calls.slice(client.calls.indexOf("write") + 1);
      assertEquals(after.filter((call) => call !== "read"), [...calls], request);
    }
  },
);

Deno.test(
  "shutdown() closes a raw reply that stalls at once, and does not count it as aborted",
  WATCHED,
  async () => {
    using time = new SkippableTime();
    await using scripted = startScripted(({ target }) => ({
      raw: [bytesOf("a"), 1e6],
      stalls: target === "/stalls",
    }), { shutdownGraceMs: 100_000 });
    const stalling = scripted.request(PLAIN_REQUEST.replace("/", "/stalls"));
    const slow = scripted.request(PLAIN_REQUEST);
    await until(() => stalling.wire + slow.wire === "aa");
    const ending = scripted.server.shutdown();
    await stalling.closed;
    assertEquals(slow.isClosed, false);
    time.jump(100_000);
    assertEquals(await ending, { aborted: 1 });
  },
);

Deno.test("shutdown() waits for half a line behind a raw reply that stalled", WATCHED, async () => {
  const responder: Responder = ({ target }) =>
    target === "/" ? HELLO : { raw: [bytesOf("a")], stalls: true, ending: "open" };
  await using scripted = startScripted(responder);
  const idle = scripted.queue(new ScriptedSocket());
  const client = scripted.request(PLAIN_REQUEST.replace("/", "/stalls") + "GET / HT");
  await until(() => client.wire === "a");
  const ending = scripted.server.shutdown();
  await idle.closed;
  client.send("TP/1.0\r\n\r\n");
  assertEquals([await ending, undated(client.wire)], [{ aborted: 0 }, "a" + HELLO_WIRE]);
});

Deno.test("serve() accepts connections from a custom listener", WATCHED, async () => {
  const conns = [new ScriptedSocket()];
  const closed = Promise.withResolvers<never>();
  const listener: Listener = {
    addr: { hostname: "192.0.2.7", port: 7 },
    accept: () => conns.length > 0 ? Promise.resolve(conns.pop()!) : closed.promise,
    close: () => closed.reject(named("BadResource")),
  };
  const [client] = conns;
  await using server = serve({ listener, port: 1 }, HELLO);
  assertEquals(server.addr, listener.addr);
  client.send(LAST_REQUEST);
  await client.closed;
  assertEquals(undated(client.wire), HELLO_WIRE);
});

Deno.test(
  "serve() gives no time slice to connections that reset while they wait for one",
  WATCHED,
  async () => {
    using time = new SkippableTime(true);
    await using scripted = startScripted({ body: new Uint8Array(MEBIBYTE / 2) });
    const clients = Array.from({ length: 12 }, () => scripted.queue(new ScriptedSocket()));
    using timers = new HeldTicks(0);
    const started: ScriptedSocket[] = [];
    for (const client of clients) {
      client.onWrite = ({ length }) => {
        if (length < 1000) return length;
        time.jump(0.25);
        started.push(client);
        return new Promise(() => {});
      };
      client.send(PLAIN_REQUEST);
    }
    await sleep(1); // until() would wait for a held timer
    assertEquals(started.length, 8);
    const waiting = clients.filter((client) => !started.includes(client));
    for (const client of waiting.slice(1)) client.fail();
    await sleep(1);
    assertEquals(waiting.map(({ isClosed }) => isClosed), [false, true, true, true]);
    timers.tick();
    await sleep(1);
    assertEquals(started.slice(8), [waiting[0]]);
    assertEquals(waiting.slice(1).map(({ offers }) => offers.length), [1, 1, 1]);
  },
);

Deno.test("serve() yields to the event loop after each 256 accepts", WATCHED, async () => {
  await using scripted = startScripted();
  using timers = new HeldTicks(0);
  for (let count = 0; count < 600; count++) scripted.queue(new ScriptedSocket());
  const accepts: number[] = [];
  for (let turn = 0; turn < 4; turn++) {
    await sleep(1);
    accepts.push(scripted.accepts);
    timers.tick();
  }
  assertEquals(accepts, [255, 511, 601, 601]);
});

Deno.test("serve() reads pending input before it closes an idle connection", WATCHED, async () => {
  using time = new SkippableTime();
  using ticks = new HeldTicks();
  await using scripted = startScripted();
  const [late, idle] = [scripted.request(PLAIN_REQUEST), scripted.request(PLAIN_REQUEST)];
  await until(() => idle.writes.length === 1);
  time.jump(5_100);
  ticks.tick();
  await until(() => ticks.delays.length === 2);
  ticks.tick(); // the sweep that ends both
  late.send(PLAIN_REQUEST); // arrives in the same turn of the event loop
  await idle.closed;
  assertEquals([late.isClosed, late.writes.length], [false, 2]);
});

// ---------------------------------------------------------------- one connection

test("serve() answers a request line with nothing after it", WATCHED, async () => {
  await using server = start();
  assertEquals(undated(await talk(server.addr, "GET / HTTP/1.1\r\n")), HELLO_WIRE);
});

test("serve() answers a request line that arrives one byte at a time", WATCHED, async () => {
  await using server = start();
  assertEquals(undated(await talk(server.addr, ..."GET / HTTP/1.1\r\n")), HELLO_WIRE);
});

test("serve() answers before the header fields arrive", WATCHED, async () => {
  await using server = start();
  using socket = await connect(server.addr);
  await send(socket, "POST / HTTP/1.1\r\nHo");
  assertEquals(undated(await readAll(socket)), HELLO_WIRE);
  await send(socket, "st: x\r\n\r\n"); // discarded
});

test("serve() gives the same reply wherever the request is split", WATCHED, async () => {
  await using server = start(({ text }) => ({ body: `You said ${text}` }));
  const request = "\r\nGET /a%20b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  const whole = undated(await talk(server.addr, request));
  assertStringIncludes(whole, "You said GET /a%20b?c=d HTTP/1.1");
  for (let cut = 1; cut < request.length; cut++) {
    const wire = await talk(server.addr, request.slice(0, cut), request.slice(cut));
    assertEquals(undated(wire), whole, `cut at ${cut}`);
  }
});

test("serve() accepts a bare LF and skips two empty lines", WATCHED, async () => {
  await using server = start();
  assertEquals(undated(await talk(server.addr, "GET / HTTP/1.1\n")), HELLO_WIRE);
  assertEquals(undated(await talk(server.addr, "\r\n\nGET / HTTP/1.1\r\n")), HELLO_WIRE);
  assertEquals(statusOf(await talk(server.addr, "\r\n\r\n\r\nGET / HTTP/1.1\r\n")), 400);
});

test("serve() answers HTTP/1.0 and later 1.x as HTTP/1.1", WATCHED, async () => {
  await using server = start();
  for (const version of ["1.0", "1.1", "1.2", "1.9"]) {
    assertEquals(undated(await talk(server.addr, `GET / HTTP/${version}\r\n`)), HELLO_WIRE);
  }
});

test("serve() sends HEAD the same head and no content", WATCHED, async () => {
  await using server = start();
  const head = HELLO_WIRE.slice(0, HELLO_WIRE.indexOf("Hello"));
  assertEquals(undated(await talk(server.addr, "HEAD / HTTP/1.1\r\n")), head);
  const refused = await talk(server.addr, "HEAD / HTTP/3.0\r\n");
  assertEquals([statusOf(refused), refused.endsWith("\r\n\r\n")], [505, true]);
});

test("serve() answers 400 to a malformed request line", WATCHED, async () => {
  await using server = start();
  const malformed = "Expected a request line: a method, a target and a version " +
    "with one space between them, such as: GET / HTTP/1.1";
  assertEquals(
    undated(await talk(server.addr, 'GET  "/\\\x1b\xff HTTP/1.1\r\n')),
    errorWire("400 Bad Request", malformed, "GET  \\x22/\\x5C\\x1B\\xFF HTTP/1.1"),
  );
});

test("serve() answers 501 to CONNECT", WATCHED, async () => {
  await using server = start();
  assertEquals(
    undated(await talk(server.addr, "CONNECT example.com:443 HTTP/1.1\r\n")),
    errorWire(
      "501 Not Implemented",
      "Expected any method but CONNECT: this server opens no tunnels.",
      "CONNECT example.com:443 HTTP/1.1",
    ),
  );
});

test("serve() answers 505 to other major versions", WATCHED, async () => {
  await using server = start();
  assertEquals(
    undated(await talk(server.addr, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
    errorWire(
      "505 HTTP Version Not Supported",
      "Expected HTTP/1.0 or HTTP/1.1.",
      "PRI * HTTP/2.0",
    ),
  );
});

test("serve() answers 414 to a line beyond the limit, however it is split", WATCHED, async () => {
  await using server = start(HELLO, { maxRequestLineBytes: 4000 });
  const line = (length: number) => `GET /${"a".repeat(length - 16)} HTTP/1.1\r\n`;
  const halves = (text: string) => [text.slice(0, 3000), text.slice(3000)];
  assertEquals(statusOf(await talk(server.addr, line(4000))), 200);
  assertEquals(statusOf(await talk(server.addr, ...halves(line(4000)))), 200);
  const wire = errorWire(
    "414 URI Too Long",
    "Expected a shorter request line.",
    line(4001).slice(0, 200) + " ... (4000 bytes)",
  );
  assertEquals(undated(await talk(server.addr, line(4001))), wire);
  assertEquals(undated(await talk(server.addr, ...halves(line(4001)))), wire);
  assertEquals(undated(await talk(server.addr, "\r\n\r\n" + line(4001))), wire);
});

test("serve() accepts request lines of 8192 bytes by default", WATCHED, async () => {
  await using server = start();
  const line = (length: number) => `GET /${"a".repeat(length - 16)} HTTP/1.1\r\n`;
  assertEquals(statusOf(await talk(server.addr, line(8192))), 200);
  assertEquals(statusOf(await talk(server.addr, line(8193))), 414);
  assertEquals(statusOf(await talk(server.addr, "\r\n\r\n", line(8192))), 200);
});

test(
  "serve() answers 414 to 10 MB without a line end, and reads it all",
  WATCHED,
  async () => {
    await using server = start();
    using socket = await connect(server.addr);
    const flood = send(socket, new Uint8Array(10_000_000).fill(97));
    assertEquals(statusOf(await readAll(socket)), 414);
    await flood;
  },
);

test(
  "serve() answers 408 to a line that is incomplete at the deadline, even if bytes still arrive",
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
    assertEquals(wire, errorWire("408 Request Timeout", expected, received));
  },
);

test("serve() answers 400 to half a line followed by the end of input", WATCHED, async () => {
  await using server = start();
  using socket = await connect(server.addr);
  await send(socket, "GET / HTTP/1.1");
  await socket.closeWrite();
  assertEquals(
    undated(await readAll(socket)),
    errorWire(
      "400 Bad Request",
      "Expected a line end (CRLF) after the request line, but the input ended.",
      "GET / HTTP/1.1",
    ),
  );
});

Deno.test("serve() closes without a reply if no request came", WATCHED, async () => {
  using time = new SkippableTime();
  await using scripted = startScripted(HELLO, { idleTimeoutMs: SHORT_MS });
  const ended = scripted.queue(new ScriptedSocket());
  ended.end();
  await ended.closed;
  const silent = [scripted.queue(new ScriptedSocket()), scripted.request("\r\n")];
  await until(() => silent[1].calls.filter((call) => call === "read").length === 2);
  assertEquals(silent.map(({ isClosed }) => isClosed), [false, false]);
  await time.skip(11_000);
  assertEquals([ended, ...silent].map(({ isClosed, wire }) => [isClosed, wire]), [
    [true, ""],
    [true, ""],
    [true, ""],
  ]);
});

test(
  "serve() answers 500 if a responder throws, rejects or returns an invalid reply",
  WATCHED,
  async () => {
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
  },
);

test("serve() passes each exchange to onExchange", WATCHED, async () => {
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
  assert(milliseconds >= 0 && milliseconds < 60_000);
});

test(
  "serve() survives resets while it reads, waits for a responder and writes",
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
    await new Promise((resolve) => writing.once("readable", resolve)); // the reply has begun
    await reset(writing);
    await written.promise;
    assert(exchanges[0].bytes < large.body.length);
    wait.resolve(HELLO);
    assertEquals(undated(await talk(server.addr, "GET / HTTP/1.1\r\n\r\n")), HELLO_WIRE);
  },
);

Deno.test("serve() makes no needless system call", WATCHED, async () => {
  await using scripted = startScripted();
  const once = scripted.request(LAST_REQUEST);
  await once.closed;
  assertEquals(once.calls, ["setNoDelay", "read", "write", "close"]);
  const twice = scripted.request(PLAIN_REQUEST);
  await until(() => twice.writes.length === 1);
  twice.send(PLAIN_REQUEST + LAST_REQUEST);
  await twice.closed;
  const calls = twice.calls.filter((call) => call !== "setNoDelay");
  assertEquals(calls, ["read", "write", "read", "write", "close"]);
  assertEquals(undated(undated(undated(twice.wire))), HELLO_OPEN + HELLO_OPEN + HELLO_WIRE);
});

Deno.test(
  "serve() sets TCP_NODELAY once, before the second reply",
  WATCHED,
  async () => {
    await using scripted = startScripted();
    const client = scripted.request(PLAIN_REQUEST);
    for (let count = 1; count <= 3; count++) {
      await until(() => client.writes.length === count);
      client.send(PLAIN_REQUEST);
    }
    await until(() => client.writes.length === 4);
    const secondWrite = client.calls.indexOf("write", client.calls.indexOf("write") + 1);
    const asked = client.calls.flatMap((call, at) => call === "setNoDelay" ? at < secondWrite : []);
    assertEquals(asked, [true]);
  },
);

Deno.test("serve() continues after partial writes", WATCHED, async () => {
  await using scripted = startScripted();
  const client = scripted.queue(new ScriptedSocket());
  client.onWrite = ({ length }) => Math.min(length, 7);
  client.send(PLAIN_REQUEST);
  await until(() => client.wire.endsWith("Hello world!"));
  client.send(PLAIN_REQUEST + LAST_REQUEST);
  await client.closed;
  assertEquals(undated(undated(undated(client.wire))), HELLO_OPEN + HELLO_OPEN + HELLO_WIRE);
});

/** Errors by which Deno reports that a connection has ended. */
const GONE = [
  "ConnectionReset",
  "ConnectionAborted",
  "BrokenPipe",
  "NotConnected",
  "TimedOut",
  "Interrupted",
  "BadResource",
];

Deno.test("serve() reports no error when a client disconnects", WATCHED, async () => {
  const errors: unknown[] = [];
  await using scripted = startScripted(HELLO, { onError: (error) => errors.push(error) });
  for (const gone of GONE) {
    for (const sent of ["", "GET", PLAIN_REQUEST, "GET / HTTP/1.1\r\n"]) { // lingers after the last
      const client = scripted.request(sent);
      await until(() => client.calls.filter((call) => call === "read").length > (sent ? 1 : 0));
      client.fail(named(gone));
      await client.closed;
    }
    const writing = scripted.queue(new ScriptedSocket());
    writing.onWrite = () => Promise.reject(named(gone));
    writing.send(LAST_REQUEST);
    await writing.closed;
    assertEquals(writing.calls, ["setNoDelay", "read", "write", "close"]);
  }
  assertEquals(errors, []);
});

Deno.test("serve() reports unknown errors of a socket and closes it", WATCHED, async () => {
  const errors: unknown[] = [];
  await using scripted = startScripted(HELLO, { onError: (error) => errors.push(error) });
  const odd = new Error("odd");
  const client = scripted.request("GET");
  await until(() => client.calls.length === 3);
  client.fail(odd);
  await client.closed;
  assertEquals(errors, [odd]);
});

Deno.test(
  "serve() closes without lingering only if nothing is unread and nothing may follow",
  WATCHED,
  async () => {
    const closing: Responder = ({ target }) => ({ ...HELLO, close: target === "/last" });
    const wholes = [
      LAST_REQUEST,
      LAST_REQUEST.replace("\r\n\r\n", "\r\nHost: x\r\n\r\n"),
      PLAIN_REQUEST.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
      PLAIN_REQUEST + LAST_REQUEST,
    ];
    const others = [
      "GET / HTTP/1.1\r\n", // the rest of its head may follow
      "GET / HTTP/1.1\n\n", // ambiguous: unclear where it ends
      "GET / HTTP/1.1\r\n\r\n", // no Host: not to be trusted
      "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n",
      "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nConnection: x\r\n\r\n",
      LAST_REQUEST + "x",
      LAST_REQUEST + PLAIN_REQUEST,
      "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n",
      "G@T / HTTP/1.1\r\nHost: x\r\n\r\n",
      PLAIN_REQUEST.replace("/", "/last"), // the client may have sent more by now
      PLAIN_REQUEST.replace("/", "/last") + "G",
      PLAIN_REQUEST.replace("/", "/last") + PLAIN_REQUEST,
    ];
    await using scripted = startScripted(closing);
    for (const request of wholes) {
      const client = scripted.request(request);
      await client.closed;
      assertEquals(client.calls, ["setNoDelay", "read", "write", "close"], request);
    }
    for (const request of others) {
      const client = scripted.request(request);
      await until(() => client.calls.filter((call) => call === "read").length === 2);
      assertEquals(client.calls.slice(1), ["read", "write", "closeWrite", "read"], request);
      client.send("more");
      await until(() => client.calls.length === 6);
      client.end();
      await client.closed;
      assertEquals(client.calls.slice(5), ["read", "close"], request);
      assertEquals(client.wire.match(/HTTP\/1\.1 \d{3}/g)?.length, 1, request);
    }
  },
);

Deno.test("serve() reuses a buffer of 1 KiB while requests fit", WATCHED, async () => {
  await using scripted = startScripted();
  const client = scripted.queue(new ScriptedSocket());
  for (let round = 1; round <= 10; round++) {
    client.send(PLAIN_REQUEST.repeat(35) + "GET / HT"); // 953 bytes
    await until(() => client.wire.match(/HTTP/g)?.length === 36 * round - 1);
    client.send("TP/1.1\r\nHost: x\r\nX-A: " + "a".repeat(500) + "\r\n\r\n");
    await until(() => client.wire.match(/HTTP/g)?.length === 36 * round);
  }
  assert(Math.max(...client.rooms) <= 1024, `${client.rooms}`);
});

Deno.test(
  "serve() answers heads that fill its buffer, whatever maxRequestLineBytes is",
  WATCHED,
  async () => {
    for (const maxRequestLineBytes of [100, 2000, 3000]) {
      await using scripted = startScripted(HELLO, { maxRequestLineBytes });
      for (const length of [1023, 1024, 1025, 2047, 2048, 2049, 2999, 3000, 3001, 4096, 5000]) {
        const client = scripted.request("GET / HTTP/1.1\r\nX-A: ".padEnd(length, "a"));
        await until(() => client.wire !== "");
        assertEquals(undated(client.wire), HELLO_WIRE, `${length} bytes`);
        client.end();
        await client.closed;
      }
    }
  },
);

Deno.test(
  "serve() closes a connection once, after its last reply has been written",
  WATCHED,
  async () => {
    await using scripted = startScripted();
    const client = scripted.queue(new ScriptedSocket());
    const taken = Promise.withResolvers<number>();
    client.onWrite = () => taken.promise;
    client.send(LAST_REQUEST);
    await until(() => client.calls.includes("write"));
    await sleep(20);
    assertEquals(client.isClosed, false);
    client.onWrite = ({ length }) => length;
    taken.resolve(1);
    await client.closed;
    await scripted.server.shutdown();
    assertEquals(client.calls, ["setNoDelay", "read", "write", "write", "close"]);
  },
);

Deno.test(
  "serve() does not wait for the rest of a head that fills its buffer",
  WATCHED,
  async () => {
    await using scripted = startScripted(HELLO, { requestTimeoutMs: 1_000_000 });
    const head = "GET / HTTP/1.1\r\nHost: x\r\nX-A: ";
    for (const length of [1024, 2048, 4096, 8192]) {
      const client = scripted.request(head.padEnd(length, "a"));
      await until(() => client.calls.includes("closeWrite"));
      assertEquals(undated(client.wire), HELLO_WIRE);
      client.send("\r\n\r\n" + PLAIN_REQUEST);
      client.end();
      await client.closed;
      assertEquals(undated(client.wire), HELLO_WIRE);
    }
  },
);

Deno.test("serve() closes as soon as it has discarded maxLingerBytes", WATCHED, async () => {
  await using scripted = startScripted(HELLO, {
    maxLingerBytes: 100_000,
    lingerTimeoutMs: 1_000_000,
  });
  const client = scripted.request("POST / HTTP/1.1\r\n");
  await until(() => client.calls.includes("closeWrite"));
  client.send(new Uint8Array(99_999));
  await sleep(20);
  assertEquals(client.isClosed, false);
  client.send("x");
  await client.closed;
});

/** Starts a server for scripted clients and records its exchanges. */
function startRecorded(responder: Responder | Reply, options: ServeOptions = {}) {
  const exchanges: Exchange[] = [];
  const onExchange = (exchange: Exchange) => exchanges.push(exchange);
  return { exchanges, scripted: startScripted(responder, { onExchange, ...options }) };
}

Deno.test(
  "serve() reports as many bytes of large content as the kernel took",
  WATCHED,
  async () => {
    const body = "0123456789".repeat(10_000);
    const { exchanges, scripted } = startRecorded({ body });
    await using _scripted = scripted;
    const whole = scripted.request(LAST_REQUEST);
    await whole.closed;
    assertEquals(exchanges.splice(0).map(({ bytes }) => bytes), [body.length]);
    const headBytes = whole.wire.length - body.length;
    for (const left of [0, headBytes, headBytes + 1, headBytes + 9]) {
      const client = scripted.queue(new ScriptedSocket());
      let toTake = left;
      client.onWrite = ({ length }) => {
        if (toTake === 0) throw named("ConnectionReset");
        const count = Math.min(length, toTake);
        toTake -= count;
        return count;
      };
      client.send(LAST_REQUEST);
      await client.closed;
      const reported = exchanges.splice(0).map(({ bytes }) => bytes);
      assertEquals(reported, [Math.max(0, left - headBytes)]);
    }
  },
);

Deno.test(
  "serve() reports each exchange once, after its reply has been written",
  WATCHED,
  async () => {
    const { exchanges, scripted } = startRecorded(({ target }) =>
      target === "/raw" ? { raw: [bytesOf("ab"), bytesOf("c")] } : { status: 404, body: target }
    );
    await using _scripted = scripted;
    const client = scripted.request(PLAIN_REQUEST);
    await until(() => client.writes.length === 1);
    assertEquals(exchanges.length, 1);
    client.send(PLAIN_REQUEST.replace("GET", "HEAD") + PLAIN_REQUEST.replace("/", "/raw"));
    client.end();
    await client.closed;
    assertEquals(
      exchanges.map((
        { client, requestLine, status, bytes },
      ) => [client, requestLine, status, bytes]),
      [
        [{ hostname: "192.0.2.1", port: 49152 }, "GET / HTTP/1.1", 404, 1],
        [{ hostname: "192.0.2.1", port: 49152 }, "HEAD / HTTP/1.1", 404, 0],
        [{ hostname: "192.0.2.1", port: 49152 }, "GET /raw HTTP/1.1", 0, 3],
      ],
    );
  },
);

Deno.test("serve() reports large content after it has been written", WATCHED, async () => {
  const { exchanges, scripted } = startRecorded({ body: new Uint8Array(100_000) });
  await using _scripted = scripted;
  const client = scripted.request(PLAIN_REQUEST);
  await until(() => client.calls.filter((call) => call === "read").length === 2);
  assertEquals(exchanges.map(({ bytes }) => bytes), [100_000]);
});

Deno.test(
  "serve() reports the time from the request line to the last byte of the reply",
  WATCHED,
  async () => {
    using time = new SkippableTime();
    const late = Promise.withResolvers<Reply>();
    let asked = false;
    const limits = { requestTimeoutMs: 1e9, writeTimeoutMs: 1e9 };
    const { exchanges, scripted } = startRecorded(() => (asked = true, late.promise), limits);
    await using _scripted = scripted;
    const client = scripted.queue(new ScriptedSocket());
    const taken = Promise.withResolvers<void>();
    await time.skip(1_000_000);
    client.onWrite = ({ length }) => taken.promise.then(() => length);
    const before = Date.now();
    client.send(LAST_REQUEST);
    await until(() => asked);
    await time.skip(2_000_000);
    late.resolve({ status: 204 });
    await until(() => client.calls.includes("write"));
    await time.skip(4_000_000);
    taken.resolve();
    await client.closed;
    const [{ time: startedAt, milliseconds }] = exchanges;
    assertEquals([milliseconds, startedAt - before].map((each) => Math.round(each / 1e6)), [6, 0]);
  },
);

// ---------------------------------------------------------------- request line

function parse(line: string): string {
  const request = parseRequestLine(bytesOf(line));
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

Deno.test("parseRequestLine() keeps the text of the line", WATCHED, () => {
  const request = parseRequestLine(bytesOf("BREW /pot HTTP/1.1")) as RequestLine;
  assertEquals(request.text, "BREW /pot HTTP/1.1");
});

Deno.test("parseRequestLine() rejects two spaces", WATCHED, () => {
  for (const line of ["GET  / HTTP/1.1", "GET /  HTTP/1.1", " GET / HTTP/1.1", " / HTTP/1.1"]) {
    assertEquals(parse(line), "400", line);
  }
});

Deno.test("parseRequestLine() rejects lines that do not match the grammar", WATCHED, () => {
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
    "GET / HTTP/1-1",
    "GET /\tHTTP/1.1",
    "GET /\xa0HTTP/1.1",
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
  "parseRequestLine() answers 501 to CONNECT and 505 to other versions",
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
  "parseRequestLine() accepts exactly the octets that the grammar allows in method and target",
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

Deno.test(
  "parseRequestLine() accepts absolute URIs only with an authority",
  WATCHED,
  () => {
    const uris =
      "http://h|http://h:80|https://u@h/a|http://[::1]:8080/?b|x-a+b.c://h//|HTTP://h?a#b";
    for (const uri of uris.split("|")) assertEquals(parse(`GET ${uri} HTTP/1.1`), `GET|${uri}|1`);
    const others = "http://[|http://[::1|http://h:x|http://h:99999|http://|http:///|http://:80|" +
      "http:h|http:/h|//h|h|h/a|h:80|mailto:a@h|://h|1http://h|+a://h|http//h|-|?|#";
    for (const other of others.split("|")) {
      const expected = other.startsWith("/") ? `GET|${other}|1` : "400";
      assertEquals(parse(`GET ${other} HTTP/1.1`), expected, other);
    }
  },
);

Deno.test(
  "parseRequestLine() accepts an asterisk for OPTIONS only, and an authority for CONNECT only",
  WATCHED,
  () => {
    assertEquals(parse("OPTIONS * HTTP/1.0"), "OPTIONS|*|0");
    for (const line of ["options * HTTP/1.1", "OPTIONSX * HTTP/1.1", "OPTIONS *a HTTP/1.1"]) {
      assertEquals(parse(line), "400", line);
    }
    for (const target of ["h:1", "a.b:65535", "[::1]:443", "/", "/a", "http://h/"]) {
      assertEquals(parse(`CONNECT ${target} HTTP/1.1`), "501", target);
    }
    for (
      const target of ["h", "h:", ":1", "h:a", "a@h:1", "h/a:1", "h:1:2", "[::1]", "[::g]:1", "?"]
    ) {
      assertEquals(parse(`CONNECT ${target} HTTP/1.1`), "400", target);
    }
    for (const line of ["connect h:1 HTTP/1.1", "CONNECTS h:1 HTTP/1.1", "GET h:1 HTTP/1.1"]) {
      assertEquals(parse(line), "400", line);
    }
    assertEquals(parse("CONNECTS / HTTP/1.1"), "CONNECTS|/|1");
  },
);

Deno.test("parseRequestLine() answers 501 to methods longer than 32 bytes", WATCHED, () => {
  const longest = "M".repeat(32);
  assertEquals(parse(`${longest} / HTTP/1.1`), `${longest}|/|1`);
  assertEquals(parse(`${longest}M / HTTP/1.1`), "501");
  assertEquals(parse(`${"M".repeat(5000)} * HTTP/1.1`), "400"); // its target is invalid too
});

Deno.test(
  "parseRequestLine() checks the grammar first, then the version, then method and target",
  WATCHED,
  () => {
    assertEquals(parse("CONNECT h:1 HTTP/2.0"), "505");
    assertEquals(parse("GET * HTTP/2.0"), "505");
    assertEquals(parse("GET  * HTTP/2.0"), "400");
    assertEquals(parse("GET / HTTP/0.1"), "505");
    assertEquals(parse("PRI * HTTP/2.0"), "505");
  },
);

// ---------------------------------------------------------------- closing

test("serve() closes at once if the whole request was read", WATCHED, async () => {
  await using server = start(HELLO, { lingerTimeoutMs: 60_000 });
  for (const head of ["", "Host: x\r\n", "Host: x\r\nAccept: */*\r\nX-Empty:\r\nX-Tab:\ta\r\n"]) {
    assertEquals(statusOf(await talk(server.addr, `GET / HTTP/1.0\r\n${head}\r\n`)), 200);
  }
  assertEquals(await server.shutdown(), { aborted: 0 });
});

test(
  "serve() answers clients that send 2 MB before they read, 100 times out of 100",
  WATCHED,
  async () => {
    await using server = start();
    const request = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n${
      "x".repeat(2e6)
    }`;
    const bytes = bytesOf(request);
    for (let round = 0; round < 100; round++) {
      using socket = await connect(server.addr);
      await send(socket, bytes);
      assertEquals(undated(await readAll(socket)), HELLO_WIRE);
    }
  },
);

test("serve() stops lingering after lingerTimeoutMs of silence", WATCHED, async () => {
  await using server = start(HELLO, { lingerTimeoutMs: 40 });
  using socket = await connect(server.addr);
  await send(socket, "GET / HTTP/1.1\r\n");
  assertEquals(undated(await readAll(socket)), HELLO_WIRE);
  assertEquals(await server.shutdown(), { aborted: 0 }); // the client never closed
});

test("serve() resets a client that sends more than maxLingerBytes", WATCHED, async () => {
  await using server = start(HELLO, { lingerTimeoutMs: 60_000, maxLingerBytes: 1000 });
  const socket = await resettable(server.addr);
  socket.resume();
  const error = new Promise<Error>((resolve) => socket.once("error", resolve));
  socket.write("POST / HTTP/1.1\r\n");
  socket.write(new Uint8Array(50_000_000));
  assertMatch(String(await error), /ECONNRESET|EPIPE/);
  assertEquals(await server.shutdown(), { aborted: 0 });
});

test("serve() closes after writeTimeoutMs if the client does not read", WATCHED, async () => {
  const closed = Promise.withResolvers<Exchange>();
  const large = { body: new Uint8Array(50_000_000) };
  await using server = start(large, { writeTimeoutMs: 60, onExchange: closed.resolve });
  using socket = await connect(server.addr);
  await send(socket, "GET / HTTP/1.1\r\n\r\n");
  const { bytes } = await closed.promise;
  assert(bytes < large.body.length);
});

test("serve() writes large content completely to a slow reader", WATCHED, async () => {
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
  assert(body.every((byte, at) => received[head.length + at] === byte));
});

// ---------------------------------------------------------------- staying open

test("serve() keeps a connection open for 1000 requests", WATCHED, async () => {
  await using server = start();
  using socket = await connect(server.addr);
  for (let round = 0; round < 1000; round++) {
    await send(socket, PLAIN_REQUEST);
    const [reply] = await readReplies(socket, 1);
    assertEquals(undated(reply), HELLO_OPEN);
  }
});

test(
  "serve() keeps a connection of fetch() open",
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

test("serve() keeps connections open after unambiguous heads", WATCHED, async () => {
  await using server = start();
  const heads = [
    "Host: x\r\n",
    "host:x:80\r\n",
    "HOST: x\r\nConnection: keep-alive\r\n",
    "Host: x\r\nconnection:Keep-Alive \t\r\n",
    "Host: x\r\nAccept-Encoding: gzip\r\nUpgrade-Insecure-Requests: 1\r\nCookie: a=b; c\r\n",
    "Host: x\r\nContent-Length: 0\r\nContent-Type: application/json\r\n",
    "Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    "Host: x\r\nConnection: keep-alive, TE\r\nTE: trailers\r\nExpect-CT: max-age=0\r\nX_A: b\r\n",
    "X-Tab:\ta\tb\r\nX-Empty:\r\nX-Obs: \xe9\r\nHost: x\r\nTE: trailers\r\ntraceparent: 00\r\n",
  ];
  using socket = await connect(server.addr);
  for (const head of heads) {
    await send(socket, `GET / HTTP/1.2\r\n${head}\r\n`);
    const [reply] = await readReplies(socket, 1);
    assertEquals(undated(reply), HELLO_OPEN, head);
  }
});

test(
  "serve() sends no content for HEAD, 204 and 304 on an open connection",
  WATCHED,
  async () => {
    await using server = start(({ target }) => ({ status: Number(target.slice(1)), body: "x" }));
    using socket = await connect(server.addr);
    const request = (line: string) => `${line} HTTP/1.1\r\nHost: x\r\n\r\n`;
    await send(socket, ["GET /204", "GET /304", "HEAD /200"].map(request).join(""));
    await send(socket, "GET /299 HTTP/1.1\r\n\r\n");
    const replies = (await readAll(socket)).split("\r\n\r\n").map(statusOf);
    assertEquals(replies, [204, 304, 200, 299, NaN]); // heads without content, except the last
  },
);

test(
  "serve() answers pipelined requests in order, and a split one once complete",
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

test(
  "serve() keeps connections open after heads as long as maxRequestLineBytes",
  WATCHED,
  async () => {
    await using server = start();
    using socket = await connect(server.addr);
    for (const length of [8192, 900, 1024, 1025, 1900, 2048, 2049, 4096, 8000, 8192]) {
      const request = PLAIN_REQUEST.replace("\r\n\r\n", "\r\nX-A: \r\n\r\n");
      await send(
        socket,
        request.replace("X-A: ", "X-A: ".padEnd(5 + length - request.length, "a")),
      );
      assertEquals(undated((await readReplies(socket, 1))[0]), HELLO_OPEN, String(length));
    }
  },
);

test(
  "serve() answers a head that fills its buffer when no more comes",
  WATCHED,
  async () => {
    await using server = start();
    const head = "GET / HTTP/1.1\r\nHost: x\r\nX-A: ";
    for (const length of [1024, 2048, 4096, 8192]) {
      assertEquals(undated(await talk(server.addr, head.padEnd(length, "a"))), HELLO_WIRE);
    }
  },
);

Deno.test("serve() writes large content once when a slow reply follows", WATCHED, async () => {
  const late = Promise.withResolvers<Reply>();
  const large = { body: new Uint8Array(100_000).fill(97) };
  await using scripted = startScripted(({ target }) => target === "/" ? large : late.promise);
  const client = scripted.request(PLAIN_REQUEST + PLAIN_REQUEST.replace("/", "/late"));
  await until(() => client.writes.length === 2);
  await sleep(0);
  late.resolve(HELLO);
  await until(() => client.wire.endsWith("Hello world!"));
  assertEquals(client.writes.length, 3);
});

test("serve() sends a reply before a slow one that follows", WATCHED, async () => {
  const slow = Promise.withResolvers<Reply>();
  await using server = start(({ target }) => target === "/slow" ? slow.promise : HELLO);
  using socket = await connect(server.addr);
  await send(socket, PLAIN_REQUEST + PLAIN_REQUEST.replace("/", "/slow"));
  assertEquals(undated((await readReplies(socket, 1))[0]), HELLO_OPEN);
  slow.resolve({ body: "slow" });
  assertStringIncludes((await readReplies(socket, 1))[0], "slow");
});

test("serve() waits for a responder longer than its timeouts", WATCHED, async () => {
  const late = () => new Promise<Reply>((resolve) => setTimeout(() => resolve(HELLO), 120));
  await using server = start(late, { requestTimeoutMs: 30, idleTimeoutMs: 30, writeTimeoutMs: 30 });
  assertEquals(undated(await talk(server.addr, PLAIN_REQUEST)), HELLO_OPEN);
});

test("serve() writes large and small replies in order", WATCHED, async () => {
  const large = "x".repeat(300_000);
  await using server = start(({ target }) => ({ body: target === "/large" ? large : target }));
  using socket = await connect(server.addr);
  const targets = ["/a", "/large", "/b", "/large", "/c"];
  await send(socket, targets.map((target) => PLAIN_REQUEST.replace("/", target)).join(""));
  const bodies = (await readReplies(socket, 5)).map((reply) => reply.split("\r\n\r\n")[1]);
  assertEquals(bodies, ["/a", large, "/b", large, "/c"]);
});

test(
  "serve() keeps replies of a slow reader separate from those of others",
  WATCHED,
  async () => {
    const bodyOf = (target: string) => target.padEnd(7_000, target.slice(1));
    const ask = (target: string) => PLAIN_REQUEST.replace("/", target);
    await using server = start(({ target }) => ({ body: bodyOf(target) }));
    const targets = Array.from({ length: 1000 }, (_, at) => `/${at}`);
    using late = await connect(server.addr);
    const sent = send(late, targets.map(ask).join("")); // beyond the kernel's buffers
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

test(
  "serve() gives pipelined requests the same replies wherever they are split",
  WATCHED,
  async () => {
    await using server = start(({ target }) => ({ body: target }));
    const wire = PLAIN_REQUEST.replace("/", "/1") + "\r\n" + PLAIN_REQUEST.replace("/", "/2") +
      "GET /3 HTTP/1.0\r\n\r\n";
    for (let cut = 1; cut < wire.length; cut++) {
      const text = await talk(server.addr, wire.slice(0, cut), wire.slice(cut));
      const bodies = text.split("\r\n\r\n").slice(1).map((part) => part.replace(/HTTP.*/s, ""));
      // A split head may close its connection. Replies until then must be right.
      assertEquals(bodies, ["/1", "/2", "/3"].slice(0, bodies.length), `cut at ${cut}`);
      assert(bodies.length > 0);
    }
  },
);

test("serve() answers no request after a reply with Connection: close", WATCHED, async () => {
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
  "serve() sends no reply to empty lines alone, however they are split",
  WATCHED,
  async () => {
    await using scripted = startScripted();
    const client = scripted.queue(new ScriptedSocket());
    for (const piece of ["\r", "\n", "\r", "\n"]) {
      const reads = client.calls.length;
      client.send(piece);
      await until(() => client.calls.length > reads);
    }
    client.end();
    await client.closed;
    assertEquals(client.wire, "");
  },
);

Deno.test(
  "serve() skips at most two empty lines before each request",
  WATCHED,
  async () => {
    await using scripted = startScripted();
    const client = scripted.request(("\r\n\r\n" + PLAIN_REQUEST).repeat(3) + "\r\n\r\n\r\n");
    client.end();
    await client.closed;
    const statuses = client.wire.match(/HTTP\/1\.1 \d{3}/g);
    assertEquals(statuses, ["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 400"]);
  },
);

Deno.test("serve() answers 408 to half a line behind a request", WATCHED, async () => {
  using time = new SkippableTime();
  await using scripted = startScripted(HELLO, { idleTimeoutMs: SHORT_MS });
  const glued = scripted.request(PLAIN_REQUEST + "GET");
  await until(() => glued.writes.length === 1);
  await time.skip(11_000);
  assertEquals(glued.writes.map(textOf).map(statusOf), [200, 408]);
});

test(
  "shutdown() closes idle connections at once and sends Connection: close with the last reply",
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
    assertEquals(await ending, { aborted: 0 });
  },
);

/** Heads that are ambiguous in one way each. A second request follows each in the test. */
const AMBIGUOUS_HEADS: Record<string, string> = {
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
  "byte above ASCII in a name": "Host: x\r\nTransfer-Encod\xedng: chunked\r\n",
  "underscore in a name": "Host: x\r\nContent_Length: 5\r\n",
  "Content-Length": "Host: x\r\nContent-Length: 5\r\n",
  "Content-Length 00": "Host: x\r\nContent-Length: 00\r\n",
  "Content-Length +0": "Host: x\r\nContent-Length: +0\r\n",
  "Content-Length 0, 0": "Host: x\r\nContent-Length: 0, 0\r\n",
  "Content_Length 0": "Host: x\r\nContent_Length: 0\r\n",
  "Content-Length 0 twice": "Host: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n",
  "Content-Length 0 and chunked": "Host: x\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n",
  "Content-Length +5": "Host: x\r\nContent-Length: +5\r\n",
  "Content-Length -1": "Host: x\r\nContent-Length: -1\r\n",
  "Content-Length 0x5": "Host: x\r\nContent-Length: 0x5\r\n",
  "Content-Length 5, 5": "Host: x\r\nContent-Length: 5, 5\r\n",
  "empty Content-Length": "Host: x\r\nContent-Length:\r\n",
  "huge Content-Length": "Host: x\r\nContent-Length: 99999999999999999999\r\n",
  "two Content-Lengths": "Host: x\r\nContent-Length: 0\r\nContent-Length: 5\r\n",
  "Transfer-Encoding": "Host: x\r\nTransfer-Encoding: chunked\r\n",
  "both framings": "Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
  "both framings, in reverse order":
    "Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
  "Transfer-Encoding identity": "Host: x\r\nTransfer-Encoding: identity\r\n",
  "Transfer-Encoding xchunked": "Host: x\r\ntransfer-encoding: xchunked\r\n",
  "Transfer-Encoding in mixed case": "Host: x\r\ntRANSFER-eNCODING:\tchunked\r\n",
  "Transfer-Encodings": "Host: x\r\nTransfer-Encodings: chunked\r\n",
  "Tranfer-Encoding": "Host: x\r\nTranfer-Encoding: chunked\r\n",
  "Content-Encoding": "Host: x\r\nContent-Encoding: gzip\r\n",
  "Expect": "Host: x\r\nExpect: 100-continue\r\n",
  "Connection close": "Host: x\r\nConnection: close\r\n",
  "Connection Upgrade, close": "Host: x\r\nConnection: Upgrade, close\r\n",
  "Connection with two options": "Host: x\r\nConnection: keep-alive, close\r\n",
  "two Connections": "Host: x\r\nConnection: keep-alive\r\nConnection: close\r\n",
  "empty Connection": "Host: x\r\nConnection:\r\n",
};

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

function assertOneReply(wire: string, message: string): void {
  assertEquals(wire.match(/HTTP\/1\.1 /g)?.length, 1, message);
  assertEquals(undated(wire), HELLO_WIRE, message);
}

for (const [name, head] of Object.entries(AMBIGUOUS_HEADS)) {
  test(`serve() answers once and closes: ${name}`, async () => {
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

test("serve() answers once and closes: heads too large for its buffer", WATCHED, async () => {
  await using server = start(({ target }) => target === "/" ? HELLO : { body: "SMUGGLED" });
  const fields = "X-A: b\r\n".repeat(10_000);
  const large = `X-Large: ${"a".repeat(100_000)}\r\n`;
  for (const head of [fields, large]) {
    const wire = await talk(server.addr, `GET / HTTP/1.1\r\nHost: x\r\n${head}\r\n${SMUGGLED}`);
    assertOneReply(wire, head.slice(0, 20));
  }
});

Deno.test("scanHead() is persistent only for a valid Host", WATCHED, () => {
  const scan = (host: string) => {
    const text = `Host:${host}\r\n\r\n`;
    const head = scanHead(bytesOf(text), 0, text.length);
    return [head?.end, head?.persistence === "open"];
  };
  const hosts =
    "h| h| h:80| h:|\th.example \t|127.0.0.1| [::1]| [::1]:8080| a%20b| a%2F%c3| A-9_~b.| [2001:DB8::A]|" +
    " !$&'()*+;=| xn--bcher-kva.example:65535";
  for (const host of hosts.split("|")) assertEquals(scan(host), [host.length + 9, true], host);
  const others =
    "| |user@h| h/path| a b| a, b|,h| h:a| h:80:80| h:8 0| [::1| ::1| [::1]x| [g]| []|" +
    ':80| h?a| h#a| a%2| a%zz| %| "h"| <h>| {h}| h^| `h`| h\\';
  for (const other of others.split("|")) assertEquals(scan(other)[1], false, other);
  assertEquals(scan(" \xe9")[1], false);
});

test("serve() answers and closes if Host is invalid", WATCHED, async () => {
  await using server = start();
  for (const host of ["user@h", "h/path", "a, b", ""]) {
    const wire = await talk(server.addr, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assertEquals(undated(wire), HELLO_WIRE, host);
  }
  using socket = await connect(server.addr);
  for (const host of ["h", "h:80", "[::1]:8080", "127.0.0.1", "a%20b"]) {
    await send(socket, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assertEquals(undated((await readReplies(socket, 1))[0]), HELLO_OPEN, host);
  }
});

Deno.test("scanHead() is not persistent if any field is ambiguous, whatever follows it", () => {
  const isPersistent = (head: string) =>
    scanHead(bytesOf(head), 0, head.length)?.persistence === "open";
  const keep = "Connection: keep-alive\r\n";
  for (const head of ["Host: x\r\nConnection: close\r\n" + keep, "Host: a/b\r\n" + keep]) {
    assertEquals(isPersistent(head + "\r\n"), false, head);
  }
  assertEquals(isPersistent(keep + "Host: x\r\n" + keep + "\r\n"), true);
});

Deno.test("scanHead() scans from `from` to `to`", WATCHED, () => {
  const text = "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET";
  assertEquals(scanHead(bytesOf(text), 16, text.length), {
    end: text.length - 3,
    persistence: "open",
  });
  for (let to = 16; to < text.length - 3; to++) {
    assertEquals(scanHead(bytesOf(text), 16, to), undefined, String(to));
  }
});

Deno.test(
  "scanHead() accepts exactly the octets that the grammar allows in names and values",
  WATCHED,
  () => {
    const isPersistent = (head: string) =>
      scanHead(bytesOf(head), 0, head.length)?.persistence === "open";
    for (let octet = 0; octet < 256; octet++) {
      const character = String.fromCharCode(octet);
      assertEquals(isPersistent(`Host: x\r\nX${character}A: b\r\n\r\n`), /[\w:-]/.test(character));
      const isText = octet === 9 || octet >= 32 && octet !== 127;
      assertEquals(isPersistent(`Host: x\r\nA: b${character}c\r\n\r\n`), isText, String(octet));
    }
  },
);

Deno.test(
  "scanHead() is not persistent for names that resemble framing fields, in either case",
  WATCHED,
  () => {
    const scan = (name: string, value = "1") => {
      const head = `Host: x\r\n${name}: ${value}\r\n\r\n`;
      return scanHead(bytesOf(head), 0, head.length)?.persistence === "open";
    };
    const framing =
      "Content-Length|CONTENT-LENGTH|Content_Length|Content-Lengths|content-language|" +
      "Content-L|Transfer-Encoding|Transfer_Encoding|Transfer|TRANSFERS|Expect|expect|Encoding|" +
      "X-Encoding|X_Encoding|Content-Encoding|xaccept-encoding|encoding";
    for (const name of framing.split("|")) assertEquals(scan(name), false, name);
    for (const name of framing.split("|").slice(2)) assertEquals(scan(name, "0"), false, name);
    const others =
      "Accept-Encoding|accept-encoding|Accept_Encoding|Accept-Content|X-Content-Length|" +
      "X-Transfer|Unexpected|Upgrade|Upgrade-Insecure-Requests|Encodings|Encodin|Content-Type|" +
      "Content|content-md5|Transfe|Expec|expect-ct|Hosts|XHost|Hos|Connections|Connectio|TE|" +
      "Trailer|Via|HTTP2-Settings";
    for (const name of others.split("|")) assertEquals(scan(name), true, name);
  },
);

Deno.test("scanHead() accepts a single Content-Length: 0", WATCHED, () => {
  const scan = (fields: string) => {
    const head = `Host: x\r\n${fields}\r\n`;
    return scanHead(bytesOf(head), 0, head.length);
  };
  for (const value of ["0", " 0", "\t0 \t"]) {
    const fields = `Content-Length:${value}\r\n`;
    assertEquals(scan(fields), { end: 11 + fields.length, persistence: "open" }, value);
  }
  for (const value of ["", "00", "+0", "-0", "0, 0", "0x0", "0.0", "0;", "O"]) {
    assertEquals(scan(`Content-Length: ${value}\r\n`), undefined, value);
  }
  const zero = "Content-Length: 0\r\n";
  for (const other of [zero, "Transfer-Encoding: chunked\r\n", "Content_Length: 0\r\n"]) {
    assertEquals([scan(zero + other), scan(other + zero)], [undefined, undefined], other);
  }
});

Deno.test("scanHead() says what the client wants of the connection", WATCHED, () => {
  const scan = (value: string) => {
    const head = `Host: x\r\nConnection:${value}\r\n\r\n`;
    return scanHead(bytesOf(head), 0, head.length)?.persistence;
  };
  const open =
    "keep-alive| Keep-Alive \t|TE| keep-alive, TE|Upgrade, HTTP2-Settings|te\t,\tUPGRADE";
  for (const value of open.split("|")) assertEquals(scan(value), "open", value);
  const closing = "close| Close\t|keep-alive, close|close, Upgrade|x,close,|" +
    "x\r\nConnection: close|close\r\nConnection: x";
  for (const value of closing.split("|")) assertEquals(scan(value), "close", value);
  const others = "|keep-alive,|,TE|keep alive|TEs|Host|x|closed|not close|x\r\nConnection: te";
  for (const value of others.split("|")) assertEquals(scan(value), "unknown", value);
});

Deno.test("scanHead() returns the end of the head and what the client wants", () => {
  const scan = (text: string, closes = false) => scanHead(bytesOf(text), 0, text.length, closes);
  assertEquals(scan("Host: x\r\n\r\nGET"), { end: 11, persistence: "open" });
  assertEquals(scan("\r\n"), { end: 2, persistence: "unknown" });
  assertEquals(scan("\r\n", true), { end: 2, persistence: "close" });
  const closing = "Connection: close\r\n";
  assertEquals(scan(`${closing}Host: x\r\n\r\n`), { end: 30, persistence: "close" });
  assertEquals(scan(`${closing}\r\n`), { end: 21, persistence: "unknown" });
  for (const closes of [false, true]) {
    for (const hosts of ["Host: x\r\nHost: x\r\n", "Host: x/y\r\n"]) {
      assertEquals(scan(`${closing}${hosts}\r\n`, closes)?.persistence, "unknown");
    }
  }
  for (const option of ["te", "x"]) {
    assertEquals(scan(`Connection: ${option}\r\nHost: x\r\n\r\n`, true)?.persistence, "close");
  }
  const incomplete = ["", "\r", "H", "Host", "Host:", "Host: x", "Host: x\r", "Host: x\r\n\r"];
  const ambiguous = ["Host : x", "\rx", "\n", "Host: x\n", "A: \0", "Content-Length: 1\r\n\r\n"];
  for (const part of [...incomplete, ...ambiguous]) assertEquals(scan(part), undefined, part);
});

// ---------------------------------------------------------------- replies

test("serve() sends 204, 205 and 304 without content", WATCHED, async () => {
  await using server = start(({ target }) => ({ status: Number(target.slice(1)), body: "x" }));
  const wire = async (status: number) =>
    undated(await talk(server.addr, `GET /${status} HTTP/1.1\r\n`));
  const tail = "Connection: close\r\n\r\n";
  assertEquals(await wire(204), `HTTP/1.1 204 No Content\r\nDate: DATE\r\n${tail}`);
  assertEquals(await wire(304), `HTTP/1.1 304 Not Modified\r\nDate: DATE\r\n${tail}`);
  const reset = "HTTP/1.1 205 Reset Content\r\nDate: DATE\r\nContent-Length: 0\r\n";
  assertEquals(await wire(205), reset + tail);
});

test("serve() lets a reply replace default header fields and add others", WATCHED, async () => {
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

Deno.test(
  "serve() sends no content to HEAD, whatever its size and whichever way the reply is made",
  WATCHED,
  async () => {
    const large = new Uint8Array(300_000);
    const frozen = Object.freeze({ body: large });
    const responders: Array<Responder | Reply> = [
      { body: large },
      () => ({ body: large }),
      () => frozen,
      () => ({ body: "x".repeat(300_000) }),
      () => Promise.resolve(frozen),
    ];
    for (const responder of responders) {
      await using scripted = startScripted(responder);
      const client = scripted.request("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.0\r\n\r\n");
      await client.closed;
      const [open, last, rest] = client.wire.split("\r\n\r\n");
      for (const head of [open, last]) assertStringIncludes(head, "\r\nContent-Length: 300000");
      assertEquals([open.includes("close"), last.includes("close"), rest], [false, true, ""]);
    }
    await using scripted = startScripted();
    const client = scripted.request("HEADX / HTTP/1.0\r\n\r\n");
    await client.closed;
    assertEquals(undated(client.wire), HELLO_WIRE);
  },
);

Deno.test(
  "serve() encodes replies anew that are not frozen",
  WATCHED,
  async () => {
    const headers: Array<readonly [string, string]> = [["X-Round", "1"]];
    const reply = { body: "one", headers };
    await using scripted = startScripted(() => reply);
    const client = scripted.request(PLAIN_REQUEST);
    await until(() => client.writes.length === 1);
    headers[0] = ["X-Round", "2"];
    client.send(PLAIN_REQUEST);
    await until(() => client.writes.length === 2);
    reply.body = "three";
    client.send(PLAIN_REQUEST);
    await until(() => client.writes.length === 3);
    const [first, second, third] = client.writes.map(textOf);
    assertStringIncludes(first, "\r\nContent-Length: 3\r\nX-Round: 1\r\n\r\none");
    assertStringIncludes(second, "\r\nContent-Length: 3\r\nX-Round: 2\r\n\r\none");
    assertStringIncludes(
      third,
      "\r\nContent-Length: 5\r\nX-Round: 2\r\n\r\nthree",
    );
  },
);

Deno.test("serve() caches the variants of each frozen reply separately", WATCHED, async () => {
  const replies = ["/a", "/b", "/é".repeat(5000)].map((body) =>
    Object.freeze({ body, headers: Object.freeze([["X-A", body.slice(1, 2) && "b"] as const]) })
  );
  await using scripted = startScripted(({ target }) => replies[Number(target.slice(1))]);
  const requests: string[] = [];
  for (let round = 0; round < 3; round++) {
    for (const method of ["GET", "HEAD"]) {
      for (const target of ["/0", "/1", "/2"]) {
        requests.push(`${method} ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
      }
    }
  }
  const client = scripted.request(requests.join("") + LAST_REQUEST.replace("/", "/1"));
  await client.closed;
  const bodies = client.wire.split("\r\n\r\n").slice(1).map((text) => text.split("HTTP/1.1")[0]);
  const [a, b, c] = replies.map(({ body }) => textOf(new TextEncoder().encode(body)));
  const round = [a, b, c, "", "", ""];
  assertEquals(bodies, [...round, ...round, ...round, b]);
});

Deno.test(
  "serve() encodes fixed and frozen replies twice a second at most",
  WATCHED,
  async () => {
    using time = new SkippableTime();
    const frozen = Object.freeze({ ...HELLO });
    for (const responder of [HELLO, () => frozen]) {
      await using scripted = startScripted(responder, { lingerTimeoutMs: SHORT_MS });
      const memories: ArrayBufferLike[] = [];
      for (let count = 0; count < 5; count++) {
        if (count === 3) await time.skip(2_000);
        const client = scripted.request(LAST_REQUEST);
        await client.closed;
        memories.push(client.offers[0].buffer);
      }
      const [_first, second, third, ...later] = memories; // kept when it is asked for again
      assertEquals([third === second, later.includes(second)], [true, false]);
    }
  },
);

Deno.test("serve() holds little of small files a second time", WATCHED, async () => {
  using _ = new HeldTicks(); // the date stays
  for (const toBody of [bytesOf, (text: string) => text]) {
    const bodies = Array.from({ length: 300 }, (_, at) => toBody(`${at},`.padEnd(8_000, "x")));
    const replies = bodies.map((body) => Object.freeze({ body }));
    await using scripted = startScripted(({ target }) => replies[Number(target.slice(1))]);
    const memories = new Set<ArrayBufferLike>();
    const open = scripted.queue(new ScriptedSocket());
    for (const at of [...replies.keys(), 298, 299]) {
      const { length } = open.writes;
      open.send(PLAIN_REQUEST.replace("/", `/${at}`));
      const closing = scripted.request(LAST_REQUEST.replace("/", `/${at}`));
      await until(() => open.writes.length > length && closing.isClosed);
      for (const { writes, offers } of [open, closing]) {
        assertStringIncludes(textOf(writes.at(-1)!), `\r\n\r\n${at},xxx`);
        const memory = offers.at(-1)!.buffer;
        if (memory.byteLength < 9_000) memories.add(memory); // others are shared
      }
    }
    assertLess(memories.size, 270); // 600 without a limit
  }
});

Deno.test("serve() closes after a raw reply", WATCHED, async () => {
  await using scripted = startScripted(() => ({ raw: [bytesOf("raw")] }));
  const client = scripted.request(PLAIN_REQUEST + PLAIN_REQUEST);
  client.end();
  await client.closed;
  assertEquals([client.wire, client.calls.includes("closeWrite")], ["raw", true]);
});

Deno.test("serve() keeps default fields beside fields with similar names", WATCHED, async () => {
  const headers = [["X-Date", "a"], ["Dates", "b"], ["X-Content-Type", "c"]] as const;
  await using scripted = startScripted({ headers });
  const client = scripted.request(LAST_REQUEST);
  await client.closed;
  assertEquals(
    undated(client.wire),
    "HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Type: text/plain; charset=utf-8\r\n" +
      "Content-Length: 0\r\nX-Date: a\r\nDates: b\r\nX-Content-Type: c\r\n" +
      "Connection: close\r\n\r\n",
  );
});

Deno.test(
  "serve() sends cached replies of every size intact after other replies",
  WATCHED,
  async () => {
    const sizes = [0, 1, 1024, 1025, 3000, 8192, 8193, 16_384, 16_385, 50_000];
    const texts = sizes.map((size) => "x".repeat(size));
    for (const bodies of [texts, texts.map(bytesOf)]) {
      const replies = bodies.map((body) => Object.freeze({ body }));
      await using scripted = startScripted(({ target }) =>
        replies[Number(target.slice(1))] ?? { body: target }
      );
      const client = scripted.queue(new ScriptedSocket());
      for (const at of [...sizes.keys(), ...sizes.keys(), ...sizes.keys()]) {
        const offset = client.writes.length;
        client.send(PLAIN_REQUEST.replace("/", `/${at}`));
        const written = () => client.writes.slice(offset).map(textOf).join("");
        await until(() => isWhole(written()));
        assertStringIncludes(written(), `\r\nContent-Length: ${sizes[at]}\r\n\r\n${texts[at]}`);
        client.send(PLAIN_REQUEST.replace("/", "/" + "y".repeat(700)));
        await until(() => client.wire.endsWith("yyy"));
      }
    }
  },
);

Deno.test("serve() copies its fixed reply", WATCHED, async () => {
  const reply = { body: "as given", status: 203 };
  await using scripted = startScripted(reply);
  reply.body = "changed";
  reply.status = 99;
  const client = scripted.request(LAST_REQUEST);
  await client.closed;
  assertStringIncludes(client.wire, "HTTP/1.1 203 Non-Authoritative Information\r\n");
  assertStringIncludes(client.wire, "\r\n\r\nas given");
});

Deno.test("serve() closes after a reply with `close`", WATCHED, async () => {
  const frozen = Object.freeze({ ...HELLO, close: true });
  for (const responder of [frozen, () => frozen, () => ({ ...frozen })]) {
    await using scripted = startScripted(responder);
    const client = scripted.request(PLAIN_REQUEST + PLAIN_REQUEST);
    client.end();
    await client.closed;
    assertEquals(undated(client.wire), HELLO_WIRE);
  }
});

Deno.test("serve() sends status codes from 200 to 599 only", WATCHED, async () => {
  const errors: unknown[] = [];
  const responder: Responder = ({ target }) => ({ status: Number(target.slice(1)) });
  await using scripted = startScripted(responder, { onError: (error) => errors.push(error) });
  for (const status of [200, 299, 451, 599]) {
    const client = scripted.request(LAST_REQUEST.replace("/", `/${status}`));
    await client.closed;
    assertEquals(statusOf(client.wire), status);
  }
  assertEquals(errors, []);
  for (const status of [199, 600, 200.5, NaN]) {
    const client = scripted.request(LAST_REQUEST.replace("/", `/${status}`));
    await client.closed;
    assertEquals(statusOf(client.wire), 500);
  }
  assertEquals(errors.length, 4);
});

Deno.test("serve() sends text as UTF-8, and long heads completely", WATCHED, async () => {
  const value = "v".repeat(6000);
  for (const body of ["é€😀", "é".repeat(8000), ""]) {
    await using scripted = startScripted(() => ({ body, headers: [["X-Long", value]] }));
    const client = scripted.request(PLAIN_REQUEST + LAST_REQUEST);
    await client.closed;
    const content = textOf(new TextEncoder().encode(body));
    assertEquals(
      undated(undated(client.wire)),
      ["", "Connection: close\r\n"].map((close) =>
        "HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Type: text/plain; charset=utf-8\r\n" +
        `Content-Length: ${content.length}\r\nX-Long: ${value}\r\n${close}\r\n${content}`
      ).join(""),
    );
  }
});

Deno.test(
  "serve() quotes 200 bytes of a rejected line, and its length",
  WATCHED,
  async () => {
    await using scripted = startScripted();
    const line = "x".repeat(200);
    for (const [sent, shown] of [[line, line], [line + "y", line + " ... (201 bytes)"]]) {
      const client = scripted.request(PLAIN_REQUEST + sent + "\r\n"); // quotes the last line
      client.end();
      await client.closed;
      assertStringIncludes(client.wire, `\nReceived: ${shown}\n`);
    }
  },
);

Deno.test(
  "checkField() throws for fields that would make a response invalid or allow splitting",
  WATCHED,
  () => {
    checkField("X-Fine", "a \t~");
    checkField("X-Empty", "");
    const bad = [["", "a"], ["A b", "a"], ["A:", "a"], ["A\r\nB", "a"], ["A", "b\r\nC: d"]];
    bad.push(["A", "\0"], ["A", "\x7f"], ["A", "é"], ["Connection", "close"]);
    bad.push(["content-length", "1"], ["TRANSFER-ENCODING", "chunked"]);
    for (const [name, value] of bad) assertThrows(() => checkField(name, value), RangeError);
  },
);

Deno.test("escapeControls() returns one printable line", WATCHED, () => {
  assertEquals(
    escapeControls('a\r\n"\\\x1b\x7f\xe9\0 ~'),
    "a\\x0D\\x0A\\x22\\x5C\\x1B\\x7F\\xE9\\x00 ~",
  );
});

// ---------------------------------------------------------------- bytes out

/** Sends pipelined requests to a server whose content has this size. */
async function pipelined(count: number, bodyBytes: number): Promise<ScriptedSocket> {
  await using scripted = startScripted(() => ({ body: new Uint8Array(bodyBytes) }));
  const client = scripted.request(PLAIN_REQUEST.repeat(count) + LAST_REQUEST);
  await client.closed;
  return client;
}

Deno.test(
  "serve() combines small replies into few small writes",
  WATCHED,
  async () => {
    const { writes } = await pipelined(1000, 1000);
    const sizes = writes.map(({ length }) => length);
    assert(sizes.length < 200, `${sizes.length} writes`);
    assert(Math.max(...sizes) < 10_000, `${Math.max(...sizes)} bytes`);
  },
);

Deno.test(
  "serve() writes large content without a copy, and small content together with its head",
  WATCHED,
  async () => {
    const body = new Uint8Array(100_000);
    const frozen = Object.freeze({ body });
    for (const responder of [() => ({ body }), () => frozen, frozen]) {
      await using scripted = startScripted(responder);
      const client = scripted.request(LAST_REQUEST);
      await client.closed;
      assertEquals(client.offers.map(({ buffer }) => buffer === body.buffer), [false, true]);
    }
    assertEquals((await pipelined(0, 1000)).writes.length, 1);
  },
);

Deno.test(
  "serve() shares output buffers among connections",
  WATCHED,
  async () => {
    await using scripted = startScripted(() => ({ body: "x".repeat(5_000) }));
    const memories = new Map<ArrayBufferLike, Set<number>>();
    for (let count = 0; count < 200; count++) {
      const client = scripted.request(PLAIN_REQUEST); // the connection stays open
      await until(() => client.writes.length === 1);
      const [{ buffer, byteOffset }] = client.offers;
      memories.set(buffer, (memories.get(buffer) ?? new Set()).add(byteOffset));
    }
    const offsets = [...memories.values()].flatMap((set) => [...set]);
    assert(offsets.length <= 2, `${offsets.length} offsets`);
  },
);

Deno.test(
  "serve() reuses its output buffer after large replies and failed writes",
  WATCHED,
  async () => {
    await using scripted = startScripted(({ target }) => ({
      body: "x".repeat(Number(target.slice(1))),
    }));
    const ask = async (...sizes: number[]) => {
      const requests = sizes.map((size) => PLAIN_REQUEST.replace("/", `/${size}`));
      const client = scripted.request(requests.join("") + LAST_REQUEST.replace("/", "/1"));
      await client.closed;
      return client.offers[0].buffer;
    };
    const memory = await ask(1);
    for (let count = 0; count < 100; count++) assert(await ask(7_000, 16_000) !== memory);
    for (let count = 0; count < 100; count++) {
      const client = scripted.queue(new ScriptedSocket());
      client.onWrite = () => Promise.reject(named("BrokenPipe"));
      client.send(LAST_REQUEST.replace("/", "/1"));
      await client.closed;
    }
    assert(await ask(1) === memory);
  },
);

Deno.test("serve() does not overwrite bytes that are still being written", WATCHED, async () => {
  const bodyOf = (target: string) => target.repeat(1000);
  await using scripted = startScripted(({ target }) => ({ body: bodyOf(target) }));
  const slow = scripted.queue(new ScriptedSocket());
  const taken = Promise.withResolvers<void>();
  slow.onWrite = ({ length }) => taken.promise.then(() => length);
  slow.send(PLAIN_REQUEST.replace("/", "/slow"));
  await until(() => slow.calls.includes("write"));
  for (const target of ["/a", "/b"]) {
    const other = scripted.request(LAST_REQUEST.replace("/", target));
    await other.closed;
    assertStringIncludes(other.wire, bodyOf(target));
  }
  taken.resolve();
  await until(() => slow.writes.length === 1);
  assertStringIncludes(slow.wire, bodyOf("/slow"));
});
