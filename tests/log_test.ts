/** What the command prints on stdout: the access log or the wire, and what happens without a reader. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, readAll, send, talk } from "./clients.ts";
import { ANY_PORT, ServerProcess } from "./process.ts";
import { WATCHED } from "./time.ts";
import { HELLO_WIRE, statusOf, undated } from "./wire.ts";

Deno.test("firstline --text answers exactly that, and logs each request", WATCHED, async () => {
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

Deno.test("firstline --quiet logs nothing", WATCHED, async () => {
  await using server = await ServerProcess.start([...ANY_PORT, "-q"]);
  await talk(server, "GET / HTTP/1.1\r\n");
  assertEquals(await server.stop(), 0);
  assertEquals(await server.stdout.next(), "");
});

Deno.test({
  ...WATCHED,
  name: "firstline serves on where nobody reads its log, and counts what it drops",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using server = await ServerProcess.start(ANY_PORT);
    const target = "/" + "a".repeat(8000);
    for (let count = 0; count < 200; count++) {
      assertEquals(statusOf(await talk(server, `GET ${target} HTTP/1.1\r\n\r\n`)), 200);
    }
    assertEquals(await server.stop(), 0);
    await server.stderr.until(/SIGTERM received/);
    assertMatch(
      await server.stderr.next(),
      /^firstline: dropped \d+ lines of the log so far: nobody reads it$/,
    );
  },
});

Deno.test({
  ...WATCHED,
  name: "firstline serves on where its log cannot be written, and says so once",
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

Deno.test("firstline serves on where the reader of its log has left", WATCHED, async () => {
  await using server = await ServerProcess.start(ANY_PORT);
  await server.stdout.cancel();
  await talk(server, "GET / HTTP/1.1\r\n");
  assertMatch(
    await server.stderr.next(),
    /^firstline: dropped 1 line of the log so far: Broken pipe/,
  );
  assertEquals(statusOf(await talk(server, "GET / HTTP/1.1\r\n")), 200);
});

Deno.test("firstline --log json writes one object a line", WATCHED, async () => {
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

Deno.test(
  "firstline --wire prints each request as it was received, and each reply",
  WATCHED,
  async () => {
    await using server = await ServerProcess.start([
      ...ANY_PORT,
      "-q",
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
  },
);

function undatedLine(line: string): string {
  return line.replace(/Date: .* GMT/, "Date: DATE");
}
