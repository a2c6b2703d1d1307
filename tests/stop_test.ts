/** How the command stops. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, readAll, send, talk } from "./clients.ts";
import { needing } from "./needs.ts";
import { ANY_PORT, ServerProcess } from "./process.ts";
import { WATCHED } from "./time.ts";
import { isWhole, PLAIN_REQUEST } from "./wire.ts";

const test = needing("net", "run");

test(
  "firstline finishes pending replies at SIGINT and SIGTERM, and exits with 0",
  WATCHED,
  async () => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      await using server = await ServerProcess.start(ANY_PORT);
      using half = await connect(server);
      await send(half, "GET /late HT");
      await talk(server, "GET / HTTP/1.1\r\n"); // by now the half line has been read
      server.kill(signal);
      assertStringIncludes(await server.stderr.next(), `${signal} received, finishing`);
      await send(half, "TP/1.1\r\nHost: x\r\n\r\n");
      assertStringIncludes(await readAll(half), "GET /late HTTP/1.1");
      half.close();
      assertEquals(await server.exitCode(), 0);
    }
  },
);

test("firstline answers all requests that were sent before SIGTERM", WATCHED, async () => {
  await using server = await ServerProcess.start([...ANY_PORT, "--text", "Hello world!"]);
  const sockets = await Promise.all(Array.from({ length: 300 }, () => connect(server)));
  await Promise.all(sockets.map((socket) => send(socket, PLAIN_REQUEST)));
  server.kill("SIGTERM");
  const wires = await Promise.all(sockets.map(async (socket) => {
    using _ = socket;
    return await readAll(socket);
  }));
  assertEquals(wires.filter((wire) => isWhole(wire)).length, sockets.length);
  assertEquals(await server.exitCode(), 0);
});

test("firstline exits with 130 or 143 at the second signal", WATCHED, async () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    await using server = await ServerProcess.start(ANY_PORT);
    using half = await connect(server);
    await send(half, "GET /late HT");
    await talk(server, "GET / HTTP/1.1\r\n");
    server.kill("SIGTERM");
    await server.stderr.next();
    assertEquals(await server.stop(signal), code);
  }
});

test("firstline counts two signals of one Ctrl-C as one", WATCHED, async () => {
  await using server = await ServerProcess.start(ANY_PORT);
  using half = await connect(server);
  await send(half, "GET /late HT");
  await talk(server, "GET / HTTP/1.1\r\n");
  server.kill("SIGINT");
  server.kill("SIGTERM");
  assertMatch(await server.stderr.next(), /SIG\w+ received, finishing/);
  await send(half, "TP/1.1\r\n\r\n");
  assertStringIncludes(await readAll(half), "GET /late HTTP/1.1");
  half.close();
  assertEquals(await server.exitCode(), 0);
});

test(
  "firstline exits with 1 if --stop-timeout ends with unfinished connections",
  WATCHED,
  async () => {
    await using server = await ServerProcess.start([...ANY_PORT, "--stop-timeout", "0.2"]);
    using half = await connect(server);
    await send(half, "GET /never");
    await talk(server, "GET / HTTP/1.1\r\n");
    assertEquals(await server.stop(), 1);
    await server.stderr.next();
    assertEquals(
      await server.stderr.next(),
      "firstline: cut off 1 connection that did not finish in time",
    );
  },
);
