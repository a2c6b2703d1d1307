/**
 * Starts the lab in the process of a test, in Deno, Node or Bun.
 *
 * @module
 */

import { serve, type ServeOptions } from "../server.ts";
import { urlOf } from "../replies/text.ts";
import type { Contract } from "./contract.ts";
import { contractsOf, entriesFor } from "./entries.ts";
import { lab } from "./lab.ts";
import { listenWithReset } from "./listener.ts";
import { type LabConnection, type LabRequest, Traffic } from "./traffic.ts";

export type { Content, Contract, Expectation, Harm, Level } from "./contract.ts";
export type { LabConnection, LabRequest } from "./traffic.ts";

/** Options of {@linkcode startLab}. */
export interface StartOptions {
  /** The address to listen on; `127.0.0.1` by default. */
  readonly host?: string;
  /** The port; 0, the default, takes any free one. */
  readonly port?: number;
}

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
  { host = "127.0.0.1", port = 0, onExchange }: StartOptions & Pick<ServeOptions, "onExchange"> =
    {},
): Promise<RunningLab> {
  const listener = await listenWithReset({ hostname: host, port });
  const traffic = new Traffic();
  const { origin: url } = new URL(urlOf(listener.addr.hostname, listener.addr.port));
  const responder = lab({ origin: url, canReset: true, traffic });
  const options = { listener, wrap: traffic.wrap, shutdownGraceMs: GRACE_MS, onExchange };
  const server = serve(options, responder);
  const pauseServer = serve(
    { listener: await listenWithReset({ hostname: host, port: 0 }) },
    responder,
  );
  let contracts: Contract[] | undefined;
  const close = async () => {
    await Promise.all([server.shutdown(), pauseServer.shutdown()]);
  };
  return {
    url,
    pauseUrl: urlOf(pauseServer.addr.hostname, pauseServer.addr.port, "/pause"),
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
