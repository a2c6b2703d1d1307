/**
 * Reads the values of flags as numbers and times. A value that is neither throws a
 * {@linkcode UsageError} with the name of the flag and what was expected.
 *
 * @module
 */

import type { Span } from "../replies/delay.ts";
import { decodedPath } from "../replies/target.ts";
import { quote, UsageError } from "../replies/text.ts";

/** The value of each flag, by its name. */
export type Values = Readonly<Record<string, unknown>>;

/** All values of a flag that may be repeated. */
export function stringsOf(values: Values, name: string): string[] {
  return [values[name]].flat().filter((value) => typeof value === "string");
}

/**
 * Reads `/PREFIX=PATH`: the prefix without a slash at its end, as `decodedPath()` returns it, and the
 * path. An argument that begins otherwise, as a path may, is `undefined`.
 */
export function prefixIn(argument: string): { prefix: string; path: string } | undefined {
  const [, prefix, path] = /^(\/[^=]*)=([^]*)$/.exec(argument) ?? [];
  if (prefix === undefined) return undefined;
  const decoded = /[?#]/.test(prefix) ? "" : decodedPath(prefix);
  if (decoded !== "" && path !== "") return { prefix: decoded.replace(/\/$/, ""), path };
  throw new UsageError(
    `Cannot use ${quote(argument)}: expected a path for a prefix, such as /api=mocks`,
  );
}

/** The value of a flag, or `undefined` without the flag. */
export function stringOf(values: Values, name: string): string | undefined {
  return stringsOf(values, name)[0];
}

/** An integer from `min` to `max`, or `undefined` without the flag. */
export function integerOf(
  values: Values,
  name: string,
  min: number,
  max: number,
): number | undefined {
  const value = stringOf(values, name);
  return value === undefined ? undefined : integer(`--${name}`, value, min, max);
}

/**
 * An integer from `min` to `max`.
 *
 * @param name What messages call it, such as `--port` or `$PORT`.
 */
export function integer(name: string, value: string, min: number, max: number): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(
    `Cannot use ${name} ${quote(value)}: expected an integer from ${min} to ${max}`,
  );
}

/** At most this many seconds: the timers of the server end at 2^31 milliseconds. */
const MAX_SECONDS = 999_999;

/** Seconds as milliseconds, or `undefined` without the flag; 0 only if that has a meaning. */
export function millisecondsOf(
  values: Values,
  name: string,
  zero: "no zero" | "zero too" = "no zero",
): number | undefined {
  const value = stringOf(values, name);
  if (value === undefined) return undefined;
  const milliseconds = millisecondsIn(value);
  if (milliseconds > 0 || milliseconds === 0 && zero === "zero too") return milliseconds;
  const least = zero === "zero too" ? "from 0" : "above 0";
  throw new UsageError(
    `Cannot use --${name} ${
      quote(value)
    }: expected seconds ${least} to ${MAX_SECONDS}, such as 2.5`,
  );
}

/** Seconds, such as `2.5` or `0.2-1.5`, as milliseconds; `undefined` for 0 or without the flag. */
export function spanOf(values: Values, name: string): Span | undefined {
  const value = stringOf(values, name);
  if (value === undefined) return undefined;
  const [minMs, maxMs = minMs, ...more] = value.split("-").map(millisecondsIn);
  if (minMs <= maxMs && more.length === 0) return maxMs > 0 ? { minMs, maxMs } : undefined;
  throw new UsageError(
    `Cannot use --${name} ${quote(value)}: ` +
      `expected seconds up to ${MAX_SECONDS}, such as 2.5, or from the least to the most, ` +
      "such as 0.2-1.5",
  );
}

/** Converts seconds with at most three decimals to milliseconds; NaN for anything else. */
function millisecondsIn(seconds: string): number {
  return /^\d{1,6}(\.\d{1,3})?$/.test(seconds) ? Number(seconds) * 1000 : NaN;
}
