/**
 * Time in tests: to wait, not to wait forever, and not to wait at all.
 *
 * @module
 */

import { sleep } from "../command/delay.ts";

export { sleep };

/** For every test that waits for the network or a process: what never comes fails it. */
export const WATCHED = { timeout: 20_000 };

/** How long something that happens at once may take on a busy machine. */
const PATIENCE_MS = 15_000;

/** Resolves when this holds, looked at in each turn of the event loop. Throws if it never does. */
export async function until(holds: () => boolean): Promise<void> {
  let isOver = false;
  const timer = setTimeout(() => isOver = true, PATIENCE_MS);
  try {
    while (!holds()) {
      if (isOver) throw new Error(`Waited in vain until ${holds}`);
      await sleep(0);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Until disposed of, clocks can be put forward; timers run as ever. */
export class SkippableTime implements Disposable {
  readonly #performanceNow = performance.now;
  readonly #Date = Date;
  #skipped = 0;

  /** Clocks that are stopped go on only when they are put forward. */
  constructor(isStopped = false) {
    const begun = this.#performanceNow.call(performance);
    const now = () => this.#Date.now() + this.#skipped;
    performance.now = () =>
      (isStopped ? begun : this.#performanceNow.call(performance)) + this.#skipped;
    globalThis.Date = class extends Date {
      constructor(...given: [] | [number]) {
        super(...(given.length > 0 ? given : [now()]) as [number]);
      }
      static override now = now;
    } as DateConstructor;
  }

  /** Puts the clocks forward. */
  jump(milliseconds: number): void {
    this.#skipped += milliseconds;
  }

  /** Puts the clocks forward and waits until a server that ticks every 10 ms has seen it. */
  async skip(milliseconds: number): Promise<void> {
    this.jump(milliseconds);
    for (let tick = 0; tick < 4; tick++) await sleep(11);
  }

  [Symbol.dispose](): void {
    performance.now = this.#performanceNow;
    globalThis.Date = this.#Date;
  }
}

/** Until disposed of, the timers that servers watch deadlines with end when the test says so. */
export class HeldTicks implements Disposable {
  /** How long each was to take. */
  readonly asked: number[] = [];
  readonly #timeout = AbortSignal.timeout;
  #held: AbortController[] = [];

  constructor() {
    AbortSignal.timeout = (milliseconds) => {
      this.asked.push(milliseconds);
      const controller = new AbortController();
      this.#held.push(controller);
      return controller.signal;
    };
  }

  /** Ends those that are held; how many were. */
  tick(): number {
    const held = this.#held;
    this.#held = [];
    for (const controller of held) controller.abort();
    return held.length;
  }

  [Symbol.dispose](): void {
    AbortSignal.timeout = this.#timeout;
    this.tick();
  }
}
