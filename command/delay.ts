/**
 * Waiting before a reply.
 *
 * @module
 */

import type { Reply, Responder } from "../server.ts";
import { sleep } from "./sleep.ts";

/** The shortest and the longest of some times. */
export interface Span {
  /** Milliseconds at least. */
  readonly minMs: number;
  /** Milliseconds at most. */
  readonly maxMs: number;
}

/** A time in this span, each as likely as another, in milliseconds. */
export function draw({ minMs, maxMs }: Span): number {
  return minMs + Math.random() * (maxMs - minMs);
}

/** Waits before each reply, for a time drawn anew. */
export function delayed(answer: Responder | Reply, delay: Span | undefined): Responder | Reply {
  if (delay === undefined) return answer;
  return async (request, client) => {
    await sleep(draw(delay));
    return typeof answer === "function" ? answer(request, client) : answer;
  };
}
