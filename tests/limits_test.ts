/** The limits of the command, and limits of the system. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { DEFAULT_LIMITS } from "../server.ts";
import { connect, readAll, send, talk } from "./clients.ts";
import { needing } from "./needs.ts";
import { ANY_PORT, ROOT, ServerProcess } from "./process.ts";
import { WATCHED } from "./time.ts";
import { PLAIN_REQUEST, statusOf } from "./wire.ts";

const test = needing("net", "run");

needing("read")("docs/SECURITY.md lists each limit with its default", async () => {
  const docs = await Deno.readTextFile(`${ROOT}/docs/SECURITY.md`);
  const rows = docs.matchAll(/^\| `(\w+)` +\| (\d+) +\|/gm);
  assertEquals(Object.fromEntries(rows.map(([, name, value]) => [name, +value])), DEFAULT_LIMITS);
});

test(
  "firstline --request-timeout and --max-connections set limits of the server",
  WATCHED,
  async () => {
    const flags = ["--request-timeout", "1", "--max-connections", "1"];
    await using server = await ServerProcess.start([...ANY_PORT, ...flags]);
    const holding = await connect(server);
    await send(holding, "GET");
    const wire = talk(server, "GET / HTTP/1.1\r\n\r\n");
    assertEquals(statusOf(await readAll(holding)), 408);
    holding.close(); // makes room for the other
    assertEquals(statusOf(await wire), 200);
  },
);

/** A limit of descriptors that silent connections exceed. */
const LOW_LIMIT = 256;

async function connectMany(server: ServerProcess): Promise<Deno.TcpConn[]> {
  return await Promise.all(Array.from({ length: LOW_LIMIT + 50 }, () => connect(server)));
}

test({
  ...WATCHED,
  name: "firstline reports once that descriptors run out and what to raise, and recovers",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const shell = `ulimit -n ${LOW_LIMIT}; exec "$@"`;
    await using server = await ServerProcess.start([...ANY_PORT, "-q"], { shell });
    const sockets = await connectMany(server);
    assertEquals(
      await server.stderr.next(),
      "firstline: Cannot accept connections for now: Too many open files (os error 24), " +
        "raise their limit above --max-connections: ulimit -n in a shell, " +
        "LimitNOFILE in a unit, --ulimit nofile for a container",
    );
    const answer = talk(server, "GET / HTTP/1.1\r\n");
    for (const socket of sockets) socket.close();
    assertEquals(statusOf(await answer), 200);
    assertEquals(await server.stop(), 0);
    assertStringIncludes(await server.stderr.next(), "SIGTERM received"); // reported nothing else
  },
});

test({
  ...WATCHED,
  name: "firstline exceeds the soft limit of descriptors under `deno run`, which raises it",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const shell = `ulimit -Sn ${LOW_LIMIT}; exec "$@"`;
    await using server = await ServerProcess.start([...ANY_PORT, "-q"], { shell });
    const sockets = await connectMany(server);
    assertEquals(statusOf(await talk(server, "GET / HTTP/1.1\r\n")), 200);
    for (const socket of sockets) socket.close();
    assertEquals(await server.stop(), 0);
    assertStringIncludes(await server.stderr.next(), "SIGTERM received");
  },
});

test("firstline --idle-timeout sets a limit of the server", WATCHED, async () => {
  await using server = await ServerProcess.start([...ANY_PORT, "--idle-timeout", "0.05"]);
  assertEquals(statusOf(await talk(server, PLAIN_REQUEST)), 200); // returns when the server closes
});
