/** The command as a health check: `--probe`. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { isGone, send } from "./clients.ts";
import { needing } from "./needs.ts";
import { ANY_PORT, freePort, run, ServerProcess } from "./process.ts";
import { WATCHED } from "./time.ts";

const test = needing("net", "run");

test(
  "firstline --probe exits with 0 if the server is healthy, otherwise with 1",
  WATCHED,
  async () => {
    await using healthy = await ServerProcess.start([...ANY_PORT, "--status", "302"]);
    const good = await run(["--probe", "--host", "127.0.0.1", "-p", `${healthy.port}`]);
    assertEquals(good, {
      code: 0,
      stdout: "",
      stderr: `firstline: 127.0.0.1:${healthy.port} is healthy: HTTP/1.1 302 Found\n`,
    });
    const permissions = ["--allow-net", "--allow-env=PORT"];
    const byPort = await run(["--probe"], { permissions, env: { PORT: `${healthy.port}` } });
    assertEquals(byPort.code, 0); // for 0.0.0.0 it connects to 127.0.0.1
    await using failing = await ServerProcess.start([...ANY_PORT, "--status", "503"]);
    const bad = await run(["--probe", "--host", "127.0.0.1", "-p", `${failing.port}`]);
    assertEquals(bad.code, 1);
    assertStringIncludes(bad.stderr, "is not healthy: HTTP/1.1 503 Service Unavailable");
    const absent = await run(["--probe", "-p", `${freePort()}`]);
    assertEquals(absent.code, 1);
    assertMatch(
      absent.stderr,
      /^firstline: 127\.0\.0\.1:\d+ is not healthy: Connection refused.*\n$/,
    );
    const other = await run(["--probe", "--host", "::", "-p", `${freePort()}`]);
    assertMatch(other.stderr, /^firstline: \[::1\]:\d+ is not healthy: /);
    const forbidden = await run(["--probe", "-p", "8080"], {
      permissions: ["--allow-net=0.0.0.0:8080"],
    });
    assertEquals(forbidden.code, 1);
    assertStringIncludes(
      forbidden.stderr,
      "permission missing, add --allow-net or --allow-net=127",
    );
  },
);

test(
  "firstline --probe requests the path of --health",
  WATCHED,
  async () => {
    const flags = ["--status", "404", "--delay", "100", "--health", "/healthz"];
    await using server = await ServerProcess.start([...ANY_PORT, ...flags]);
    const port = ["--host", "127.0.0.1", "--port", `${server.port}`];
    assertEquals(await run([...port, ...flags, "--probe"]), {
      code: 0,
      stdout: "",
      stderr: `firstline: 127.0.0.1:${server.port}/healthz is healthy: HTTP/1.1 200 OK\n`,
    });
  },
);

test("firstline --probe asks without stdin, also with --stop-on-eof", WATCHED, async () => {
  await using failing = await ServerProcess.start([...ANY_PORT, "--status", "503"]);
  const flags = ["--probe", "--stop-on-eof", "--host", "127.0.0.1", "-p", `${failing.port}`];
  assertEquals((await run(flags)).code, 1);
});

test("firstline --probe waits longer than --delay", WATCHED, async () => {
  await using server = await ServerProcess.start([...ANY_PORT, "--delay", "3.2"]);
  const flags = ["--probe", "--host", "127.0.0.1", "--port", `${server.port}`];
  assertEquals((await run([...flags, "--delay", "0.1-3.2"])).code, 0);
});

/** Probes a server that sends these pieces and then half-closes, unless `ends` is false. */
async function probe(flags: string[], pieces: readonly string[], ends = true) {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const probing = run(["--probe", "--host", "127.0.0.1", "-p", `${port}`, ...flags]);
  using socket = await listener.accept();
  try {
    for (const piece of pieces) await send(socket, piece);
    if (ends) await socket.closeWrite();
  } catch (error) {
    if (!isGone(error)) throw error; // the probe has closed already
  }
  const { code, stderr } = await probing;
  return { code, message: stderr.replace(/^.* is (not )?healthy: /, "").trimEnd() };
}

test(
  "firstline --probe skips interim responses, and fails after its timeout",
  WATCHED,
  async () => {
    const early = "HTTP/1.1 103 Early Hints\r\n\r\n";
    assertEquals(
      await Promise.all([
        probe([], [early, early, "HTTP/1.1 204 No Content\r\n"], false),
        probe([], ["HTTP/1.0 399 x\n"], false),
        probe([], ["HTTP/1.1 400 Bad\r\n"], false),
        probe([], [early, "HTTP/1.1 103 Early"]),
        probe([], ["nonsense\r\n"]),
        probe([], ["HTTP/1.1 200 OK"], false),
        probe([], [], false),
      ]),
      [
        { code: 0, message: "HTTP/1.1 204 No Content" },
        { code: 0, message: "HTTP/1.0 399 x" },
        { code: 1, message: "HTTP/1.1 400 Bad" },
        { code: 1, message: "no HTTP response" },
        { code: 1, message: "no HTTP response" },
        { code: 1, message: "no answer in time" },
        { code: 1, message: "no answer in time" },
      ],
    );
  },
);

test(
  "firstline --probe rejects a 200 of another server at the path of --health",
  WATCHED,
  async () => {
    const health = ["--health", "/healthz"];
    const head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
    assertEquals(
      await Promise.all([
        probe(health, [head.slice(0, 20), head.slice(20), "o", "k"], false),
        probe(health, [head, "OK"]),
        probe(health, [head, "ok\n"]),
        probe(health, ["HTTP/1.1 204 No Content\r\n"], false),
      ]),
      [
        { code: 0, message: "HTTP/1.1 200 OK" },
        { code: 1, message: "HTTP/1.1 200 OK, but not the answer of --health" },
        { code: 1, message: "HTTP/1.1 200 OK, but not the answer of --health" },
        { code: 1, message: "HTTP/1.1 204 No Content" },
      ],
    );
  },
);

test("firstline --probe stops reading an endless response", WATCHED, async () => {
  const endless = Array.from({ length: 1000 }, () => "a".repeat(10_000));
  // After its timeout it would say "no answer in time".
  assertEquals(await probe([], endless, false), { code: 1, message: "no HTTP response" });
});

test(
  "firstline --probe ends with 143 at SIGTERM, which says nothing about the server",
  { ...WATCHED, ignore: Deno.build.os !== "linux" },
  async () => {
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const flags = ["--probe", "--host", "127.0.0.1", "--port", `${silent.addr.port}`];
    const shell = 'exec timeout --preserve-status 1 "$@"'; // its own patience is longer
    assertEquals(await run(flags, { shell }), { code: 143, stdout: "", stderr: "" });
  },
);
