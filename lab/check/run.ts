/**
 * One run of the command: it is started for one entry, in a lab of its own, so that connections, the
 * next request and credentials belong to it.
 *
 * @module
 */

import { printable } from "../../replies/text.ts";
import { type RunningLab, startLab } from "../start.ts";
import type { LabRequest } from "../traffic.ts";
import {
  environmentOf,
  type Exit,
  filled,
  type RunningCommand,
  type StartCommand,
} from "./command.ts";
import { ErrorReader, type Output, OutputReader, type Printed } from "./printed.ts";

/** How long a process outside the group may hold the streams of one that has ended. */
const STREAMS_MS = 500;
/** How long connections may take to close when the client is gone. */
const CLOSING_MS = 1_000;

/** As much as a line of a report has room for. */
const MAX_COMPLAINT = 120;

/** What one run has shown. */
export interface Run {
  /** The path that the command was to ask for. */
  readonly path: string;
  /** How it has ended; `undefined` if it was stopped at its limit of time. */
  readonly exit?: Exit;
  /** How long it ran, in milliseconds. */
  readonly milliseconds: number;
  /** What it has printed. */
  readonly printed: Output;
  /** The line of its complaints that says most. */
  readonly complaint: string;
  /** The requests that its lab has seen. */
  readonly requests: readonly LabRequest[];
  /** The bytes that the busiest connection has taken. */
  readonly bytesTaken: number;
}

/** A command that is run again and again. */
export interface Client {
  /** The command with its placeholders. */
  readonly command: readonly string[];
  /** Starts it. */
  readonly run: StartCommand;
}

/** Runs the command for a path of the lab, and stops it at a limit of time. */
export async function runFor(client: Client, path: string, limitMs: number): Promise<Run> {
  await using lab = await startLab();
  return await runIn(lab, lab.url, client, path, limitMs);
}

/** Runs the command for a URL where nothing listens; its next request would be answered. */
export async function runForNothing(client: Client, limitMs: number): Promise<Run> {
  await using lab = await startLab();
  const gone = await startLab();
  await gone.close();
  return await runIn(lab, gone.url, client, "/status/200", limitMs);
}

async function runIn(
  lab: RunningLab,
  origin: string,
  { command, run }: Client,
  path: string,
  limitMs: number,
): Promise<Run> {
  const urls = { url: origin + path, pause: lab.pauseUrl, next: `${lab.url}/next` };
  const [program, ...args] = filled(command, urls);
  const start = performance.now();
  const running = await run(program, args, environmentOf(urls));
  const { exit, ...output } = await follow(running, limitMs);
  const milliseconds = performance.now() - start;
  await within(CLOSING_MS, lab.idle());
  const bytesTaken = Math.max(0, ...lab.connections.map(({ bytesSent }) => bytesSent));
  return { path, exit, milliseconds, ...output, requests: [...lab.requests], bytesTaken };
}

/** Reads what it prints until it ends or is stopped; its children do not outlive it. */
async function follow(running: RunningCommand, limitMs: number) {
  const output = new OutputReader();
  const errors = new ErrorReader();
  const reading = Promise.all([output.read(running.stdout), errors.read(running.stderr)])
    .catch(() => {}); // released
  const exit = await endOf(running, limitMs);
  running.kill();
  await within(STREAMS_MS, reading);
  running.release();
  await reading;
  return { exit, printed: output.printed(), complaint: errors.line };
}

/** Waits for something, but not longer than a limit. */
async function within(limitMs: number, awaited: Promise<unknown>): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, limitMs);
  await Promise.race([awaited, over]);
  clearTimeout(timer);
}

/** Resolves to its exit, or kills it at the limit. */
async function endOf(running: RunningCommand, limitMs: number): Promise<Exit | undefined> {
  let isStopped = false;
  const timer = setTimeout(() => {
    isStopped = true;
    running.kill();
  }, limitMs);
  const exit = await running.ended;
  clearTimeout(timer);
  return isStopped ? undefined : exit;
}

/** True if the command ended with 0. */
export function isSuccess({ exit }: Run): boolean {
  return exit?.code === 0 && exit.signal === undefined;
}

/** How a run has ended, such as `exit 6`. */
export function exitOf({ exit }: Run): string {
  return exit === undefined ? "stopped" : exit.signal ?? `exit ${exit.code}`;
}

/** Why a run has failed, in its own words. */
export function complaintOf({ exit, complaint }: Run): string {
  return exit?.code === 0 ? "" : printable(complaint).slice(0, MAX_COMPLAINT);
}

/** What it has printed of the entry itself. */
export function contentOf({ printed }: Run, printsNext: boolean): Printed {
  return printsNext ? printed.beforeNext ?? printed : printed;
}

/** The number of commands that run at once. */
export const AT_ONCE = 8;

/** Handles all items in their order, some at once. Throws the first error when all have ended. */
export async function atOnce<T>(
  count: number,
  items: readonly T[],
  handle: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values(); // shared by all who take from it
  const workers = Array.from({ length: count }, async () => {
    for (const item of queue) await handle(item);
  });
  for (const result of await Promise.allSettled(workers)) {
    if (result.status === "rejected") throw result.reason;
  }
}
