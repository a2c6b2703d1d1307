/**
 * Waiting before a reply.
 *
 * @module
 */

import type { Reply, Responder } from "../server.ts";

/** The shortest and the longest of some times. */
export interface Span {
  /** Milliseconds at least. */
  readonly minMs: number;
  /** Milliseconds at most. */
  readonly maxMs: number;
}

/** Resolves after this time. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A time within this span, each as likely as another, in milliseconds. */
export function randomDelay({ minMs, maxMs }: Span): number {
  return minMs + Math.random() * (maxMs - minMs);
}

/** Waits before each reply, for a new random time. */
export function delayed(answer: Responder | Reply, delay: Span | undefined): Responder | Reply {
  if (delay === undefined) return answer;
  return async (request, client) => {
    await sleep(randomDelay(delay));
    return typeof answer === "function" ? answer(request, client) : answer;
  };
}
