/**
 * Reads the arguments strictly: each must be a flag that `--help` lists, the value of one, or a
 * path. `parseArgs()` alone reads `-f./a=b` as `b`, `--quiet=no` as true and `--port -1` as no
 * value, and forgets the order. So it gets what was read here, as `--name=value`, and gives each
 * flag the type of its values.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { ALL_FLAGS, type Flag, HINTS, PREFIX } from "./flags.ts";
import { printable, quote, UsageError } from "../replies/text.ts";
import { prefixIn, type Values } from "./values.ts";

/** A flag among the arguments. */
interface Given {
  readonly flag: Flag;
  /** Its value; `true` or `false` for a flag that is on or off. */
  readonly value: string;
  /** What messages call it: `--name`, or a path in quotes. */
  readonly label: string;
}

/**
 * Reads the arguments. `--help` and `--version` win over all others, even over mistakes.
 *
 * @param lastWins True if a later flag replaces an earlier one that it contradicts, as in
 * executables, where the compiled-in flags come first. Otherwise contradictions are mistakes.
 * @throws {UsageError} If an argument is not in the list of `--help`, or contradicts another.
 */
export function parseFlags(args: readonly string[], lastWins = Deno.build.standalone): Values {
  const { given, mistake, command } = readAll(args);
  const question = given.find(({ flag, value }) => flag.wins && value === "true");
  if (question) return { [question.flag.name]: true };
  if (mistake) throw mistake;
  const kept = lastWins ? given.filter((one, at) => !isReplaced(one, given.slice(at + 1))) : given;
  checkTogether(kept);
  const names = (choose: (flag: Flag) => unknown) =>
    kept.filter(({ flag }) => choose(flag)).map(({ flag }) => flag.name);
  const values = parseArgs(kept.map(({ flag, value }) => `--${flag.name}=${value}`), {
    string: names((flag) => flag.value),
    boolean: names((flag) => !flag.value),
    collect: names((flag) => flag.repeats),
  });
  return { ...values, [COMMAND]: command };
}

/** The name of the words behind `--check --` among the values. */
export const COMMAND = "--";

/**
 * Reads all arguments, and keeps the first mistake for later: `--help` may still follow. With
 * `--check`, what stands behind `--` is a command, and not read.
 */
function readAll(
  args: readonly string[],
): { given: Given[]; mistake?: UsageError; command?: string[] } {
  const given: Given[] = [];
  let mistake: UsageError | undefined;
  const rest = [...args];
  while (rest.length > 0) {
    if (rest[0] === "--" && given.some(isCheck)) return { given, mistake, command: rest.slice(1) };
    try {
      for (const one of readNext(rest, given.at(-1))) given.push(one);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      mistake ??= error;
    }
  }
  return { given, mistake };
}

/** Removes the next argument from the list, and the one after it if that is its value. */
function* readNext(rest: string[], before?: Given): Generator<Given> {
  const argument = rest.shift()!;
  if (argument === "--") yield* rest.splice(0).map(path);
  else if (argument.startsWith("--")) yield readLong(argument, rest);
  else if (argument.startsWith("-")) yield* readLetters(argument, rest);
  else yield word(argument, before);
}

const FILE = ALL_FLAGS.find(({ name }) => name === "file")!;

/** A path alone means `--file PATH`. */
function path(value: string): Given {
  if (value === "") throw new UsageError('Cannot use "": expected a path, as in --file PATH');
  return { flag: FILE, value, label: quote(value) };
}

/** What people type without a flag, and mean something else than a path. */
const NOT_PATHS: ReadonlyArray<readonly [pattern: RegExp, meaning: string]> = [
  [/^\d+$/, "--port $&"],
  [/^:(\d+)$/, "--port $1"],
  [/^([\w.-]+|\[[\dA-Fa-f:.]+\]):(\d+)$/, "--host $1 --port $2"],
  [/^https?:.*$/i, "--redirect $&"],
  [/^(help|version)$/, "--$1"],
  [/^[^./\\=][^=/\\]*=.*$/s, "/$& or --file $&"],
];

function word(value: string, before?: Given): Given {
  for (const [pattern, meaning] of NOT_PATHS) {
    if (!pattern.test(value)) continue;
    if (isTorn(before)) throw unquoted(before, value);
    const meant = value.replace(pattern, meaning);
    throw new UsageError(
      `Cannot use ${quote(value)}: expected a path, did you mean ${meant}?`,
    );
  }
  const isPrefix = prefixIn(value) !== undefined;
  return isPrefix ? { flag: PREFIX, value, label: quote(value) } : path(value);
}

