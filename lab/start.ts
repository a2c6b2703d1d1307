/**
 * Starts the lab in the process of a test, in Deno, Node or Bun.
 *
 * @module
 */

import { serve } from "../server.ts";
import type { Contract } from "./contract.ts";
import { contractsOf, entriesFor } from "./entries.ts";
import { lab } from "./lab.ts";
import { listenWithReset } from "./listener.ts";
import { type LabConnection, type LabRequest, Traffic } from "./traffic.ts";

export type { Content, Contract, Expectation, Harm, Level } from "./contract.ts";
export type { LabConnection, LabRequest } from "./traffic.ts";

/** A lab that runs. */
export interface RunningLab extends AsyncDisposable {
  /** Its origin, such as `http://127.0.0.1:40123`. */
  readonly url: string;
  /**
   * A URL of another origin. It answers without content, once everything that is late has been sent.
   * A client that asks for it between two requests keeps its connection to the lab idle meanwhile.
   */
  readonly pauseUrl: string;
  /** All entries. */
  readonly entries: readonly Contract[];
  /** The last 1000 requests, oldest first. */
  readonly requests: readonly LabRequest[];
  /** The last 1000 connections, oldest first. */
  readonly connections: readonly LabConnection[];
  /** Resolves when all connections have closed. */
  idle(): Promise<void>;
  /** Stops it. What stalls on purpose is closed at once. */
  close(): Promise<void>;
}

/** Responses that take their time, but not on purpose, get so much of it at the end. */
const GRACE_MS = 500;
/** What is late comes by then; other responses may take longer, and are not waited for. */
const MAX_PAUSE_MS = 1000;
/** What has been sent needs a moment until a client has noticed it. */
const NOTICE_MS = 20;

/**
 * Starts the lab.
 *
 * @param options Where it listens; on any free port of 127.0.0.1 by default.
 * @throws {Error} As {@linkcode listenWithReset}.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { startLab } from "./start.ts";
 *
 * await using lab = await startLab();
 * const response = await fetch(`${lab.url}/truncated`);
 * await assertRejects(() => response.text());
 * ```
 */
export async function startLab(
  { host = "127.0.0.1", port = 0 }: { readonly host?: string; readonly port?: number } = {},
): Promise<RunningLab> {
  const listener = await listenWithReset({ hostname: host, port });
  const traffic = new Traffic();
  const url = urlOf(listener.addr);
  const responder = lab({ origin: url, canReset: true, traffic });
  const server = serve({ listener, wrap: traffic.wrap, shutdownGraceMs: GRACE_MS }, responder);
  const pause = await startPause(host, traffic);
  let contracts: Contract[] | undefined;
  const close = async () => {
    await Promise.all([server.shutdown(), pause.shutdown()]);
  };
  return {
    url,
    pauseUrl: `${urlOf(pause.addr)}/pause`,
    get entries() {
      return contracts ??= contractsOf(entriesFor(true));
    },
    requests: traffic.requests,
    connections: traffic.connections,
    idle: () => traffic.idle(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function startPause(hostname: string, traffic: Traffic) {
  const listener = await listenWithReset({ hostname, port: 0 });
  return serve({ listener }, async () => {
    await traffic.settled(MAX_PAUSE_MS);
    await new Promise((resolve) => setTimeout(resolve, NOTICE_MS));
    return { close: true };
  });
}

function urlOf({ hostname, port }: { readonly hostname: string; readonly port: number }): string {
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
