/**
 * One path that says whether the process is well, whatever else it answers.
 *
 * @module
 */

import type { Reply, Responder } from "../server.ts";
import { pathOf } from "./target.ts";

/** What a health check is told: the status line and this content. */
export const WELL: Reply = Object.freeze({ status: 200, body: "ok" });

/** Answers this path at once and in front of everything else: a probe waits for no `--delay`. */
export function withHealth(
  path: string | undefined,
  answer: Responder | Reply,
): Responder | Reply {
  if (path === undefined) return answer;
  const others = typeof answer === "function" ? answer : () => answer;
  return (request, client) => pathOf(request.target) === path ? WELL : others(request, client);
}

/** True if this request line asks for the health path: the access log leaves it out. */
export function isHealthCheck(path: string, requestLine: string): boolean {
  const target = /^\S+ (\S+) HTTP\/1\.\d$/.exec(requestLine)?.[1];
  return target !== undefined && pathOf(target) === path;
}
