/** The paths of the lab that are no entries: sequences, what was seen, any path, another origin. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { RunningLab } from "../lab/start.ts";
import { startLab } from "../lab/start.ts";
import { lab } from "../lab/lab.ts";
import type { Seen } from "../lab/memory.ts";
import { connect, readAll, readReplies, send } from "./clients.ts";
import { needing } from "./needs.ts";
import { CLIENT, requestOf } from "./requests.ts";
import { WATCHED } from "./time.ts";
import { textOf } from "./wire.ts";

const test = needing("net");

function targetOf(url: string): { port: number } {
  return { port: Number(new URL(url).port) };
}

/** What a request for a path gets, until the connection closes; `RESET` for a TCP reset. */
async function wireOf({ url }: RunningLab, target: string, fields = ""): Promise<string> {
  using socket = await connect(targetOf(url));
  await send(socket, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${fields}\r\n`);
  try {
    return (await readAll(socket)).replace(/\r\nDate: [^\r]*/, "");
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    return "RESET";
  }
}

async function seenIn({ url }: RunningLab, key: string): Promise<Seen[]> {
  const response = await fetch(`${url}/seen/${key}`);
  assertEquals(response.headers.get("content-type"), "application/json");
  return await response.json();
}

test("/sequence/ITEM,ITEM/KEY gives the items in order, then the last one", WATCHED, async () => {
  await using server = await startLab();
  const path = "/sequence/503,reset,retry-after:1,events/lf,truncated/a-7_Z";
  const wires = [];
  for (let count = 0; count < 6; count++) wires.push(await wireOf(server, `${path}?${count}`));
  assertEquals(wires.map((wire) => wire.slice(0, 12)), [
    "HTTP/1.1 503",
    "RESET",
    "HTTP/1.1 503",
    "HTTP/1.1 200",
    "HTTP/1.1 200",
    "HTTP/1.1 200",
  ]);
  assertStringIncludes(wires[2], "\r\nRetry-After: 1\r\n");
  assertStringIncludes(wires[3], "\r\nContent-Type: text/event-stream");
  assertEquals(wires[4], await wireOf(server, "/truncated"));
  assertEquals(wires[5], wires[4]);
  const seen = await seenIn(server, "a-7_Z");
  assertEquals(
    seen.map(({ at: _, ...one }) => one),
    ["503", "reset", "retry-after:1", "events/lf", "truncated", "truncated"].map((item, index) => (
      { item, method: "GET", connection: index + 1 }
    )),
  );
  assertEquals(seen[0].at, 0);
  assert(seen.every(({ at }, index) => index === 0 || at >= seen[index - 1].at));
  assertEquals(await seenIn(server, "never"), []);
});

test("/sequence counts for each list, and /seen joins those of a key", WATCHED, async () => {
  await using server = await startLab();
  const paths = [
    "/sequence/500,200/k",
    "/sequence/404,200/k",
    "/sequence/500,200/k",
    "/sequence/500,200/l",
  ];
  const statuses = [];
  for (const path of paths) statuses.push((await wireOf(server, path)).slice(9, 12));
  assertEquals(statuses, ["500", "404", "200", "500"]);
  assertEquals((await seenIn(server, "k")).map(({ item }) => item), ["500", "404", "200"]);
});

test("/seen counts seconds from the first request of a key", WATCHED, async () => {
  await using server = await startLab();
  for (let count = 0; count < 2; count++) await wireOf(server, "/sequence/delay:0.1,200/k");
  const [first, second] = await seenIn(server, "k");
  assertEquals(first.at, 0);
  assert(second.at >= 0.1 && second.at < 60, `${second.at}`);
});

test("/sequence tells connections and methods apart", WATCHED, async () => {
  await using server = await startLab();
  using socket = await connect(targetOf(server.url));
  const request = (method: string) => `${method} /sequence/503,200/k HTTP/1.1\r\nHost: x\r\n\r\n`;
  await send(socket, request("POST") + request("GET"));
  const replies = await readReplies(socket, 2);
  assertEquals(replies.map((reply) => reply.slice(9, 12)), ["503", "200"]);
  await wireOf(server, "/sequence/503,200/k");
  assertEquals((await seenIn(server, "k")).map(({ method, connection }) => [method, connection]), [
    ["POST", 1],
    ["GET", 1],
    ["GET", 2],
  ]);
});

test("/sequence keeps 100 keys apart that are used in parallel", WATCHED, async () => {
  await using server = await startLab();
  const keys = Array.from({ length: 100 }, (_, at) => `key-${at}`);
  await Promise.all(keys.map(async (key) => {
    const statuses = [];
    for (let count = 0; count < 4; count++) {
      statuses.push((await wireOf(server, `/sequence/503,429,200/${key}`)).slice(9, 12));
    }
    assertEquals(statuses, ["503", "429", "200", "200"]);
  }));
  const all = await Promise.all(keys.map((key) => seenIn(server, key)));
  for (const seen of all) assertEquals(seen.map(({ item }) => item), ["503", "429", "200", "200"]);
});

/** Answers in process, without sockets. */
function answerer(): (path: string) => Promise<string> {
  const responder = lab({ canReset: true });
  return async (path) => {
    const reply = await responder(requestOf(`GET ${path} HTTP/1.1`), CLIENT);
    if (!("raw" in reply)) return `${reply.status ?? 200} ${reply.body}`;
    let text = "";
    for await (const piece of reply.raw) if (typeof piece !== "number") text += textOf(piece);
    return text;
  };
}

Deno.test("/sequence keeps the order of 10 000 requests, and forgets the oldest key", async () => {
  const answer = answerer();
  const items = Array.from({ length: 50 }, (_, at) => 200 + at).join();
  await answer("/sequence/200/old");
  for (let count = 0; count < 10_001; count++) {
    const text = await answer(`/sequence/${items}/long`);
    const expected = 200 + Math.min(count, 49);
    assertEquals(text.slice(9, 12), `${expected}`);
  }
  assertEquals(await answer("/seen/old"), "200 []\n");
  const seen = JSON.parse((await answer("/seen/long")).slice(4));
  assertEquals(seen.length, 10_000);
  assertEquals(seen[0].item, "201"); // the first of the one that is left gave way
  for (let count = 0; count < 10_000; count++) await answer(`/sequence/200/key-${count}`);
  assertEquals(await answer("/seen/long"), "200 []\n");
  assertMatch(await answer("/seen/key-0"), /"item":"200"/);
});

Deno.test("/sequence, /seen, /any and /redirect-away answer 400 to what they cannot take", async () => {
  const answer = answerer();
  const wrong = [
    ...["/sequence", "/sequence/", "/sequence/200", "/sequence/200/", "/sequence//k"],
    ...["/sequence/200,/k", "/sequence/,200/k", "/sequence/200,,200/k", "/sequence/nothing/k"],
    ...["/sequence/600/k", "/sequence/99/k", "/sequence/hang:61/k", "/sequence/reset:1/k"],
    ...[
      "/sequence/hang:1:1/k",
      "/sequence/hang/1/k",
      "/sequence/delay/k",
      "/sequence/constructor/k",
    ],
    ...[`/sequence/200/${"k".repeat(65)}`, `/sequence/200/${"k".repeat(200)}`, "/sequence/200/k.k"],
    ...[
      "/sequence/200/%41",
      "/seen",
      "/seen/",
      "/seen/a/b",
      `/seen/${"k".repeat(200)}`,
      "/seen/a.b",
    ],
    ...[
      "/any",
      "/any/",
      "/any/nothing/a",
      "/any/600/a",
      "/any/hang:61",
      "/arrived/a.b",
      "/arrived/",
    ],
    ...[
      "/redirect-away/304/k",
      "/redirect-away/200",
      "/redirect-away/302/",
      "/redirect-away/302/a/b",
    ],
    ...["/redirect-back/302/a.b", "/redirect-away/302/" + "k".repeat(65)],
  ];
  const texts = await Promise.all(wrong.map(answer));
  assertEquals(wrong.filter((_, index) => !texts[index].startsWith("400 Cannot answer /")), []);
  assertEquals(
    await answer("/sequence/200,tea/k"),
    '400 Cannot answer /sequence/200,tea/k: expected a status or an entry, such as retry-after:1, instead of "tea"\n',
  );
  assertEquals(
    await answer("/seen/a.b"),
    "400 Cannot answer /seen/a.b: expected /seen/KEY, KEY has 1 to 64 letters, digits, - or _\n",
  );
  assertEquals(await answer("/seen/" + "k".repeat(64)), "200 []\n");
  for (const path of ["/next/", "/next/a", "/pause/"]) assertMatch(await answer(path), /^404 /);
});

test("/any/ITEM answers as the item, whatever follows", WATCHED, async () => {
  await using server = await startLab();
  const truncated = await wireOf(server, "/truncated");
  for (const rest of ["", "/", "/info/refs?service=git", "/simple/foo/"]) {
    assertEquals(await wireOf(server, `/any/truncated${rest}`), truncated);
  }
  assertEquals(await wireOf(server, "/any/503/v1/models"), await wireOf(server, "/status/503"));
  assertEquals(await wireOf(server, "/any/bytes:3/a"), await wireOf(server, "/bytes/3"));
  assertEquals(await wireOf(server, "/any/events/lf/v1"), await wireOf(server, "/events/lf"));
});

test("the lab is a plain proxy: it answers by the path of a URI", WATCHED, async () => {
  await using server = await startLab();
  const wire = await wireOf(server, "http://shop.example/truncated?a=b");
  assertEquals(wire, await wireOf(server, "/truncated"));
  assertEquals(server.requests[0].target, "http://shop.example/truncated?a=b");
  using socket = await connect(targetOf(server.url));
  await send(socket, "CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\n\r\n");
  assertMatch(await readAll(socket), /^HTTP\/1\.1 501 /);
});

test("/next is the same for each method, and leaves the connection open", WATCHED, async () => {
  await using server = await startLab();
  using socket = await connect(targetOf(server.url));
  const next = "GET /next HTTP/1.1\r\nHost: x\r\n\r\n";
  await send(socket, next + next);
  const replies = await readReplies(socket, 2);
  assertMatch(
    replies[1],
    /^HTTP\/1\.1 200 OK\r\nDate: [^\r]+\r\nContent-Type: text\/plain\r\nContent-Length: 5\r\n\r\nnext\n$/,
  );
  assertEquals(await wireOf(server, "/next"), replies[0].replace(/\r\nDate: [^\r]*/, ""));
});

test(
  "/redirect-away and /redirect-back lead to the port of the lab on another host",
  WATCHED,
  async () => {
    await using server = await startLab();
    const { port } = targetOf(server.url);
    assertStringIncludes(
      await wireOf(server, "/redirect-away/307"),
      `\r\nLocation: http://localhost:${port}/arrived\r\n`,
    );
    assertStringIncludes(
      await wireOf(server, "/redirect-back/301"),
      `\r\nLocation: http://127.0.0.1:${port}/arrived\r\n`,
    );
    const wire = await wireOf(server, "/redirect-away/308/k1");
    assertMatch(wire, /^HTTP\/1\.1 308 Permanent Redirect\r\n/);
    assertStringIncludes(wire, `\r\nLocation: http://localhost:${port}/arrived/k1\r\n`);
  },
);

