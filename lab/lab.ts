/**
 * The lab: correct and incorrect responses by path, for testing HTTP clients. Each path stands for
 * one behavior of a server, and always behaves the same.
 *
 * @example Test a client with a response that breaks off
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { lab } from "./lab.ts";
 * import { serve } from "../server.ts";
 *
 * await using server = serve({ hostname: "127.0.0.1", port: 0 }, lab());
 * const response = await fetch(`http://127.0.0.1:${server.addr.port}/truncated`);
 * await assertRejects(() => response.text());
 * ```
 *
 * @module
 */

import {
  type Client,
  escapeControls,
  type RawReply,
  type Reply,
  type RequestLine,
  type Responder,
} from "../server.ts";
import { sleep } from "../replies/delay.ts";
import { pathOf } from "../replies/target.ts";
import { message, TIME_LIMIT } from "./catalog/entry.ts";
import { redirectTo } from "./catalog/redirects.ts";
import {
  contractsOf,
  type Entries,
  entriesFor,
  find,
  findItem,
  type Found,
  type Mistake,
  type Response,
  responseOf,
} from "./entries.ts";
import { Memory, noteFields } from "./memory.ts";
import { JSON_HEADERS, listReplies } from "./page.ts";
import {
  type Limits,
  type Message,
  NEXT_REQUEST,
  piecesOf,
  STALL,
  type Step,
  stepsOf,
} from "./pieces.ts";
import type { Connection, Received, Traffic } from "./traffic.ts";

/** Options of {@linkcode lab}. */
export interface LabOptions {
  /** The origin in the commands of the list; `http://localhost:8080` by default. */
  readonly origin?: string;
  /** True if the listener is one of {@linkcode listenWithReset}; false by default. */
  readonly canReset?: boolean;
  /**
   * What records the connections; the server must have it as `wrap`. Without it, no wait ends early,
   * whatever the client does.
   */
  readonly traffic?: Traffic;
}

/**
 * Makes a responder for all paths of the lab. The list of them is at `/` as a page, at `/list` as
 * text, and at `/lab.json` for programs. Responses that stall or do not end are closed after 60
 * seconds or 64 MiB. Entries that reset the connection are left out unless the listener can reset.
 *
 * @example
 * ```ts
 * import { lab } from "./lab.ts";
 * import { listenWithReset } from "./listener.ts";
 * import { serve } from "../server.ts";
 *
 * const listener = await listenWithReset({ hostname: "127.0.0.1", port: 0 });
 * await using server = serve({ listener }, lab({ canReset: true }));
 * const entries = await (await fetch(`http://127.0.0.1:${server.addr.port}/lab.json`)).json();
 * console.log(entries[0].path); // "/status/503"
 * ```
 */
export function lab(
  { origin = "http://localhost:8080", canReset = false, traffic }: LabOptions = {},
): Responder {
  const place = {
    entries: entriesFor(canReset),
    memory: new Memory(),
    port: Number(new URL(origin).port || 80),
    traffic,
  };
  let lists: ReadonlyMap<string, Reply> | undefined; // made on demand, because that takes a while
  return (request, client) => {
    const path = pathOf(request.target);
    const connection = traffic?.connectionOf(client);
    const visit = { ...place, request, client, connection, received: connection?.take(request) };
    const answer = routed(path, visit) ??
      (lists ??= listReplies(contractsOf(place.entries), origin)).get(path);
    return answer ?? complaint(404, path, "expected a path that / lists");
  };
}

/** A request, and the lab that it came to. */
interface Visit {
  readonly entries: Entries;
  readonly memory: Memory;
  readonly port: number;
  readonly traffic?: Traffic;
  readonly request: RequestLine;
  readonly client: Client;
  readonly connection?: Connection;
  readonly received?: Received;
}

type Answer = ReturnType<Responder>;

/** Paths that are looked up before entries, by their first segment; each gets the rest of the path. */
const ROUTES: Readonly<
  Record<string, (rest: string | undefined, visit: Visit) => Answer | Mistake | undefined>
> = {
  next: (rest, visit) => rest === undefined ? sendMessage(message("next\n"), visit) : undefined,
  pause: (rest, visit) => rest === undefined ? pause(visit) : undefined,
  arrived,
  any,
  sequence,
  seen,
  "redirect-away": (rest, visit) => redirectWithKey("redirect-away", "localhost", rest, visit),
  "redirect-back": (rest, visit) => redirectWithKey("redirect-back", "127.0.0.1", rest, visit),
};

/** What a path stands for, apart from the lists. */
function routed(path: string, visit: Visit): Answer | undefined {
  const [, name = "", rest] = /^\/([^/]*)(?:\/(.*))?$/.exec(path) ?? [];
  const route = Object.hasOwn(ROUTES, name) ? ROUTES[name](rest, visit) : undefined;
  const found = route ?? find(visit.entries, path);
  if (found === undefined) return undefined;
  if ("expected" in found) return complaint(400, path, `expected ${found.expected}`);
  return "entry" in found ? sendEntry(found, visit) : found;
}

