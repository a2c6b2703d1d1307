/**
 * What is done to a server: one request, many requests by wrk, many idle connections.
 */

import { output } from "./command.ts";

/** All servers listen here, and all load goes here. */
export const HOST = "127.0.0.1";
export const IDLE_CONNECTIONS = 10_000;

const BUSY_CONNECTIONS = 64;
/** How many idle connections are opened at a time; more would overflow some server's queue. */
const OPENED_AT_ONCE = 100;

/** The ways of asking. */
export const MODES = {
  persistent: { title: "persistent", depth: 1, headers: [] },
  closing: { title: "one connection a request", depth: 1, headers: ["-H", "Connection: close"] },
  pipelined: { title: "16 pipelined", depth: 16, headers: [] },
} as const;

export type Mode = keyof typeof MODES;

/** What wrk did. */
export interface Load {
  readonly requests: number;
  readonly seconds: number;
}

/** Lets wrk send requests for a while. Throws if not every one of them was answered with 2xx. */
export async function load(port: number, mode: Mode, seconds: number): Promise<Load> {
  const { depth, headers } = MODES[mode];
  const shape = ["--threads", "1", "--connections", `${BUSY_CONNECTIONS}`, ...headers];
  const script = `${import.meta.dirname}/load.lua`;
  const length = ["--duration", `${seconds}s`, "--script", script];
  const printed = await output("wrk", ...shape, ...length, urlOf(port), "--", `${depth}`);
  const sums = JSON.parse(printed.trimEnd().split("\n").at(-1)!);
  const errors = Object.entries(sums.errors).filter(([, count]) => count !== 0);
  if (errors.length > 0) {
    const list = errors.map(([kind, count]) => `${count} ${kind} errors`).join(", ");
    throw new Error(`${list} beside ${sums.requests} answers`);
  }
  if (sums.requests === 0) throw new Error("no answers");
  return { requests: sums.requests, seconds: sums.microseconds / 1e6 };
}

function urlOf(port: number): string {
  return `http://${HOST}:${port}/`;
}

/** Sends one request on a new connection and returns the answer. */
export async function ask(port: number): Promise<string> {
  using connection = await Deno.connect({ hostname: HOST, port });
  return await askOn(connection);
}

const REQUEST = new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);

async function askOn(connection: Deno.Conn): Promise<string> {
  await connection.write(REQUEST);
  const decoder = new TextDecoder("latin1"); // one character an octet
  const buffer = new Uint8Array(16 * 1024);
  let answer = "";
  while (!isWhole(answer)) {
    const count = await connection.read(buffer);
    if (count === null) throw new Error("it closed the connection within an answer");
    answer += decoder.decode(buffer.subarray(0, count));
  }
  return answer;
}

function isWhole(answer: string): boolean {
  const length = /^content-length: *(\d+)\r\n/im.exec(answer)?.[1];
  const headEnd = answer.indexOf("\r\n\r\n");
  return length !== undefined && headEnd >= 0 && answer.length >= headEnd + 4 + Number(length);
}

/** Connections that have had one answer each and are left open. */
export class IdleCrowd implements Disposable {
  /** How many of them the server has closed. */
  ended = 0;
  readonly #connections: Deno.Conn[] = [];

  static async open(port: number): Promise<IdleCrowd> {
    const crowd = new IdleCrowd();
    try {
      while (crowd.size < IDLE_CONNECTIONS) {
        const batch = Array.from({ length: OPENED_AT_ONCE }, () => crowd.#add(port));
        await Promise.allSettled(batch); // so that no connection is left behind by a failure
        await Promise.all(batch);
      }
    } catch (error) {
      crowd[Symbol.dispose]();
      throw error;
    }
    return crowd;
  }

  get size(): number {
    return this.#connections.length;
  }

  async #add(port: number): Promise<void> {
    const connection = await Deno.connect({ hostname: HOST, port });
    this.#connections.push(connection);
    await askOn(connection);
    const end = () => this.ended++;
    connection.read(new Uint8Array(1)).then(end, end);
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections) connection.close();
  }
}
