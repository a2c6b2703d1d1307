/**
 * What the command `firstline-lab` says and prints.
 *
 * @module
 */

import process from "node:process";
import { printable } from "../../replies/text.ts";

/** Writes a message to stderr. */
export function say(message: string): void {
  process.stderr.write(`firstline: ${printable(message)}\n`);
}

/** Writes a text and a line end to stdout, and returns the exit code. */
export function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}
