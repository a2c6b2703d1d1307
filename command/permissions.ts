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

/** How to get a flag of Deno's that is missing. */
export function remedyFor(flag: string, isExecutable: boolean = Deno.build.standalone): string {
  return isExecutable
    ? `this executable was compiled without ${flag}`
    : `add ${flag} before main.ts`;
}

/** The address, and the flag that would permit it. */
export function lackingAddress(hostname: string, port: number): string {
  const address = hostAndPort(hostname, port);
  return `${address}: permission missing, ${remedyFor(`--allow-net or --allow-net=${address}`)}`;
}
