/**
 * Compares what a command has printed with what it may print.
 *
 * @module
 */

import type { Content } from "../contract.ts";
import { sha256 } from "../outcome.ts";
import { textOf } from "../pieces.ts";
import type { Printed } from "./printed.ts";

/**
 * What a command prints of a content: its bytes; the text that it has decoded, in UTF-8; text of
 * which only ASCII is known to arrive as it is.
 */
export type Form = "bytes" | "text" | "ASCII";

const encoder = new TextEncoder();

/** True if what was printed is one of these contents; a line end at the end does not matter. */
export function isAmong(
  printed: Printed,
  contents: readonly Content[],
  form: Form,
): boolean {
  return contents.some((content) => isEqual(printed, content, form));
}

/** In which form the content of a response was printed. */
export function formOf(printed: Printed, content: Uint8Array): Form {
  if (hashesOf(printed).includes(sha256(content))) return "bytes";
  return formsOf(content).some((bytes) => isPrinted(bytes, printed)) ? "text" : "ASCII";
}

function isEqual(printed: Printed, content: Content, form: Form): boolean {
  if (typeof content !== "string") {
    return hashesOf(printed).includes(content.sha256) || mayBeDecoded(printed, form);
  }
  if (form === "ASCII" && !isAscii(content)) return true;
  return formsOf(encoder.encode(content)).some((bytes) => isPrinted(bytes, printed));
}

/** True for what may be the text of any bytes. Text in ASCII is the same as its bytes. */
function mayBeDecoded({ head }: Printed, form: Form): boolean {
  return form === "ASCII" || form === "text" && !isAscii(head);
}

function hashesOf({ sha256, trimmedSha256 }: Printed): readonly string[] {
  return [sha256, trimmedSha256];
}

function isPrinted(bytes: Uint8Array, printed: Printed): boolean {
  return sha256(trimmed(bytes)) === printed.trimmedSha256;
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}

/**
 * A content as it may be printed: as it is, or in UTF-8 after it was decoded as UTF-8 (with or
 * without its byte order mark), as Windows-1252 or as ISO 8859-1.
 */
function formsOf(bytes: Uint8Array): Uint8Array[] {
  const decoders = [
    new TextDecoder("utf-8", { ignoreBOM: true }),
    new TextDecoder("utf-8"),
    new TextDecoder("windows-1252"),
  ];
  const texts = [...decoders.map((decoder) => decoder.decode(bytes)), textOf(bytes)];
  return [bytes, ...texts.map((text) => encoder.encode(text))];
}

/** Without a line end at the end: some print one more, others remove it. */
function trimmed(bytes: Uint8Array): Uint8Array {
  if (bytes.at(-1) !== 10) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 13 ? -2 : -1);
}
