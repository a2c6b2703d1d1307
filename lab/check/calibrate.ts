/**
 * Learns from right responses, and from a few errors, what the client does at all.
 *
 * @module
 */

import { quote, UsageError } from "../../replies/text.ts";
import { COMPRESSED } from "../catalog/entry.ts";
import { CONTENT } from "../pieces.ts";
import { mentions } from "./command.ts";
import { formOf, isAmong } from "./contents.ts";
import type { Habits } from "./judge.ts";
import {
  AT_ONCE,
  atOnce,
  type Client,
  complaintOf,
  contentOf,
  exitOf,
  isSuccess,
  type Run,
  runFor,
  runForNothing,
} from "./run.ts";

/** Right responses that each client must accept, and their contents. */
const MUST_ACCEPT: Readonly<Record<string, string>> = {
  "/status/200": "200\n",
  "/stream/3": "line 1\nline 2\nline 3\n",
  "/no-length": "01234",
};
const STREAM = "/events/lf";
const BINARY = "/bytes/1000";
const BINARY_CONTENT = CONTENT.subarray(0, 1000);
const ERRORS: Readonly<Record<string, string>> = { "/status/404": "404\n", "/status/503": "503\n" };
const REDIRECT = "/redirect/1";
const GZIP = "/gzip";
/** What a client may well accept, each in its own way. */
const GOOD = [...Object.keys(MUST_ACCEPT), BINARY, ...Object.keys(ERRORS), REDIRECT, GZIP];
const TRUNCATED = "/truncated";
/** Stands for a URL where nothing listens. */
const NOTHING = "";
/** The start of a program is no stall, and at first nobody knows how long it takes. */
const PATIENCE = 3;

/** What was learned. */
export interface Calibration {
  readonly habits: Habits;
  /** What the client does not do, in sentences without their full stop. */
  readonly remarks: readonly string[];
  /** The longest run for a right response, in milliseconds. */
  readonly slowestMs: number;
}

/** The runs by their paths. */
type Runs = ReadonlyMap<string, Run>;

/**
 * Runs the command for responses that show what it does.
 *
 * @param readsEvents True if it prints the messages of event streams.
 * @throws {UsageError} If it cannot be started, fails at a right response, does not ask for its URL,
 * or ends with 0 where nothing listens.
 */
export async function calibrate(
  client: Client,
  limitMs: number,
  readsEvents: boolean,
): Promise<Calibration> {
  const right = readsEvents ? [STREAM] : Object.keys(MUST_ACCEPT);
  const runs = await runAll(client, right, limitMs * PATIENCE);
  for (const path of right) demandSuccess(client, runs.get(path)!);
  demandFailure(client, runs.get(NOTHING)!);
  const habits = {
    ...habitsFrom(runs, right),
    readsEvents,
    pauses: mentions(client.command, "pause"),
  };
  const slowestMs = Math.max(...right.map((path) => runs.get(path)!.milliseconds));
  const decodes = prints(runs, { [GZIP]: COMPRESSED }, habits.printsNext);
  return { habits, remarks: remarksOn(habits, decodes), slowestMs };
}

/** Runs the command for good responses, for one that is not, and for a URL where nothing listens. */
async function runAll(client: Client, right: readonly string[], limitMs: number): Promise<Runs> {
  const good = new Set([...right, ...GOOD]);
  const runs = new Map<string, Run>();
  const run = async (path: string) => {
    const ask = path === NOTHING ? runForNothing(client, limitMs) : runFor(client, path, limitMs);
    runs.set(path, await ask);
  };
  await atOnce(AT_ONCE, [...good, TRUNCATED, NOTHING], run);
  // A client may have given up because of what else the machine does, and another program may have
  // taken the port where nothing was to listen.
  const odd = [...good, NOTHING]
    .filter((path) => isSuccess(runs.get(path)!) === (path === NOTHING));
  for (const path of odd) {
    await run(path);
    if (right.includes(path) && !isSuccess(runs.get(path)!)) break; // it cannot be judged
  }
  return runs;
}

