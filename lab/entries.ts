/**
 * The entries of the lab: finding one by its path, its response, and its contract.
 *
 * @module
 */

import { type Client, escapeControls, type RawReply, type RequestLine } from "../server.ts";
import { CATALOG } from "./catalog/catalog.ts";
import type { Entry } from "./catalog/entry.ts";
import type { Contract } from "./contract.ts";
import { contentFrom, outcomeOf } from "./outcome.ts";
import { bytesOf, type Piece, piecesOf } from "./pieces.ts";

/** Entries by name, in the order of the list, each with the name of its group. */
export type Entries = ReadonlyMap<string, Entry & { readonly group: string }>;

/** All entries; without those that reset the connection, unless the listener can do that. */
export function entriesFor(canReset: boolean): Entries {
  const entries = Object.entries(CATALOG).flatMap(([group, some]) =>
    some.map((entry) => ({ ...entry, group }))
  );
  const usable = entries.filter(({ ending }) => canReset || ending !== "reset");
  return new Map(usable.map((entry) => [entry.name, entry]));
}

/** An entry, and the value of its parameter; 0 if it has none. */
export interface Found {
  readonly entry: Entry;
  readonly value: number;
}

/** What a path names, but not rightly: what was expected instead. */
export interface Mistake {
  readonly expected: string;
}

/** The entry of a path; or what was expected instead of its parameter; or neither. */
export function find(entries: Entries, path: string): Found | Mistake | undefined {
  const name = path.slice(1);
  const slash = `${name}/`.indexOf("/");
  const entry = entries.get(name) ?? entries.get(name.slice(0, slash));
  if (entry === undefined) return undefined;
  const text = name === entry.name ? undefined : name.slice(slash + 1);
  return text !== undefined && entry.takes === undefined ? undefined : withValue(entry, text);
}

/**
 * What an item stands for, in a sequence and behind `/any/`: a status such as `503`, or the name of an
 * entry, and its parameter behind a colon.
 */
export function findItem(entries: Entries, item: string): Found | Mistake {
  const [name, ...texts] = /^[2-5]\d\d$/.test(item) ? ["status", item] : item.split(":");
  const entry = entries.get(name);
  if (entry === undefined || texts.length > (entry.takes ? 1 : 0)) {
    return {
      expected: `a status or an entry, such as retry-after:1, instead of "${escapeControls(item)}"`,
    };
  }
  return withValue(entry, texts[0]);
}

function withValue(entry: Entry, text: string | undefined): Found | Mistake {
  const value = valueOf(entry, text);
  return value === undefined ? { expected: usageOf(entry) } : { entry, value };
}

/** Parses the parameter; `undefined` if it is invalid or missing, 0 if the entry has none. */
function valueOf({ takes }: Entry, text: string | undefined): number | undefined {
  if (takes === undefined) return 0;
  if (text === undefined) return takes.fallback;
  const { min, max, isDecimal, among } = takes;
  const isNumber = /^(0|[1-9]\d{0,8})(\.\d{1,3})?$/.test(text);
  const value = Number(text);
  const isAllowed = among ? among.includes(value) : value >= min && value <= max;
  return isNumber && isAllowed && (isDecimal || !text.includes(".")) ? value : undefined;
}

/** The path of an entry and its parameter: `/status/CODE, CODE is an integer from 200 to 599`. */
function usageOf(entry: Entry): string {
  const { takes } = entry;
  if (takes === undefined) return patternOf(entry);
  const { name, min, max, isDecimal, among } = takes;
  const kind = isDecimal ? "a number" : "an integer";
  const range = among ? `one of ${among.join(", ")}` : `${kind} from ${min} to ${max}`;
  return `${patternOf(entry)}, ${name} is ${range}`;
}

function patternOf({ name, takes }: Entry): string {
  return takes ? `/${name}/${takes.name}` : `/${name}`;
}

/** A response as data. */
export interface Response {
  /** Its pieces in order. */
  readonly pieces: readonly Piece[];
  /** How the connection ends. */
  readonly ending: NonNullable<RawReply["ending"]>;
}

/**
 * The response of an entry to a request.
 *
 * @param value The parameter of the path; 0 if it has none.
 * @param date The value of `Date` in a correct response; the field is left out without it.
 */
export function responseOf(
  { right, wrong = [], ending = "linger" }: Entry,
  value: number,
  request: Pick<RequestLine, "method" | "minorVersion">,
  client: Client,
  date?: string,
): Response {
  if (!right) return { pieces: typeof wrong === "function" ? wrong(value) : wrong, ending };
  const message = typeof right === "function" ? right(value, client) : right;
  return { pieces: piecesOf(message, request, date), ending: message.close ? "linger" : "open" };
}

/** The parameter in the list; 0 if the entry has none. */
function exampleOf({ takes }: Entry): number {
  return takes?.fallback ?? takes?.example ?? 0;
}

/** The contracts of all entries, in the order of the list. */
export function contractsOf(entries: Entries): Contract[] {
  return [...entries.values()].map(contractOf);
}

function contractOf(entry: Entry & { readonly group: string }): Contract {
  const { name, group, takes, about, section, client, curl } = entry;
  return {
    path: takes?.fallback === undefined && takes ? `/${name}/${takes.example}` : `/${name}`,
    usage: usageOf(entry),
    group,
    about,
    section: sectionOf(section),
    broken: entry.right === undefined,
    client,
    curl,
    expect: entry.expect,
    level: entry.level,
    harm: entry.harm ?? [],
    method: entry.method ?? "GET",
    sends: entry.sends ?? 0,
    ...outcomeIn(entry),
    events: entry.events,
    reuse: entry.reuse ?? true,
    bounded: entry.bounded ?? false,
    stalls: entry.stalls ?? false,
    needs: entry.ending === "reset" ? "reset" : undefined,
  };
}

/** Whoever asks, in a contract. */
const ANYONE: Client = { hostname: "127.0.0.1", port: 1 };

/**
 * The status and the contents of a client that accepts: those in the table, or else those of the
 * first final response in the pieces.
 */
function outcomeIn(entry: Entry): Pick<Contract, "status" | "contents"> {
  const { expect, status, contents, decoded, method = "GET" } = entry;
  if (expect === "report") return {};
  const request = { method, minorVersion: 1 };
  const outcome = outcomeOf(responseOf(entry, exampleOf(entry), request, ANYONE).pieces, method);
  const all = contents ?? (outcome && [outcome.content, ...decoded === undefined ? [] : [decoded]]);
  return {
    status: status === "any" ? undefined : status ?? outcome?.status,
    contents: all === "any" ? undefined : all?.map((text) => contentFrom(bytesOf(text))),
  };
}

/** The name of a document and the section: a number alone is that of an RFC. */
function sectionOf(section: string): string {
  return /^\d/.test(section) ? `RFC ${section}` : `WHATWG ${section}`;
}
