/**
 * Notices that a file or folder has changed, by looking, and reads it again. The events of
 * `Deno.watchFs()` are no help: network and overlay file systems report few or none, and a FIFO in a
 * watched folder ends them all and blocks the process.
 *
 * @module
 */

import {
  type FileSnapshot,
  isSameLook,
  type Look,
  look,
  type OpenSync,
  read,
  type Snapshot,
} from "./read.ts";
import { reasonFor, type Source } from "./source.ts";
import { type Finished, inSlices, type Steps } from "./steps.ts";

/** How long to wait between two looks at a small folder: 1000 files then cost 2 % of a core. */
const IDLE_MS = 500;
/** Looking takes at most a twentieth of one core, so large folders are looked at less often. */
const IDLE_PER_LOOK = 19;
/** On a very busy machine or a slow file system, the next look does not wait longer than this. */
const MAX_IDLE_MS = 30_000;
/** A reading waits until two looks this far apart agree: programs write many files in a row. */
const AGREE_MS = 100;
/** After this long everything is read even if changes go on, as in a folder with a log. */
const PATIENCE_MS = 2000;
/** How often a reading is tried again after a failure, even without a change. */
const RETRY_MS = 5000;

/** What a look or a reading came to. */
type Outcome<T> = { readonly value: T } | { readonly error: unknown };

type Versions = Look["versions"];

/** What is known when a watch begins. */
export interface FirstReading {
  /** The result of the reading. */
  readonly snapshot: Snapshot;
  /** The versions in the look that it was made after. */
  readonly versions: Versions;
}

/** What a watch does when something has changed. */
export interface WatchHandlers {
  /** Applies a new reading, in steps. If it throws, the content stays as it was. */
  readonly apply: (snapshot: Snapshot) => Steps<void>;
  /** Called with the reason of a failure, unless the one before had the same. */
  readonly report: (reason: string) => void;
}

/** How long a look takes for each entry, in most file systems, once the code has run for a while. */
const LOOK_MS_PER_ENTRY = 0.005;

/** How long after a look of this cost, in milliseconds, the next one follows. */
function idleAfter(lookMs: number): number {
  return Math.min(Math.max(IDLE_MS, lookMs * IDLE_PER_LOOK), MAX_IDLE_MS);
}

/** How long to wait between two looks at so many entries, in milliseconds, as far as is known. */
export function usualIdle(entries: number): number {
  return idleAfter(entries * LOOK_MS_PER_ENTRY);
}

/** Watches a source until it is disposed of. */
export class Watch implements Disposable {
  /** Resolves when the watching has stopped. */
  readonly finished: Promise<void>;

  readonly #source: Source;
  readonly #handlers: WatchHandlers;
  #snapshot: Snapshot;
  #open: OpenSync | undefined;
  /** What was seen before the content was read. */
  #seenAtReading: Outcome<Versions>;
  /** How long each of the last two looks took. Other work on the machine can make one look slow. */
  #lookTimes: readonly [number, number];
  /** When to read again although nothing has changed: some time after a failure. */
  #retryAt = Infinity;
  /** The reason that was reported last; `undefined` after a success. */
  #reported: string | undefined;
  #isStopped = false;
  #wake = () => {};

