/** The limits of the command, and what becomes of it where the system has limits. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { DEFAULT_LIMITS } from "../server.ts";
import { connect, readAll, send, talk } from "./clients.ts";
import { needing } from "./needs.ts";
import { ANY_PORT, ROOT, ServerProcess } from "./process.ts";
import { WATCHED } from "./time.ts";
import { PLAIN_REQUEST, statusOf } from "./wire.ts";

const test = needing("net", "run");

needing("read")("docs/SECURITY.md: each limit has its default there", async () => {
  const docs = await Deno.readTextFile(`${ROOT}/docs/SECURITY.md`);
  const rows = docs.matchAll(/^\| `(\w+)` +\| (\d+) +\|/gm);
  assertEquals(Object.fromEntries(rows.map(([, name, value]) => [name, +value])), DEFAULT_LIMITS);
});

test(
  "firstline --request-timeout and --max-connections reach the server",
  WATCHED,
  async () => {
    const flags = ["--request-timeout", "0.1", "--max-connections", "1"];
    await using server = await ServerProcess.start([...ANY_PORT, ...flags]);
    const holding = await connect(server);
    await send(holding, "GET");
    const wire = talk(server, "GET / HTTP/1.1\r\n\r\n");
    assertEquals(statusOf(await readAll(holding)), 408);
    holding.close(); // lets the other in
    assertEquals(statusOf(await wire), 200);
  },
);

test({
  ...WATCHED,
  name: "firstline reports a shortage of descriptors once, and recovers",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const shell = 'ulimit -n 40; exec "$@"';
    await using server = await ServerProcess.start([...ANY_PORT, "-q"], { shell });
    const sockets: Deno.TcpConn[] = [];
    for (let count = 0; count < 60; count++) sockets.push(await connect(server));
    assertStringIncludes(
      await server.stderr.next(),
      "Cannot accept connections for now: Too many",
    );
    const answer = talk(server, "GET / HTTP/1.1\r\n");
    for (const socket of sockets) socket.close();
    assertEquals(statusOf(await answer), 200);
    assertEquals(await server.stop(), 0);
    assertStringIncludes(await server.stderr.next(), "SIGTERM received"); // and nothing before it
  },
});

test("firstline --idle-timeout reaches the server", WATCHED, async () => {
  await using server = await ServerProcess.start([...ANY_PORT, "--idle-timeout", "0.05"]);
  assertEquals(statusOf(await talk(server, PLAIN_REQUEST)), 200); // ends because the server closes
});
