/**
 * What the tables of the catalog are made of: the form of an entry, parameters, and bytes that many
 * entries share.
 *
 * @module
 */

import type { Client, RawReply, Reply, RequestLine } from "../../server.ts";
import type { Content, Contract, Expectation, Harm, Level } from "../contract.ts";
import { MAX_SECONDS, OK, type Piece } from "../pieces.ts";

/** The parameter behind the name of an entry, such as 418 in `/status/418`. */
export interface Parameter {
  readonly name: string;
  readonly min: number;
  readonly max: number;
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
  /** What a sound client does, for programs. */
  readonly expect?: Expectation;
  /** How binding that is. */
  readonly level?: Level;
  /** What may go wrong besides; nothing by default. */
  readonly harm?: readonly Harm[];
  /** The method of the request; GET by default. */
  readonly method?: Contract["method"];
  /** How many bytes of content the request sends; 0 by default. */
  readonly sends?: number;
  /** The final status that an accepting client has; computed from the pieces by default. */
  readonly status?: number;
  /** The contents that an accepting client may have; computed from the pieces by default. */
  readonly contents?: readonly Content[];
  /** The messages of an event stream, in order. */
  readonly events?: readonly string[];
  /** False if nothing may be sent on this connection afterwards. */
  readonly reuse?: false;
  /** True if a client that takes more than 48 MiB is unsound. */
  readonly bounded?: true;
  /** True if it ends only by the client's timeout. */
  readonly stalls?: true;
  /** Makes a correct response. */
  readonly right?: (value: number, request: RequestLine, client: Client) => Reply | RawReply;
  /** The pieces of an incorrect response, the same for each method. */
  readonly wrong?: Iterable<Piece> | ((seconds: number) => Iterable<Piece>);
  /** How the connection ends after an incorrect response; `linger` by default. */
  readonly ending?: RawReply["ending"];
  /** Arguments for `curl`; `-i` by default. */
  readonly curl?: string;
}

/**
 * Entries by group. To add one, write its name, what the server does, the section of the RFC, what a
 * sound client does, and the bytes: `wrong` takes pieces of text, one character per byte, and numbers,
 * which are waits in seconds.
 */
export type Catalog = Readonly<Record<string, readonly Entry[]>>;

export const STATUS: Parameter = { name: "CODE", min: 200, max: 599, example: 503 };
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
export const LASTS: Parameter = { ...DELAY, fallback: MAX_SECONDS, example: undefined };
/** How long a slow response takes in all. */
export const TAKES: Parameter = { ...LASTS, fallback: 2 };

export const PLAIN = "Content-Length: 3\r\nConnection: close\r\n\r\nok\n";
export const TEXT = "Content-Type: text/plain";
export const PLAIN_FIELDS = `${TEXT}|Content-Length: 3`;
export const LOCATION = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\n";
/** A response that leaves the connection open. */
export const OPEN = `${OK}${TEXT}\r\nContent-Length: 3\r\n\r\nok\n`;
export const EARLY_HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
/** The line `This text was compressed.` in gzip format. */
export const GZIP = hex(
  "1f8b08000000000002030bc9c82c562849ad2851284f2c5648cecf2d284a2d2e4e4dd1e302002da8f0041a000000",
);
/** In gzip format, 13 bytes stand for 2064 zeros; they are repeated 32512 times. */
export const BOMB_START = hex("1f8b08000000000000ff63");
export const BOMB_REPEATS = hex("1805a360148c8251300a46c128").repeat(508);
export const BOMB_END = hex("00008e3c3ff201f0ff03");

/** The bytes that these hexadecimal digits stand for, one character per byte. */
export function hex(digits: string): string {
  return digits.replace(/../g, (pair) => String.fromCharCode(parseInt(pair, 16)));
}
