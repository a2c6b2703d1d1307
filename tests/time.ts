/**
 * Time in tests: to wait, and not to wait forever.
 *
 * @module
 */

import { sleep } from "../command/sleep.ts";

export { sleep };

/** For every test that waits for the network or a process: what never comes fails it. */
export const WATCHED = { timeout: 10_000 };

/** Resolves when this holds, looked at once in each turn of the event loop. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(0);
}
