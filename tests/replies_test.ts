/** Replies of the command: text, files, the page, redirects and raw responses. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { connect, readAll, send, talk } from "./clients.ts";
import { TemporaryFolder } from "./files.ts";
import { needing } from "./needs.ts";
import { ANY_PORT, run, ServerProcess } from "./process.ts";
import { WATCHED } from "./time.ts";
import { bytesOf, statusOf, undated } from "./wire.ts";

const test = needing("net", "read", "run", "write");

test("firstline --link sets the link of the page", WATCHED, async () => {
  await using server = await ServerProcess.start([...ANY_PORT, "--link", "https://example.com/"]);
  assertStringIncludes(await talk(server, "GET / HTTP/1.1\r\n"), 'href="https://example.com/"');
});

test(
  "firstline --status and --header apply to the text and the page",
  WATCHED,
  async () => {
    const flags = ["-s", "503", "-H", "Retry-After: 60", "-H", "X-A: 1", "-H", "X-A: 2"];
    await using text = await ServerProcess.start([...ANY_PORT, "--text", "Back at noon", ...flags]);
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

test("firstline --status 204 and 304 send no content", WATCHED, async () => {
  const cases = [["204", "No Content"], ["304", "Not Modified", "--text="]];
  for (const [code, reason, ...flags] of cases) {
    await using server = await ServerProcess.start([...ANY_PORT, ...flags, "-s", code]);
    assertEquals(
      undated(await talk(server, "GET / HTTP/1.1\r\n")),
      `HTTP/1.1 ${code} ${reason}\r\nDate: DATE\r\nConnection: close\r\n\r\n`,
    );
  }
});

test(
  "firstline --file sends the bytes of the file with the type of its extension",
  WATCHED,
  async () => {
    const types = {
      "a.html": "text/html", // its content is not UTF-8
      "a.b.JSON": "application/json",
      "noextension": "application/octet-stream",
      "a.svg": "image/svg+xml",
    };
    using folder = new TemporaryFolder();
    for (const [name, type] of Object.entries(types)) {
      const path = folder.write(name, bytesOf("\0\xff\r\n"));
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

test(
  "firstline --file sends 20 MB to a slow and a fast client at the same time",
  WATCHED,
  async () => {
    const content = Uint8Array.from({ length: 20_000_000 }, (_, at) => at % 251);
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
      const sent = Buffer.from(received.buffer, length - content.length, content.length);
      assert(sent.equals(content));
    };
    await Promise.all([download(16 * 1024), download(10_000_000)]);
  },
);

test(
  "firstline exits with 2 if it cannot read a file, and with 1 if a permission is missing",
  WATCHED,
  async () => {
    for (const flag of ["--file", "--raw"]) {
      const absent = await run([flag, "/nowhere/a.txt"], { permissions: ["--allow-read"] });
      assertEquals(absent.code, 2);
      assertMatch(
        absent.stderr,
        /^firstline: Cannot use --\w+ "\/nowhere\/a\.txt": expected a rea.*\n$/,
      );
      const special = await run([flag, "/dev/zero"], { permissions: ["--allow-all"] });
      assertEquals(special.code, 2);
      assertEquals(
        special.stderr,
        `firstline: Cannot use ${flag} "/dev/zero": expected a regular file or a folder\n`,
      );
      const forbidden = await run([flag, "a.txt"]);
      assertEquals(forbidden.code, 1);
      assertEquals(
        forbidden.stderr,
        `firstline: Cannot use ${flag} "a.txt": permission missing, add --allow-read=a.txt ` +
          "before main.ts, or to deno install\n",
      );
    }
  },
);

test(
  "firstline --raw sends the bytes of the file for any method, and closes",
  WATCHED,
  async () => {
    const broken = "HTTP/1.1 200 OK\nContent-Length: 99\r\n\r\n\0short";
    using folder = new TemporaryFolder({ "a.http": bytesOf(broken) });
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

test("firstline --raw with --delay waits after the first head", WATCHED, async () => {
  const early = "HTTP/1.1 103 Early Hints\r\n\r\n";
  const late = "HTTP/1.1 200 OK\r\n\r\nlate";
  using folder = new TemporaryFolder({ "a.http": bytesOf(early + late) });
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

test("firstline --delay waits before each reply", WATCHED, async () => {
  await using server = await ServerProcess.start([...ANY_PORT, "--delay", "0.3"]);
  const start = performance.now();
  assertEquals(statusOf(await talk(server, "GET /a HTTP/1.1\r\n\r\n")), 200);
  assert(performance.now() - start >= 300);
});

test("firstline --delay does not delay others", WATCHED, async () => {
  await using server = await ServerProcess.start([
    ...ANY_PORT,
    ...["--delay", "1000", "--health", "/up", "--stop-timeout", "0"],
  ]);
  const waiting = await Promise.all([1, 2, 3].map(() => connect(server)));
  for (const socket of waiting) await send(socket, "GET /a HTTP/1.1\r\n\r\n");
  assertEquals(statusOf(await talk(server, "GET /up HTTP/1.1\r\n\r\n")), 200);
  for (const socket of waiting) socket.close();
});

test(
  "firstline --delay MIN-MAX waits a random time for each reply",
  WATCHED,
  async () => {
    const flags = ["--text", "a", "--delay", "0.05-0.4"];
    await using server = await ServerProcess.start([...ANY_PORT, ...flags]);
    const times = await Promise.all(Array.from({ length: 20 }, async () => {
      const start = performance.now();
      assertEquals(statusOf(await talk(server, "GET / HTTP/1.1\r\n\r\n")), 200);
      return performance.now() - start;
    }));
    const [least, most] = [Math.min(...times), Math.max(...times)];
    assert(least >= 50 && most - least > 50, `${least} to ${most}`);
  },
);

test("firstline --redirect fills placeholders into Location", WATCHED, async () => {
  const flags = ["--redirect", "https://example.com{target}", "-H", "X-Seen: {method} {target}"];
  await using server = await ServerProcess.start([...ANY_PORT, ...flags]);
  assertEquals(
    undated(await talk(server, 'POST /a?b="c" HTTP/1.1\r\n')),
    "HTTP/1.1 308 Permanent Redirect\r\nDate: DATE\r\n" +
      "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 0\r\n" +
      "Location: https://example.com/a?b=%22c%22\r\nX-Seen: POST /a?b=%22c%22\r\n" +
      "Connection: close\r\n\r\n",
  );
  await using fixed = await ServerProcess.start([...ANY_PORT, "--redirect", "/login", "-s", "302"]);
  assertEquals(
    undated(await talk(fixed, "GET /a HTTP/1.1\r\n")),
    "HTTP/1.1 302 Found\r\nDate: DATE\r\nContent-Type: text/plain; charset=utf-8\r\n" +
      "Content-Length: 0\r\nLocation: /login\r\nConnection: close\r\n\r\n",
  );
});

test("firstline --text fills in placeholders, escaped for HTML", WATCHED, async () => {
  const flags = ["--text", "{client} {method} {target} {x}", "-H", "Content-Type: text/html"];
  await using server = await ServerProcess.start([...ANY_PORT, ...flags]);
  assertEquals(
    undated(await talk(server, "GET /<script>?a&b HTTP/1.1\r\n")),
    "HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Length: 39\r\nContent-Type: text/html\r\n" +
      "Connection: close\r\n\r\n127.0.0.1 GET /%3Cscript%3E?a&amp;b {x}",
  );
});

test("firstline --file FOLDER serves files by path", WATCHED, async () => {
  using folder = new TemporaryFolder({
    "index.html": "<p>root",
    "a/index.html": "<p>a",
    "a/b.css": "b{}",
    ".secret": "secret",
  });
  const flags = ["--file", folder.path, "--status", "503", "-H", "Retry-After: 60"];
  const permissions = ["--allow-net", `--allow-read=${folder.path}`];
  await using server = await ServerProcess.start([...ANY_PORT, ...flags], { permissions });
  assertEquals(
    server.stderr.text.split("\n", 1)[0],
    "firstline: holding 3 files, 14 bytes; left out: 1 hidden",
  );
  const ask = async (line: string) => undated(await talk(server, `${line}\r\n`));
  const end = "Retry-After: 60\r\nConnection: close\r\n\r\n";
  const page = "HTTP/1.1 503 Service Unavailable\r\nDate: DATE\r\nContent-Length: 7\r\n" +
    `Content-Type: text/html; charset=utf-8\r\n${end}`;
  assertEquals(await ask("GET / HTTP/1.1"), `${page}<p>root`);
  assertEquals(await ask("HEAD / HTTP/1.1"), page);
  assertEquals(
    await ask("GET /a/b.css HTTP/1.1"),
    "HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Length: 3\r\n" +
      `Content-Type: text/css; charset=utf-8\r\n${end}b{}`,
  );
  const TEXT = "Content-Type: text/plain; charset=utf-8\r\n";
  assertEquals(
    await ask("GET /a?b HTTP/1.1"),
    `HTTP/1.1 302 Found\r\nDate: DATE\r\n${TEXT}Content-Length: 0\r\n` +
      `Location: /a/?b\r\n${end}`,
  );
  assertEquals(
    await ask("GET /.secret HTTP/1.1"),
    `HTTP/1.1 404 Not Found\r\nDate: DATE\r\n${TEXT}Content-Length: 14\r\n${end}` +
      "404 Not Found\n",
  );
  assertEquals(
    await ask("POST / HTTP/1.1"),
    `HTTP/1.1 405 Method Not Allowed\r\nDate: DATE\r\n${TEXT}Content-Length: 55\r\n` +
      `Allow: GET, HEAD, OPTIONS\r\n${end}405 Method Not Allowed\n\nExpected GET, HEAD or OPTIONS.\n`,
  );
});

test("firstline --file FOLDER reads no file after the start", WATCHED, async () => {
  const folder = new TemporaryFolder({ "index.html": "held" });
  const permissions = ["--allow-net", `--allow-read=${folder.path}`];
  const flags = [...ANY_PORT, "--file", folder.path];
  await using server = await ServerProcess.start(flags, { permissions });
  folder[Symbol.dispose]();
  assertStringIncludes(await talk(server, "GET / HTTP/1.1\r\n"), "held");
});

test("firstline --raw FOLDER sends the file of each path unchanged", WATCHED, async () => {
  const tea = "HTTP/1.1 418 I'm a teapot\n\nshort and stout";
  using folder = new TemporaryFolder({ "tea.http": tea, "404.http": "none\n" });
  const permissions = ["--allow-net", `--allow-read=${folder.path}`];
  const flags = [...ANY_PORT, "--raw", folder.path];
  await using server = await ServerProcess.start(flags, { permissions });
  for (const method of ["GET", "BREW", "HEAD"]) {
    assertEquals(await talk(server, `${method} /tea?milk HTTP/1.1\r\n`), tea);
  }
  assertEquals(await talk(server, "GET /coffee HTTP/1.1\r\n"), "none\n");
});

test(
  "firstline names the permission for a link and for the folder it leads to",
  WATCHED,
  async () => {
    using folder = new TemporaryFolder({ "site/index.html": "a" });
    const link = folder.pathOf("link");
    Deno.symlinkSync(folder.pathOf("site"), link);
    const permissions = ["--allow-net", "--no-prompt", `--allow-read=${link}`];
    const { code, stderr } = await run(["--file", link], { permissions });
    assertEquals(code, 1);
    const real = Deno.realPathSync(link);
    assertEquals(
      stderr,
      `firstline: Cannot use --file "${link}": permission missing, ` +
        `add --allow-read=${link},${real} before main.ts, or to deno install\n`,
    );
  },
);

test("firstline reports at the start that a folder has no index", WATCHED, async () => {
  const cases: Array<[string, string[], boolean]> = [
    ["--file", ["a.html"], false],
    ["--file", ["a/index.html", "404.html"], false],
    ["--file", ["index.html"], true],
    ["--file", ["200.html"], true],
    ["--raw", ["index.html"], false],
    ["--raw", ["index.http"], true],
  ];
  await Promise.all(cases.map(async ([flag, names, answersRoot]) => {
    using folder = new TemporaryFolder(Object.fromEntries(names.map((name) => [name, "HTTP/1.1"])));
    const permissions = ["--allow-net", "--allow-read"];
    const args = [...ANY_PORT, flag, folder.path];
    await using server = await ServerProcess.start(args, { permissions });
    const isReported = /; no index\.\w+, so \/ is not found$/m.test(server.stderr.text);
    assertEquals(isReported, !answersRoot, `${flag} with ${names}`);
    const isFound = statusOf(await talk(server, "GET / HTTP/1.1\r\n")) !== 404;
    if (flag === "--file") assertEquals(isFound, answersRoot);
  }));
});

test("firstline PATH serves that file or folder", WATCHED, async () => {
  using folder = new TemporaryFolder({ "a/index.html": "a page" });
  const permissions = ["--allow-net", "--allow-read"];
  for (const path of ["a", "a/index.html"].map((name) => folder.pathOf(name))) {
    await using server = await ServerProcess.start([...ANY_PORT, path], { permissions });
    assertEquals((await talk(server, "GET / HTTP/1.1\r\n")).split("\r\n\r\n")[1], "a page");
  }
  const { code, stderr } = await run([folder.pathOf("b")], { permissions });
  assertEquals(code, 2);
  assertMatch(
    stderr,
    /^firstline: Cannot use --file ".*\/b": expected a readable file or folder.*\n$/,
  );
});

test(
  "firstline --health answers before everything else, and is not logged",
  WATCHED,
  async () => {
    const flags = ["--text", "no", "-s", "404", "-H", "X-A: 1", "--delay", "100"];
    await using server = await ServerProcess.start([...ANY_PORT, ...flags, "--health", "/healthz"]);
    for (const line of ["GET /healthz HTTP/1.1", "POST /healthz?a HTTP/1.1"]) {
      assertEquals(
        undated(await talk(server, `${line}\r\n`)),
        "HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Type: text/plain; charset=utf-8\r\n" +
          "Content-Length: 2\r\nConnection: close\r\n\r\nok",
      );
    }
    assertEquals(statusOf(await talk(server, "CONNECT /healthz HTTP/1.1\r\n")), 501);
    assertEquals(statusOf(await talk(server, "GET /healthz HTTP/2.0\r\n")), 505);
    assertMatch(await server.stdout.next(), /"CONNECT \/healthz HTTP\/1\.1" 501 \d+$/);
    assertMatch(await server.stdout.next(), /"GET \/healthz HTTP\/2\.0" 505 \d+$/);
  },
);

test(
  "firstline --cors lets pages of other origins use a folder, and OPTIONS too",
  WATCHED,
  async () => {
    using folder = new TemporaryFolder({ "a.DELETE.204": "" });
    const permissions = ["--allow-net", "--allow-read"];
    await using server = await ServerProcess.start([...ANY_PORT, folder.path, "--cors"], {
      permissions,
    });
    const cors = "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: *\r\n" +
      "Access-Control-Allow-Headers: *, Authorization\r\n";
    for (const line of ["DELETE /a", "OPTIONS /a", "GET /a", "GET /b"]) {
      assertStringIncludes(await talk(server, `${line} HTTP/1.1\r\n`), `\r\n${cors}`, line);
    }
    assertEquals(statusOf(await talk(server, "OPTIONS /a HTTP/1.1\r\n")), 204);
  },
);

test(
  "firstline resolves paths against the current directory, not against its own",
  WATCHED,
  async () => {
    using folder = new TemporaryFolder({ "README.md": "mine" });
    await using server = await ServerProcess.start([...ANY_PORT, "--file", "README.md"], {
      permissions: ["--allow-net", "--allow-read"],
      shell: 'cd "$FOLDER" && exec "$@"',
      env: { FOLDER: folder.path },
    });
    assertEquals((await talk(server, "GET / HTTP/1.1\r\n")).split("\r\n\r\n")[1], "mine");
  },
);
