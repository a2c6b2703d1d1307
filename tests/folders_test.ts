/** Folders: an API by method, listings, --watch, and messages about files. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { talk } from "./clients.ts";
import { asAnotherUser, TemporaryFolder } from "./files.ts";
import { isGranted, needing } from "./needs.ts";
import { ANY_PORT, freePort, ROOT, run, ServerProcess } from "./process.ts";
import { sleep, WATCHED } from "./time.ts";
import { statusOf, undated } from "./wire.ts";

const test = needing("net", "read", "run", "write");
const PERMISSIONS = ["--allow-net", "--allow-read"];

function start(...flags: string[]): Promise<ServerProcess> {
  return ServerProcess.start([...ANY_PORT, ...flags], { permissions: PERMISSIONS });
}

/** Returns the message of a start that fails with exit code 2, without its common beginning. */
async function startError(flag: string, path: string, ...more: string[]): Promise<string> {
  const { code, stderr } = await run([flag, path, ...more], { permissions: PERMISSIONS });
  assertEquals(code, 2, stderr);
  const beginning = `firstline: Cannot use ${flag} "${path}": `;
  assert(stderr.startsWith(beginning) && stderr.indexOf("\n") === stderr.length - 1, stderr);
  return stderr.slice(beginning.length).trimEnd();
}

const CROSS_ORIGIN = ["Origin", "Headers", "Methods"].flatMap((what) => [
  "--header",
  `Access-Control-Allow-${what}: *`,
]);

test(
  "firstline --file FOLDER serves an API to a page of another origin",
  WATCHED,
  async () => {
    using folder = new TemporaryFolder({
      "orders.GET.json": "[]",
      "orders.POST.201.json": '{"id":8}',
      "orders/{id}.GET.json": '{"id":7}',
      "orders/{id}.PUT.json": '{"id":7}',
      "orders/{id}.DELETE.204": "",
      "orders/9.PUT.http": "409\nX-Reason: taken\nResponse-Delay: 20\n\ntaken\n",
      "index.GET.json": "{}",
      "404.html": "<p>none",
    });
    await using server = await start("--file", folder.path, ...CROSS_ORIGIN);
    /** Sends a preflight and a request, as a browser does for another origin. */
    const request = async (method: string, path: string) => {
      const url = `http://127.0.0.1:${server.port}${path}`;
      const preflight = await fetch(url, {
        method: "OPTIONS",
        headers: {
          "Origin": "http://shop.example",
          "Access-Control-Request-Method": method,
          "Access-Control-Request-Headers": "content-type",
        },
      });
      await preflight.body?.cancel();
      const allowed = ["origin", "headers", "methods"].map((what) =>
        preflight.headers.get(`access-control-allow-${what}`)
      );
      assertEquals([preflight.ok, ...allowed], [true, "*", "*", "*"], path);
      const hasContent = method === "POST" || method === "PUT";
      const response = await fetch(url, { method, body: hasContent ? "{}" : undefined });
      assertEquals(response.headers.get("access-control-allow-origin"), "*");
      return `${response.status} ${await response.text()}`;
    };
    assertEquals(await request("GET", "/orders"), "200 []");
    assertEquals(await request("HEAD", "/orders"), "200 ");
    assertEquals(await request("POST", "/orders"), '201 {"id":8}');
    assertEquals(await request("GET", "/orders/12"), '200 {"id":7}');
    assertEquals(await request("PUT", "/orders/12"), '200 {"id":7}');
    assertEquals(await request("DELETE", "/orders/12"), "204 ");
    assertEquals(await request("PUT", "/orders/9"), "409 taken\n");
    assertEquals(await request("GET", "/"), "200 {}");
    assertEquals(
      await request("DELETE", "/"),
      "405 405 Method Not Allowed\n\nExpected GET, HEAD or OPTIONS.\n",
    );
    assertEquals(await request("PUT", "/teas"), "404 <p>none");
    assertEquals(
      undated(await talk(server, "OPTIONS /orders HTTP/1.1\r\n")),
      "HTTP/1.1 204 No Content\r\nDate: DATE\r\nAllow: GET, HEAD, POST, OPTIONS\r\n" +
        "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: *\r\n" +
        "Access-Control-Allow-Methods: *\r\nConnection: close\r\n\r\n",
    );
  },
);

test("firstline --file FOLDER fills in placeholders after a delay", WATCHED, async () => {
  using folder = new TemporaryFolder({ "a.GET.http": "200\nResponse-Delay: 20\n\na" });
  await using server = await start("--file", folder.path, "--header", "X-Asked: {target}");
  assertStringIncludes(await talk(server, "GET /a?b HTTP/1.1\r\n"), "X-Asked: /a?b\r\n");
});

