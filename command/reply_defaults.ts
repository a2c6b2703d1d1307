/**
 * What `--status` and `--header` set in each reply.
 *
 * @module
 */

import type { Client, Reply, RequestLine } from "../server.ts";

/** Header fields in order. */
export type Fields = NonNullable<Reply["headers"]>;

/** A responder with replies that the server encodes. */
export type ReplyTo = (request: RequestLine, client: Client) => Reply | Promise<Reply>;

/** What the flags set in a reply, whatever its content. */
export interface ReplyDefaults {
  /** The status code; the reply's own if it is left out. */
  readonly status?: number;
  /** Header fields that are added, and replace those of the same name. */
  readonly headers: Fields;
}

/** A reply with this status and these fields, frozen, so that the server may cache it encoded. */
export function withDefaults(
  reply: Reply,
  { status = reply.status, headers }: ReplyDefaults,
): Reply {
  const own = hasContent(status) ? reply.headers : [];
  return Object.freeze({ ...reply, status, headers: mergeFields(own, headers) });
}

/** False for a status that forbids content (RFC 9110 §15.3.5, §15.3.6, §15.4.5). */
export function hasContent(status: number | undefined): boolean {
  return status !== 204 && status !== 205 && status !== 304;
}

/** Fields, each replaced by the given ones of the same name; frozen, so that they are checked once. */
export function mergeFields(fields: Fields = [], given: Fields): Fields {
  const names = new Set(given.map(([name]) => name.toLowerCase()));
  return Object.freeze([...fields.filter(([name]) => !names.has(name.toLowerCase())), ...given]);
}
