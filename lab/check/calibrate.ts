/**
 * Learns from right responses, and from a few errors, what the client does at all.
 *
 * @module
 */

import { quote, UsageError } from "../../replies/text.ts";
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
  type Run,
  runFor,
  runForNothing,
} from "./run.ts";

/** Right responses that each client must accept, and their contents. */
const RIGHT: Readonly<Record<string, string>> = {
  "/status/200": "200\n",
  "/stream/3": "line 1\nline 2\nline 3\n",
  "/no-length": "01234",
};
const STREAM = "/events/lf";
const BINARY = "/bytes/1000";
const BINARY_CONTENT = CONTENT.subarray(0, 1000);
const ERRORS: Readonly<Record<string, string>> = { "/status/404": "404\n", "/status/503": "503\n" };
const REDIRECT = "/redirect/1";
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
  const others = [BINARY, ...Object.keys(ERRORS), REDIRECT, TRUNCATED];
  const right = readsEvents ? [STREAM] : Object.keys(RIGHT);
  const paths = new Set([...right, ...Object.keys(RIGHT), ...others, NOTHING]);
  const runs = new Map<string, Run>();
  const patienceMs = limitMs * PATIENCE;
  await atOnce(AT_ONCE, [...paths], async (path) => {
    const isNothing = path === NOTHING;
    runs.set(
      path,
      await (isNothing ? runForNothing(client, patienceMs) : runFor(client, path, patienceMs)),
    );
  });
  for (const path of right) demandSuccess(client, runs.get(path)!);
  demandFailure(client, runs.get(NOTHING)!);
  const habits = {
    ...habitsFrom(runs, right),
    readsEvents,
    pauses: mentions(client.command, "pause"),
  };
  const slowestMs = Math.max(...right.map((path) => runs.get(path)!.milliseconds));
  return { habits, remarks: remarksOn(habits), slowestMs };
}

function isAccepted({ exit }: Run): boolean {
  return exit?.code === 0 && exit.signal === undefined;
}

/** A command that cannot ask for a right response is no client, or cannot be judged. */
function demandSuccess({ command }: Client, run: Run): void {
  const name = quote(command[0]);
  if (!isAccepted(run)) {
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
  if (!isAccepted(run)) return;
  throw new UsageError(
    `Cannot check ${quote(command[0])}: expected a failure where nothing listens, but it ended ` +
      "with 0 (in a pipe the last command counts, with several URLs curl needs --fail-early)",
  );
}

function habitsFrom(
  runs: Runs,
  right: readonly string[],
): Omit<Habits, "readsEvents" | "pauses"> {
  const all = (paths: readonly string[], fits: (run: Run) => boolean) =>
    paths.every((path) => fits(runs.get(path)!));
  const asksNext = all(right, hasAskedNext);
  const printsNext = asksNext && all(right, ({ printed }) => printed.beforeNext !== undefined);
  const prints = (path: string, content: string) =>
    isAmong(contentOf(runs.get(path)!, printsNext), [content], "text");
  const printsAll = (contents: Readonly<Record<string, string>>) =>
    Object.entries(contents).every(([path, content]) => prints(path, content));
  const acceptsErrors = all(Object.keys(ERRORS), isAccepted);
  return {
    asksNext,
    printsNext,
    acceptsErrors,
    acceptsPlain: all(Object.keys(RIGHT), isAccepted),
    form: printsAll(RIGHT)
      ? formOf(contentOf(runs.get(BINARY)!, printsNext), BINARY_CONTENT)
      : undefined,
    printsErrors: acceptsErrors && printsAll(ERRORS),
    stopsAtError: asksNext &&
      all([NOTHING, TRUNCATED], (run) => isAccepted(run) || !hasAskedNext(run)),
    followsRedirects: isAccepted(runs.get(REDIRECT)!) && followed(runs.get(REDIRECT)!),
  };
}

function hasAskedNext({ requests }: Run): boolean {
  return requests.some(({ target }) => target === "/next");
}

/** True if it asked for something else than it was told. */
function followed({ path, requests }: Run): boolean {
  return requests.some(({ target }) => ![path, "/next", "/pause"].includes(target));
}

/** What the client does not do. */
function remarksOn(habits: Habits): string[] {
  const remarks: Array<[boolean, string]> = [
    [!habits.acceptsPlain, "takes nothing but event streams: only those are judged"],
    [habits.form === undefined, "does not print the content alone: contents are not compared"],
    [habits.form === "ASCII", "changes content that is no text: such contents are not compared"],
    [
      !habits.asksNext,
      "makes no second request, so what is left of the first one is not seen: {next} would do so",
    ],
    [habits.asksNext && !habits.printsNext, "does not print the content of {next}"],
    [!habits.acceptsErrors, "takes 404 and 503 for errors"],
    [!habits.followsRedirects, "follows no redirects: those are not judged"],
  ];
  return remarks.filter(([applies]) => applies).map(([, remark]) => remark);
}
