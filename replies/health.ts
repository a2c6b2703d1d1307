/**
 * The answer to health checks, for `--health`.
 *
 * @module
 */

import type { Reply, Responder } from "../server.ts";
import { pathOf } from "./target.ts";

/** The reply to a health check. */
export const HEALTHY: Reply = Object.freeze({ status: 200, body: "ok" });

/**
 * Answers health checks at once, and leaves all other requests to `answer`.
 *
 * @param path The path of the health check; `undefined` for none.
 */
export function withHealth(
  path: string | undefined,
  answer: Responder | Reply,
): Responder | Reply {
  if (path === undefined) return answer;
  const others = typeof answer === "function" ? answer : () => answer;
  return (request, client) => pathOf(request.target) === path ? HEALTHY : others(request, client);
}
