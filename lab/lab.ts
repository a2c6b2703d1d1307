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
import { CATALOG } from "./catalog/catalog.ts";
import { type Entry, LASTS } from "./catalog/entry.ts";
import { bounded, MAX_SECONDS, type Message, type Piece, piecesOf, STALL } from "./pieces.ts";
import { indexOf, type Listed } from "./page.ts";
import { pathOf } from "../replies/target.ts";

export { listenWithReset } from "./reset.ts";

/** Options of {@linkcode lab}. */
export interface LabOptions {
  /** The origin in the commands of the list; `http://localhost:8080` by default. */
  readonly origin?: string;
  /** True if the listener is one of {@linkcode listenWithReset}; false by default. */
  readonly canReset?: boolean;
}

/**
 * Makes a responder for all paths of the lab. The list of them is at `/` as a page, at `/list` as
 * text, and at `/lab.json` for programs. Responses that stall or do not end are closed after 60
 * seconds or 64 MiB. Entries that reset the connection are left out unless the listener can reset.
 *
 * @example
 * ```ts
 * import { lab, listenWithReset } from "./lab.ts";
 * import { serve } from "../server.ts";
 *
 * const listener = await listenWithReset({ hostname: "127.0.0.1", port: 0 });
 * await using server = serve({ listener }, lab({ canReset: true }));
 * const entries = await (await fetch(`http://127.0.0.1:${server.addr.port}/lab.json`)).json();
 * console.log(entries.length > 60); // true
 * ```
 */
export function lab(
  { origin = "http://localhost:8080", canReset = false }: LabOptions = {},
): Responder {
  const entries = Object.entries(CATALOG).map(([group, entries]) =>
    [group, entries.filter(({ ending }) => canReset || ending !== "reset")] as const
  );
  const byName = new Map(entries.flatMap(([, some]) => some).map((entry) => [entry.name, entry]));
  const index = indexOf(
    entries.flatMap(([group, some]) => some.map((e) => listed(group, e))),
    origin,
  );
  return (request, client) => {
    const path = pathOf(request.target);
    const isName = byName.has(path.slice(1));
    const [, name = "", text] = isName
      ? [path, path.slice(1)]
      : /^\/([^/]*)(?:\/(.*))?$/.exec(path) ?? [];
    const entry = byName.get(name);
    if (entry === undefined || text !== undefined && entry.takes === undefined) {
      return index.get(path) ?? complaint(404, path, "expected a path that / lists");
    }
    const value = valueOf(entry, text);
    if (value === undefined) return complaint(400, path, `expected ${usageOf(entry)}`);
    return answer(entry, value, request, client);
  };
}

/** Parses the parameter; `undefined` if it is invalid or missing, 0 if the entry has none. */
function valueOf({ takes }: Entry, text: string | undefined): number | undefined {
  if (takes === undefined) return 0;
  if (text === undefined) return takes.fallback;
  const { min, max, isDecimal } = takes;
  const isNumber = /^(0|[1-9]\d{0,8})(\.\d{1,3})?$/.test(text);
  const value = Number(text);
  return isNumber && value >= min && value <= max && (isDecimal || !text.includes("."))
    ? value
    : undefined;
}

function answer(
  entry: Entry,
  value: number,
  request: RequestLine,
  client: Client,
): RawReply {
  const { right, takes, ending } = entry;
  if (right) return correct(typeof right === "function" ? right(value, client) : right, request);
  const pieces = wrongPieces(entry, value);
  const stalls = entry.stalls ?? pieces.includes(STALL);
  return { raw: bounded(pieces, takes === LASTS ? value : MAX_SECONDS), ending, stalls };
}

/** A correct response: it leaves the connection open, unless it announces that it closes. */
function correct(message: Message, request: RequestLine): RawReply {
  const pieces = piecesOf(message, request, new Date().toUTCString());
  return { raw: bounded(pieces, Infinity, Infinity), ending: message.close ? "linger" : "open" };
}

/** The pieces of an incorrect response. */
function wrongPieces({ wrong = [] }: Entry, value: number): readonly Piece[] {
  return typeof wrong === "function" ? wrong(value) : wrong;
}

const NO_SNIFF: Reply["headers"] = Object.freeze([["X-Content-Type-Options", "nosniff"] as const]);

function complaint(status: number, path: string, expected: string): Reply {
  const body = `Cannot answer ${escapeControls(path)}: ${expected}\n`;
  return { status, headers: NO_SNIFF, body };
}

/** The path of an entry and its parameter: `/status/CODE, CODE is an integer from 200 to 599`. */
function usageOf(entry: Entry): string {
  const { takes } = entry;
  if (takes === undefined) return patternOf(entry);
  const kind = takes.isDecimal ? "a number" : "an integer";
  return `${patternOf(entry)}, ${takes.name} is ${kind} from ${takes.min} to ${takes.max}`;
}

function patternOf({ name, takes }: Entry): string {
  return takes ? `/${name}/${takes.name}` : `/${name}`;
}

function listed(group: string, entry: Entry): Listed {
  const { name, takes, about, section, client, right, curl } = entry;
  const hasExample = takes?.fallback === undefined && takes !== undefined;
  const path = hasExample ? `/${name}/${takes.example}` : `/${name}`;
  return {
    path,
    usage: usageOf(entry),
    group,
    about,
    section: sectionOf(section),
    broken: right === undefined,
    client,
    curl,
  };
}

/** The name of a document and the section: a number alone is that of an RFC. */
function sectionOf(section: string): string {
  return /^\d/.test(section) ? `RFC ${section}` : `WHATWG ${section}`;
}
