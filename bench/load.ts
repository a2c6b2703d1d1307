/** The load on a server: requests sent by wrk. */

import { HOST, type Target } from "../tests/clients.ts";
import { output } from "./process.ts";

const CONNECTIONS = 64;

/** A kind of request. */
export interface Load {
  readonly name: string;
  readonly title: string;
  readonly path: string;
  /** Number of pipelined requests; 1 by default. */
  readonly depth?: number;
  /** Each request has a connection of its own. */
  readonly closing?: boolean;
  /** Further header fields, each a line. */
  readonly fields?: readonly string[];
}

/** What wrk has done. */
export interface Done {
  readonly requests: number;
  readonly seconds: number;
}

/** Lets wrk send requests. Throws unless every reply is 2xx or 3xx. */
export async function run(load: Load, { port }: Target, seconds: number): Promise<Done> {
  const { path, depth = 1, closing = false, fields = [] } = load;
  const shape = ["--threads", "1", "--connections", `${CONNECTIONS}`, "--duration", `${seconds}s`];
  const headers = [...fields, ...closing ? ["Connection: close"] : []]
    .flatMap((field) => ["--header", field]);
  const script = ["--script", `${import.meta.dirname}/load.lua`];
  const url = `http://${HOST}:${port}${path}`;
  return parse(await output("wrk", ...shape, ...headers, ...script, url, "--", `${depth}`));
}

function parse(printed: string): Done {
  const { requests, microseconds, errors } = JSON.parse(printed.trimEnd().split("\n").at(-1)!);
  const list = Object.entries(errors).filter(([, count]) => count !== 0)
    .map(([kind, count]) => `${count} ${kind} errors`);
  if (list.length > 0) throw new Error(`${list.join(", ")} beside ${requests} replies`);
  if (requests === 0) throw new Error("no replies");
  return { requests, seconds: microseconds / 1e6 };
}
