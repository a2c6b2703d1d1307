/**
 * What the flags of the check are compared with. It imports nothing but types, so that other starts
 * stay fast.
 *
 * @module
 */

import type { Level } from "../contract.ts";

/** The levels, the most binding one first. */
export const LEVELS: readonly Level[] = ["must", "should", "may"];

/** How long a client may take for one response by default, in milliseconds. */
export const CHECK_TIMEOUT_MS = 10_000;