  /** @param first The first reading, from which on changes are noticed. */
  constructor(source: Source, first: FirstReading, handlers: WatchHandlers) {
    const { snapshot, versions } = first;
    const usualMs = versions.size * LOOK_MS_PER_ENTRY;
    this.#source = source;
    this.#snapshot = snapshot;
    this.#seenAtReading = { value: versions };
    this.#lookTimes = [usualMs, usualMs];
    this.#handlers = handlers;
    this.finished = this.#run().catch((error) => {
      if (error !== STOPPED) throw error;
    });
  }

  [Symbol.dispose](): void {
    this.#isStopped = true;
    this.#wake();
  }

  /** The first look follows at once: something may have changed since the first reading. */
  async #run(): Promise<never> {
    for (;;) {
      const seen = versionsOf(await this.#look());
      const isRetry = performance.now() >= this.#retryAt;
      if (isRetry || !await this.#isSame(seen, this.#seenAtReading)) await this.#reload(seen);
      await this.#pause(idleAfter(this.#lookMs));
    }
  }

  get #lookMs(): number {
    return Math.min(...this.#lookTimes);
  }

  /** Reads and applies everything, once nothing changes. */
  async #reload(before: Outcome<Versions>): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    for (let pauseMs = AGREE_MS;;) {
      await this.#pause(pauseMs);
      const looked = await this.#look();
      const seen = versionsOf(looked);
      if (performance.now() >= end || await this.#isSame(seen, before)) {
        const outcome = await this.#attempt(this.#readAfter(looked));
        before = versionsOf(await this.#look()); // a change while reading could mix two versions
        if (performance.now() >= end || await this.#isSame(seen, before)) {
          this.#seenAtReading = seen;
          return await this.#conclude(outcome);
        }
      } else before = seen;
      pauseMs = Math.max(AGREE_MS, Math.min(this.#lookMs * IDLE_PER_LOOK, PATIENCE_MS));
    }
  }

  #look(): Promise<Outcome<Look>> {
    return this.#attempt(this.#lookNow());
  }

  async #lookNow(): Promise<Look> {
    const { value, busyMs } = await this.#inSlices(look(this.#source));
    this.#lookTimes = [this.#lookTimes[1], busyMs];
    return value;
  }

  async #readAfter(looked: Outcome<Look>): Promise<Snapshot> {
    if ("error" in looked) throw looked.error;
    this.#open ??= await nonBlockingOpen();
    const options = { previous: this.#snapshot, open: this.#open };
    return (await this.#inSlices(read(this.#source, looked.value, options))).value;
  }

  async #conclude(outcome: Outcome<Snapshot>): Promise<void> {
    const applied = await this.#attempt(this.#apply(outcome));
    const reason = "error" in applied ? reasonFor(applied.error) : undefined;
    if (reason !== undefined && reason !== this.#reported) this.#handlers.report(reason);
    this.#reported = reason;
    this.#retryAt = reason === undefined ? Infinity : performance.now() + RETRY_MS;
  }

  async #apply(outcome: Outcome<Snapshot>): Promise<void> {
    if ("error" in outcome) throw outcome.error;
    const { value: snapshot } = outcome;
    const { value: isSame } = await this.#inSlices(isSameContent(snapshot, this.#snapshot));
    const isRepaired = this.#reported !== undefined; // a reader of the report waits for it
    if (!isSame || isRepaired) await this.#inSlices(this.#handlers.apply(snapshot));
    this.#snapshot = snapshot;
  }

  /** True if nothing has changed; two failures are the same if their reasons are. */
  async #isSame(a: Outcome<Versions>, b: Outcome<Versions>): Promise<boolean> {
    if ("error" in a || "error" in b) {
      return "error" in a && "error" in b && reasonFor(a.error) === reasonFor(b.error);
    }
    return (await this.#inSlices(isSameLook(a.value, b.value))).value;
  }

  /**
   * Runs steps in short slices, between which the server answers. While V8 marks garbage, Deno goes
   * from timer to timer and looks at no socket: beside 60 000 files, others waited up to 240 ms. It
   * has looked at them when the file system answers, whatever the answer is. The timer gives them
   * more than one look: without it, one request in a hundred waited 38 ms instead of 13.
   */
  #inSlices<T>(steps: Steps<T>): Promise<Finished<T>> {
    const answered = () => Deno.lstat(this.#source.diskPath).then(() => {}, () => {});
    return inSlices(steps, async () => {
      await answered();
      await this.#pause(0);
    });
  }

  async #attempt<T>(action: Promise<T>): Promise<Outcome<T>> {
    try {
      return { value: await action };
    } catch (error) {
      if (error === STOPPED) throw error;
      return { error };
    }
  }

  /** Resolves after this time. Rejects at the end of the watching. */
  async #pause(milliseconds: number): Promise<void> {
    if (this.#isStopped) throw STOPPED;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
    if (this.#isStopped) throw STOPPED;
  }
}

/** Ends the watching. */
const STOPPED = new Error("Stopped");

/**
 * Opens files so that a FIFO in the place of one blocks nobody. `node:fs` can do that, and is loaded
 * only here, because that takes 30 ms.
 */
async function nonBlockingOpen(): Promise<OpenSync> {
  const { closeSync, constants, fstatSync, openSync, readSync } = await import("node:fs");
  return (path) => {
    const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    return {
      readSync: (into) => readSync(file, into),
      statSync: () => {
        const info = fstatSync(file);
        const { dev, ino, size, mtime } = info;
        return { isFile: info.isFile(), dev, ino, size, mtime };
      },
      [Symbol.dispose]: () => closeSync(file),
    };
  };
}

/** The rest of a look at many files takes tens of megabytes. */
function versionsOf(looked: Outcome<Look>): Outcome<Versions> {
  return "error" in looked ? looked : { value: looked.value.versions };
}

/** True if both give the same replies. */
function* isSameContent(now: Snapshot, before: Snapshot): Steps<boolean> {
  if ("content" in now || "content" in before) {
    return "content" in now && "content" in before && isSameFile(now, before);
  }
  if (now.files.size !== before.files.size || now.folders.length !== before.folders.length) {
    return false;
  }
  const folders = new Set(before.folders);
  for (const path of now.folders) {
    if (!folders.has(path)) return false;
    yield;
  }
  for (const [path, file] of now.files) {
    if (!isSameFile(file, before.files.get(path))) return false;
    yield;
  }
  return true;
}

function isSameFile(file: FileSnapshot, before: FileSnapshot | undefined): boolean {
  return file.content === before?.content &&
    file.modified?.getTime() === before.modified?.getTime();
}
