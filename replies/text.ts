/**
 * Text: the words of messages and of the errors that end the command, how values, counts and
 * addresses are written, and what is escaped for a terminal or for HTML.
 *
 * @module
 */

import { escapeControls } from "../server.ts";

/** A mistake in the arguments: exit code 2. */
export class UsageError extends Error {}

/** The server could not start: exit code 1. */
export class StartError extends Error {}

/** The message of an error and, after a colon, that of its cause. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`;
}

/**
 * Shows what is not printable ASCII as `\xHH`: text for a terminal or a log then stays one line, and
 * does nothing but appear.
 */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, escapeControls);
}

/** A value in quotes: also quotes and backslashes are escaped, so that its end is clear. */
export function quote(text: string): string {
  return `"${escapeControls(text)}"`;
}

/**
 * Escapes text for HTML, between tags and in quoted attributes.
 *
 * @example
 * ```ts
 * import { escapeHtml } from "./text.ts";
 *
 * console.log(escapeHtml('<a href="x">')); // "&lt;a href=&quot;x&quot;&gt;"
 * ```
 */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => HTML_ENTITIES[character]);
}

const HTML_ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** A count and its noun: `1 line`, `2 lines`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** An address and a port as URLs write them: an IPv6 address in brackets. */
export function hostAndPort(hostname: string, port: number): string {
  const host = /^[^[].*:/.test(hostname) ? `[${hostname}]` : hostname;
  return `${host}:${port}`;
}

/**
 * The host to connect to for an address that a server listens on.
 *
 * @param loopback Stands for this machine where the address means "all", which is no destination.
 */
export function connectableHost(hostname: string, loopback: string): string {
  return hostname === "0.0.0.0" || hostname === "::" ? loopback : hostname;
}

/** The URL to open in a browser on this machine. */
export function urlOf(hostname: string, port: number, path = "/"): string {
  return `http://${hostAndPort(connectableHost(hostname, "localhost"), port)}${path}`;
}

/**
 * How to get what Deno grants by a flag.
 *
 * @param isExecutable True in an executable, whose flags were fixed when it was compiled.
 */
export function permissionHint(flag: string, isExecutable: boolean): string {
  return isExecutable
    ? `this executable was compiled without ${flag}`
    : `add ${flag} before main.ts, or to deno install`;
}