test("/arrived/KEY notes which fields came along, and no value", WATCHED, async () => {
  await using server = await startLab();
  const secrets = "Authorization: Basic c2VjcmV0\r\nCOOKIE: secret=1\r\n";
  assert((await wireOf(server, "/arrived/k", secrets)).endsWith("\r\n\r\narrived\n"));
  await wireOf(server, "/arrived/k");
  using slow = await connect(targetOf(server.url));
  await send(slow, "GET /arrived/k HTTP/1.1\r\n");
  await readReplies(slow, 1); // the fields come after the response
  await send(slow, "Host: x\r\nCookie: secret=2\r\n\r\n");
  await slow.closeWrite();
  await readAll(slow);
  const text = await (await fetch(`${server.url}/seen/k`)).text();
  assert(!text.includes("c2VjcmV0") && !text.includes("secret"));
  assertEquals(JSON.parse(text).map(({ at: _, ...one }: Seen) => one), [
    {
      item: "arrived",
      method: "GET",
      connection: 1,
      fields: ["Host", "Connection", "Authorization", "COOKIE"],
      authorization: true,
      cookie: true,
    },
    {
      item: "arrived",
      method: "GET",
      connection: 2,
      fields: ["Host", "Connection"],
      authorization: false,
      cookie: false,
    },
    {
      item: "arrived",
      method: "GET",
      connection: 3,
      fields: ["Host", "Cookie"],
      authorization: false,
      cookie: true,
    },
  ]);
});