/** True for `--header Name:` before a word: without quotes, a shell has split the two. */
function isTorn(before: Given | undefined): before is Given {
  return before?.flag.name === "header" && before.value.endsWith(":");
}

function unquoted({ label, value }: Given, rest: string): UsageError {
  return new UsageError(
    `Cannot use ${quote(rest)} after ${label} ${quote(value)}: expected quotes around both, ` +
      `as in ${label} "${printable(`${value} ${rest}`)}"`,
  );
}

/** Reads `--name`, `--name=value`, or `--name` with its value in the next argument. */
function readLong(argument: string, rest: string[]): Given {
  const [, name, value] = /^--([^=]*)(?:=([^]*))?$/.exec(argument)!;
  const flag = ALL_FLAGS.find((flag) => flag.name === name) ?? unknown(argument, name);
  return withValue(flag, value, rest);
}

/** Reads letters, of which only the last may take a value: `-q`, `-qp 80`, `-p80`, `-p=80`. */
function* readLetters(argument: string, rest: string[]): Generator<Given> {
  demandTwoDashes(argument);
  for (let at = 1;; at++) {
    const letter = argument.charAt(at);
    const flag = ALL_FLAGS.find(({ short }) => short === letter) ?? unknown(argument, letter);
    const after = argument.slice(at + 1);
    if (flag.value && /^\p{L}/u.test(after)) {
      throw new UsageError(
        `Cannot use ${quote(argument)}: expected a value after -${flag.short}, ` +
          `as in -${flag.short}=${after}`,
      );
    }
    if (!flag.value && after !== "" && !after.startsWith("=")) {
      yield withValue(flag, "true", []);
      continue;
    }
    yield withValue(flag, after === "" ? undefined : after.replace(/^=/, ""), rest);
    return;
  }
}

/** Many programs write names with one dash. Here `-port` would be `-p` and more letters. */
function demandTwoDashes(argument: string): void {
  const [, name] = /^-([a-z][a-z-]{2,})(?:=|$)/i.exec(argument) ?? [];
  const near = name && nearestTo(name);
  if (!near || near === "help") return; // as `-h`
  throw new UsageError(
    `Cannot use ${quote(argument)}: expected two dashes before a name, did you mean --${near}?`,
  );
}

/** Rejects what is no flag, and says which one may be meant. */
function unknown(argument: string, name: string): never {
  const near = nearestTo(name);
  const [, positive] = /^no-(.*)$/.exec(name) ?? [];
  const isOff = ALL_FLAGS.some(({ name, value }) => name === positive && !value);
  const isLetter = ALL_FLAGS.some(({ short }) => short === name);
  const meant = isOff ? `--${positive}=false` : isLetter ? `-${name}` : near && `--${near}`;
  const [, hint = meant && `did you mean ${meant}?`] =
    HINTS.find(([pattern]) => pattern.test(name)) ?? [];
  throw new UsageError(
    `Cannot use ${quote(argument)}: expected only the flags that --help lists` +
      (hint ? `, ${hint}` : ""),
  );
}

/** The flag whose name is most like this one; `undefined` if none is near. */
function nearestTo(name: string): string | undefined {
  const typed = name.toLowerCase().replace(/^-+/, "");
  const limit = typed.length > 4 ? 2 : 1;
  const [nearest] = ALL_FLAGS
    .map(({ name }) => ({ name, distance: distanceOf(typed, name) }))
    .filter(({ distance }) => typed.length > 2 && distance <= limit)
    .sort((a, b) => a.distance - b.distance);
  return nearest?.name;
}

/** How many letters must be added, left out, replaced or swapped with the next to get another word. */
function distanceOf(from: string, to: string): number {
  const table = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= from.length; row++) {
    table.push([row]);
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      table[row][column] = Math.min(
        table[row - 1][column] + 1,
        table[row][column - 1] + 1,
        table[row - 1][column - 1] + (isSame ? 0 : 1),
        isSwapped ? table[row - 2][column - 2] + 1 : Infinity,
      );
    }
  }
  return table[from.length][to.length];
}

