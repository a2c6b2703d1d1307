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
import { pathOf } from "../replies/target.ts";
import { LASTS } from "./catalog/entry.ts";
import { contractsOf, entriesFor, find, type Found, responseOf } from "./entries.ts";
import { indexOf } from "./page.ts";
import { type Limits, NEXT_REQUEST, STALL, type Step, stepsOf } from "./pieces.ts";
import type { Traffic } from "./traffic.ts";

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
 * console.log(entries.length > 60); // true
 * ```
 */
export function lab(
  { origin = "http://localhost:8080", canReset = false, traffic }: LabOptions = {},
): Responder {
  const entries = entriesFor(canReset);
  const port = Number(new URL(origin).port || 80);
  let index: ReadonlyMap<string, Reply> | undefined; // made on demand, because that takes a while
  return (request, client) => {
    const path = pathOf(request.target);
    if (path === "/next") return NEXT;
    const found = find(entries, path);
    if (found === undefined) {
      index ??= indexOf(contractsOf(entries), origin);
      return index.get(path) ?? complaint(404, path, "expected a path that / lists");
    }
    if ("expected" in found) return complaint(400, path, `expected ${found.expected}`);
    return answer(found, { request, client, port, traffic });
  };
}

/** What a client asks for after an entry, to see what it makes of the rest. */
const NEXT: Reply = Object.freeze({ body: "next\n" });

/** Who asks, and where. */
interface Visit {
  readonly request: RequestLine;
  readonly client: Client;
  readonly port: number;
  readonly traffic?: Traffic;
}

function answer({ entry, value }: Found, { request, client, port, traffic }: Visit): RawReply {
  const { pieces, ending } = responseOf(entry, value, request, client, new Date().toUTCString());
  const steps = stepsOf(pieces, port, limitsOf({ entry, value }));
  const stalls = entry.stalls ?? (pieces.includes(STALL) || pieces.includes(NEXT_REQUEST));
  const connection = traffic?.connectionOf(client);
  return { raw: connection?.watched(request, steps, !stalls) ?? timed(steps), ending, stalls };
}

/** Correct responses end by themselves, and may be as large and as slow as their path says. */
function limitsOf({ entry, value }: Found): Limits {
  if (entry.right) return { seconds: Infinity, maxBytes: Infinity };
  return entry.takes === LASTS ? { seconds: value } : {};
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
