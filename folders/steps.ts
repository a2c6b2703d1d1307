/**
 * Long work in steps, so that a server can answer between slices of it.
 *
 * @module
 */

/** Work that pauses after each step. It says nothing then, and returns its result at the end. */
export type Steps<T> = Generator<void, T>;

/** How long a slice is, and so how long others wait. */
const SLICE_MS = 10;

/** The result of work, and what it cost. */
export interface Finished<T> {
  /** The result. */
  readonly value: T;
  /**
   * The time of all slices, in milliseconds, without the pauses between them. What a slice takes
   * longer than planned does not count: it waited for a disk, or for other programs.
   */
  readonly busyMs: number;
}

/**
 * Runs all steps in slices of a few milliseconds. A step that takes longer is a slice of its own.
 *
 * @param pause Called between two slices. If it rejects, the work ends there.
 * @param sliceMs The length of a slice; 10 ms by default.
 */
export async function inSlices<T>(
  steps: Steps<T>,
  pause: () => Promise<void>,
  sliceMs: number = SLICE_MS,
): Promise<Finished<T>> {
  for (let busyMs = 0;;) {
    const start = performance.now();
    do {
      const { done, value } = steps.next();
      if (done) return { value, busyMs: busyMs + Math.min(performance.now() - start, sliceMs) };
    } while (performance.now() - start < sliceMs);
    busyMs += sliceMs;
    await pause();
  }
}

/** So many calls are one step. */
const CALLS = 32;

/** Calls a function with each item. A call must take only microseconds. */
export function* forEachInSteps<T>(items: readonly T[], act: (item: T) => void): Steps<void> {
  for (let at = 0; at < items.length; at += CALLS) {
    if (at > 0) yield;
    items.slice(at, at + CALLS).forEach(act);
  }
}

/** So many items are sorted in one step, which takes less than a millisecond. */
const RUN_LENGTH = 256;

/** Sorts items like `toSorted()`, by merging sorted runs of twice the length each time. */
export function* sortInSteps<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
): Steps<T[]> {
  let runs: T[][] = [];
  for (let at = 0; at < items.length; at += RUN_LENGTH) {
    runs.push(items.slice(at, at + RUN_LENGTH).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(yield* merge(runs[at], runs[at + 1] ?? [], compare));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merge<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): Steps<T[]> {
  const merged: T[] = [];
  for (let [i, j] = [0, 0]; i < a.length || j < b.length;) {
    const isFromA = j === b.length || i < a.length && compare(a[i], b[j]) <= 0;
    merged.push(isFromA ? a[i++] : b[j++]);
    if (merged.length % RUN_LENGTH === 0) yield;
  }
  return merged;
}