/** Completes a flag with the value joined to it, or with the next argument if that can be one. */
function withValue(flag: Flag, joined: string | undefined, rest: string[]): Given {
  const [next] = rest;
  const canTakeNext = next !== undefined && (flag.value ? !isFlag(next) : isBoolean(next));
  const takesNext = joined === undefined && canTakeNext;
  const value = joined ?? (takesNext ? rest.shift()! : flag.value ? undefined : "true");
  const label = `--${flag.name}`;
  if (value === undefined || flag.value && value === "" && !flag.mayBeEmpty) {
    throw new UsageError(
      `Cannot use ${label} without a value: expected ${flag.value}, as in ${label}=VALUE`,
    );
  }
  if (!flag.value && !isBoolean(value)) {
    throw new UsageError(`Cannot use ${label} ${quote(value)}: expected true or false`);
  }
  return { flag, value, label };
}

/** True for what reads like a flag. `-1` does not: no flag is a digit. */
function isFlag(argument: string): boolean {
  if (!argument.startsWith("-")) return false;
  const letter = argument.charAt(1);
  return letter === "-" || ALL_FLAGS.some(({ short }) => short === letter);
}

function isBoolean(value: string): boolean {
  return value === "true" || value === "false";
}

/** True if a later flag contradicts this one and can replace it. */
function isReplaced(earlier: Given, later: readonly Given[]): boolean {
  return later.some((other) =>
    other.flag === earlier.flag && other.flag !== PREFIX
      ? !other.flag.repeats || isContentType(other) && isContentType(earlier)
      : haveSamePrefix(other, earlier) || other.flag.isContent && excludeEachOther(other, earlier)
  );
}

/** The prefix of `/PREFIX=PATH`, and that of a path alone, which is empty. */
function prefixOf({ flag, value }: Given): string | undefined {
  return flag === PREFIX ? prefixIn(value)?.prefix : flag === FILE ? "" : undefined;
}

function haveSamePrefix(one: Given, other: Given): boolean {
  const prefix = prefixOf(one);
  return prefix !== undefined && prefix === prefixOf(other);
}

function isContentType({ value }: Given): boolean {
  return /^content-type:/i.test(value);
}

/** True if the two flags exclude each other. A flag that is off excludes nothing. */
function excludeEachOther(one: Given, other: Given): boolean {
  if ([one, other].some(({ flag, value }) => !flag.value && value === "false")) return false;
  const excludes = (a: Flag, b: Flag) => a.excludes?.includes(b.name) === true;
  return excludes(one.flag, other.flag) || excludes(other.flag, one.flag);
}

/** Throws if two flags contradict each other. */
function checkTogether(given: readonly Given[]): void {
  for (const [at, one] of given.entries()) {
    for (const other of given.slice(0, at)) {
      if (!contradict(one, other)) continue;
      const isTwice = one.label === other.label && !isPath(one);
      throw isTwice
        ? new UsageError(`Cannot use ${one.label} twice: expected one value`)
        : oneOfTwo(other, one);
    }
  }
}

/** A flag may be repeated if it allows that, or if it is on or off and says the same again. */
function contradict(one: Given, other: Given): boolean {
  if (haveSamePrefix(one, other)) return true;
  if (one.flag !== other.flag) return excludeEachOther(one, other);
  return !one.flag.repeats && (one.flag.value !== undefined || one.value !== other.value);
}

function isCheck({ flag, value }: Given): boolean {
  return flag.name === "check" && value === "true";
}

function isPath({ label }: Given): boolean {
  return !label.startsWith("--");
}

function oneOfTwo(one: Given, other: Given): UsageError {
  const word = [one, other].find(isPath);
  if (word && [one, other].some(isCheck)) {
    return new UsageError(
      `Cannot use ${word.label} with --check: expected -- in front of the command`,
    );
  }
  const reason = reasonFor(one, other);
  return new UsageError(
    `Cannot use ${one.label} with ${other.label}: expected one of the two${reason}`,
  );
}

function reasonFor(...two: [Given, Given]): string {
  if (two.some(({ flag }) => flag === PREFIX) && haveSamePrefix(...two)) {
    return ", both answer at the same paths";
  }
  if (two.some(isPath)) return ", a path alone means --file PATH";
  const whole = two.find(({ flag }) => flag.isWhole);
  if (whole === undefined || !two.some(({ flag }) => flag.isSetting)) return "";
  return `, ${whole.label} sends whole responses, with their own status and fields`;
}
