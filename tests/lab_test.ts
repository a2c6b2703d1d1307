/** The lab: its paths, its lists, resets, and `firstline --lab`. */

import { once } from "node:events";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { lab } from "../lab/lab.ts";
import { listenWithReset } from "../lab/listener.ts";
import type { Contract } from "../lab/contract.ts";
import { type Exchange, type RawReply, type Reply, serve, type Server } from "../server.ts";
import { connect, HOST, reset, resettable, send, talk } from "./clients.ts";
import { needing } from "./needs.ts";
import { ANY_PORT, run, ServerProcess } from "./process.ts";
import { CLIENT, requestOf } from "./requests.ts";
import { WATCHED } from "./time.ts";
import { bytesOf } from "./wire.ts";

const test = needing("net");
const running = needing("net", "run");

/** All entries, with resets. */
const LISTED: readonly Contract[] = JSON.parse(
  bodyOf(lab({ canReset: true }), "GET /lab.json HTTP/1.1"),
);

function replyTo(responder: ReturnType<typeof lab>, line: string): Reply | RawReply {
  return responder(requestOf(line), CLIENT) as Reply | RawReply;
}

function bodyOf(responder: ReturnType<typeof lab>, line: string): string {
  return String((replyTo(responder, line) as Reply).body);
}

/** Starts the lab in this process, with resets. */
async function startLab(): Promise<Server> {
  const listener = await listenWithReset({ hostname: HOST, port: 0 });
  return serve({ listener }, lab({ canReset: true }));
}

Deno.test("lab() answers 400 to invalid numbers, and says what was expected", () => {
  const statusOf = (path: string) => (replyTo(lab(), `GET ${path} HTTP/1.1`) as Reply).status;
  const wrong = [
    ...[
      "/status/99",
      "/status/199",
      "/status/600",
      "/status/0x1f4",
      "/status/2e2",
      "/status/200.0",
    ],
    ...[
      "/status/",
      "/status",
      "/status/0200",
      "/status/+200",
      "/status/200/",
      "/delay/61",
      "/delay/60.001",
    ],
    ...[
      "/delay/-1",
      "/delay/1.2345",
      "/delay/.5",
      "/delay/",
      "/bytes/x",
      "/bytes/100000001",
      "/bytes/%31",
    ],
    ...["/hang/61", "/hang/Infinity", "/redirect/0", "/redirect/1001", "/stream/0", "/flaky/0"],
  ];
  assertEquals(wrong.filter((path) => statusOf(path) !== 400), []);
  const right = ["/status/200", "/status/599", "/bytes/0", "/bytes/9?a=b", "/retry-after/60"];
  assertEquals(right.filter((path) => statusOf(path) === 400), []);
  assertEquals(
    bodyOf(lab(), "GET /delay/61 HTTP/1.1"),
    "Cannot answer /delay/61: expected /delay/SECONDS, SECONDS is a number from 0 to 60\n",
  );
});

Deno.test("lab() answers 404 to any other path, and escapes what it repeats", () => {
  for (
    const path of [
      "/x",
      "/empty/",
      "/empty/1",
      "//",
      "/lab.json/",
      "/Hang",
      "/reset",
      "/constructor",
    ]
  ) {
    const { status, body } = replyTo(lab(), `GET ${path} HTTP/1.1`) as Reply;
    assertEquals([status, body], [404, `Cannot answer ${path}: expected a path that / lists\n`]);
  }
  assertStringIncludes(bodyOf(lab(), 'GET /"<b> HTTP/1.1'), "Cannot answer /\\x22<b>: ");
  const { headers = [] } = replyTo(lab(), "GET /<b> HTTP/1.1") as Reply;
  assertEquals(headers, [["X-Content-Type-Options", "nosniff"]]);
});

Deno.test("lab() lists at least 60 entries, each with all its parts", () => {
  assert(LISTED.length >= 60);
  assertEquals(LISTED.filter(({ broken }) => !broken).length >= 15, true);
  for (const { path, group, about, section, client } of LISTED) {
    assertMatch(path, /^\/[a-z\d.-]+(\/[a-z\d.-]+)?$/);
    assertMatch(section, /^(RFC \d{4}|WHATWG HTML) §\d+(\.\d+)*$/);
    assertMatch(group, /^[A-Z]/);
    for (const text of [about, client]) assertMatch(text, /^[a-z].*[^.]$/);
  }
  assertEquals(new Set(LISTED.map(({ path }) => path)).size, LISTED.length);
  const text = LISTED.map(({ path, about }) => `${path}\t${about}\n`).join("");
  assertEquals(bodyOf(lab({ canReset: true }), "GET /list HTTP/1.1"), text);
  const page = bodyOf(lab({ canReset: true, origin: "http://[::1]:1" }), "GET / HTTP/1.1");
  for (const { path } of LISTED) assertStringIncludes(page, `<a href="${path}">`);
  assertStringIncludes(page, "curl -i http://[::1]:1/truncated</pre>");
});

