/**
 * The form that `--status` and `--header` give to a reply.
 *
 * @module
 */

import type { Client, Reply, RequestLine } from "../server.ts";

/** Header fields in order. */
export type Fields = NonNullable<Reply["headers"]>;

/** A responder whose replies the server frames. */
export type Framed = (request: RequestLine, client: Client) => Reply;

/** What the flags say of a reply, whatever its content. */
export interface Shape {
  /** Its status code; its own by default. */
  readonly status?: number;
  /** Fields that are added, and replace those of the same name. */
  readonly fields: Fields;
}

/** A reply in the shape asked for, frozen, so that it is checked and framed only now and then. */
export function shape(reply: Reply, { status = reply.status, fields }: Shape): Reply {
  const own = hasContent(status) ? reply.headers : [];
  return Object.freeze({ ...reply, status, headers: merge(own, fields) });
}

/** False for a status that forbids content (RFC 9110 §15.3.5, §15.3.6, §15.4.5). */
export function hasContent(status: number | undefined): boolean {
  return status !== 204 && status !== 205 && status !== 304;
}

/** The fields given replace those of the same name; frozen, so that they are checked once. */
export function merge(fields: Fields = [], given: Fields): Fields {
  const names = new Set(given.map(([name]) => name.toLowerCase()));
  return Object.freeze([...fields.filter(([name]) => !names.has(name.toLowerCase())), ...given]);
}
