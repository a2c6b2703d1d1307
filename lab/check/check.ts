/**
 * Judges a client: runs its command for the entries of the lab, and compares what it does with what
 * they expect.
 *
 * @module
 */

import { quote, UsageError } from "../../replies/text.ts";
import type { Contract } from "../contract.ts";
import { startLab } from "../start.ts";
import { calibrate, type Calibration } from "./calibrate.ts";
import { type Grade, HUNG, judge, type Verdict } from "./judge.ts";
import { atOnce, type Client, type Run, runFor } from "./run.ts";

/** What to check, and how. */
export interface CheckOptions extends Client {
  /** The names of the only entries to judge; all by default. */
  readonly only?: readonly string[];
  /** The names of entries whose findings are known. */
  readonly except?: readonly string[];
  /**
   * How long the command may take for one entry, besides its start, in milliseconds;
   * {@linkcode CHECK_TIMEOUT_MS} by default.
   */
  readonly timeoutMs?: number;
  /** True if the command prints each message of an event stream as a JSON string on a line. */
  readonly readsEvents?: boolean;
  /** Called when the number of judged entries changes. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** An entry and its judgement. */
export interface Result {
  readonly contract: Contract;
  readonly grade: Grade | "excepted";
  /** What the client did. */
  readonly did: string;
  readonly harm?: Verdict["harm"];
  /** The run; `undefined` if the command was not run for it. */
  readonly run?: Run;
}

/** What the check has found. */
export interface CheckReport {
  readonly command: readonly string[];
  /** What was not judged, or is worth knowing, in sentences without their full stop. */
  readonly remarks: readonly string[];
  /** All entries in the order of the catalog. */
  readonly results: readonly Result[];
  /** How long it took, in milliseconds. */
  readonly milliseconds: number;
}

/** How long a command may take by default. */
export const CHECK_TIMEOUT_MS = 10_000;

/**
 * Runs a client's command for each entry of the lab, eight at a time, and judges it. At the end no
 * process that it has started is left.
 *
 * @throws {UsageError} If the command cannot be judged, or a name is unknown.
 */
export async function check(options: CheckOptions): Promise<CheckReport> {
  const start = performance.now();
  const { timeoutMs = CHECK_TIMEOUT_MS, readsEvents = false, except = [] } = options;
  const entries = await entriesFor(options);
  const calibration = await calibrate(options, timeoutMs, readsEvents);
  const limitMs = timeoutMs + 2 * calibration.slowestMs;
  const judged = await judgeAll(entries, options, calibration, limitMs);
  const merged = mergeStalls(judged, timeoutMs);
  return {
    command: options.command,
    remarks: [...calibration.remarks, ...needless(except, merged)],
    results: merged.map((result) => excepted(result, except)),
    milliseconds: performance.now() - start,
  };
}

async function entriesFor(
  { only, except = [] }: CheckOptions,
): Promise<readonly Contract[]> {
  await using lab = await startLab();
  for (const name of [...only ?? [], ...except]) {
    if (lab.entries.some((entry) => isNamed(entry, name))) continue;
    throw new UsageError(`Cannot find ${quote(name)}: expected the name of an entry of the lab`);
  }
  return lab.entries.filter((entry) => !only || only.some((name) => isNamed(entry, name)));
}

/** True for the path without its first slash, and for the first segments of it. */
function isNamed({ path }: Contract, name: string): boolean {
  return path === `/${name}` || path.startsWith(`/${name}/`);
}

/** Entries that stall begin first, because they take longest, and no work. */
async function judgeAll(
  entries: readonly Contract[],
  options: CheckOptions,
  { habits }: Calibration,
  limitMs: number,
): Promise<Result[]> {
  const results = new Map<Contract, Result>();
  const add = (contract: Contract, verdict: Verdict, run?: Run) => {
    results.set(contract, { contract, run, ...verdict });
    options.onProgress?.(results.size, entries.length);
  };
  const stallsFirst = entries.toSorted((a, b) => Number(b.stalls) - Number(a.stalls));
  await atOnce(stallsFirst, async (contract) => {
    const reason = reasonNotToAsk(contract, habits.acceptsPlain, options.readsEvents);
    if (reason) return add(contract, { grade: "not judged", did: reason });
    const run = await runFor(options, contract.path, limitMs);
    add(contract, judge(run, contract, habits), run);
  });
  return entries.map((contract) => results.get(contract)!);
}

/** Why a command cannot be judged by an entry; `undefined` if it can. */
function reasonNotToAsk(
  { method, events }: Contract,
  acceptsPlain: boolean,
  readsEvents = false,
): string | undefined {
  if (method !== "GET") return `not asked: it needs ${method}`;
  if (events && !readsEvents) return "not asked: it needs --events";
  if (!events && !acceptsPlain) return "not asked: it is no event stream";
}

/**
 * A client without a timeout hangs wherever the server stalls. That is one finding, unless it is seen
 * to have a timeout where nothing arrives at all.
 */
function mergeStalls(results: readonly Result[], timeoutMs: number): Result[] {
  const hung = results.filter(({ contract, did }) => contract.stalls && did === HUNG);
  const plain = results.find(({ contract }) => contract.path === "/hang");
  const [first] = plain ? hung.filter((result) => result === plain) : hung;
  if (first === undefined) return [...results];
  return results.map((result) => {
    if (!hung.includes(result)) return result;
    const did = `had no timeout within ${timeoutMs / 1000} s`;
    const grade = result === first ? "should" : "not judged";
    return { ...result, grade, did, harm: undefined };
  });
}

/** True for a finding of any level. */
function isFinding({ grade }: Result): boolean {
  return grade === "must" || grade === "should" || grade === "may";
}

function excepted(result: Result, except: readonly string[]): Result {
  const isExcepted = except.some((name) => isNamed(result.contract, name));
  return isExcepted && isFinding(result) ? { ...result, grade: "excepted" } : result;
}

/** Exceptions without a finding. */
function needless(except: readonly string[], results: readonly Result[]): string[] {
  return except
    .filter((name) => !results.some((one) => isNamed(one.contract, name) && isFinding(one)))
    .map((name) => `--except ${name} is no longer needed`);
}
