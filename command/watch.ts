/**
 * Sees that a file or folder has changed, and reads it again.
 *
 * @module
 */

import { type Held, type HeldFile, leadsTo, reasonFor, type Source } from "./files.ts";

/**
 * How often we look where the path leads: no watcher sees that a link above a folder, or the folder
 * itself, was replaced, as Kubernetes and deployments do.
 */
const LOOK_MS = 400;
/** Programs that write many files are given this time of silence to finish. */
const SETTLE_MS = 100;
/**
 * After that long we take what is there in any case, so that each change is seen within a second.
 * Where that happens again and again, as while a large file is copied, we wait longer each time.
 */
const PATIENCE_MS = 500;
const MAX_PATIENCE_MS = 8000;
/** So much work is done before others get their turn. */
const SLICE_MS = 10;
/** What could not be read is tried again, even if nothing says that it has changed. */
const RETRY_MS = 5000;

/** What was read, or why it was not. */
type Outcome = { readonly held: Held } | { readonly error: unknown };

/** Watches what was read from a source, until it is disposed of. */
export class Watch implements Disposable {
  /** Resolves when it has stopped. */
  readonly finished: Promise<void>;

  readonly #source: Source;
  readonly #apply: (held: Held) => void;
  readonly #report: (reason: string) => void;
  #held: Held;
  #watcher: Deno.FsWatcher | undefined;
  #listening: Promise<void> | undefined;
  /** What the path leads to, so that we notice when that is another. */
  #target = "";
  /** The folders that are watched. */
  #places: readonly string[] = [];
  /** True if nothing reports changes, so that we look for them. */
  #isBlind = false;
  /** How many changes were noticed. */
  #changes = 0;
  #patienceMs = PATIENCE_MS;
  /** When the last reading failed. */
  #failure: { readonly at: number } | undefined;
  #isStopped = false;
  #wake = () => {};
  #wakesAtChange = false;

  /**
   * @param held What was read at first.
   * @param apply Takes what was read after a change. If it throws, what it had before stays.
   * @param report Is told once why nothing can be read or applied, and again after that has ended.
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
        await this.#pause(LOOK_MS, true);
        if (this.#isBlind) this.#target = ""; // so that we try again to watch it, and read it
      } else read = await this.#takeUp();
    }
  }

  /** Watches what the path leads to now. At first that is a change: it may have come before us. */
  async #follow(): Promise<void> {
    const target = targetOf(this.#source.place, this.#held);
    const places = "files" in this.#held ? this.#held.places : [];
    if (target === this.#target && isEqual(places, this.#places)) return;
    this.#target = target;
    this.#places = places;
    this.#changes++;
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#isBlind = false;
    await this.#listening; // Deno would watch on what was at this path before
    if (!this.#isStopped && places.length > 0) this.#listening = this.#listen(places);
  }

  /** Not recursively, for that would follow links that lead out, and watch what they lead to. */
  async #listen(places: readonly string[]): Promise<void> {
    try {
      this.#watcher = Deno.watchFs([...places], { recursive: false });
      for await (const { kind } of this.#watcher) {
        if (kind === "access") continue; // that is what we do ourselves
        this.#changes++;
        if (this.#wakesAtChange) this.#wake();
      }
    } catch {
      this.#isBlind = true; // a folder is gone again, or the system has no watcher left
    }
  }

  /** Reads all again, and applies what was there at one time. Gives the changes it knows of. */
  async #takeUp(): Promise<number> {
    for (const end = performance.now() + this.#patienceMs;;) {
      await this.#settle(end);
      const seen = this.#changes;
      const outcome = await this.#tryRead();
      await this.#pause(SETTLE_MS); // by then we know of changes meanwhile
      await this.#follow();
      const isQuiet = seen === this.#changes;
      if (this.#isStopped) return seen;
      if (performance.now() < end && (!isQuiet || "error" in outcome)) continue;
      this.#patienceMs = isQuiet ? PATIENCE_MS : Math.min(2 * this.#patienceMs, MAX_PATIENCE_MS);
      this.#finish(outcome);
      return seen;
    }
  }

  /** Waits until nothing changes, or until that time. */
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

  /** Reads in slices, between which the server answers. */
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

  #finish(outcome: Outcome): void {
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

  /** Resolves after this time, or when we stop, or at a change if that is waited for. */
  #pause(milliseconds: number, untilChange = false): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    this.#wake = resolve;
    this.#wakesAtChange = untilChange;
    return promise.finally(() => clearTimeout(timer));
  }
}

/** What would differ if another folder were here, or led to by a link in it, or another file. */
function targetOf(place: string, held: Held): string {
  try {
    const real = Deno.realPathSync(place);
    const { dev, ino, isDirectory, size, mtime, ctime } = Deno.statSync(real);
    const links = "files" in held ? [...held.links.keys()].map(leadsTo) : [];
    if (isDirectory) return [real, dev, ino, ...links].join("\0");
    return [real, dev, ino, size, mtime?.getTime(), ctime?.getTime()].join("\0");
  } catch {
    return "nothing"; // or it may not be looked at; reading it says why
  }
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a === b || a.length === b.length && a.every((item, at) => item === b[at]);
}

/** True if nothing that is answered would differ. */
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