/** A command that cannot ask for a right response is no client, or cannot be judged. */
function demandSuccess({ command }: Client, run: Run): void {
  const name = quote(command[0]);
  if (!isSuccess(run)) {
    throw new UsageError(
      `Cannot check ${name}: expected success for a right response, ${run.path}, ` +
        `but it failed (${[exitOf(run), complaintOf(run)].filter(Boolean).join(": ")})`,
    );
  }
  if (run.requests.some(({ target }) => target === run.path)) return;
  throw new UsageError(
    `Cannot check ${name}: expected a request, write {url} where its URL belongs, ` +
      "or use $URL in a script",
  );
}

/** A command that never fails tells nothing by its exit code. */
function demandFailure({ command }: Client, run: Run): void {
  if (!isSuccess(run)) return;
  throw new UsageError(
    `Cannot check ${quote(command[0])}: expected a failure where nothing listens, but it ended ` +
      "with 0 (in a pipe the last command counts, with several URLs curl needs --fail-early)",
  );
}

/** True if a run for each of these paths is like this. */
function all(runs: Runs, paths: Iterable<string>, fits: (run: Run) => boolean): boolean {
  return [...paths].every((path) => fits(runs.get(path)!));
}

function habitsFrom(
  runs: Runs,
  right: readonly string[],
): Omit<Habits, "readsEvents" | "pauses"> {
  const asksNext = all(runs, right, hasAskedNext);
  const printsNext = asksNext && all(runs, right, ({ printed }) => !!printed.beforeNext);
  const acceptsErrors = all(runs, Object.keys(ERRORS), isSuccess);
  return {
    asksNext,
    printsNext,
    stopsAtError: asksNext &&
      all(runs, [NOTHING, TRUNCATED], (run) => isSuccess(run) || !hasAskedNext(run)),
    acceptsErrors,
    printsErrors: acceptsErrors && prints(runs, ERRORS, printsNext),
    acceptsPlain: all(runs, Object.keys(MUST_ACCEPT), isSuccess),
    followsRedirects: all(runs, [REDIRECT], (run) => isSuccess(run) && hasFollowed(run)),
    form: prints(runs, MUST_ACCEPT, printsNext)
      ? formOf(contentOf(runs.get(BINARY)!, printsNext), BINARY_CONTENT)
      : undefined,
  };
}

/** True if it prints each of these contents for its path. */
function prints(
  runs: Runs,
  contents: Readonly<Record<string, string>>,
  printsNext: boolean,
): boolean {
  return all(
    runs,
    Object.keys(contents),
    (run) => isAmong(contentOf(run, printsNext), [contents[run.path]], "text"),
  );
}

function hasAskedNext({ requests }: Run): boolean {
  return requests.some(({ target }) => target === "/next");
}

/** True if it asked for something else than it was told. */
function hasFollowed({ path, requests }: Run): boolean {
  return requests.some(({ target }) => ![path, "/next", "/pause"].includes(target));
}

/** What the client does not do. */
function remarksOn(habits: Habits, decodes: boolean): string[] {
  if (!habits.acceptsPlain) return ["takes nothing but event streams: only those are judged"];
  const remarks: Array<[boolean, string]> = [
    [habits.form === undefined, "does not print the content alone: contents are not compared"],
    [habits.form === "ASCII", "changes content that is no text: such contents are not compared"],
    [
      !habits.asksNext,
      "makes no second request, so what is left of the first one is not seen: {next} would do so",
    ],
    [habits.asksNext && !habits.printsNext, "does not print the content of {next}"],
    [!habits.acceptsErrors, "takes 404 and 503 for errors"],
    [!!habits.form && !decodes, "decodes no gzip: what it prints is compared as it was sent"],
    [!habits.followsRedirects, "follows no redirects: those are not judged"],
  ];
  return remarks.filter(([applies]) => applies).map(([, remark]) => remark);
}
