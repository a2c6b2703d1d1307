/**
 * The check of the lab as a command, for `--check`: starts a client's command, and writes the report.
 *
 * @module
 */

import { check, type CheckReport } from "../lab/check/check.ts";
import { Commands, type StartCommand } from "../lab/check/command.ts";
import { reportJunit } from "../lab/check/junit.ts";
import { failures, reportJson, reportText } from "../lab/check/report.ts";
import type { CheckSettings } from "../lab/check/settings.ts";
import { messageOf, printable, quote, StartError, UsageError } from "../replies/text.ts";
import { hintFor, printAll, say } from "./output.ts";
import { mayUse, missingPermission, type StopReason } from "./start.ts";

/** The exit code at SIGHUP, which a terminal sends when it is closed. */
const HANGUP_CODE = 129;

/**
 * Judges the client that these settings name. At the end, and at a signal, no process that was
 * started for it is left.
 *
 * @returns The exit code: 0, 1 if a finding counts, or that of the signal.
 * @throws {UsageError} If the command cannot be judged.
 * @throws {StartError} If a permission is missing, or the report cannot be written.
 */
export async function checkClient(
  settings: CheckSettings,
  stopRequested: Promise<StopReason>,
): Promise<number> {
  demandPermissions();
  using file = openReport(settings.report);
  using commands = new Commands(start);
  const stopped = Promise.race([stopRequested.then(({ exitCode }) => exitCode), hangup()]);
  const judging = findings(settings, commands).then(async (found) => {
    await write(found, settings, file);
    return failures(found, settings.level).length > 0 ? 1 : 0;
  });
  return await Promise.race([judging, stopped]);
}

function demandPermissions(): void {
  const host = "127.0.0.1";
  if (!mayUse(host, 0)) throw new StartError(`Cannot listen on ${missingPermission(host, 0)}`);
  if (Deno.permissions.querySync({ name: "run" }).state === "granted") return;
  throw new StartError(
    `Cannot run commands: permission missing, ${hintFor("--allow-run")}`,
  );
}

/** Resolves at SIGHUP. */
function hangup(): Promise<number> {
  return new Promise((resolve) => {
    if (Deno.build.os === "windows") return;
    Deno.addSignalListener("SIGHUP", () => resolve(HANGUP_CODE));
  });
}

async function findings(settings: CheckSettings, commands: Commands): Promise<CheckReport> {
  const onProgress = Deno.stderr.isTerminal() && !settings.quiet ? showProgress : undefined;
  const report = await check({ ...settings, run: commands.run, onProgress });
  if (onProgress) show("");
  return report;
}

function showProgress(done: number, total: number): void {
  show(`${done} of ${total} responses`);
}

/** Replaces the last line of a terminal. */
function show(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
}

// ---------------------------------------------------------------- the report

/** Opens the file of the report, so that the check is not made in vain. */
function openReport(path: string | undefined): Deno.FsFile | undefined {
  if (path === undefined) return undefined;
  if (Deno.permissions.querySync({ name: "write", path }).state !== "granted") {
    throw new StartError(
      `Cannot write ${quote(path)}: permission missing, ${hintFor(`--allow-write=${path}`)}`,
    );
  }
  try {
    return Deno.openSync(path, { write: true, create: true });
  } catch (error) {
    throw new StartError(`Cannot write ${quote(path)}: ${messageOf(error)}`);
  }
}

async function write(
  found: CheckReport,
  settings: CheckSettings,
  file: Deno.FsFile | undefined,
): Promise<void> {
  const { level, quiet, report = "" } = settings;
  if (file) {
    const text = report.endsWith(".xml") ? reportJunit(found, level) : reportJson(found);
    file.truncateSync(0);
    writeAll(file, new TextEncoder().encode(text));
  }
  const program = printable(settings.command[0]);
  for (const remark of quiet ? [] : found.remarks) say(`${program} ${remark}`);
  const color = Deno.stdout.isTerminal() && !Deno.noColor;
  await printAll(reportText(found, { level, quiet, color }).trimEnd() + "\n");
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}

// ---------------------------------------------------------------- commands

type Child = Deno.ChildProcess;

/** Starts a command, as {@linkcode StartCommand} says. */
const start: StartCommand = (program, args, env) => {
  const child = spawn(program, args, env);
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  return Promise.resolve({
    stdout: chunksOf(child.stdout, released),
    stderr: chunksOf(child.stderr, released),
    ended: child.status.then(({ code, signal }) => ({ code, signal: signal ?? undefined })),
    kill: () => endGroup(child),
    release,
  });
};

function spawn(program: string, args: readonly string[], env: Record<string, string>): Child {
  try {
    return new Deno.Command(program, {
      args: [...args],
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      detached: Deno.build.os !== "windows", // in a process group of its own
    }).spawn();
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "no such program" : messageOf(error);
    throw new UsageError(`Cannot run ${quote(program)}: ${reason}`);
  }
}

/** Reads a stream until it ends or is released. */
async function* chunksOf(
  stream: ReadableStream<Uint8Array>,
  released: Promise<void>,
): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  released.then(() => reader.cancel());
  for (let part; !(part = await reader.read()).done;) yield part.value;
}

/**
 * Kills a command and its children, unless they run as another user. On Windows there are no groups,
 * and its children live on.
 */
function endGroup(child: Child): void {
  try {
    if (Deno.build.os === "windows") child.kill("SIGKILL");
    else Deno.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if (!isEnded(error) && !(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}

/** True if there is nothing left to kill. */
function isEnded(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof TypeError;
}
