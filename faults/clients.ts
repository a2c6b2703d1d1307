/**
 * What the fault tools share: chance that can be replayed, clients that behave and clients that
 * do not, tables.
 *
 * @module
 */

import {
  connect,
  isGone,
  pieces,
  reset as resetSocket,
  resettable,
  send,
  type Target,
} from "../tests/clients.ts";
import { sleep } from "../tests/time.ts";
import { PLAIN_REQUEST } from "../tests/wire.ts";

// ---------------------------------------------------------------- chance

/** A generator that gives the same numbers for the same seed (xorshift, 32 bits). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) || 1;
    for (let round = 0; round < 4; round++) this.below(2); // tells neighbouring seeds apart
  }

  /** An integer from 0 to `limit - 1`. */
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  pick<T>(list: ArrayLike<T>): T {
    return list[this.below(list.length)];
  }
}

// ---------------------------------------------------------------- raw clients

/** Sends it all; false if the server has ended the connection before. */
export async function tell(socket: Deno.Conn, message: string | Uint8Array): Promise<boolean> {
  try {
    await send(socket, message);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** Reads until the server closes; what came before a reset counts. */
export async function hear(socket: Deno.Conn): Promise<string> {
  let wire = "";
  try {
    for await (const piece of pieces(socket)) wire += piece;
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  return wire;
}

/** Reads from each until the server closes, and closes it. */
export async function hearAll(sockets: Deno.Conn[]): Promise<string[]> {
  const wires = await Promise.all(sockets.map(hear));
  for (const socket of sockets) socket.close();
  return wires;
}

/** Runs `count` clients, at most so many of them at a time, and gathers what they bring. */
export async function crowd<T>(
  count: number,
  atOnce: number,
  client: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const work = async () => {
    while (next < count) results.push(await client(next++));
  };
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, work));
  return results;
}

/** Connects so many. With more at a time, the kernel sends SYN cookies and may forget some. */
export function connectAll(server: Target, count: number): Promise<Deno.TcpConn[]> {
  return crowd(count, 200, () => connect(server));
}

// ---------------------------------------------------------------- hostile clients

/** What a client may have sent before it resets. */
export const BEGINNINGS = ["", "G", "GET / HTTP/1.1\r\nHo", PLAIN_REQUEST];

/** Sends that, reads nothing, and after a while resets. */
export async function reset(server: Target, beginning: string, afterMs = 0): Promise<void> {
  const socket = await resettable(server);
  socket.on("error", () => {}); // it may be reset itself meanwhile
  if (beginning !== "") await new Promise((resolve) => socket.write(beginning, resolve));
  if (afterMs > 0) await sleep(afterMs);
  await resetSocket(socket);
}

/** Sends that and nothing more, then reads until the server closes. */
export async function stay(server: Target, message = ""): Promise<string> {
  using socket = await connect(server);
  await tell(socket, message);
  return await hear(socket);
}

/** Sends a byte each second until the server closes. */
export async function dribble(server: Target): Promise<string> {
  using socket = await connect(server);
  const timer = setInterval(() => tell(socket, "G"), 1000);
  const wire = await hear(socket);
  clearInterval(timer);
  return wire;
}

/** Sends the block again and again until the server resets, and never reads. */
export async function pour(server: Target, block: Uint8Array): Promise<void> {
  using socket = await connect(server);
  while (await tell(socket, block));
}

// ---------------------------------------------------------------- flags and tables

/** Throws with the inputs that were at fault. */
export function check(holds: boolean, message: string, ...inputs: unknown[]): asserts holds {
  if (!holds) throw new Error([message, ...inputs.map((each) => JSON.stringify(each))].join("\n"));
}

/** A number that a flag gives, or the preset one. */
export function numberOf(value: string | undefined, preset: number): number {
  const number = Number(value ?? preset);
  if (value !== "" && number >= 0) return number;
  throw new RangeError(`Cannot use "${value}": expected a number`);
}

/** A table for people; numbers stand to the right. */
export function printTable(rows: string[][]): void {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      /^[\d.]+$/.test(cell) ? cell.padStart(widths[column]) : cell.padEnd(widths[column])
    );
    console.log(cells.join("  ").trimEnd());
  }
}
