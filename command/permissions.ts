/**
 * What Deno permits, asked without prompting: a service must never hang on a question.
 *
 * @module
 */

import { hostAndPort } from "./address.ts";

/** A start that failed: exit code 1. */
export class StartError extends Error {}

/** True if the network permission covers this address. */
export function mayUse(hostname: string, port: number): boolean {
  const host = hostAndPort(hostname, port);
  return Deno.permissions.querySync({ name: "net", host }).state === "granted";
}

/** True if the read permission covers this path. */
export function mayRead(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

/** The address, and the flag that would permit it. */
export function missing(hostname: string, port: number): string {
  const address = hostAndPort(hostname, port);
  return `${address}: permission missing, add --allow-net or --allow-net=${address}`;
}
