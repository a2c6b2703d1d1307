/**
 * The check of the lab in Node and Bun, for `firstline-lab --check`: starts a client's command, and
 * writes the report.
 *
 * @module
 */

import { closeSync, openSync, writeFileSync } from "node:fs";
import process from "node:process";
import { messageOf, printable, quote, StartError, UsageError } from "../../replies/text.ts";
import { check, type CheckOptions, type CheckReport } from "../check/check.ts";
import { Commands, type StartCommand } from "../check/command.ts";
import { reportJunit } from "../check/junit.ts";
import { runCommand } from "./commands.ts";
import { failures, reportJson, reportText } from "../check/report.ts";
import type { Level } from "../contract.ts";
import { print, say } from "./output.ts";

/** What is judged, and how. */
export interface CheckSettings extends Omit<CheckOptions, "run"> {
  /** The level from which on a finding makes the exit code 1. */
  readonly level: Level;
  /** The file of the report. */
  readonly report?: string;
  /** True for the last line alone. */
  readonly quiet: boolean;
}

/** The exit codes of a process that a signal ends. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/**
 * Judges a client. At the end, and at a signal, no process that was started for it is left.
 *
 * @returns The exit code: 0, 1 if a finding counts, or that of the signal.
 * @throws {UsageError} If the command cannot be judged.
 * @throws {StartError} If the report cannot be written.
 */
export async function checkClient(settings: CheckSettings): Promise<number> {
  tryReport(settings.report);
  using commands = new Commands(start);
  const found = await Promise.race([
    check({ ...settings, run: commands.run, onProgress: progressFor(settings) }),
    ...Object.entries(EXIT_CODES).map(([signal, exitCode]) =>
      new Promise<number>((resolve) => process.on(signal, () => resolve(exitCode)))
    ),
  ]);
  if (typeof found === "number") return found;
  write(found, settings);
  return failures(found, settings.level).length > 0 ? 1 : 0;
}

/** Starts a command, or says why it cannot. */
const start: StartCommand = async (program, args, env) => {
  try {
    return await runCommand(program, args, env);
  } catch (error) {
    const isMissing = (error as { code?: string }).code === "ENOENT";
    const reason = isMissing ? "no such program" : messageOf(error);
    throw new UsageError(`Cannot run ${quote(program)}: ${reason}`);
  }
};

/** Shows on a terminal how many responses are done. */
function progressFor({ quiet }: CheckSettings): CheckOptions["onProgress"] {
  if (quiet || !process.stderr.isTTY) return undefined;
  return (done, total) => {
    const text = done < total ? `${done} of ${total} responses` : "";
    process.stderr.write(`\r\x1b[K${text}`);
  };
}

/** Opens the file of the report, so that the check is not made in vain. It keeps its content. */
function tryReport(path: string | undefined): void {
  try {
    if (path !== undefined) closeSync(openSync(path, "a"));
  } catch (error) {
    throw new StartError(`Cannot write ${quote(path!)}: ${messageOf(error)}`);
  }
}

function write(found: CheckReport, settings: CheckSettings): void {
  const { level, quiet, report, command } = settings;
  if (report !== undefined) {
    writeFileSync(report, report.endsWith(".xml") ? reportJunit(found, level) : reportJson(found));
  }
  for (const remark of quiet ? [] : found.remarks) say(`${printable(command[0])} ${remark}`);
  const color = process.stdout.isTTY && process.env.NO_COLOR === undefined;
  print(reportText(found, { level, quiet, color }));
}