test("firstline --list lists the files of folders", WATCHED, async () => {
  using folder = new TemporaryFolder({ "a b.txt": "a", "c/d.txt": "d" });
  await using server = await start("--file", folder.path, "--list", "--header", "X-A: 1");
  const page = await talk(server, "GET / HTTP/1.1\r\n");
  assertEquals(statusOf(page), 200);
  assertMatch(page, /^Content-Type: text\/html; charset=utf-8\r$/m);
  assertMatch(page, /^X-A: 1\r$/m);
  assertMatch(page, /<a href="c\/">[^]*<a href="a%20b\.txt"><bdi>a b\.txt<\/bdi>/);
  assertMatch(await talk(server, "GET /c HTTP/1.1\r\n"), /^Location: \/c\/\r$/m);
  assertStringIncludes(await talk(server, "GET /c/ HTTP/1.1\r\n"), '<a href="d.txt">');
  await using unlisted = await start("--file", folder.path);
  assertEquals(statusOf(await talk(unlisted, "GET /c/ HTTP/1.1\r\n")), 404);
  assertEquals(
    await startError("--file", folder.pathOf("a b.txt"), "--list"),
    "expected a folder with --list",
  );
});

test(
  "firstline --watch serves changed files, and stops at a signal",
  WATCHED,
  async () => {
    using folder = new TemporaryFolder({ "index.html": "one", "b.GET.json": "1" });
    await using server = await start("--file", folder.path, "--watch", "--quiet");
    const content = async () => (await talk(server, "GET / HTTP/1.1\r\n")).split("\r\n\r\n")[1];
    assertEquals(await content(), "one");
    const changedAt = performance.now();
    folder.write("index.html", "two");
    while (await content() === "one") await sleep(10);
    assertEquals(await content(), "two");
    assert(performance.now() - changedAt < 5000);
    folder.write("b.GET.txt", "2");
    while (!server.stderr.text.includes("keeping")) await sleep(10);
    assertEquals(await content(), "two");
    assertEquals(await server.stop(), 0);
    assertMatch(
      server.stderr.text,
      /^firstline: reloaded, holding 2 files, 4 bytes$\n^firstline: keeping the old content of --file "[^"]*": expected one file for each method and path, not "\/b\.GET\.json" and "\/b\.GET\.txt"$/m,
    );
  },
);

test(
  "firstline --file FILE names the URL with the file's name, and answers any path",
  WATCHED,
  async () => {
    using folder = new TemporaryFolder({ "my backup.txt": "b" });
    await using server = await start("--file", folder.pathOf("my backup.txt"));
    assert(server.listening.endsWith(`http://127.0.0.1:${server.port}/my%20backup.txt`));
    for (const path of ["/my%20backup.txt", "/", "/any/path"]) {
      assertMatch(await talk(server, `GET ${path} HTTP/1.1\r\n`), /\r\n\r\nb$/);
    }
  },
);

test("firstline PATH /PREFIX=PATH serves a front end and its API", WATCHED, async () => {
  using folder = new TemporaryFolder({
    "dist/index.html": "<p>shop",
    "mocks/orders@page=2.GET.json": "[2]",
    "mocks/orders.GET.json": "[1]",
    "mocks/404.json": "{}",
  });
  const api = `/api=${folder.pathOf("mocks")}`;
  await using server = await start(folder.pathOf("dist"), api, "--cors", "--watch", "--quiet");
  const messages = server.stderr.text;
  assertStringIncludes(messages, "firstline: holding 1 file, 7 bytes\n");
  assertStringIncludes(messages, "firstline: /api: holding 3 files, 8 bytes\n");
  const ask = (path: string) => talk(server, `GET ${path} HTTP/1.1\r\n`);
  assertMatch(await ask("/"), /\r\n\r\n<p>shop$/);
  assertMatch(await ask("/api/orders?page=2"), /\r\n\r\n\[2\]$/);
  const missing = await ask("/api/teas");
  assertMatch(missing, /^HTTP\/1\.1 404 [^]*\r\n\r\n\{\}$/);
  assertMatch(missing, /^Access-Control-Allow-Origin: \*\r$/m);
  folder.write("mocks/teas.GET.json", "[3]");
  while (!(await ask("/api/teas")).endsWith("[3]")) await sleep(10);
  assertEquals(await server.stop(), 0);
});

test("firstline --watch reloads a file, and a --raw folder, and says so", WATCHED, async () => {
  using folder = new TemporaryFolder({ "page.html": "one", "raw/a.http": "one" });
  const cases = [
    [
      "--file",
      "page.html",
      "",
      /^firstline: listening on .*\nfirstline: reloaded, holding 3 bytes$/m,
    ],
    ["--raw", "raw", "a", /^firstline: reloaded, holding 1 file, 3 bytes; no index\.http, so/m],
  ] as const;
  for (const [flag, name, path, messages] of cases) {
    await using server = await start(flag, folder.pathOf(name), "--watch");
    const ask = () => talk(server, `GET /${path} HTTP/1.1\r\n`);
    assertMatch(await ask(), /one$/);
    folder.write(path === "" ? name : `${name}/${path}.http`, "two");
    while ((await ask()).endsWith("one")) await sleep(10);
    assertMatch(await ask(), /two$/);
    await server.stderr.until(/reloaded/);
    assertMatch(server.stderr.text, messages);
  }
});

