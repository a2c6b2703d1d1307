/**
 * What a client that accepts a response ends up with: its status and its content, read from the
 * bytes as a lenient client reads them.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Content } from "./contract.ts";
import { expanded, type Piece, STALL, textOf } from "./pieces.ts";

/** More bytes of a response, or of its content, are not looked at. */
const MAX_BYTES = 4 * 1024 * 1024;
/** A longer content is given as a hash. */
const MAX_TEXT_BYTES = 256;

/** A final response. */
export interface Outcome {
  /** The status code. */
  readonly status: number;
  /** The content as it was sent, one character per byte. */
  readonly content: string;
}

/**
 * Reads the final response in these pieces; `undefined` if there is none that is complete.
 *
 * @param method The method of the request; a response to HEAD has no content.
 */
export function outcomeOf(pieces: readonly Piece[], method: string): Outcome | undefined {
  let { text, ends } = textIn(pieces);
  for (let head; (head = headOf(text)) !== undefined; text = text.slice(head.length)) {
    const { status } = head;
    if (status < 200 && status !== 101) continue;
    const content = contentOf(head, text.slice(head.length), ends, method);
    return content === undefined ? undefined : { status, content };
  }
  return undefined;
}

/** The bytes of pieces, one character per byte, and whether they end by themselves. */
function textIn(pieces: readonly Piece[]): { readonly text: string; readonly ends: boolean } {
  const ends = !pieces.some(isEndless);
  const finite = ends ? pieces : pieces.slice(0, pieces.findIndex(isEndless));
  let text = "";
  for (const piece of expanded(finite, 0)) {
    if (piece instanceof Uint8Array) text += textOf(piece);
    else if (typeof piece === "object") break; // what comes late and unasked is no part of it
    if (text.length > MAX_BYTES) return { text, ends: false };
  }
  return { text, ends };
}

function isEndless(piece: Piece): boolean {
  return piece === STALL ||
    typeof piece === "object" && "repeat" in piece && (piece.times ?? Infinity) === Infinity;
}

interface Head {
  readonly length: number;
  readonly status: number;
  /** Values by name in lower case; of several with one name, the first. */
  readonly fields: ReadonlyMap<string, string>;
}

function headOf(text: string): Head | undefined {
  const end = /\r?\n\r?\n/.exec(text.replace(/^[\r\n]+/, (lines) => "\0".repeat(lines.length)));
  if (end === null) return undefined;
  const [first, ...lines] = text.slice(0, end.index).trim().split(/\r?\n/);
  const status = Number(/^HTTP\/\S+ (\d+)/i.exec(first)?.[1]);
  if (Number.isNaN(status)) return undefined;
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^\s*([^:]*?)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
    const key = name?.toLowerCase();
    if (key && !fields.has(key)) fields.set(key, value);
  }
  return { length: end.index + end[0].length, status, fields };
}

/** The content that a head frames (RFC 9112 §6.3); `undefined` if it is incomplete. */
function contentOf(
  { status, fields }: Head,
  rest: string,
  ends: boolean,
  method: string,
): string | undefined {
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return "";
  if (/(^|[\s,])chunked\s*$/i.test(fields.get("transfer-encoding") ?? "")) return joinChunks(rest);
  const length = fields.get("content-length");
  if (length === undefined) return ends ? rest : undefined;
  const count = Number(/^\d+/.exec(length)?.[0]);
  return rest.length >= count ? rest.slice(0, count) : undefined;
}

/** The content in chunks (RFC 9112 §7.1); `undefined` if they are invalid or incomplete. */
function joinChunks(text: string): string | undefined {
  let content = "";
  for (let at = 0;;) {
    const line = /^([\da-f]+)[^\n]*\n/i.exec(text.slice(at, at + MAX_BYTES));
    if (line === null) return undefined;
    const size = parseInt(line[1], 16);
    if (size === 0) return content;
    at += line[0].length;
    const lineEnd = /^\r?\n/.exec(text.slice(at + size, at + size + 2));
    if (lineEnd === null) return undefined;
    content += text.slice(at, at + size);
    at += size + lineEnd[0].length;
  }
}

/** A content as the contract has it. */
export function contentFrom(bytes: Uint8Array): Content {
  if (bytes.length <= MAX_TEXT_BYTES) {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      // not UTF-8
    }
  }
  return { bytes: bytes.length, sha256: sha256(bytes) };
}

/** The SHA-256 of bytes in hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
