/** Messages, the access log and --wire, also when their output is full, closed or unread. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type net from "node:net";
import { connect, readAll, readReplies, reset, resettable, send, talk } from "./clients.ts";
import { TemporaryFolder } from "./files.ts";
import { needing } from "./needs.ts";
import { ANY_PORT, freePort, run, ServerProcess } from "./process.ts";
import { WATCHED } from "./time.ts";
import { HELLO_WIRE, statusOf, undated } from "./wire.ts";

const test = needing("net", "run");
const writing = needing("net", "run", "write");

test("firstline --text sends the text and logs each request", WATCHED, async () => {
  await using server = await ServerProcess.start([...ANY_PORT, "--text", "Hello world!"]);
  assertEquals(undated(await talk(server, "GET / HTTP/1.1\r\n")), HELLO_WIRE);
  await talk(server, 'GET /"\x1b[2J HTTP/1.1\r\n');
  const stamp = String.raw`\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\]`;
  assertMatch(
    await server.stdout.next(),
    new RegExp(`^127\\.0\\.0\\.1 - - ${stamp} "GET / HTTP/1\\.1" 200 12$`),
  );
  assertMatch(await server.stdout.next(), /"GET \/\\x22\\x1B\[2J HTTP\/1\.1" 400 \d+$/);
});

test("firstline --quiet logs nothing", WATCHED, async () => {
  await using server = await ServerProcess.start([...ANY_PORT, "-q"]);
  await talk(server, "GET / HTTP/1.1\r\n");
  assertEquals(await server.stop(), 0);
  assertEquals(await server.stdout.next(), "");
});

test({
  ...WATCHED,
  name: "firstline keeps serving if its log is not read, and reports dropped lines",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using server = await ServerProcess.start(ANY_PORT);
    await fillLog(server, 60);
    assertEquals(await server.stop(), 0);
    await server.stderr.until(/SIGTERM received/);
    assertMatch(
      await server.stderr.next(),
      /^firstline: dropped \d+ lines of the log so far: nobody reads it$/,
    );
  },
});

test({
  ...WATCHED,
  name: "firstline keeps serving if its log cannot be written, and reports it once",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const shell = 'exec "$@" >/dev/full';
    await using server = await ServerProcess.start(ANY_PORT, { shell });
    await talk(server, "GET / HTTP/1.1\r\n");
    assertMatch(
      await server.stderr.next(),
      /^firstline: dropped 1 line of the log so far: No space/,
    );
    await talk(server, "GET / HTTP/1.1\r\n");
    assertEquals(await server.stop(), 0);
    assertStringIncludes(await server.stderr.next(), "SIGTERM received");
    assertMatch(
      await server.stderr.next(),
      /^firstline: dropped 2 lines of the log so far: No space/,
    );
  },
});

test("firstline keeps serving if the reader of its log has exited", WATCHED, async () => {
  await using server = await ServerProcess.start(ANY_PORT);
  await server.stdout.cancel();
  await talk(server, "GET / HTTP/1.1\r\n");
  assertMatch(
    await server.stderr.next(),
    /^firstline: dropped 1 line of the log so far: Broken pipe/,
  );
  assertEquals(statusOf(await talk(server, "GET / HTTP/1.1\r\n")), 200);
});

/** Sends requests at once whose log lines have 32 KB each. */
async function fillLog(server: ServerProcess, count: number): Promise<void> {
  const request = `GET ${'"'.repeat(8000)} HTTP/1.1\r\n\r\n`; // malformed: --delay does not delay it
  const talks = Array.from({ length: count }, () => talk(server, request));
  for (const wire of await Promise.all(talks)) assertEquals(statusOf(wire), 400);
}

/** Resolves when this many bytes have arrived. */
function received(socket: net.Socket, count: number): Promise<void> {
  return new Promise((resolve) => {
    socket.on("data", ({ length }) => {
      count -= length;
      if (count <= 0) resolve();
    });
  });
}

/** Flags for a server that cannot print its port. */
function portFlags(): { port: number; flags: string[] } {
  const port = freePort();
  return { port, flags: ["--host", "127.0.0.1", "--port", `${port}`] };
}

const NOT_ON_WINDOWS = { ...WATCHED, ignore: Deno.build.os === "windows" };
const ON_LINUX = { ...WATCHED, ignore: Deno.build.os !== "linux" };

