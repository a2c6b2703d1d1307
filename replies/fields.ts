/**
 * Header fields: parsing, merging, and what the flags `--status` and `--header` set in each reply.
 *
 * @module
 */

import { checkField, type Client, type Reply, type RequestLine } from "../server.ts";
import { messageOf } from "./text.ts";

/** Header fields in order. */
export type Fields = NonNullable<Reply["headers"]>;

/** A responder without raw replies. */
export type ReplyTo = (request: RequestLine, client: Client) => Reply | Promise<Reply>;

/** What is set in a reply, whatever its content. */
export interface ReplyOverrides {
  /** The status code; by default that of the reply. */
  readonly status?: number;
  /** Header fields to add; they replace those of the same name. */
  readonly headers: Fields;
}

/** Sets status and fields in a reply. The server caches the encoding of what is frozen. */
export function withOverrides(
  reply: Reply,
  { status = reply.status, headers }: ReplyOverrides,
): Reply {
  const own = hasContent(status) ? reply.headers : [];
  return Object.freeze({ ...reply, status, headers: mergeFields(own, headers) });
}

/** True unless the status forbids content (RFC 9110 §15.3.5, §15.3.6, §15.4.5). */
export function hasContent(status: number | undefined): boolean {
  return status !== 204 && status !== 205 && status !== 304;
}

/** Adds fields, which replace those of the same name. The server checks frozen fields only once. */
export function mergeFields(fields: Fields = [], given: Fields): Fields {
  if (given.length === 0) return Object.freeze([...fields]);
  const names = new Set(given.map(([name]) => name.toLowerCase()));
  return Object.freeze([...fields.filter(([name]) => !names.has(name.toLowerCase())), ...given]);
}

/**
 * Parses a header field, such as `Name: value`.
 *
 * @throws {RangeError} If the server cannot send it. The message says what was expected.
 */
export function parseField(line: string): readonly [string, string] {
  const [, name, value] = /^([^:]*):(.*)$/s.exec(line) ?? [];
  if (name === undefined) throw new RangeError('expected "Name: value"');
  const field = [name, value.trim()] as const;
  try {
    checkField(...field);
  } catch (error) {
    const reason = messageOf(error).replace(`Cannot send header "${name}": `, ""); // callers name it
    throw new RangeError(reason);
  }
  return field;
}

/** The values of all `Content-Type` fields. */
export function contentTypesIn(fields: Fields): string[] {
  return fields.filter(([name]) => /^content-type$/i.test(name)).map(([, value]) => value);
}
