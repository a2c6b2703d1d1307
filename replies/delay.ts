/**
 * Waits: of a fixed time, and of a random one before replies.
 *
 * @module
 */

import type { Reply, Responder } from "../server.ts";

/** A range of times. */
export interface Span {
  /** The shortest, in milliseconds. */
  readonly minMs: number;
  /** The longest, in milliseconds. */
  readonly maxMs: number;
}

/** Resolves after this time. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A random time in this range, in milliseconds; all are equally likely. */
export function randomDelay({ minMs, maxMs }: Span): number {
  return minMs + Math.random() * (maxMs - minMs);
}

/** Waits before each reply, for another random time each; `undefined` changes nothing. */
export function delayed(answer: Responder | Reply, delay: Span | undefined): Responder | Reply {
  if (delay === undefined) return answer;
  return async (request, client) => {
    await sleep(randomDelay(delay));
    return typeof answer === "function" ? answer(request, client) : answer;
  };
}