test("firstline serves and stops if stdout and stderr cannot be written", ON_LINUX, async () => {
  for (const shell of ['exec "$@" >/dev/full 2>/dev/full', 'exec "$@" >&- 2>&-']) {
    const { port, flags } = portFlags();
    await using server = await ServerProcess.start([...flags, "--delay", "0.2"], { shell, port });
    assertEquals(statusOf(await talk(server, "GET /\x1b HTTP/1.1\r\n")), 400);
    using socket = await connect(server);
    await send(socket, "GET /late HTTP/1.0\r\n\r\n");
    await talk(server, "GET HTTP/1.1\r\n"); // by now the first line has been read
    server.kill("SIGTERM");
    assertStringIncludes(await readAll(socket), "GET /late HTTP/1.0");
    assertEquals(await server.exitCode(), 0);
  }
});

test(
  "firstline recovers from a shortage of descriptors if stderr cannot be written",
  ON_LINUX,
  async () => {
    const { port, flags } = portFlags();
    const shell = 'ulimit -n 40; exec "$@" >/dev/full 2>/dev/full';
    await using server = await ServerProcess.start(flags, { shell, port });
    const sockets: Deno.TcpConn[] = [];
    for (let count = 0; count < 60; count++) sockets.push(await connect(server));
    const answer = talk(server, "GET / HTTP/1.1\r\n");
    for (const socket of sockets) socket.close();
    assertEquals(statusOf(await answer), 200);
    assertEquals(await server.stop(), 0);
  },
);

for (const [signals, code] of [["one signal", 0], ["two signals", 143]] as const) {
  const name = `firstline serves, and stops at ${signals}, if stdout and stderr are not read`;
  test(name, NOT_ON_WINDOWS, async () => {
    const { port, flags } = portFlags();
    const shell = 'exec "$@" 2>&1';
    const delay = code === 0 ? "0.2" : "60";
    await using server = await ServerProcess.start([...flags, "--delay", delay], { shell, port });
    await fillLog(server, 12); // more than a pipe holds
    using socket = await connect(server);
    await send(socket, "GET /late HTTP/1.0\r\n\r\n");
    await talk(server, "GET HTTP/1.1\r\n"); // by now the first line has been read
    server.kill("SIGTERM");
    if (code === 0) assertStringIncludes(await readAll(socket), "GET /late HTTP/1.0");
    // Signals that arrive together count as one, so the second is sent until it has arrived.
    const timer = code === 143 ? setInterval(() => server.kill("SIGTERM"), 100) : undefined;
    await server.child.status.then(() => clearInterval(timer));
    assertEquals(await server.exitCode(), code);
  });
}

test(
  "firstline --help exits with 1 and prints one line if it cannot be written",
  ON_LINUX,
  async () => {
    const { code, stderr } = await run(["--help"], { shell: 'exec "$@" >/dev/full' });
    assertEquals(code, 1);
    assertMatch(stderr, /^firstline: Cannot write to stdout: No space left on device[^\n]*\n$/);
  },
);

/** Makes stdout non-blocking, as some parents leave it. */
const NON_BLOCKING = `exec perl -MFcntl -e '
  fcntl(STDOUT, F_SETFL, O_WRONLY | O_NONBLOCK); exec @ARGV;
' -- "$@"`;

test(
  "firstline logs each request once, and whole, to a non-blocking pipe that is read late",
  ON_LINUX,
  async () => {
    await using server = await ServerProcess.start([...ANY_PORT, "--text", "a"], {
      shell: NON_BLOCKING,
    });
    const paths = Array.from({ length: 3000 }, (_, at) => `/${at}`);
    paths.push(`/${'"'.repeat(8000)}`); // four bytes for each: more than a pipe takes at once
    const head = "Host: a\r\n\r\n";
    using socket = await connect(server);
    for (let at = 0; at < paths.length; at += 100) {
      const some = paths.slice(at, at + 100);
      await send(socket, some.map((path) => `GET ${path} HTTP/1.1\r\n${head}`).join(""));
      await readReplies(socket, some.length);
    }
    const logged: string[] = [];
    while (logged.length < paths.length) {
      logged.push(/"GET (\S+) HTTP\/1\.1" 200 1$/.exec(await server.stdout.next())?.[1] ?? "torn");
    }
    assertEquals(logged, paths.map((path) => path.replaceAll('"', "\\x22")));
    assertEquals(await server.stop(), 0);
    assertEquals(await server.stdout.next(), "");
  },
);

