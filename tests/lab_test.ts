/** The lab: the bytes of each entry, how `fetch` handles them, and `firstline --lab`. */

import { once } from "node:events";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { lab, listenWithReset } from "../lab/lab.ts";
import type { Listed } from "../lab/page.ts";
import { type Exchange, type RawReply, type Reply, serve, type Server } from "../server.ts";
import { connect, HOST, reset, resettable, send, talk } from "./clients.ts";
import { needing } from "./needs.ts";
import { ANY_PORT, run, ServerProcess } from "./process.ts";
import { CLIENT, requestOf } from "./requests.ts";
import { SkippableTime, WATCHED } from "./time.ts";
import { bytesOf } from "./wire.ts";

const test = needing("net");
const running = needing("net", "run");

/**
 * The bytes of each entry, with `|` for CRLF, and the result of `fetch`: the status and the bytes of
 * content, or `fails`. Long replies are shortened, with their length and a hash.
 */
// deno-fmt-ignore: a line for each
const EXPECTED: Readonly<Record<string, readonly [wire: string, fetched: string]>> = {
  "/status/503": ["HTTP/1.1 503 Service Unavailable|Date: DATE|Content-Type: text/plain; charset=utf-8|Content-Length: 4|Connection: close||503\n", "503 4"],
  "/delay/0.1": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3|Connection: close||ok\n", "200 3"],
  "/flaky/1": ["HTTP/1.1 503 Service Unavailable|Date: DATE|Content-Type: text/plain; charset=utf-8|Content-Length: 24|Connection: close||Not on this connection.\n", "503 24"],
  "/retry-after/2": ["HTTP/1.1 503 Service Unavailable|Date: DATE|Content-Type: text/plain; charset=utf-8|Content-Length: 9|Retry-After: 2|Connection: close||Not yet.\n", "503 9"],
  "/early/413": ["HTTP/1.1 413 Content Too Large|Date: DATE|Content-Type: text/plain; charset=utf-8|Content-Length: 4|Connection: close||413\n", "413 4"],
  "/bytes/1000": ["HTTP/1.1 200 OK|Date: DATE|Content-Length: 1000|Content-T… 1112 #681ef3f0", "200 1000"],
  "/stream/3": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||7|line 1\n|7|line 2\n|7|line 3\n|0||", "200 21"],
  "/tiny-chunks": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Trans… 60109 #722dac26", "200 10000"],
  "/chunk-extensions": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||7;mood=good;note=\"a ; b\"|line 1\n|7;mood=good;note=\"a ; b\"|line 2\n|7;mood=good;note=\"a ; b\"|line 3\n|0||", "200 21"],
  "/trailers": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Trailer: X-Lines|Transfer-Encoding: chunked|Connection: close||7|line 1\n|7|line 2\n|7|line 3\n|0|X-Lines: 3||", "200 21"],
  "/gzip": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Encoding: gzip|Content-Length: 46|Connection: close||\u001f\x8b\b\u0000\u0000\u0000\u0000\u0000\u0002\u0003\u000b\xc9\xc8,V(I\xad(Q(O,VH\xce\xcf-(J-.NM\xd1\xe3\u0002\u0000-\xa8\xf0\u0004\u001a\u0000\u0000\u0000", "200 26"],
  "/no-length": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Connection: close||01234", "200 5"],
  "/continue": ["HTTP/1.1 100 Continue||HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3|Connection: close||ok\n", "200 3"],
  "/early-hints": ["HTTP/1.1 103 Early Hints|Link: </style.css>; rel=preload||HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3|Connection: close||ok\n", "200 3"],
  "/interim": ["HTTP/1.1 103 Early Hints|Link: </style.css>; rel=preload|\r… 6198 #c5cdd6be", "200 3"],
  "/http-1.0": ["HTTP/1.0 200 OK|Date: DATE|Content-Type: text/plain|Connection: close||ok\n", "200 3"],
  "/empty-reason": ["HTTP/1.1 200 |Date: DATE|Content-Type: text/plain|Content-Length: 3|Connection: close||ok\n", "200 3"],
  "/latin1": ["HTTP/1.1 200 OK|Date: DATE|X-Name: caf\xe9|Content-Type: text/plain|Content-Length: 3|Connection: close||ok\n", "200 3"],
  "/slow-head/0.1": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3|Connection: close||ok\n", "200 3"],
  "/slow-body/0.1": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 10|Connection: close||0123456789", "200 10"],
  "/redirect/3": ["HTTP/1.1 302 Found|Date: DATE|Content-Type: text/plain; charset=utf-8|Content-Length: 0|Location: /redirect/2|Connection: close||", "302 0"],
  "/loop": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: /loop||", "302 0"],
  "/endless-redirects": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: /endless-redirects/2||", "302 0"],
  "/redirect-nowhere": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close||", "302 0"],
  "/redirect-empty": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location:||", "302 0"],
  "/redirect-invalid": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: http://[::1/||", "302 0"],
  "/redirect-latin1": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: /status/200?caf\xe9||", "302 0"],
  "/redirect-scheme": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: file:///etc/hostname||", "302 0"],
  "/two-locations": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: /status/200|Location: /status/404||", "302 0"],
  "/empty": ["", "fails"],
  "/cut-head": ["HTTP/1.1 200 OK|Content-Le", "fails"],
  "/hang/0.1": ["", "fails"],
  "/hang-head/0.1": ["HTTP/1.1 200 OK|Content-Le", "fails"],
  "/hang-body/0.1": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 10|Connection: close||01234", "200 fails"],
  "/hang-chunk/0.1": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5|01234|", "200 fails"],
  "/close-late/0.1": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3|Connection: close||ok\n", "200 3"],
  "/close-unsaid": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3||ok\n", "200 3"],
  "/reset-idle": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3||ok\nRESET", "200 3"],
  "/unread": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3|Connection: close||ok\n", "200 3"],
  "/reset": ["RESET", "fails"],
  "/reset-body": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 10|Connection: close||01234RESET", "200 fails"],
  "/truncated": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 10|Connection: close||01234", "200 fails"],
  "/too-long": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3||ok\n01234", "200 3"],
  "/two-lengths": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 5|Content-Length: 10|Connection: close||0123456789", "fails"],
  "/same-lengths": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 5|Content-Length: 5|Connection: close||01234", "200 5"],
  "/list-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 5, 5|Connection: close||01234", "200 5"],
  "/negative-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: -1|Connection: close||01234", "fails"],
  "/plus-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: +5|Connection: close||01234", "fails"],
  "/hex-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 0x5|Connection: close||01234", "fails"],
  "/word-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 5 five|Connection: close||01234", "fails"],
  "/empty-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length:|Connection: close||01234", "fails"],
  "/huge-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 18446744073709551621|Connection: close||01234", "fails"],
  "/length-and-chunked": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3|Transfer-Encoding: chunked|Connection: close||5|01234|0||", "200 5"],
  "/not-chunked": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||zero one two\n", "200 fails"],
  "/bad-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5|01234|xyz|", "200 fails"],
  "/negative-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||-5|01234|0||", "200 fails"],
  "/prefixed-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||0x5|01234|0||", "200 fails"],
  "/huge-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||10000000000000005|01234", "200 fails"],
  "/long-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5|0123456789|0||", "200 fails"],
  "/cut-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked||5|01234|5|56", "200 fails"],
  "/no-last-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5|01234|", "200 fails"],
  "/lf-chunks": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5\n01234\n0\n\n", "200 fails"],
  "/long-extension": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding… 1048686 #82623324", "200 fails"],
  "/chunked-twice": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked, chunked|Connection: close||5|01234|0||", "200 5"],
  "/unknown-coding": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: tea|Connection: close||01234", "200 5"],
  "/endless-chunks/0.1": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5|01234|5|01234|", "200 fails"],
  "/bad-trailers": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5|01234|0|Content-Length: 3||", "200 5"],
  "/endless-trailers": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding… 2097152 #56794ed0", "200 fails"],
  "/endless-head": ["HTTP/1.1 200 OK|X-More: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… 2097152 #3badff3c", "fails"],
  "/long-field": ["HTTP/1.1 200 OK|X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… 1048646 #9f8078e9", "fails"],
  "/many-fields": ["HTTP/1.1 200 OK|X-More: a|X-More: a|X-More: a|X-More: a\r… 110060 #ab70aae4", "fails"],
  "/no-colon": ["HTTP/1.1 200 OK|This is no field|Content-Length: 3|Connection: close||ok\n", "fails"],
  "/no-name": ["HTTP/1.1 200 OK|: value|Content-Length: 3|Connection: close||ok\n", "fails"],
  "/bad-name": ["HTTP/1.1 200 OK|X Y: value|Content-Length: 3|Connection: close||ok\n", "fails"],
  "/space-colon": ["HTTP/1.1 200 OK|Connection: close|Content-Length : 3||ok\n", "fails"],
  "/leading-space": ["HTTP/1.1 200 OK| X-First: a|Content-Length: 3|Connection: close||ok\n", "fails"],
  "/folded": ["HTTP/1.1 200 OK|X-Folded: one| two|Content-Length: 3|Connection: close||ok\n", "fails"],
  "/nul": ["HTTP/1.1 200 OK|X-Nul: a\u0000b|Content-Length: 3|Connection: close||ok\n", "fails"],
  "/bare-cr": ["HTTP/1.1 200 OK|X-CR: a\rX-Sneaky: b|Content-Length: 3|Connection: close||ok\n", "fails"],
  "/lf": ["HTTP/1.1 200 OK\nContent-Length: 3\nConnection: close\n\nok\n", "200 3"],
  "/garbage": ["\u0016\u0003\u0001\u0000\u0002\u0001\u0000||", "fails"],
  "/http-0.9": ["<p>only this|", "fails"],
  "/http-2": ["HTTP/2 200|Content-Length: 3|Connection: close||ok\n", "fails"],
  "/lower-case": ["http/1.1 200 OK|Content-Length: 3|Connection: close||ok\n", "fails"],
  "/no-reason": ["HTTP/1.1 200|Content-Length: 3|Connection: close||ok\n", "200 3"],
  "/long-reason": ["HTTP/1.1 200 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… 1048634 #4075071c", "fails"],
  "/leading-lines": ["||HTTP/1.1 200 OK|Content-Length: 3|Connection: close||ok\n", "200 3"],
  "/status-word": ["HTTP/1.1 OK|Content-Length: 3|Connection: close||ok\n", "fails"],
  "/status-99": ["HTTP/1.1 99 Small|Content-Length: 3|Connection: close||ok\n", "fails"],
  "/status-600": ["HTTP/1.1 600 Beyond|Content-Length: 3|Connection: close||ok\n", "600 3"],
  "/status-1000": ["HTTP/1.1 1000 Grand|Content-Length: 3|Connection: close||ok\n", "fails"],
  "/101": ["HTTP/1.1 101 Switching Protocols|Upgrade: tea|Connection: Upgrade||hello", "101 0"],
  "/continue-only": ["HTTP/1.1 100 Continue||", "fails"],
  "/endless-1xx/0.1": ["HTTP/1.1 103 Early Hints|Link: </style.css>; rel=preload||HTTP/1.1 103 Early Hints|Link: </style.css>; rel=preload||", "fails"],
  "/204-body": ["HTTP/1.1 204 No Content|Content-Type: text/plain|Content-Length: 3|Connection: close||ok\n", "204 0"],
  "/204-chunked": ["HTTP/1.1 204 No Content|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||3|ok\n|0||", "204 0"],
  "/205-body": ["HTTP/1.1 205 Reset Content|Content-Type: text/plain|Content-Length: 3|Connection: close||ok\n", "205 0"],
  "/304-body": ["HTTP/1.1 304 Not Modified|Content-Type: text/plain|Content-Length: 3|Connection: close||ok\n", "304 0"],
  "/head-body": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3|Connection: close||ok\n", "200 3"],
  "/two-responses": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3||ok\nHTTP/1.1 404 Not Found|Content-Type: text/plain|Content-Length: 3|Connection: close||no\n", "200 3"],
  "/bad-gzip": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: gzip|Content-Length: 3|Connection: close||ok\n", "200 fails"],
  "/cut-gzip": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: gzip|Content-Length: 30|Connection: close||\u001f\x8b\b\u0000\u0000\u0000\u0000\u0000\u0002\u0003\u000b\xc9\xc8,V(I\xad(Q(O,VH\xce\xcf-(J", "200 fails"],
  "/gzip-garbage": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: gzip|Content-Length: 51|Connection: close||\u001f\x8b\b\u0000\u0000\u0000\u0000\u0000\u0002\u0003\u000b\xc9\xc8,V(I\xad(Q(O,VH\xce\xcf-(J-.NM\xd1\xe3\u0002\u0000-\xa8\xf0\u0004\u001a\u0000\u0000\u000001234", "200 26"],
  "/gzip-bomb": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding:… 422789 #12c54e49", "200 67104769"],
  "/empty-encoding": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding:|Content-Length: 3|Connection: close||ok\n", "200 3"],
  "/unknown-encoding": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: tea|Content-Length: 3|Connection: close||ok\n", "200 3"],
  "/wrong-charset": ["HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8|Content-Length: 5|Connection: close||caf\xe9\n", "200 5"],
  "/cut-utf8": ["HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8|Content-Length: 5|Connection: close||tea \xe2", "200 5"],
  "/two-types": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Type: application/json|Content-Length: 3|Connection: close||{}\n", "200 3"],
  "/bad-json": ["HTTP/1.1 200 OK|Content-Type: application/json|Content-Length: 7|Connection: close||[1, 2, ", "200 7"],
};

/** The path of an entry, with a short time if it stalls, and independent of the port. */
function brief({ path, usage }: Listed): string {
  if (path.startsWith("/flaky/")) return "/flaky/1";
  return usage.includes("SECONDS is a number") ? `${/^\/[^/]+/.exec(path)}/0.1` : path;
}

/** Some entries send more than a test needs to read. */
const MAX_READ_BYTES = 2 * 1024 * 1024;

/** All entries, with resets. */
const LISTED: readonly Listed[] = JSON.parse(
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

/** Everything that a socket receives, one character per byte; `RESET` at the end for a TCP reset. */
async function wireOf(server: Server, line: string): Promise<string> {
  using socket = await connect(server.addr);
  await send(socket, `${line}\r\nHost: x\r\nConnection: close\r\n\r\n`);
  const buffer = new Uint8Array(64 * 1024);
  let wire = "";
  try {
    for (let count; wire.length < MAX_READ_BYTES && (count = await socket.read(buffer)) !== null;) {
      wire += String.fromCharCode(...buffer.subarray(0, count));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    wire += "RESET";
  }
  return wire.slice(0, MAX_READ_BYTES).replace(
    /\r\nDate: \w{3}, [^\r]* GMT\r\n/,
    "\r\nDate: DATE\r\n",
  );
}

async function shortened(wire: string): Promise<string> {
  if (wire.length <= 300) return wire.replaceAll("\r\n", "|");
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(wire)));
  return `${wire.slice(0, 60).replaceAll("\r\n", "|")}… ${wire.length} #${
    hash.slice(0, 4).toHex()
  }`;
}

/** Handles eight entries at a time, because most of them wait. */
async function forEachConcurrently<T>(
  all: readonly T[],
  use: (one: T) => Promise<void>,
): Promise<void> {
  const rest = [...all];
  const lane = async () => {
    for (let one; (one = rest.shift()) !== undefined;) await use(one);
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}

/** The result of `fetch`. */
async function fetchResult(url: string): Promise<string> {
  let status = "";
  try {
    const response = await fetch(url, { redirect: "manual" });
    status = `${response.status} `;
    let bytes = 0;
    for await (const piece of response.body ?? []) bytes += piece.length;
    return status + bytes;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return `${status}fails`;
  }
}

test(
  "lab() sends the expected bytes for each entry, and fetch accepts them or fails",
  WATCHED,
  async () => {
    await using server = await startLab();
    const actual: Record<string, [string, string]> = {};
    await forEachConcurrently(LISTED.map(brief), async (path) => {
      const wire = await shortened(await wireOf(server, `GET ${path} HTTP/1.1`));
      actual[path] = [wire, await fetchResult(`http://${HOST}:${server.addr.port}${path}`)];
    });
    assertEquals(actual, EXPECTED);
  },
);

test(
  "lab() answers HEAD with the head of correct entries, and with all bytes of broken ones",
  WATCHED,
  async () => {
    await using server = await startLab();
    const ending = LISTED.filter(({ path }) => !path.startsWith("/endless"));
    await forEachConcurrently(ending, async (entry) => {
      const whole = await wireOf(server, `GET ${brief(entry)} HTTP/1.1`);
      const head = await wireOf(server, `HEAD ${brief(entry)} HTTP/1.1`);
      if (entry.broken) assertEquals(head, whole);
      else assert(whole.startsWith(head) && head.endsWith("\r\n\r\n"), head);
    });
  },
);

test(
  "lab() sends neither chunks nor interim responses to HTTP/1.0 clients",
  WATCHED,
  async () => {
    await using server = await startLab();
    for (const entry of LISTED.filter(({ broken }) => !broken)) {
      const wire = await wireOf(server, `GET ${brief(entry)} HTTP/1.0`);
      assertMatch(wire, /^HTTP\/1\.[01] [2-5]/);
      assertEquals(/Transfer-Encoding/.test(wire), false);
    }
    assertStringIncludes(
      await wireOf(server, "GET /stream/2 HTTP/1.0"),
      "\r\n\r\nline 1\nline 2\n",
    );
  },
);

/** The waits of a raw reply in milliseconds and the sizes of its pieces. */
function piecesOf(path: string): { waits: number; bytes: number; largest: number } {
  using time = new SkippableTime(true);
  const reply = replyTo(lab({ canReset: true }), `GET ${path} HTTP/1.1`);
  const found = { waits: 0, bytes: 0, largest: 0 };
  if (!("raw" in reply)) return found;
  for (const piece of reply.raw as Iterable<Uint8Array | number>) {
    if (typeof piece === "number") {
      time.jump(piece);
      found.waits += piece;
    } else {
      found.bytes += piece.length;
      found.largest = Math.max(found.largest, piece.length);
    }
  }
  found.waits = Math.round(found.waits);
  return found;
}

Deno.test("lab() limits entries to 60 s and 64 MiB, in pieces of at most 64 KiB", () => {
  for (const { path } of LISTED) {
    const { waits, bytes, largest } = piecesOf(path);
    assert(waits <= 60_000 && bytes <= 64 * 1024 * 1024 && largest <= 64 * 1024, path);
  }
  for (const name of ["hang", "hang-head", "hang-body", "hang-chunk", "close-late"]) {
    assertEquals(piecesOf(`/${name}`).waits, 60_000);
    assertEquals(piecesOf(`/${name}/2.5`).waits, 2_500);
  }
  for (const name of ["endless-chunks", "endless-1xx"]) {
    assertEquals(piecesOf(`/${name}`).waits, 60_000);
    assertEquals(piecesOf(`/${name}/0.1`).waits, 100);
  }
  for (const name of ["endless-head", "endless-trailers"]) {
    assertEquals(piecesOf(`/${name}`).bytes, 64 * 1024 * 1024);
  }
  for (const name of ["slow-head", "slow-body"]) {
    assertEquals(piecesOf(`/${name}`).waits, 2_000);
    assertEquals(piecesOf(`/${name}/60`).waits, 60_000);
  }
  assertEquals(piecesOf("/delay/1.5").waits, 1_500);
});

Deno.test("lab() ends endless entries after 60 s", () => {
  using time = new SkippableTime(true);
  const { raw } = replyTo(lab(), "GET /endless-head HTTP/1.1") as RawReply;
  const pieces = (raw as Iterable<Uint8Array>)[Symbol.iterator]();
  assertEquals(pieces.next().done, false);
  time.jump(59_999);
  assertEquals(pieces.next().done, false);
  time.jump(1);
  assertEquals(pieces.next().done, true);
});

Deno.test("lab() sends the same N bytes for /bytes/N each time", () => {
  const large = piecesOf("/bytes/100000000");
  assert(large.bytes > 100_000_000 && large.largest <= 64 * 1024);
  const bytesOf = (count: number) => {
    const reply = replyTo(lab(), `GET /bytes/${count} HTTP/1.1`);
    if (!("raw" in reply)) return [...reply.body as Uint8Array];
    return [...reply.raw as Iterable<Uint8Array>].slice(1).flatMap((piece) => [...piece]);
  };
  assertEquals(bytesOf(0), []);
  assertEquals(bytesOf(65_537).slice(0, 65_536), bytesOf(65_536));
  assertEquals(bytesOf(65_537).length, 65_537);
});

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

Deno.test("lab() sends the fields that a status requires", () => {
  const fieldsOf = (status: number) =>
    (replyTo(lab(), `GET /status/${status} HTTP/1.1`) as Reply).headers;
  assertEquals(fieldsOf(200), undefined);
  assertEquals(fieldsOf(206), [["Content-Range", "bytes 0-3/4"]]); // the content has 4 bytes
  assertEquals(fieldsOf(405), [["Allow", ""]]);
  assertEquals(fieldsOf(416), [["Content-Range", "bytes */4"]]);
  for (const status of [301, 302, 303, 307, 308]) {
    assertEquals(fieldsOf(status), [["Location", "/"]]);
  }
});

Deno.test("lab() redirects N times on this host, then to /", () => {
  let path = "/redirect/3";
  const visited = [path];
  while (path !== "/") {
    const { headers = [] } = replyTo(lab(), `GET ${path} HTTP/1.1`) as Reply;
    visited.push(path = headers[0][1]);
  }
  assertEquals(visited, ["/redirect/3", "/redirect/2", "/redirect/1", "/"]);
});

Deno.test("lab() answers 503 and closes on every Nth client port for /flaky/N", () => {
  const responder = lab();
  const replies = Array.from(
    { length: 30 },
    (_, at) =>
      responder(requestOf("GET /flaky/3 HTTP/1.1"), {
        hostname: HOST,
        port: 40_000 + 2 * at,
      }) as Reply,
  );
  assertEquals(replies.filter(({ status, close }) => status === 503 && close).length, 10);
  assertEquals(replies.filter(({ status }) => status === undefined).length, 20);
});

Deno.test("lab() lists at least 60 entries, each with all its parts", () => {
  assert(LISTED.length >= 60);
  assertEquals(LISTED.filter(({ broken }) => !broken).length >= 15, true);
  for (const { path, group, about, section, client } of LISTED) {
    assertMatch(path, /^\/[a-z\d.-]+(\/\d+)?$/);
    assertMatch(section, /^RFC \d{4} §\d+(\.\d+)*$/);
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
  "firstline --lab shows resets in --wire, and aborts stalled entries after --stop-timeout",
  WATCHED,
  async () => {
    await using server = await ServerProcess.start([
      ...ANY_PORT,
      "--lab",
      "--stop-timeout",
      "0.3",
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
    assertEquals(await server.stop(), 1);
    assertStringIncludes(server.stderr.text, "cut off 1 connection that did not finish in time");
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
    assertEquals([code, stderr], [
      2,
      `firstline: Cannot use --lab with ${flag}: expected one of the two\n`,
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
