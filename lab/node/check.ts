/**
 * The check of the lab in Node and Bun, for `firstline-lab --check`: starts a client's command, and
 * writes the report.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, writeFileSync } from "node:fs";
import process from "node:process";
import { messageOf, printable, quote, StartError, UsageError } from "../../replies/text.ts";
import { check, type CheckOptions, type CheckReport } from "../check/check.ts";
import { Commands, type Exit, type StartCommand } from "../check/command.ts";
import { reportJunit } from "../check/junit.ts";
import { failures, reportJson, reportText } from "../check/report.ts";
import type { CheckSettings } from "../check/settings.ts";
import { print, say } from "./output.ts";

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

// ---------------------------------------------------------------- commands

const isWindows = process.platform === "win32";

/** Starts a command, as {@linkcode StartCommand} says. On Windows its children live on. */
const start: StartCommand = async (program, args, env) => {
  const child = spawn(program, args, {
    detached: !isWindows, // in a process group of its own
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const { stdout, stderr } = child;
  const ended = new Promise<Exit>((resolve) =>
    child.on("exit", (code, signal) => resolve({ code: code ?? 0, signal: signal ?? undefined }))
  );
  await once(child, "spawn").catch((error) => {
    const reason = error.code === "ENOENT" ? "no such program" : messageOf(error);
    throw new UsageError(`Cannot run ${quote(program)}: ${reason}`);
  });
  const kill = () => {
    if (isWindows) child.kill("SIGKILL");
    else endGroup(child.pid!);
  };
  return {
    stdout,
    stderr,
    ended,
    kill,
    release: () => [stdout, stderr].forEach((s) => s.destroy()),
  };
};

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as { code?: string }).code !== "ESRCH") throw error; // it has ended
  }
}
