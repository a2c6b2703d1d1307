/**
 * Writes down what the check has found: as lines for people, and as JSON for programs.
 *
 * @module
 */

import { plural } from "../../replies/text.ts";
import type { Level } from "../contract.ts";
import type { CheckReport, Result } from "./check.ts";
import { complaintOf, exitOf, type Run } from "./run.ts";
import { LEVELS } from "./settings.ts";

/** How to write lines. */
export interface ReportOptions {
  /** The level from which on findings count. */
  readonly level: Level;
  /** True for the last line alone. */
  readonly quiet?: boolean;
  /** True to color the levels for a terminal. */
  readonly color?: boolean;
}

/** The results that make the check fail. */
export function failures({ results }: CheckReport, level: Level): Result[] {
  const counting = LEVELS.slice(0, LEVELS.indexOf(level) + 1) as readonly string[];
  return results.filter(({ grade }) => counting.includes(grade));
}

/** The findings by level, a line each, and a last line that counts them. */
export function reportText(report: CheckReport, options: ReportOptions): string {
  const last = summary(report);
  if (options.quiet) return last;
  const shown = LEVELS.filter((level) => level !== "may" || options.level === "may");
  const findings = shown.flatMap((level) => report.results.filter(({ grade }) => grade === level));
  const width = Math.max(0, ...findings.map(({ contract }) => contract.path.length));
  return [...findings.map((result) => lineOf(result, width, options.color)), last].join("\n");
}

const COLORS: Readonly<Record<string, number>> = { must: 31, should: 33, may: 36 };

function lineOf(result: Result, width: number, color = false): string {
  const level = result.grade.padEnd(6);
  const painted = color ? `\x1b[${COLORS[result.grade]}m${level}\x1b[0m` : level;
  return `${painted}  ${result.contract.path.padEnd(width)}  ${sentence(result)}`;
}

/** What the client did, and what a sound one does. */
export function sentence({ contract, did, harm, run }: Result): string {
  const facts = run ? ` (${factsOf(run)})` : "";
  const reason = harm ? `${contract.section}; harm: ${harm}` : contract.section;
  return `${did}${facts}; a sound client ${contract.client} (${reason})`;
}

/** How it has ended, how much it has printed, and how long it took. */
function factsOf(run: Run): string {
  const { bytes } = run.printed.beforeNext ?? run.printed;
  const content = bytes > 0 ? [plural(bytes, "byte")] : [];
  const facts = [exitOf(run), ...content, `${Math.round(run.milliseconds)} ms`].join(", ");
  const complaint = complaintOf(run);
  return complaint ? `${facts}: ${complaint}` : facts;
}

function summary({ results, milliseconds }: CheckReport): string {
  const grades = ["must", "should", "may", "excepted", "not judged"];
  const counts = grades.map((grade) => [countOf(results, grade), grade] as const)
    .filter(([count, grade]) => count > 0 || grade === "must" || grade === "should")
    .map(([count, grade]) => `${count} ${grade}`);
  return `${plural(results.length, "response")} in ${(milliseconds / 1000).toFixed(1)} s: ` +
    `${countOf(results, "expected")} as expected, ${counts.join(", ")}`;
}

function countOf(results: readonly Result[], grade: string): number {
  return results.filter((result) => result.grade === grade).length;
}

/** All entries with what happened, as JSON. */
export function reportJson({ command, remarks, results, milliseconds }: CheckReport): string {
  const entries = results.map((result) => ({
    ...result.contract,
    grade: result.grade,
    did: result.did,
    harmed: result.harm,
    ...result.run && evidence(result.run),
  }));
  const seconds = milliseconds / 1000;
  return `${JSON.stringify({ version: 1, command, seconds, remarks, entries }, null, 2)}\n`;
}

/** What a reader needs to understand a verdict. */
function evidence(run: Run) {
  const { exit, milliseconds, complaint, requests } = run;
  const printed = run.printed.beforeNext ?? run.printed;
  return {
    exit: exit?.signal ?? exit?.code ?? null,
    milliseconds: Math.round(milliseconds),
    printed: { bytes: printed.bytes, sha256: printed.sha256, start: printed.head.slice(0, 100) },
    complaint,
    requests: requests.map(({ at, connection, method, target }) => ({
      at,
      connection,
      method,
      target,
    })),
  };
}