/** Answers any path behind an item, for clients that append paths of their own. */
function any(rest = "", visit: Visit): Answer | Mistake {
  const [first, second] = rest.split("/");
  const byTwo = findItem(visit.entries, `${first}/${second}`); // such as events/lf
  const found = "entry" in byTwo ? byTwo : findItem(visit.entries, first);
  return "entry" in found ? sendEntry(found, visit) : found;
}

const KEY = /^[\w-]{1,64}$/;
const KEY_USAGE = "KEY has 1 to 64 letters, digits, - or _";

/** Answers the n-th request for a list and a key with its n-th item, the last one again and again. */
function sequence(rest = "", visit: Visit): Answer | Mistake {
  const [, list, key] = /^(.+)\/([^/]*)$/.exec(rest) ?? [];
  if (key === undefined || !KEY.test(key)) {
    return { expected: `/sequence/ITEM,ITEM,.../KEY, ${KEY_USAGE}` };
  }
  const { entries, memory, request: { method }, connection } = visit;
  const items = list.split(",");
  const found = items.map((item) => findItem(entries, item));
  const wrong = found.find((one) => "expected" in one);
  if (wrong) return wrong;
  const index = Math.min(memory.count(key, list), items.length - 1);
  memory.note(key, { item: items[index], method, connection: connection?.number });
  return sendEntry(found[index] as Found, visit);
}

function seen(rest = "", { memory }: Visit): Reply | Mistake {
  if (!KEY.test(rest)) return { expected: `/seen/KEY, ${KEY_USAGE}` };
  const lines = memory.seen(rest).map((one) => JSON.stringify(one));
  return { headers: JSON_HEADERS, body: `[${lines.join(",\n")}]\n` };
}

/** Where redirects to another origin lead. With a key, it notes which fields came along. */
function arrived(rest: string | undefined, visit: Visit): Answer | Mistake {
  if (rest !== undefined && !KEY.test(rest)) return { expected: `/arrived/KEY, ${KEY_USAGE}` };
  const { memory, request: { method }, connection, received } = visit;
  if (rest !== undefined) {
    const noted = memory.note(rest, { item: "arrived", method, connection: connection?.number });
    if (received) connection?.headOf(received).then((head) => noteFields(noted, head));
  }
  return sendMessage(message("arrived\n"), visit);
}

function redirectWithKey(
  name: string,
  host: string,
  rest = "",
  visit: Visit,
): Answer | Mistake | undefined {
  const [code, key] = rest.split("/");
  if (key === undefined) return undefined; // an entry
  const found = findItem(visit.entries, `${name}:${code}`);
  if ("expected" in found) return found;
  if (rest !== `${code}/${key}` || !KEY.test(key)) {
    return { expected: `/${name}/CODE/KEY, ${KEY_USAGE}` };
  }
  return sendMessage(redirectTo(host, found.value, key), visit);
}

/** What is late has been sent by then. Other responses may take longer, and are not waited for. */
const MAX_PAUSE_MS = 1000;
/**
 * It takes a moment until a client has noticed what was sent. What comes twenty times a second comes
 * once more within it: else the next request would meet it or not.
 */
const NOTICE_MS = 60;

/** Answers without content, once everything that is late has been sent. */
async function pause(visit: Visit): Promise<RawReply> {
  await visit.traffic?.settled(MAX_PAUSE_MS);
  await sleep(NOTICE_MS);
  return sendMessage({ fields: "Content-Length: 0" }, visit);
}

function sendEntry({ entry, value }: Found, visit: Visit): RawReply {
  const { request, client } = visit;
  const response = responseOf(entry, value, request, client, new Date().toUTCString());
  return send(response, limitsOf({ entry, value }), entry.stalls, visit);
}

function sendMessage(answer: Message, visit: Visit): RawReply {
  const pieces = piecesOf(answer, visit.request, new Date().toUTCString());
  return send({ pieces, ending: "open" }, {}, false, visit);
}

function send(
  { pieces, ending }: Response,
  limits: Limits,
  isStall: boolean | undefined,
  { port, connection, received }: Visit,
): RawReply {
  const steps = stepsOf(pieces, port, limits);
  const stalls = isStall ?? (pieces.includes(STALL) || pieces.includes(NEXT_REQUEST));
  const raw = received && connection?.watched(received, steps, !stalls);
  return { raw: raw ?? timed(steps), ending, stalls };
}

/** Correct responses end by themselves, and may be as large and as slow as their path says. */
function limitsOf({ entry, value }: Found): Limits {
  if (entry.right) return { seconds: Infinity, maxBytes: Infinity };
  return entry.takes === TIME_LIMIT ? { seconds: value } : {};
}

/** The steps as the server takes them. No wait ends early. */
function* timed(steps: Iterable<Step>): Generator<Uint8Array | number> {
  for (const step of steps) yield step instanceof Uint8Array ? step : step.milliseconds;
}

const NO_SNIFF: Reply["headers"] = Object.freeze([["X-Content-Type-Options", "nosniff"] as const]);

function complaint(status: number, path: string, expected: string): Reply {
  const body = `Cannot answer ${escapeControls(path)}: ${expected}\n`;
  return { status, headers: NO_SNIFF, body };
}