Deno.test("lab() gives each entry on its page a line with its verdict, and an anchor that unfolds it", () => {
  const page = bodyOf(lab({ canReset: true }), "GET / HTTP/1.1");
  const lines = [...page.matchAll(
    /<details><summary><b>([^<]+)<\/b> <small class="(\w+)">([^<]+)<\/small><\/summary>\n<p id="([^"]+)">/g,
  )].map(([, ...parts]) => parts);
  const verbs = { accept: "accept", report: "report", either: "do either" };
  assertEquals(
    lines,
    LISTED.map(({ path, usage, level, expect }) => [
      usage.split(", ")[0],
      level,
      `${level} ${verbs[expect]}`,
      path.slice(1).replaceAll("/", "-"),
    ]),
  );
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  assertEquals(new Set(ids).size, ids.length);
  for (const [, id] of page.matchAll(/ href="#([^"]+)"/g)) assert(ids.includes(id), id);
});

Deno.test("lab() permits the script of its page, and no other", async () => {
  const { headers, body } = replyTo(lab(), "GET / HTTP/1.1") as Reply;
  const scripts = [...String(body).matchAll(/<script>([^]*?)<\/script>/g)];
  assertEquals(scripts.length, 1);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(scripts[0][1])));
  const policy = new Map(headers).get("Content-Security-Policy")!;
  assertMatch(policy, /^default-src 'none'; /);
  assertEquals(/script-src ([^;]*)/.exec(policy)?.[1], `'sha256-${hash.toBase64()}'`);
});

test("lab() ends a waiting entry when its client resets", WATCHED, async () => {
  const ended = Promise.withResolvers<Exchange>();
  const listener = await listenWithReset({ hostname: HOST, port: 0 });
  await using server = serve({ listener, onExchange: ended.resolve }, lab());
  const client = await resettable(server.addr);
  client.write("GET /hang-body HTTP/1.1\r\n\r\n");
  await once(client, "data");
  await reset(client);
  assertEquals((await ended.promise).requestLine, "GET /hang-body HTTP/1.1");
});

test(
  "listenWithReset() closes connections beyond 700, and keeps accepting",
  WATCHED,
  async () => {
    await using server = await startLab();
    const sockets: Deno.TcpConn[] = [];
    for (let count = 0; count < 701; count++) sockets.push(await connect(server.addr));
    assertEquals(await sockets.at(-1)!.read(new Uint8Array(1)), null);
    for (const socket of sockets) socket.close();
    assertMatch(await talk(server.addr, "GET /list HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 200 /);
  },
);

running(
  "firstline --lab listens on the loopback, and works with --health and --log",
  WATCHED,
  async () => {
    await using server = await ServerProcess.start([
      "--lab",
      "--port",
      "0",
      "--health",
      "/healthz",
      "--log",
      "json",
    ]);
    assertMatch(server.listening, /listening on 127\.0\.0\.1:/);
    assertStringIncludes(
      server.stderr.text,
      "the lab answers this machine alone; --host lets others in",
    );
    assertMatch(
      await talk(server, "GET /healthz HTTP/1.0\r\n\r\n"),
      /^HTTP\/1\.1 200 [^]*\r\n\r\nok$/,
    );
    assertMatch(
      await talk(server, "GET / HTTP/1.0\r\n\r\n"),
      new RegExp(`curl -i http://127.0.0.1:${server.port}/`),
    );
    assertEquals(
      await talk(server, "GET /truncated HTTP/1.0\r\n\r\n").then((wire) => wire.slice(-9)),
      "\r\n\r\n01234",
    );
    assertMatch(await server.stdout.next(), /"GET \/ HTTP\/1\.0"/);
    assertEquals(await server.stop(), 0);
  },
);

running(
  "firstline --lab shows resets in --wire, and stops at once and clean beside stalled entries",
  WATCHED,
  async () => {
    await using server = await ServerProcess.start([
      ...ANY_PORT,
      "--lab",
      "--wire",
    ]);
    await assertRejects(
      () => talk(server, "GET /reset HTTP/1.0\r\n\r\n"),
      Deno.errors.ConnectionReset,
    );
    await server.stdout.until(/-- reset$/);
    using socket = await connect(server);
    await send(socket, "GET /hang HTTP/1.0\r\n\r\n");
    await server.stdout.until(/GET \/hang/);
    assertEquals(await server.stop(), 0);
  },
);

running("firstline --lab exits with 2 with flags of other replies", WATCHED, async () => {
  const others = [
    ...[["--text", "a"], ["--file", "a"], ["--raw", "a"], ["--redirect", "http://a/"], [
      "--link",
      "/",
    ]],
    ...[["--status", "200"], ["--header", "A: b"], ["--delay", "1"], ["--reuse-port"]],
  ];
  for (const [flag, ...value] of others) {
    const { code, stderr } = await run(["--lab", flag, ...value]);
    assertEquals([code, stderr.split(/[,\n]/)[0]], [
      2,
      `firstline: Cannot use --lab with ${flag}: expected one of the two`,
    ]);
  }
  const { code, stderr } = await run(["--lab", "site"]);
  assertEquals([code, stderr.split(":")[1]], [2, ' Cannot use --lab with "site"']);
});

running("firstline --lab reports why it cannot listen", WATCHED, async () => {
  using taken = Deno.listen({ hostname: HOST, port: 0 });
  const port = String(taken.addr.port);
  const { code, stderr } = await run(["--lab", "--port", port]);
  assertEquals([code, stderr.split(",")[0]], [
    1,
    `firstline: Cannot listen on 127.0.0.1:${port}: the port is taken`,
  ]);
});
