/**
 * HTTP messages as text, one character per byte.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { assertEquals } from "@std/assert";

/** A request after which the connection stays open. */
export const PLAIN_REQUEST = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
/** A request after which the connection closes. */
export const LAST_REQUEST = "GET / HTTP/1.0\r\n\r\n";

/** The reply `Hello world!` that closes the connection, as {@linkcode undated} returns it. */
export const HELLO_WIRE =
  "HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Type: text/plain; charset=utf-8\r\n" +
  "Content-Length: 12\r\nConnection: close\r\n\r\nHello world!";

/** Converts text to bytes, one per character. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** Converts bytes to text, one character per byte. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** The status code of the first reply, or NaN. */
export function statusOf(wire: string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(wire)?.[1]);
}

/** True if the text is exactly one complete reply; `headOnly` if it must have no content. */
export function isWhole(wire: string, headOnly = false): boolean {
  const headEnd = wire.indexOf("\r\n\r\n") + 4;
  const length = /^content-length: *(\d+)\r$/im.exec(wire.slice(0, headEnd))?.[1];
  return headEnd > 4 && wire.length === headEnd + (headOnly ? 0 : Number(length ?? 0));
}

/** Checks the format of the date (RFC 9110 §5.6.7) and replaces it by `DATE`. */
export function undated(wire: string): string {
  const date = /\r\nDate: (\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT)\r\n/.exec(wire)?.[1] ?? "";
  assertEquals(new Date(date).toUTCString(), date);
  return wire.replace(date, "DATE");
}
