/**
 * Notices that a file or folder has changed, and reads it again.
 *
 * @module
 */

import { type Held, type HeldFile, linkTarget, reasonFor, type Source } from "./read.ts";

/**
 * How often the path is resolved again. No watcher reports that a folder, or a link on the way to
 * it, was replaced, which is how Kubernetes and many deployments update files.
 */
const RESOLVE_MS = 400;
/** A reading waits until nothing has changed for this long: programs write many files in a row. */
const SETTLE_MS = 100;
/**
 * After this long the content is applied even if changes go on, so that each change is seen within
 * a second. The limit doubles while that keeps happening, as when a large file is copied.
 */
const PATIENCE_MS = 500;
const MAX_PATIENCE_MS = 8000;
/** How long a reading may block the event loop. */
const SLICE_MS = 10;
/** How often a reading is tried again after a failure, even without a change. */
const RETRY_MS = 5000;

/** The result of a reading. */
type Outcome = { readonly held: Held } | { readonly error: unknown };

/** Watches a source until it is disposed of. */
export class Watch implements Disposable {
  /** Resolves when the watching has stopped. */
  readonly finished: Promise<void>;

  readonly #source: Source;
  readonly #apply: (held: Held) => void;
  readonly #report: (reason: string) => void;
  #held: Held;
  #watcher: Deno.FsWatcher | undefined;
  #listening: Promise<void> | undefined;
  /** Identifies what the path leads to, so that a replacement is noticed. */
  #target = "";
  /** The watched folders. */
  #diskFolders: readonly string[] = [];
  /** True if the system reports no changes, so that every look at the path counts as one. */
  #isBlind = false;
  /** The number of changes so far. */
  #changes = 0;
  #patienceMs = PATIENCE_MS;
  /** When the last reading failed; `undefined` after one that succeeded. */
  #failure: { readonly at: number } | undefined;
  #isStopped = false;
  #wake = () => {};
  #isWaitingForChange = false;

  /**
   * @param held The result of the first reading.
   * @param apply Called with each later result that differs. If it throws, that result is dropped.
   * @param report Called with the reason at the first failure in a row.
   */
  constructor(
    source: Source,
    held: Held,
    apply: (held: Held) => void,
    report: (reason: string) => void,
  ) {
    this.#source = source;
    this.#held = held;
    this.#apply = apply;
    this.#report = report;
    this.finished = this.#run();
  }

  [Symbol.dispose](): void {
    this.#isStopped = true;
    this.#watcher?.close();
    this.#wake();
  }

  async #run(): Promise<void> {
    for (let read = 0; !this.#isStopped;) {
      await this.#follow();
      const isDue = this.#failure && performance.now() > this.#failure.at + RETRY_MS;
      if (this.#changes === read && !isDue) {
        await this.#pause(RESOLVE_MS, true);
        if (this.#isBlind) this.#target = ""; // counts as a change, and tries again to watch
      } else read = await this.#reload();
    }
  }

  /**
   * Watches what the path leads to now. The first time counts as a change, because something may
   * have changed between the first reading and the watching.
   */
  async #follow(): Promise<void> {
    const target = targetOf(this.#source.diskPath, this.#held);
    const diskFolders = "files" in this.#held ? this.#held.diskFolders : [];
    if (target === this.#target && isEqual(diskFolders, this.#diskFolders)) return;
    this.#target = target;
    this.#diskFolders = diskFolders;
    this.#changes++;
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#isBlind = false;
    await this.#listening; // or Deno would go on watching what was at this path before
    if (!this.#isStopped && diskFolders.length > 0) this.#listening = this.#listen(diskFolders);
  }

  /** Watches each folder by itself: a recursive watcher follows links that lead outside. */
  async #listen(diskFolders: readonly string[]): Promise<void> {
    try {
      this.#watcher = Deno.watchFs([...diskFolders], { recursive: false });
      for await (const { kind } of this.#watcher) {
        if (kind === "access") continue; // caused by reading
        this.#changes++;
        if (this.#isWaitingForChange) this.#wake();
      }
    } catch {
      this.#isBlind = true; // a folder has vanished, or the system has no watchers left
    }
  }

  /** Reads and applies everything, once nothing changes. Resolves to the changes that it covers. */
  async #reload(): Promise<number> {
    for (const end = performance.now() + this.#patienceMs;;) {
      await this.#settle(end);
      const seen = this.#changes;
      const outcome = await this.#tryRead();
      await this.#pause(SETTLE_MS); // changes made while reading are reported by then
      await this.#follow();
      const isQuiet = seen === this.#changes;
      if (this.#isStopped) return seen;
      if (performance.now() < end && (!isQuiet || "error" in outcome)) continue;
      this.#patienceMs = isQuiet ? PATIENCE_MS : Math.min(2 * this.#patienceMs, MAX_PATIENCE_MS);
      this.#conclude(outcome);
      return seen;
    }
  }

  /** Waits until nothing has changed for a while, at most until `end`. */
  async #settle(end: number): Promise<void> {
    for (let seen = -1; seen !== this.#changes && performance.now() < end;) {
      seen = this.#changes;
      await this.#pause(SETTLE_MS);
      await this.#follow();
    }
  }

  async #tryRead(): Promise<Outcome> {
    try {
      return { held: await this.#read() };
    } catch (error) {
      return { error };
    }
  }

  /** Reads in short slices, between which the server answers. */
  async #read(): Promise<Held> {
    const steps = this.#source.readInSteps(this.#held);
    for (let end = performance.now() + SLICE_MS;;) {
      const { done, value } = steps.next();
      if (done) return value;
      if (performance.now() < end) continue;
      await this.#pause(0);
      end = performance.now() + SLICE_MS;
    }
  }

  #conclude(outcome: Outcome): void {
    try {
      if ("error" in outcome) throw outcome.error;
      if (!isSame(outcome.held, this.#held)) this.#apply(outcome.held);
      this.#held = outcome.held;
      this.#failure = undefined;
    } catch (error) {
      if (this.#failure === undefined) this.#report(reasonFor(error));
      this.#failure = { at: performance.now() };
    }
  }

  /** Resolves after this time, at the end of the watching, or at a change with `untilChange`. */
  #pause(milliseconds: number, untilChange = false): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    this.#wake = resolve;
    this.#isWaitingForChange = untilChange;
    return promise.finally(() => clearTimeout(timer));
  }
}

/** A string that changes when the file changes, or when the folder or a link in it is replaced. */
function targetOf(diskPath: string, held: Held): string {
  try {
    const real = Deno.realPathSync(diskPath);
    const { dev, ino, isDirectory, size, mtime, ctime } = Deno.statSync(real);
    const links = "files" in held ? [...held.links.keys()].map(linkTarget) : [];
    if (isDirectory) return [real, dev, ino, ...links].join("\0");
    return [real, dev, ino, size, mtime?.getTime(), ctime?.getTime()].join("\0");
  } catch {
    return "nothing"; // the reading that follows reports the reason
  }
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a === b || a.length === b.length && a.every((item, at) => item === b[at]);
}

/** True if both give the same replies. */
function isSame(held: Held, before: Held): boolean {
  if ("content" in held || "content" in before) {
    return "content" in held && "content" in before && isSameFile(held, before);
  }
  if (held.files.size !== before.files.size) return false;
  if (!isEqual(held.folders, before.folders)) return false;
  return [...held.files].every(([path, file]) => isSameFile(file, before.files.get(path)));
}

function isSameFile(file: HeldFile, before: HeldFile | undefined): boolean {
  return file.content === before?.content &&
    file.modified?.getTime() === before.modified?.getTime();
}
