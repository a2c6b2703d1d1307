/**
 * Judges a client: runs its command for the entries of the lab, and compares what it does with what
 * they expect.
 *
 * @module
 */

import { quote, UsageError } from "../../replies/text.ts";
import type { Contract } from "../contract.ts";
import { contractsOf, entriesFor } from "../entries.ts";
import { calibrate } from "./calibrate.ts";
import { type Grade, type Habits, HUNG, judge, type Verdict } from "./judge.ts";
import { AT_ONCE, atOnce, type Client, type Run, runFor } from "./run.ts";
import { CHECK_TIMEOUT_MS, type Criteria } from "./settings.ts";

/** What to check, and how. */
export interface CheckOptions extends Client, Criteria {
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

/** The number of commands that run at once when a finding is confirmed. */
const FEW_AT_ONCE = 2;

/**
 * Runs a client's command for each entry of the lab, eight at a time, and judges it. At the end no
 * process that it has started is left.
 *
 * @throws {UsageError} If the command cannot be judged, or a name is unknown.
 */
export async function check(options: CheckOptions): Promise<CheckReport> {
  const start = performance.now();
  const { timeoutMs = CHECK_TIMEOUT_MS, readsEvents = false, except = [] } = options;
  const entries = chosenEntries(options);
  const { habits, remarks, slowestMs } = await calibrate(options, timeoutMs, readsEvents);
  const trial = { options, habits, limitMs: timeoutMs + 2 * slowestMs };
  const merged = mergeStalls(await judgeAll(entries, trial), timeoutMs);
  const results = await confirmed(merged, trial);
  return {
    command: options.command,
    remarks: [...remarks, ...needless(except, results)],
    results: results.map((result) => excepted(result, except)),
    milliseconds: performance.now() - start,
  };
}

/** What all runs have in common. */
interface Trial {
  readonly options: CheckOptions;
  readonly habits: Habits;
  /** The limit of time for one run. */
  readonly limitMs: number;
}

function chosenEntries({ only, except = [] }: CheckOptions): Contract[] {
  const all = contractsOf(entriesFor(true));
  for (const name of [...only ?? [], ...except]) {
    if (all.some((entry) => isNamed(entry, name))) continue;
    throw new UsageError(`Cannot find ${quote(name)}: expected the name of an entry of the lab`);
  }
  return all.filter((entry) => !only || only.some((name) => isNamed(entry, name)));
}

/** True for the path without its first slash, and for the first segments of it. */
function isNamed({ path }: Contract, name: string): boolean {
  return path === `/${name}` || path.startsWith(`/${name}/`);
}

/** Entries that stall begin first, because they take longest, and no work. */
async function judgeAll(entries: readonly Contract[], trial: Trial): Promise<Result[]> {
  const results = new Map<Contract, Result>();
  const stallsFirst = entries.toSorted((a, b) => Number(b.stalls) - Number(a.stalls));
  await atOnce(AT_ONCE, stallsFirst, async (contract) => {
    results.set(contract, await judgeOne(contract, trial));
    trial.options.onProgress?.(results.size, entries.length);
  });
  return entries.map((contract) => results.get(contract)!);
}

async function judgeOne(contract: Contract, trial: Trial): Promise<Result> {
  const { options, habits, limitMs } = trial;
  const reason = reasonNotToAsk(contract, habits);
  if (reason) return { contract, grade: "not judged", did: reason };
  const run = await runFor(options, contract.path, limitMs);
  return { contract, run, ...judge(run, contract, habits) };
}

/**
 * Runs the command again for each finding, with less beside it. What it does once and not again
 * depends on chance or on a busy machine, and is not judged.
 */
async function confirmed(results: readonly Result[], trial: Trial): Promise<Result[]> {
  const confirmed = [...results];
  const doubtful = results.filter((result) => isFinding(result) && !hasStalled(result));
  await atOnce(FEW_AT_ONCE, doubtful, async (result) => {
    const { grade } = await judgeOne(result.contract, trial);
    if (grade === result.grade) return;
    const did = `${result.did}, but not always`;
    confirmed[results.indexOf(result)] = { ...result, grade: "not judged", did, harm: undefined };
  });
  return confirmed;
}

/** True if it had to be stopped where the server stalls, for which the machine is not to blame. */
function hasStalled({ contract, run }: Result): boolean {
  return contract.stalls && run !== undefined && run.exit === undefined;
}

/** Why a command cannot be judged by an entry; `undefined` if it can. */
function reasonNotToAsk(
  { method, events }: Contract,
  { acceptsPlain, readsEvents }: Habits,
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
    .map((name) => `needs --except ${name} no longer`);
}
