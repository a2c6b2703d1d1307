/**
 * What the check is told by its flags, for the commands that have them. It imports nothing of the lab
 * but types, so that other starts stay fast.
 *
 * @module
 */

import { quote, UsageError } from "../../replies/text.ts";
import type { Level } from "../contract.ts";

/** The levels, the most binding one first. */
export const LEVELS: readonly Level[] = ["must", "should", "may"];
/** The level from which on findings count by default. */
export const DEFAULT_LEVEL: Level = "must";
/** How long a client may take for one response by default, in milliseconds. */
export const CHECK_TIMEOUT_MS = 10_000;

/** By what a client is judged. */
export interface Criteria {
  /** The names of the only entries to judge by; all by default. */
  readonly only?: readonly string[];
  /** The names of entries whose findings are known, and do not count. */
  readonly except?: readonly string[];
  /**
   * How long the command may take for one entry, besides its start, in milliseconds;
   * {@linkcode CHECK_TIMEOUT_MS} by default.
   */
  readonly timeoutMs?: number;
  /** True if the command prints each message of an event stream as a JSON string on a line. */
  readonly readsEvents?: boolean;
}

/** What the flags of the check ask for. */
export interface CheckSettings extends Criteria {
  /** The client's command, with its placeholders. */
  readonly command: readonly string[];
  /** The level from which on findings count. */
  readonly level: Level;
  /** The file for all results; none by default. */
  readonly report?: string;
  /** True to print the last line alone. */
  readonly quiet: boolean;
}

/**
 * Checks the values of flags that mean the same in all commands.
 *
 * @param command What stands behind `--`.
 * @throws {UsageError} If one of them makes no sense.
 */
export function checkSettingsFrom(
  command: readonly string[],
  { only, except, level = DEFAULT_LEVEL, report }: {
    readonly [name in "only" | "except" | "level" | "report"]?: string;
  },
): Pick<CheckSettings, "command" | "only" | "except" | "level" | "report"> {
  if (command.length === 0 || command[0] === "") {
    throw new UsageError(
      "Cannot use --check without a command: expected one, as in --check -- curl -sS '{url}'",
    );
  }
  const known = LEVELS.find((one) => one === level);
  if (known === undefined) {
    throw new UsageError(`Cannot use --level ${quote(level)}: expected ${LEVELS.join(", ")}`);
  }
  if (report !== undefined && !/\.(json|xml)$/.test(report)) {
    throw new UsageError(
      `Cannot use --report ${quote(report)}: expected a name that ends in .json or .xml`,
    );
  }
  return { command, level: known, report, only: namesIn(only), except: namesIn(except) };
}

function namesIn(list: string | undefined): string[] | undefined {
  return list?.split(",").filter((name) => name !== "");
}
