/**
 * Requests as responders get them.
 *
 * @module
 */

import { type Client, parseRequestLine, type RequestLine } from "../server.ts";
import { bytesOf } from "./wire.ts";

/** Somebody. */
export const CLIENT: Client = { hostname: "2001:db8::1", port: 7 };

/** The request of a line that the server lets through. Throws if it would not. */
export function requestOf(line: string): RequestLine {
  const request = parseRequestLine(bytesOf(line));
  if ("method" in request) return request;
  throw new TypeError(`Cannot parse "${line}": ${request.status}`);
}
