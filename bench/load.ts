/**
 * What is done to a server: many requests by wrk, many idle connections.
 */

import { connect, HOST, readReplies, send, type Target } from "../tests/clients.ts";
import { PLAIN_REQUEST } from "../tests/wire.ts";
import { output } from "./command.ts";

export const IDLE_CONNECTIONS = 10_000;

const BUSY_CONNECTIONS = 64;
/** How many idle connections are opened at a time; more would overflow some server's queue. */
const OPENED_AT_ONCE = 100;

/** A way of asking. */
export interface Load {
  readonly name: string;
  readonly title: string;
  /** Asked for in turn. */
  readonly paths: readonly string[];
  /** How many requests are sent at a time. */
  readonly depth?: number;
  readonly closing?: boolean;
}

/** What wrk did. */
export interface Done {
  readonly requests: number;
  readonly seconds: number;
}

/** Lets wrk send requests for a while. Throws if not every one of them was answered with 2xx. */
export async function run(load: Load, { port }: Target, seconds: number): Promise<Done> {
  const { paths, depth = 1, closing = false } = load;
  const list = await Deno.makeTempFile({ prefix: "firstline-" });
  try {
    await Deno.writeTextFile(list, paths.join("\n") + "\n");
    const shape = ["--threads", "1", "--connections", `${BUSY_CONNECTIONS}`];
    const headers = closing ? ["--header", "Connection: close"] : [];
    const script = ["--duration", `${seconds}s`, "--script", `${import.meta.dirname}/load.lua`];
    const url = `http://${HOST}:${port}${paths[0]}`;
    return parse(await output("wrk", ...shape, ...headers, ...script, url, "--", `${depth}`, list));
  } finally {
    await Deno.remove(list);
  }
}

function parse(printed: string): Done {
  const { requests, microseconds, errors } = JSON.parse(printed.trimEnd().split("\n").at(-1)!);
  const list = Object.entries(errors).filter(([, count]) => count !== 0)
    .map(([kind, count]) => `${count} ${kind} errors`);
  if (list.length > 0) throw new Error(`${list.join(", ")} beside ${requests} answers`);
  if (requests === 0) throw new Error("no answers");
  return { requests, seconds: microseconds / 1e6 };
}

/** Connections that have had one answer each and are left open. */
export class IdleCrowd implements Disposable {
  /** How many of them the server has closed. */
  ended = 0;
  readonly #connections: Deno.Conn[] = [];

  static async open(server: Target): Promise<IdleCrowd> {
    const crowd = new IdleCrowd();
    try {
      while (crowd.size < IDLE_CONNECTIONS) {
        const batch = Array.from({ length: OPENED_AT_ONCE }, () => crowd.#add(server));
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

  async #add(server: Target): Promise<void> {
    const connection = await connect(server);
    this.#connections.push(connection);
    await send(connection, PLAIN_REQUEST);
    await readReplies(connection, 1);
    const end = () => this.ended++;
    connection.read(new Uint8Array(1)).then(end, end);
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections) connection.close();
  }
}
