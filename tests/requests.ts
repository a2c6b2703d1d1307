/**
 * Requests as responders receive them.
 *
 * @module
 */

import { type Client, parseRequestLine, type RequestLine } from "../server.ts";
import { bytesOf } from "./wire.ts";

/** A client. */
export const CLIENT: Client = { hostname: "2001:db8::1", port: 7 };

/** Parses a valid request line. */
export function requestOf(line: string): RequestLine {
  const request = parseRequestLine(bytesOf(line));
  if ("method" in request) return request;
  throw new TypeError(`Cannot parse "${line}": ${request.status}`);
}
