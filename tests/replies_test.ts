/** What the command answers: text, files, the page and raw responses, in the shape asked for. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, readAll, send, talk } from "./clients.ts";
import { TemporaryFolder } from "./files.ts";
import { ANY_PORT, ROOT, run, ServerProcess } from "./process.ts";
import { WATCHED } from "./time.ts";
import { octets, statusOf, undated } from "./wire.ts";

Deno.test("firstline --link changes where the page leads", WATCHED, async () => {
  await using server = await ServerProcess.start([...ANY_PORT, "--link", "https://example.com/"]);
  assertStringIncludes(await talk(server, "GET / HTTP/1.1\r\n"), 'href="https://example.com/"');
});

Deno.test(
  "firstline --status and --header shape the text, the page and a file",
  WATCHED,
  async () => {
    const shape = ["-s", "503", "-H", "Retry-After: 60", "-H", "X-A: 1", "-H", "X-A: 2"];
    await using text = await ServerProcess.start([...ANY_PORT, "--text", "Back at noon", ...shape]);
    assertEquals(
      undated(await talk(text, "GET / HTTP/1.1\r\n")),
      "HTTP/1.1 503 Service Unavailable\r\nDate: DATE\r\n" +
        "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 12\r\nRetry-After: 60\r\n" +
        "X-A: 1\r\nX-A: 2\r\nConnection: close\r\n\r\nBack at noon",
    );
    const replaced = ["-s", "404", "-H", "content-type:text/x", "-H", "Date: never"];
    await using page = await ServerProcess.start([...ANY_PORT, ...replaced]);
    const [head, html] = (await talk(page, "GET /a HTTP/1.1\r\n")).split("\r\n\r\n");
    assertStringIncludes(html, "GET /a HTTP/1.1");
    assertEquals(statusOf(head), 404);
    assertEquals(head.match(/^(content-type|date): .*$/gim), [
      "content-type: text/x",
      "Date: never",
    ]);
    assertStringIncludes(head, "Content-Security-Policy: ");
  },
);

Deno.test("firstline --status 204 and 304 answer without content", WATCHED, async () => {
  const cases = [["204", "No Content", "--text=x"], ["304", "Not Modified", "--link=/"]];
  for (const [code, reason, flag] of cases) {
    await using server = await ServerProcess.start([...ANY_PORT, flag, "-s", code]);
    assertEquals(
      undated(await talk(server, "GET / HTTP/1.1\r\n")),
      `HTTP/1.1 ${code} ${reason}\r\nDate: DATE\r\nConnection: close\r\n\r\n`,
    );
  }
});

Deno.test(
  "firstline --file answers the file's octets with the type of its extension",
  WATCHED,
  async () => {
    const types = {
      "a.html": "text/html; charset=utf-8",
      "a.b.JSON": "application/json",
      "noextension": "application/octet-stream",
      "a.svg": "image/svg+xml",
    };
    using folder = new TemporaryFolder();
    for (const [name, type] of Object.entries(types)) {
      const path = folder.write(name, octets("\0\xff\r\n"));
      const permissions = ["--allow-net", `--allow-read=${path}`];
      await using server = await ServerProcess.start([...ANY_PORT, "--file", path], {
        permissions,
      });
      assertEquals(
        undated(await talk(server, "GET / HTTP/1.1\r\n")),
        `HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Length: 4\r\nContent-Type: ${type}\r\n` +
          "Connection: close\r\n\r\n\0\xff\r\n",
      );
    }
  },
);

Deno.test(
  "firstline --file serves 50 MB whole to a slow client and a fast one at once",
  WATCHED,
  async () => {
    const content = Uint8Array.from({ length: 50_000_000 }, (_, at) => at % 251);
    using folder = new TemporaryFolder({ "a.bin": content });
    const permissions = ["--allow-net", "--allow-read"];
    const flags = ["--file", folder.pathOf("a.bin")];
    await using server = await ServerProcess.start([...ANY_PORT, ...flags], { permissions });
    const download = async (pieceBytes: number) => {
      using socket = await connect(server);
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
  },
);

Deno.test(
  "firstline refuses a file that it cannot read, and names the permission",
  WATCHED,
  async () => {
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
  },
);

Deno.test(
  "firstline --raw sends the file octet for octet, whatever was asked, then closes",
  WATCHED,
  async () => {
    const broken = "HTTP/1.1 200 OK\nContent-Length: 99\r\n\r\n\0short";
    using folder = new TemporaryFolder({ "a.http": octets(broken) });
    const path = folder.pathOf("a.http");
    const permissions = ["--allow-net", "--allow-read"];
    await using server = await ServerProcess.start([...ANY_PORT, "--raw", path], { permissions });
    for (const method of ["GET", "HEAD"]) {
      assertEquals(await talk(server, `${method} / HTTP/1.1\r\nHost: x\r\n\r\n`), broken);
    }
    assertEquals(statusOf(await talk(server, "G\xc9T / HTTP/1.1\r\n")), 400);
    assertMatch(await server.stdout.next(), /"GET \/ HTTP\/1\.1" - 44$/);
  },
);

Deno.test("firstline --raw with --delay stalls after the head", WATCHED, async () => {
  const early = "HTTP/1.1 103 Early Hints\r\n\r\n";
  const late = "HTTP/1.1 200 OK\r\n\r\nlate";
  using folder = new TemporaryFolder({ "a.http": octets(early + late) });
  const path = folder.pathOf("a.http");
  const options = { permissions: ["--allow-net", "--allow-read"] };
  const flags = ["--raw", path, "--delay", "0.3"];
  await using server = await ServerProcess.start([...ANY_PORT, ...flags], options);
  using socket = await connect(server);
  const start = performance.now();
  await send(socket, "GET / HTTP/1.1\r\n\r\n");
  const buffer = new Uint8Array(1000);
  const count = await socket.read(buffer) ?? 0;
  assertEquals(new TextDecoder().decode(buffer.subarray(0, count)), early);
  assertEquals(await readAll(socket), late);
  assert(performance.now() - start >= 300);
});

Deno.test("firstline --delay waits before each reply, and stops nobody else", WATCHED, async () => {
  await using server = await ServerProcess.start([...ANY_PORT, "--delay", "0.3"]);
  const start = performance.now();
  const answers = await Promise.all([1, 2, 3].map(() => talk(server, "GET /a HTTP/1.1\r\n\r\n")));
  const elapsed = performance.now() - start;
  assertEquals(answers.map(statusOf), [200, 200, 200]);
  assert(elapsed >= 300 && elapsed < 900, String(elapsed));
});
