/**
 * Whole responses as they stand in a file, for testing clients.
 *
 * @module
 */

import type { RawReply, Responder } from "../server.ts";
import { randomDelay, sleep, type Span } from "./delay.ts";
import type { Octets } from "./files.ts";

/** Sends these octets and no others; with a delay, the head leaves at once and the rest stalls. */
export function rawResponder(octets: Octets, delay: Span | undefined): Responder {
  if (delay === undefined) {
    const reply: RawReply = { raw: [octets] };
    return () => reply;
  }
  const cut = endOfHead(octets);
  return () => ({
    raw: (async function* () {
      yield octets.subarray(0, cut);
      await sleep(randomDelay(delay));
      yield octets.subarray(cut);
    })(),
  });
}

const CR = 13;
const LF = 10;

/** Where the first empty line ends; the end of the octets if there is none. */
export function endOfHead(octets: Octets): number {
  for (let lf = octets.indexOf(LF); lf !== -1; lf = octets.indexOf(LF, lf + 1)) {
    const next = octets[lf + 1] === CR ? lf + 2 : lf + 1;
    if (octets[next] === LF) return next + 1;
  }
  return octets.length;
}
