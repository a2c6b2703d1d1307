/**
 * What the flags were given, read and checked: each value is what it should be,
 * or a mistake that names the flag and what was expected.
 *
 * @module
 */

import { escapeControls } from "../server.ts";
import type { Span } from "./delay.ts";

/** A mistake in the arguments: exit code 2. */
export class UsageError extends Error {}

/** The value of each flag, by its name. */
export type Values = Readonly<Record<string, unknown>>;

/** The value of a flag that may be given several times. */
export function stringsOf(values: Values, name: string): string[] {
  return [values[name]].flat().filter((value) => typeof value === "string");
}

/** The value of a flag, if it was given. */
export function stringOf(values: Values, name: string): string | undefined {
  return stringsOf(values, name)[0];
}

/** An integer in these bounds, if it was given. */
export function integerOf(
  values: Values,
  name: string,
  min: number,
  max: number,
): number | undefined {
  const value = stringOf(values, name);
  return value === undefined ? undefined : integer(`--${name}`, value, min, max);
}

/** An integer in these bounds, however it was given. */
export function integer(name: string, value: string, min: number, max: number): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(
    `Cannot use ${name} ${quote(value)}: expected an integer from ${min} to ${max}`,
  );
}

/** Seconds as milliseconds, if they were given. */
export function millisecondsOf(values: Values, name: string): number | undefined {
  const value = stringOf(values, name);
  if (value === undefined) return undefined;
  const milliseconds = millisecondsIn(value);
  if (milliseconds > 0) return milliseconds;
  throw new UsageError(
    `Cannot use --${name} ${quote(value)}: expected seconds above 0, such as 2.5`,
  );
}

/** Seconds, or two of them with a dash between, as a span of milliseconds; 0 is none. */
export function spanOf(values: Values, name: string): Span | undefined {
  const value = stringOf(values, name);
  if (value === undefined) return undefined;
  const [minMs, maxMs = minMs, ...more] = value.split("-").map(millisecondsIn);
  if (minMs <= maxMs && more.length === 0) return maxMs > 0 ? { minMs, maxMs } : undefined;
  throw new UsageError(
    `Cannot use --${name} ${quote(value)}: ` +
      "expected seconds, such as 2.5, or from the least to the most, such as 0.2-1.5",
  );
}

/** Seconds with at most three decimals, in milliseconds. */
function millisecondsIn(seconds: string): number {
  return /^\d{1,6}(\.\d{1,3})?$/.test(seconds) ? Number(seconds) * 1000 : NaN;
}

/** A value as messages repeat it. */
export function quote(text: string): string {
  return `"${escapeControls(text)}"`;
}
