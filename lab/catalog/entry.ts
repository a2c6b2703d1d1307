/**
 * What the tables of the catalog are made of: the form of an entry, parameters, and bytes that many
 * entries share.
 *
 * @module
 */

import type { Client, RawReply } from "../../server.ts";
import type { Contract, Expectation, Harm, Level } from "../contract.ts";
import { MAX_SECONDS, type Message, type Piece } from "../pieces.ts";

/** The parameter behind the name of an entry, such as 418 in `/status/418`. */
export interface Parameter {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** The only values, if not all between the two. */
  readonly among?: readonly number[];
  /** True if it may have a fraction. */
  readonly isDecimal?: boolean;
  /** The value if it is left out; without a fallback it is required. */
  readonly fallback?: number;
  /** The value in the list. */
  readonly example?: number;
}

/** One path of the lab: an entry of the catalog. */
export interface Entry {
  /** The first segment of the path. */
  readonly name: string;
  readonly takes?: Parameter;
  /** The RFC and section that define the right behavior, such as `9112 §7.1`. */
  readonly section: string;
  /** What the server does, in one sentence without its full stop. */
  readonly about: string;
  /** What a sound client does, in the same form. */
  readonly client: string;
  /** The same for programs. */
  readonly expect: Expectation;
  /** How binding that is. */
  readonly level: Level;
  /** What may go wrong besides; nothing by default. */
  readonly harm?: readonly Harm[];
  /** The method of the request; GET by default. */
  readonly method?: Contract["method"];
  /** How many bytes of content the request sends; 0 by default. */
  readonly sends?: number;
  /** The final status that an accepting client has; read from the pieces by default. */
  readonly status?: number | "any";
  /**
   * The contents that an accepting client may have, one character per byte; the content of the first
   * final response in the pieces by default, framed as RFC 9112 §6.3 says.
   */
  readonly contents?: readonly string[] | "any";
  /** The content without its coding, which an accepting client may have as well. */
  readonly decoded?: string;
  /** The messages of an event stream, in order. */
  readonly events?: readonly string[];
  /** False if nothing may be sent on this connection afterwards. */
  readonly reuse?: false;
  /** True if a client that takes more than 48 MiB is unsound. */
  readonly bounded?: true;
  /** True if it ends only by the client's timeout. */
  readonly stalls?: true;
  /** A correct response, which may depend on the parameter and the client. */
  readonly right?: Message | ((value: number, client: Client) => Message);
  /** The pieces of an incorrect response, the same for each method. */
  readonly wrong?: readonly Piece[] | ((value: number) => readonly Piece[]);
  /** How the connection ends after an incorrect response; `linger` by default. */
  readonly ending?: RawReply["ending"];
  /** Arguments for `curl`; `-i` by default. */
  readonly curl?: string;
}

/**
 * Entries by group. To add one, write its name, what the server does, the section, what a sound client
 * does (in words and for programs), and the response: `right` as a message, or `wrong` as pieces of
 * text, one character per byte, and waits in seconds.
 */
export type Catalog = Readonly<Record<string, readonly Entry[]>>;

export const STATUS: Parameter = { name: "CODE", min: 200, max: 599, example: 503 };
/** A status that redirects to `Location`. */
export const REDIRECT: Parameter = {
  name: "CODE",
  min: 301,
  max: 308,
  among: [301, 302, 303, 307, 308],
  example: 302,
};
export const COUNT: Parameter = { name: "N", min: 1, max: 1000, example: 3 };
export const BYTES: Parameter = { name: "N", min: 0, max: 100_000_000, example: 1000 };
export const DELAY: Parameter = {
  name: "SECONDS",
  min: 0,
  max: MAX_SECONDS,
  isDecimal: true,
  example: 1,
};
/** How long a response stalls or goes on before the connection is closed. */
export const TIME_LIMIT: Parameter = { ...DELAY, fallback: MAX_SECONDS, example: undefined };
/** How long a slow response takes in all: not 2 or 3 seconds, which are usual timeouts. */
export const TOTAL_TIME: Parameter = { ...TIME_LIMIT, fallback: 1 };

/** The status line of most incorrect responses. */
export const STATUS_200 = "HTTP/1.1 200 OK\r\n";
/** The last fields of a head, and the content. */
export const PLAIN = "Content-Length: 3\r\nConnection: close\r\n\r\nok\n";
export const TEXT_TYPE = "Content-Type: text/plain";
/** A 302 that lacks its Location and the empty line. */
export const LOCATION = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\n";
/** A response that leaves the connection open. */
export const OPEN_RESPONSE = openResponse("200 OK", "Content-Length: 3", "ok\n");
/** A response that nobody has asked for: a client that takes it for the next one is poisoned. */
export const LEFTOVER = openResponse("200 OK", "Content-Length: 9", "LEFTOVER\n");
export const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
export const EARLY_HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
/** What is inside {@linkcode GZIP}. */
export const COMPRESSED = "This text was compressed.\n";
/** {@linkcode COMPRESSED} in gzip format. */
export const GZIP = hex(
  "1f8b08000000000002030bc9c82c562849ad2851284f2c5648cecf2d284a2d2e4e4dd1e302002da8f0041a000000",
);
/** 1 MiB, in 16 pieces. */
export const MIB: Piece = { repeat: "a".repeat(65536), times: 16 };
/** A short correct response: a text of 3 bytes. */
export const SHORT: Message = message("ok\n");

/** A correct response with a text as its content. */
export function message(content: string, fields = ""): Message {
  const more = fields === "" ? "" : `|${fields}`;
  return { fields: `${TEXT_TYPE}|Content-Length: ${content.length}${more}`, content };
}

/** So many bytes of content: the digits 0 to 9 again and again. */
export function digits(count: number): Piece[] {
  const some = "0123456789".repeat(1000);
  const times = Math.floor(count / some.length);
  const rest = some.slice(0, count % some.length);
  return times === 0 ? [rest] : [{ repeat: some, times }, rest];
}

// ---------------------------------------------------------------- responses as text

/**
 * A response that leaves the connection open, as text with one character per byte.
 *
 * @param status The status and reason phrase.
 * @param fields The field lines, separated by `|`; a `Content-Type` is added if there is none.
 */
export function openResponse(status: string, fields: string, content = ""): string {
  const lines = [`HTTP/1.1 ${status}`, ...fields.split("|")];
  if (!/content-type/i.test(fields)) lines.splice(1, 0, TEXT_TYPE);
  return `${lines.join("\r\n")}\r\n\r\n${content}`;
}

/** The same with a close, which is announced: an unannounced close would be another fault. */
export function response(status: string, fields: string, content = ""): string {
  return openResponse(status, `${fields}|Connection: close`, content);
}

/** As {@linkcode response}, with status 200. */
export function ok(fields: string, content: string): string {
  return response("200 OK", fields, content);
}

/** The start of a response in chunks, without the last chunk, as {@linkcode response}. */
export function chunked(...chunks: string[]): string {
  return ok("Transfer-Encoding: chunked", chunks.join(""));
}

/** The same as {@linkcode openResponse}. */
export function openChunked(...chunks: string[]): string {
  return openResponse("200 OK", "Transfer-Encoding: chunked", chunks.join(""));
}

/** The bytes that these hexadecimal digits stand for, one character per byte. */
export function hex(digits: string): string {
  return digits.replace(/../g, (pair) => String.fromCharCode(parseInt(pair, 16)));
}