test(
  "firstline exits with 2 and explains what is wrong with a file or folder",
  WATCHED,
  async () => {
    using outside = new TemporaryFolder({ "a": "a" });
    using folder = new TemporaryFolder({ "site/.hidden": "a", "api/x.POST.999.json": "{}" });
    folder.write("raw/x.POST.201.http", "");
    for (const name of ["a", "b"]) Deno.symlinkSync(outside.path, folder.pathOf(`site/${name}`));
    assertEquals(
      await startError("--file", folder.pathOf("site")),
      "expected a folder with files in it; left out: 1 hidden, 2 linked outside",
    );
    assertEquals(
      await startError("--raw", folder.pathOf("raw")),
      'expected a status in the file and not in its name, "/x.POST.201.http"',
    );
    assertEquals(
      await startError("--file", folder.pathOf("api")),
      'expected NAME.METHOD.STATUS with a status from 200 to 599, not "/x.POST.999.json"',
    );
    for (const path of ["/dev/stdin", "/dev/fd/0", "/dev/null"]) {
      assertMatch(await startError("--file", path), /^expected a regular file or a folder/);
    }
    const { stderr } = await run(["--file", "/dev/stdin"], {
      permissions: ["--allow-all"],
      shell: 'echo hi | "$@"',
    });
    assertStringIncludes(stderr, "expected a regular file or a folder\n");
  },
);

test(
  "firstline --raw reports heads whose lines end in LF alone, and sends them",
  WATCHED,
  async () => {
    const bare = "HTTP/1.1 200 OK\n\nbare";
    using folder = new TemporaryFolder({ "a.http": bare, "b.http": bare.replaceAll("\n", "\r\n") });
    await using server = await start("--raw", folder.path);
    assertStringIncludes(
      server.stderr.text,
      'firstline: lines of the head end in LF alone, which some clients refuse, in "/a.http"\n',
    );
    assertEquals(await talk(server, "GET /a HTTP/1.1\r\n"), bare);
    await using single = await start("--raw", folder.pathOf("b.http"));
    assert(!single.stderr.text.includes("LF"));
  },
);

// ---------------------------------------------------------------- as another user

/** Serves a folder by its path and kind, without modules of others, which only this user may have. */
const SERVE = `
  import { serve } from "file://${ROOT}/server.ts";
  import { fileAnswer } from "file://${ROOT}/folders/answer.ts";
  const [kind, path, port] = Deno.args;
  const settings = { kind, path, list: false, watch: true, headers: [], delay: undefined };
  const { answer } = await fileAnswer(settings, (text) => console.error(text));
  serve({ hostname: "127.0.0.1", port: Number(port) }, answer);
`;

const other = isGranted("run") && isGranted("read")
  ? asAnotherUser([Deno.execPath()], `${ROOT}/server.ts`)
  : undefined;

/** Starts a server as a user for whom files of mode 0 are not readable. */
async function startAsOther(kind: string, path: string, cache: string): Promise<ServerProcess> {
  const port = freePort();
  const command = [...other!, "eval", "--no-config", SERVE, kind, path, String(port)];
  return await ServerProcess.startOn(port, command, { env: { DENO_DIR: cache } });
}

test({
  name: `a folder with entries that may not be read serves the rest, and each change of that${
    other === undefined ? " (needs setpriv, and a checkout that everyone may read)" : ""
  }`,
  ...WATCHED,
  ignore: other === undefined,
  fn: async () => {
    using cache = new TemporaryFolder();
    Deno.chmodSync(cache.path, 0o777);
    const text = "HTTP/1.1 200 OK\r\n\r\n";
    using folder = new TemporaryFolder({ "a.http": text, "b/c.http": text, "lost+found/d": text });
    Deno.chmodSync(folder.path, 0o755);
    const secret = folder.pathOf("b/c.http");
    Deno.chmodSync(secret, 0);
    Deno.chmodSync(folder.pathOf("lost+found"), 0);
    try {
      for (const kind of ["file", "raw"]) {
        await using server = await startAsOther(kind, folder.path, cache.path);
        const ask = async (path: string) =>
          statusOf(await talk(server, `GET ${path}.http HTTP/1.1\r\n`));
        await server.stderr.until(/holding 1 file, 19 bytes; left out: 2 not readable/);
        assertEquals([await ask("/a"), await ask("/b/c")], [200, 404]);
        Deno.chmodSync(secret, 0o644);
        await server.stderr.until(/reloaded, holding 2 files, 38 bytes; left out: 1 not readable/);
        assertEquals(await ask("/b/c"), 200);
        folder.write("a.http", `${text}changed`);
        Deno.chmodSync(secret, 0);
        await server.stderr.until(/reloaded, holding 1 file, 26 bytes; left out: 2 not readable/);
        assertEquals([await ask("/a"), await ask("/b/c")], [200, 404]);
        folder.write("a.http", text);
      }
    } finally {
      Deno.chmodSync(folder.pathOf("lost+found"), 0o755); // or it could not be removed
    }
  },
});
