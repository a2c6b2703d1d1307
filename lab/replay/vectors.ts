/**
 * The entries of the lab as data, for programs in other languages that replay them: `lab/vectors.json`
 * has what this module prints. `docs/vectors.md` describes the form.
 *
 * @module
 */

import { REASONS } from "../../server.ts";
import { openResponse } from "../catalog/entry.ts";
import type { Contract } from "../contract.ts";
import { contractsOf, type Entries, entriesFor, find, responseOf } from "../entries.ts";
import { type Piece, type Repeat, textOf } from "../pieces.ts";

/**
 * A piece of a response: bytes in base64, a pause in milliseconds, bytes that are repeated, a stall, or
 * what depends on the server or the client.
 */
export type VectorPiece =
  | string
  | number
  | null
  | { readonly repeat: string; readonly times?: number; readonly pause?: number }
  | { readonly late: number }
  | { readonly until: "request" }
  | { readonly port: true };

/** A response: its pieces, and what becomes of the connection after them. */
export interface VectorResponse {
  readonly pieces: readonly VectorPiece[];
  readonly ending: "linger" | "close" | "reset" | "open";
}

/** An entry with its response. */
export interface Vector extends Contract, VectorResponse {}

/** All that `lab/vectors.json` has. */
export interface Vectors {
  /** The version of this form. */
  readonly version: 1;
  readonly entries: readonly Vector[];
  /** Responses that entries or their clients lead to, but that are no entries. */
  readonly others: ReadonlyArray<VectorResponse & { readonly path: string }>;
}

/** Its response depends on the port of the client: it is the only entry without a vector. */
const WITHOUT = "/flaky";
/** So many of the endless redirects have a response. No client follows more. */
const MAX_REDIRECTS = 100;
/** What is repeated without pauses is repeated in units of at most so many bytes. */
const MAX_UNIT_BYTES = 1024;
const CLIENT = { hostname: "127.0.0.1", port: 49152 } as const;

/** Makes the vectors of all entries. */
export function vectorsOf(): Vectors {
  const entries = entriesFor(true);
  const vectors = contractsOf(entries)
    .filter(({ path }) => !path.startsWith(WITHOUT))
    .map((contract) => ({ ...contract, ...responseAt(entries, contract.path, contract.method) }));
  const others = otherPaths().map((path) => ({ path, ...responseAt(entries, path) }));
  return { version: 1, entries: vectors, others: [...others, ...PLAIN_OTHERS] };
}

function responseAt(entries: Entries, path: string, method = "GET"): VectorResponse {
  const found = find(entries, path);
  if (found === undefined || "expected" in found) throw new Error(`no entry has ${path}`);
  const request = { method, minorVersion: 1 };
  const { pieces, ending } = responseOf(found.entry, found.value, request, CLIENT);
  return { pieces: encodedPieces(pieces), ending };
}

/** Statuses for sequences, and what redirects lead to. */
function otherPaths(): string[] {
  const statuses = [...REASONS.keys()].map((status) => `/status/${status}`);
  const redirects = Array.from(
    { length: MAX_REDIRECTS },
    (_, at) => `/endless-redirects/${at + 2}`,
  );
  return [...statuses, "/redirect/2", "/redirect/1", ...redirects];
}

/** The next request, and where redirects end. */
const PLAIN_OTHERS: Vectors["others"] = ["next", "arrived", ""].map((name) => ({
  path: `/${name}`,
  pieces: [base64(plain(`${name || "The lab of Firstline"}\n`))],
  ending: "open",
}));

function plain(content: string): string {
  return openResponse("200 OK", `Content-Length: ${content.length}`, content);
}

/** Equal pieces one after another become one that is repeated. */
function encodedPieces(pieces: readonly Piece[]): VectorPiece[] {
  const encoded: VectorPiece[] = [];
  for (let at = 0; at < pieces.length;) {
    let times = 1;
    while (pieces[at + times] === pieces[at] && typeof pieces[at] === "string") times++;
    const piece = times > 1 ? { repeat: pieces[at] as string, times } : pieces[at];
    encoded.push(...encodedPiece(piece));
    at += times;
  }
  return encoded;
}

function encodedPiece(piece: Piece): VectorPiece[] {
  if (typeof piece === "string") return piece === "" ? [] : [base64(piece)];
  if (typeof piece === "number") return [piece === Infinity ? null : milliseconds(piece)];
  if (piece instanceof Uint8Array) return encodedPiece(textOf(piece));
  if ("repeat" in piece) return encodedRepeat(piece);
  return ["late" in piece ? { late: milliseconds(piece.late) } : piece];
}

/** Without a pause, any division of the bytes is the same on the wire. */
function encodedRepeat({ repeat, times, pause }: Repeat): VectorPiece[] {
  const unit = typeof repeat === "string" ? repeat : textOf(repeat);
  if (times === 0) return [];
  if (pause) return [{ repeat: base64(unit), times, pause: milliseconds(pause) }];
  const period = periodOf(unit);
  const count = times && times * (unit.length / period);
  let grown = Math.max(1, Math.floor(MAX_UNIT_BYTES / period));
  while (count && count % grown > 0) grown--;
  return [{ repeat: base64(unit.slice(0, period).repeat(grown)), times: count && count / grown }];
}

/** The length of the shortest text of which this one is a repetition. */
function periodOf(text: string): number {
  return (text + text).indexOf(text, 1);
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1000;
}

/** Encodes text that has one character per byte. */
function base64(text: string): string {
  return btoa(text);
}

if (import.meta.main) console.log(JSON.stringify(vectorsOf(), null, 1));
