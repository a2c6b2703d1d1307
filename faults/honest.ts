/**
 * The honest client: one request after another, each answered whole or counted as a failure. It
 * asks from a worker of its own, so that it measures the server and not the fault beside it.
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { connect, isWhole, read, send, sleep, statusOf } from "./clients.ts";

/** How it asks. */
export interface Task {
  port: number;
  /** On one connection, not on a new one each time. */
  persistent?: boolean;
  /** For the head alone: to ask for megabytes again and again would be a flood. */
  headOnly?: boolean;
}

/** What it saw. */
export interface Experience {
  requests: number;
  failures: string[];
  medianMs: number;
  worstMs: number;
}

/** What others hold of it: begun after the first reply, ended by `stop()`. */
export class HonestClient implements Disposable {
  #worker = new Worker(import.meta.url, { type: "module" });

  static async begin(task: Task): Promise<HonestClient> {
    const client = new HonestClient();
    await client.#tell(task);
    return client;
  }

  async stop(): Promise<Experience> {
    return await this.#tell("stop");
  }

  #tell(message: Task | "stop"): Promise<Experience> {
    const { promise, resolve, reject } = Promise.withResolvers<Experience>();
    this.#worker.onmessage = ({ data }) => resolve(data);
    this.#worker.onerror = ({ message }) => reject(new Error(message));
    this.#worker.postMessage(message);
    return promise;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

// ---------------------------------------------------------------- in the worker

const PAUSE_MS = 5;
const PATIENCE_MS = 5_000;

const failures: string[] = [];
const latenciesMs: number[] = [];
let stopping = false;
let kept: Deno.TcpConn | undefined;

async function askAll(task: Task): Promise<void> {
  while (!stopping) {
    const start = performance.now();
    await ask(task).catch((error) => failures.push(String(error)));
    latenciesMs.push(performance.now() - start);
    if (latenciesMs.length === 1) self.postMessage(experience());
    await sleep(PAUSE_MS);
  }
  self.postMessage(experience());
}

async function ask({ port, persistent, headOnly }: Task): Promise<void> {
  const socket = kept ?? await connect(port);
  kept = undefined;
  const patience = setTimeout(() => socket[Symbol.dispose](), PATIENCE_MS);
  try {
    await send(socket, `${headOnly ? "HEAD" : "GET"} / HTTP/1.1\r\nHost: x\r\n\r\n`);
    const wire = await read(socket, (wire) => isWhole(wire, headOnly));
    if (statusOf(wire) !== 200 || !isWhole(wire, headOnly)) throw new Error(`got "${wire}"`);
    if (persistent && !/^connection: close\r$/im.test(wire)) kept = socket;
  } finally {
    clearTimeout(patience);
    if (kept === undefined) socket[Symbol.dispose]();
  }
}

function experience(): Experience {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const medianMs = sorted[sorted.length >> 1];
  return { requests: sorted.length, failures, medianMs, worstMs: sorted.at(-1) ?? Infinity };
}

const isWorker = typeof WorkerGlobalScope !== "undefined";
if (isWorker) {
  self.onmessage = ({ data }: MessageEvent<Task | "stop">) => {
    if (data === "stop") stopping = true;
    else askAll(data);
  };
}
