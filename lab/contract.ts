/**
 * The contract of an entry of the lab: what a sound client does with its response, as data for
 * programs. `/lab.json` has it for each entry.
 *
 * @module
 */

/** What a sound client does: it accepts the response, it reports an error, or either of them. */
export type Expectation = "accept" | "report" | "either";

/**
 * How binding an expectation is. `must`: an RFC says MUST to clients. `should`: it says SHOULD, or the
 * response is right. `may`: it leaves the choice (RFC 9110 §2.4), just where either is expected.
 */
export type Level = "must" | "should" | "may";

/**
 * What may go wrong besides: content is lost, doubled or altered; the next request gets what is not
 * its own; memory or time is taken without bound. Harm is always as binding as `must`.
 */
export type Harm = "content" | "next" | "memory" | "time";

/** Content: a text in UTF-8, or the number of its bytes and their SHA-256 in hexadecimal. */
export type Content = string | { readonly bytes: number; readonly sha256: string };

/** An entry of the lab, as programs see it. */
export interface Contract {
  /** A path to request. */
  readonly path: string;
  /** The path with the name of its parameter, and the range of that. */
  readonly usage: string;
  /** The name of its group. */
  readonly group: string;
  /** What the server does, in one sentence without its full stop. */
  readonly about: string;
  /** The section of the RFC that defines the right behavior, such as `RFC 9112 §7.1`. */
  readonly section: string;
  /** True if the response is incorrect or hostile. */
  readonly broken: boolean;
  /** What a sound client does, in the form of `about`. */
  readonly client: string;
  /** The arguments for `curl`; `-i` if it is left out. */
  readonly curl?: string;
  /** What a sound client does, for programs. */
  readonly expect: Expectation;
  /** How binding that is. */
  readonly level: Level;
  /** What may go wrong besides; empty if nothing. */
  readonly harm: readonly Harm[];
  /** The method of the request. */
  readonly method: "GET" | "HEAD" | "PUT";
  /** How many bytes of content the request sends. */
  readonly sends: number;
  /** The final status that a client may have in the end; `undefined` if it does not matter. */
  readonly status?: number;
  /** The contents that a client which accepts may have in the end; `undefined` if any. */
  readonly contents?: readonly Content[];
  /** The messages of an event stream, in order. */
  readonly events?: readonly string[];
  /** False if nothing may be sent on this connection afterwards. */
  readonly reuse: boolean;
  /** True if a client that takes more than 48 MiB is unsound, whatever it reports. */
  readonly bounded: boolean;
  /** True if it ends only by the client's timeout. */
  readonly stalls: boolean;
  /** `reset` if the listener must be able to reset connections. */
  readonly needs?: "reset";
}
