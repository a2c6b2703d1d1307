/**
 * Time in tests: waiting with a limit, and clocks and timers under the control of a test.
 *
 * @module
 */

/** The timers of the tests themselves, which no test holds. */
const { setTimeout } = globalThis;

/** Waits for so many milliseconds. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Options of tests that wait for the network or a process: only a hang takes this long. */
export const WATCHED = { timeout: 60_000 };

/** How long `until()` waits on a busy machine. */
const UNTIL_TIMEOUT_MS = 50_000;

/** Checks a condition in each turn of the event loop until it holds. Throws if it never does. */
export async function until(holds: () => boolean): Promise<void> {
  let isOver = false;
  const timer = setTimeout(() => isOver = true, UNTIL_TIMEOUT_MS);
  try {
    while (!holds()) {
      if (isOver) throw new Error(`Waited in vain until ${holds}`);
      await sleep(0);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Until disposed of, clocks can be advanced. Timers run as usual. */
export class SkippableTime implements Disposable {
  readonly #performanceNow = performance.now;
  readonly #Date = Date;
  #skipped = 0;

  /** Stopped clocks move only when they are advanced. */
  constructor(isStopped = false) {
    const start = this.#performanceNow.call(performance);
    const now = () => this.#Date.now() + this.#skipped;
    performance.now = () =>
      (isStopped ? start : this.#performanceNow.call(performance)) + this.#skipped;
    globalThis.Date = class extends Date {
      constructor(...given: [] | [number]) {
        super(...(given.length > 0 ? given : [now()]) as [number]);
      }
      static override now = now;
    } as DateConstructor;
  }

  /** Advances the clocks. */
  jump(milliseconds: number): void {
    this.#skipped += milliseconds;
  }

  /** Advances the clocks and waits until a server that ticks every 10 ms has noticed. */
  async skip(milliseconds: number): Promise<void> {
    this.jump(milliseconds);
    for (let tick = 0; tick < 4; tick++) await sleep(11);
  }

  [Symbol.dispose](): void {
    performance.now = this.#performanceNow;
    globalThis.Date = this.#Date;
  }
}

/**
 * Until disposed of, timers of `AbortSignal.timeout()` with this delay, or with that of the first
 * one, fire only when the test calls `tick()`.
 */
export class HeldTicks implements Disposable {
  /** The delay of each timer that was held. */
  readonly delays: number[] = [];
  readonly #timeout = AbortSignal.timeout;
  #held: AbortController[] = [];

  constructor(delay?: number) {
    AbortSignal.timeout = (milliseconds) => {
      delay ??= milliseconds;
      if (milliseconds !== delay) return this.#timeout.call(AbortSignal, milliseconds);
      this.delays.push(milliseconds);
      const controller = new AbortController();
      this.#held.push(controller);
      return controller.signal;
    };
  }

  /** Fires all timers and returns their number. */
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

/** Until disposed of, timers of the server that can be cleared fire only when the test says so. */
export class HeldPauses implements Disposable {
  /** The delay of each timer that was held. */
  readonly delays: number[] = [];
  #held: Array<() => void> = [];

  constructor() {
    const hold = (callback: () => void, milliseconds: number) => {
      this.delays.push(milliseconds);
      this.#held.push(callback);
    };
    Object.assign(globalThis, { setTimeout: hold });
  }

  /** Fires all timers. */
  resume(): void {
    for (const callback of this.#held.splice(0)) callback();
  }

  [Symbol.dispose](): void {
    globalThis.setTimeout = setTimeout;
    this.resume();
  }
}