writing("firstline writes a busy log to a file, each line once", ON_LINUX, async () => {
  using folder = new TemporaryFolder();
  const log = folder.pathOf("log");
  const shell = `exec "$@" >'${log}'`;
  await using server = await ServerProcess.start([...ANY_PORT, "--text", "a"], { shell });
  using socket = await connect(server);
  for (let round = 0; round < 10; round++) {
    await send(socket, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n".repeat(200));
    await readReplies(socket, 200);
  }
  socket.close();
  assertEquals(await server.stop(), 0);
  const lines = Deno.readTextFileSync(log).split("\n");
  assertEquals(lines.pop(), "");
  assertEquals(lines.length, 2000);
  assertEquals(lines.filter((line) => !line.endsWith('"GET /a HTTP/1.1" 200 1')), []);
});

test("firstline escapes names of files in its messages, on stderr", WATCHED, async () => {
  const name = "a\x1b]0;title\x07\nfirstline: listening on 0.0.0.0:80, é";
  const { code, stderr } = await run([name], { permissions: ["--allow-net", "--allow-read"] });
  assertEquals(code, 2);
  assertMatch(stderr, /^firstline: Cannot use --file "a\\x1B[\x20-\x7e]*\(No such[\x20-\x7e]*\n$/);
});

writing("firstline logs how many bytes of content were sent", WATCHED, async () => {
  using folder = new TemporaryFolder();
  const size = 20_000_000;
  const path = folder.write("large.bin", new Uint8Array(size));
  const permissions = ["--allow-net", `--allow-read=${path}`];
  await using server = await ServerProcess.start([...ANY_PORT, "-f", path], { permissions });
  await talk(server, "HEAD / HTTP/1.1\r\n");
  assertMatch(await server.stdout.next(), /"HEAD \/ HTTP\/1\.1" 200 0$/);
  const socket = await resettable(server);
  socket.write("GET / HTTP/1.1\r\n");
  await received(socket, 100_000);
  await reset(socket);
  const sent = Number(/"GET \/ HTTP\/1\.1" 200 (\d+)$/.exec(await server.stdout.next())?.[1]);
  assert(sent > 0 && sent < size, `${sent}`);
});

test(
  "firstline --wire turns off the access log unless --log is given",
  WATCHED,
  async () => {
    for (const log of [[], ["--log", "common"]]) {
      await using server = await ServerProcess.start([...ANY_PORT, "--wire", ...log]);
      await talk(server, "GET / HTTP/1.1\r\n");
      await server.stdout.until(/-- closed$/);
      assertEquals(await server.stop(), 0);
      await server.stdout.finish();
      const logged = server.stdout.text.split("\n").filter((line) => / - - \[.*\] "GET/.test(line));
      assertEquals(logged.length, log.length / 2);
      assert(!server.stdout.text.includes("discarded"));
    }
  },
);

test("firstline --log json writes one object per line", WATCHED, async () => {
  await using server = await ServerProcess.start([...ANY_PORT, "--log", "json", "--text", "a"]);
  await talk(server, 'GET /"\xe9 HTTP/1.1\r\n');
  const { time, client, port, requestLine, status, bytes, milliseconds } = JSON.parse(
    await server.stdout.next(),
  );
  assertEquals({ client, requestLine, status }, {
    client: "127.0.0.1",
    requestLine: "GET /\\x22\\xE9 HTTP/1.1",
    status: 400,
  });
  assert(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert(port > 0 && bytes > 0 && milliseconds >= 0);
});

test(
  "firstline --wire prints requests as received, and replies",
  WATCHED,
  async () => {
    await using server = await ServerProcess.start([
      ...ANY_PORT,
      "--wire",
      "--text",
      "Hello world!",
    ]);
    using socket = await connect(server);
    await send(socket, "GET / HTTP/1.0\r\nX-A: \x1b\xff\\\r\n");
    await readAll(socket);
    await send(socket, "more");
    socket.close();
    const lines = [await server.stdout.next()];
    while (!lines[lines.length - 1].endsWith("-- closed")) lines.push(await server.stdout.next());
    const client = /^\S+/.exec(lines[0])?.[0] ?? "";
    assertMatch(client, /^127\.0\.0\.1:\d+$/);
    assertEquals(lines.map((line) => undatedLine(line.replace(client, "CLIENT"))), [
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
      "CLIENT >> 4 more bytes, discarded",
      "CLIENT -- closed",
    ]);
  },
);

function undatedLine(line: string): string {
  return line.replace(/Date: .* GMT/, "Date: DATE");
}
