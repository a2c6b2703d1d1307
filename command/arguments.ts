/**
 * The arguments, read strictly: each is a flag as `--help` writes it, its value, or one path.
 * What versions of `parseArgs()` take in different ways never reaches it.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { ALL_FLAGS, type Flag } from "./flags.ts";
import { quote, UsageError, type Values } from "./values.ts";

/** One flag as it was given. */
interface Given {
  readonly flag: Flag;
  /** Its value; of a flag that is on or off, `true` or `false`. */
  readonly value: string;
  /** How messages call it. */
  readonly label: string;
}

/**
 * Reads the arguments. `--help` and `--version` win over everything, mistakes included.
 *
 * @param lastWins True where flags may be compiled in and come first: then a later flag takes the
 * place of an earlier one that it contradicts. Otherwise that is a mistake.
 * @throws {UsageError} If an argument is not what `--help` lists.
 */
export function parseFlags(args: readonly string[], lastWins = Deno.build.standalone): Values {
  const { given, mistake } = readAll(args);
  const question = given.find(({ flag, value }) => flag.wins && value === "true");
  if (question) return { [question.flag.name]: true };
  if (mistake) throw mistake;
  const kept = lastWins ? given.filter((one, at) => !isReplaced(one, given.slice(at + 1))) : given;
  checkTogether(kept);
  const names = (choose: (flag: Flag) => unknown) =>
    ALL_FLAGS.filter(choose).map(({ name }) => name);
  return parseArgs(kept.map(({ flag, value }) => `--${flag.name}=${value}`), {
    string: names((flag) => flag.value),
    boolean: names((flag) => !flag.value),
    collect: names((flag) => flag.repeats),
  });
}

/** Everything that was given, and the first mistake. */
function readAll(args: readonly string[]): { given: Given[]; mistake?: UsageError } {
  const given: Given[] = [];
  let mistake: UsageError | undefined;
  const rest = [...args];
  while (rest.length > 0) {
    try {
      for (const one of readNext(rest)) given.push(one);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      mistake ??= error;
    }
  }
  return { given, mistake };
}

/** Takes the next argument from the list, and the one after it if that is its value. */
function* readNext(rest: string[]): Generator<Given> {
  const argument = rest.shift()!;
  if (argument === "--") yield* rest.splice(0).map(path);
  else if (argument.startsWith("--")) yield readLong(argument, rest);
  else if (argument.startsWith("-")) yield* readLetters(argument, rest);
  else yield path(argument);
}

const FILE = ALL_FLAGS.find(({ name }) => name === "file")!;

/** A path alone is what people type first. */
function path(value: string): Given {
  if (value === "") throw new UsageError('Cannot use "": expected a path, as in --file PATH');
  return { flag: FILE, value, label: quote(value) };
}

/** `--name`, `--name=value`, or `--name` and its value in the next argument. */
function readLong(argument: string, rest: string[]): Given {
  const [, name, value] = /^--([^=]*)(?:=([^]*))?$/.exec(argument)!;
  const flag = ALL_FLAGS.find((flag) => flag.name === name) ?? unknown(argument);
  return withValue(flag, value, rest);
}

/** Letters of flags that are on or off, and last one of any kind: `-q`, `-qp 80`, `-p80`, `-p=80`. */
function* readLetters(argument: string, rest: string[]): Generator<Given> {
  for (let at = 1;; at++) {
    const letter = argument.charAt(at);
    const flag = ALL_FLAGS.find(({ short }) => short === letter) ?? unknown(argument);
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

function unknown(argument: string): never {
  throw new UsageError(`Cannot use ${quote(argument)}: expected only the flags that --help lists`);
}

/** A flag with the value that is joined to it, or else the next argument if that can be its value. */
function withValue(flag: Flag, joined: string | undefined, rest: string[]): Given {
  const canTakeNext = flag.value ? /^[^-]/ : /^(true|false)$/;
  const takesNext = joined === undefined && rest.length > 0 && canTakeNext.test(rest[0]);
  const value = joined ?? (takesNext ? rest.shift()! : flag.value ? "" : "true");
  const label = `--${flag.name}`;
  if (flag.value && value === "") {
    throw new UsageError(
      `Cannot use ${label} without a value: expected ${flag.value}, as in ${label}=VALUE`,
    );
  }
  if (!flag.value && value !== "true" && value !== "false") {
    throw new UsageError(`Cannot use ${label} ${quote(value)}: expected true or false`);
  }
  return { flag, value, label };
}

/** True if a later flag contradicts this one and says better what is wanted. */
function isReplaced(earlier: Given, later: readonly Given[]): boolean {
  return later.some((other) =>
    other.flag === earlier.flag
      ? !other.flag.repeats || isContentType(other) && isContentType(earlier)
      : other.flag.isContent && excludeEachOther(other, earlier)
  );
}

function isContentType({ value }: Given): boolean {
  return /^content-type:/i.test(value);
}

/** True if the two cannot go together; a flag that is off goes with everything. */
function excludeEachOther(one: Given, other: Given): boolean {
  if ([one, other].some(({ flag, value }) => !flag.value && value === "false")) return false;
  const excludes = (a: Flag, b: Flag) => a.excludes?.includes(b.name) === true;
  return excludes(one.flag, other.flag) || excludes(other.flag, one.flag);
}

/** Refuses flags that contradict each other. */
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

/** A flag may be repeated if it says so, or if that changes nothing. */
function contradict(one: Given, other: Given): boolean {
  if (one.flag !== other.flag) return excludeEachOther(one, other);
  return !one.flag.repeats && (one.flag.value !== undefined || one.value !== other.value);
}

function isPath({ label }: Given): boolean {
  return !label.startsWith("--");
}

function oneOfTwo(one: Given, other: Given): UsageError {
  const meaning = isPath(one) || isPath(other) ? ", a path alone means --file PATH" : "";
  return new UsageError(
    `Cannot use ${one.label} with ${other.label}: expected one of the two${meaning}`,
  );
}
