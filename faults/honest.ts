/**
 * The honest client: one request after another, each answered whole or counted as a failure. It
 * asks from a worker of its own, so that it measures the server and not the fault beside it.
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { connect, send } from "../tests/clients.ts";
import { sleep } from "../tests/time.ts";
import { PLAIN_REQUEST, textOf } from "../tests/wire.ts";

/** How it asks. */
export interface Task {
  port: number;
  path?: string;
  /** On one connection, not on a new one each time. */
  persistent?: boolean;
  /** Between requests: to ask for megabytes without a pause would be a flood. */
  pauseMs: number;
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

/** Beyond what any flood may make it wait, so that the worst is measured and not cut off. */
const PATIENCE_MS = 60_000;
const buffer = new Uint8Array(256 * 1024);

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
    await sleep(task.pauseMs);
  }
  self.postMessage(experience());
}

async function ask(task: Task): Promise<void> {
  const socket = kept ?? await connect(task);
  kept = undefined;
  const patience = setTimeout(() => socket[Symbol.dispose](), PATIENCE_MS);
  try {
    await send(socket, PLAIN_REQUEST.replace("/", task.path ?? "/"));
    const head = await readReply(socket);
    if (task.persistent && !/^connection: close\r$/im.test(head)) kept = socket;
  } finally {
    clearTimeout(patience);
    if (kept === undefined) socket[Symbol.dispose]();
  }
}

/** Reads one whole reply, counts its content instead of keeping it, and returns its head. */
async function readReply(socket: Deno.Conn): Promise<string> {
  let [head, missing] = ["", Infinity];
  while (missing > 0) {
    const count = await socket.read(buffer);
    if (count === null) throw new Error(`ended ${missing} octets early, after "${head}"`);
    if (missing < Infinity) missing -= count;
    else {
      head += textOf(buffer.subarray(0, count));
      const headEnd = head.indexOf("\r\n\r\n") + 4;
      if (headEnd < 4) continue;
      const content = head.length - headEnd;
      head = head.slice(0, headEnd);
      missing = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1]) - content;
      if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(`got "${head}"`);
    }
  }
  if (missing !== 0) throw new Error(`got too much, or no length, after "${head}"`);
  return head;
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
