import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, HOST, pieces, readAll, readReplies, send } from "../tests/clients.ts";
import { needing } from "../tests/needs.ts";
import { WATCHED } from "../tests/time.ts";
import { type Responder, serve } from "../server.ts";
import { lab } from "./lab.ts";
import { startLab } from "./start.ts";
import { Traffic } from "./traffic.ts";

const test = needing("net");

function targetOf(url: string): { port: number } {
  return { port: Number(new URL(url).port) };
}

test("startLab() has the contract of each entry, and of those that reset", WATCHED, async () => {
  await using server = await startLab();
  const response = await fetch(`${server.url}/lab.json`);
  assertEquals(JSON.parse(JSON.stringify(server.entries)), await response.json());
  assert(server.entries.some(({ needs }) => needs === "reset"));
});

test("startLab() tells what clients did, on which connection", WATCHED, async () => {
  const server = await startLab();
  using socket = await connect(targetOf(server.url));
  await send(
    socket,
    "GET /status/200?a HTTP/1.1\r\nHost: x\r\nX-B: \xe9\r\n\r\nGET /bytes/3 HTTP/1.1\r\nHost: x\r\n\r\n",
  );
  const [first, second] = await readReplies(socket, 2);
  using other = await connect(targetOf(server.url));
  await send(
    other,
    "PUT /unread HTTP/1.1\r\nHost: y\r\nContent-Length: 30\r\n\r\nGET / HTTP/1.1\r\n\r\n",
  );
  const third = await readAll(other);
  const seen = server.requests.map(({ connection, method, target, head, isEarly }) => (
    { connection, method, target, head, isEarly }
  ));
  assertEquals(seen, [
    {
      connection: 1,
      method: "GET",
      target: "/status/200?a",
      head: "Host: x\r\nX-B: \xe9\r\n",
      isEarly: false,
    },
    { connection: 1, method: "GET", target: "/bytes/3", head: "Host: x\r\n", isEarly: false },
    {
      connection: 2,
      method: "PUT",
      target: "/unread",
      head: "Host: y\r\nContent-Length: 30\r\n",
      isEarly: false,
    },
  ]);
  assert(server.requests.every(({ at }, index) => at >= (server.requests[index - 1]?.at ?? 0)));
  assertEquals(
    server.connections.map(({ number, isClosed, bytesSent }) => [number, isClosed, bytesSent]),
    [[1, false, first.length + second.length], [2, true, third.length]],
  );
  let isIdle = false;
  const idle = server.idle().then(() => isIdle = true);
  assertEquals(isIdle, false);
  socket.close();
  await idle;
  assertEquals(server.connections.map(({ isClosed }) => isClosed), [true, true]);
  await server.close();
});

test("startLab() closes at once while an entry stalls", WATCHED, async () => {
  const server = await startLab();
  using socket = await connect(targetOf(server.url));
  await send(socket, "GET /hang-body HTTP/1.1\r\n\r\n");
  const reader = pieces(socket);
  await reader.next();
  const start = performance.now();
  await server.close();
  assert(performance.now() - start < 5_000);
});

test("startLab() ends what stalls when its client ends its input", WATCHED, async () => {
  await using server = await startLab();
  using socket = await connect(targetOf(server.url));
  await send(socket, "GET /hang HTTP/1.1\r\n\r\n");
  await socket.closeWrite();
  assertEquals(await readAll(socket), "");
});

