/**
 * Messages to the operator, on stderr.
 *
 * @module
 */

import { Output } from "./output.ts";

const messages = new Output(Deno.stderr, {
  onLoss: (lines, reason) =>
    say(`dropped ${plural(lines, "message")} so far: ${messageOf(reason)}`),
});

/** A message for the operator; it arrives in its turn. */
export function say(message: string): void {
  messages.write(`firstline: ${message}\n`);
}

/** Resolves when all messages have arrived, or nobody reads them: the time to exit. */
export function said(): Promise<void> {
  return messages.finish();
}

/** A message and, after a colon, what caused it. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`;
}

/** A count and its noun: `1 line`, `2 lines`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