test("startLab() stalls for a client that has asked for the close, too", WATCHED, async () => {
  await using server = await startLab();
  using socket = await connect(targetOf(server.url));
  const start = performance.now();
  await send(socket, "GET /hang/0.3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  assertEquals(await readAll(socket), "");
  assert(performance.now() - start >= 290);
});

/** Reads until this text has come. */
async function untilText(reader: AsyncGenerator<string, void>, text: string): Promise<string> {
  let wire = "";
  while (!wire.includes(text)) {
    const { value, done } = await reader.next();
    if (done) throw new Error(`Closed without ${text}: ${wire}`);
    wire += value;
  }
  return wire;
}

const NEXT = "GET /status/200 HTTP/1.1\r\nHost: x\r\n\r\n";

test(
  "startLab() sends what is late on an idle connection, then answers at pauseUrl",
  WATCHED,
  async () => {
    await using server = await startLab();
    using socket = await connect(targetOf(server.url));
    await send(
      socket,
      "GET /list HTTP/1.1\r\nHost: x\r\n\r\nGET /late-response HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    const reader = pieces(socket);
    let wire = await untilText(reader, "\r\n\r\nok\n");
    const pause = await fetch(server.pauseUrl);
    assertEquals([pause.status, await pause.text()], [200, ""]);
    const { bytesSent } = server.connections[0];
    if (!wire.endsWith("LEFTOVER\n")) wire += await untilText(reader, "LEFTOVER\n");
    assertEquals(bytesSent, wire.length);
    await send(socket, NEXT);
    await untilText(reader, "\r\n\r\n200\n");
    assertEquals(server.requests.map(({ isEarly }) => isEarly), [false, false, false]);
  },
);

test(
  "startLab() leaves out what is late if the next request comes before it",
  WATCHED,
  async () => {
    await using server = await startLab();
    using socket = await connect(targetOf(server.url));
    await send(socket, "GET /late-response HTTP/1.1\r\nHost: x\r\n\r\n");
    await readReplies(socket, 1);
    await send(socket, NEXT);
    const [next] = await readReplies(socket, 1);
    assert(next.endsWith("200\n"), next);
    assertEquals(server.requests.map(({ isEarly }) => isEarly), [false, true]);
  },
);

test(
  "startLab() answers at pauseUrl when responses under way have been sent",
  WATCHED,
  async () => {
    await using server = await startLab();
    using socket = await connect(targetOf(server.url));
    const reader = pieces(socket);
    await send(socket, "GET /slow-body/0.4 HTTP/1.1\r\nHost: x\r\n\r\n");
    let wire = await untilText(reader, "\r\n\r\n");
    await (await fetch(server.pauseUrl)).body?.cancel();
    const { bytesSent } = server.connections[0];
    if (!wire.endsWith("9")) wire += await untilText(reader, "9");
    assertEquals(bytesSent, wire.length);
  },
);

test("startLab() sends once more what has no end, then answers at pauseUrl", WATCHED, async () => {
  await using server = await startLab();
  using socket = await connect(targetOf(server.url));
  await send(socket, "GET /endless-1xx HTTP/1.1\r\nHost: x\r\n\r\n");
  await untilText(pieces(socket), "\r\n\r\n");
  for (let time = 1; time <= 5; time++) {
    const [{ bytesSent }] = server.connections;
    await (await fetch(server.pauseUrl)).body?.cancel();
    assert(server.connections[0].bytesSent > bytesSent, `nothing came in pause ${time}`);
  }
});

test("what records the lab passes over requests that others answer", WATCHED, async () => {
  const traffic = new Traffic();
  const answer = lab({ traffic });
  const responder: Responder = (request, client) =>
    request.target === "/healthz" ? { body: "ok" } : answer(request, client);
  await using server = serve({ hostname: HOST, port: 0, wrap: traffic.wrap }, responder);
  using socket = await connect(server.addr);
  const reader = pieces(socket);
  const health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  await send(socket, `${health}${health}GET /late-response HTTP/1.1\r\nHost: x\r\n\r\n`);
  await untilText(reader, "LEFTOVER");
});

test("startLab() closes or resets when a connection is used again", WATCHED, async () => {
  await using server = await startLab();
  for (const [name, isReset] of [["close", false], ["reset", true]] as const) {
    using socket = await connect(targetOf(server.url));
    const reader = pieces(socket);
    await send(socket, `GET /${name}-on-reuse HTTP/1.1\r\nHost: x\r\n\r\n`);
    await untilText(reader, "\r\n\r\nok\n");
    await send(socket, NEXT);
    const end = reader.next();
    if (isReset) await assertRejects(() => end, Deno.errors.ConnectionReset);
    else assertEquals(await end, { done: true, value: undefined });
  }
});
