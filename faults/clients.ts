/**
 * Clients of a server under test: hostile ones, and an honest one that measures how long it waits.
 * Clients that must not slow each other down run in workers of their own.
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { connect, isGone, pieces, reset, resettable, send, type Target } from "../tests/clients.ts";
import { sleep } from "../tests/time.ts";
import { PLAIN_REQUEST, textOf } from "../tests/wire.ts";

// ---------------------------------------------------------------- raw clients

/** Sends everything; false if the server has ended the connection before. */
export async function trySend(
  socket: Deno.Conn,
  message: string | Uint8Array,
): Promise<boolean> {
  try {
    await send(socket, message);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** Reads until the server closes or resets. */
export async function readUntilEnd(socket: Deno.Conn): Promise<string> {
  let wire = "";
  try {
    for await (const piece of pieces(socket)) wire += piece;
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  return wire;
}

/** Reads from all until the server closes them, and closes them. */
export async function readAllUntilEnd(sockets: Deno.Conn[]): Promise<string[]> {
  const wires = await Promise.all(sockets.map(readUntilEnd));
  for (const socket of sockets) socket.close();
  return wires;
}

/** Runs `count` clients, at most `concurrency` at a time, and collects their results. */
export async function runClients<T>(
  count: number,
  concurrency: number,
  client: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const work = async () => {
    while (next < count) results.push(await client(next++));
  };
  await Promise.all(Array.from({ length: Math.min(count, concurrency) }, work));
  return results;
}

/** Opens many connections. Beyond 200 at a time, the kernel may drop some (SYN cookies). */
export function connectMany(server: Target, count: number): Promise<Deno.TcpConn[]> {
  return runClients(count, 200, () => connect(server));
}

/** Sends a message and reads until the server closes. */
export async function converse(server: Target, message = ""): Promise<string> {
  using socket = await connect(server);
  await trySend(socket, message);
  return await readUntilEnd(socket);
}

/** Sends a byte each second until the server closes. */
export async function sendSlowly(server: Target): Promise<string> {
  using socket = await connect(server);
  const timer = setInterval(() => trySend(socket, "G"), 1000);
  const wire = await readUntilEnd(socket);
  clearInterval(timer);
  return wire;
}

/** Sends a block again and again until the server resets, and never reads. */
export async function sendEndlessly(server: Target, block: Uint8Array): Promise<void> {
  using socket = await connect(server);
  while (await trySend(socket, block));
}

/** What a client may have sent before it resets: from nothing to a complete request. */
export const REQUEST_PARTS = ["", "G", "GET / HTTP/1.1\r\nHo", PLAIN_REQUEST];

/** Sends a message, reads nothing, and resets after a while. */
export async function sendAndReset(server: Target, message: string, afterMs = 0): Promise<void> {
  const socket = await resettable(server);
  socket.on("error", () => {}); // the server may end the connection first
  if (message !== "") await new Promise((resolve) => socket.write(message, resolve));
  if (afterMs > 0) await sleep(afterMs);
  await reset(socket);
}

// ---------------------------------------------------------------- clients in workers

/** An honest client: it sends one request after another and reads each reply completely. */
export interface HonestTask {
  readonly kind: "honest";
  readonly port: number;
  readonly path?: string;
  /** Keeps its connection open. By default each request has a connection of its own. */
  readonly persistent?: boolean;
  /** Milliseconds between two requests. Without a pause, large replies would be a flood. */
  readonly pauseMs: number;
}

/** A client that requests, without a pause, more than it reads, and resets. */
export interface ResetTask {
  readonly kind: "resets";
  readonly port: number;
  /** It resets a connection after opening this many others, or after this time. */
  readonly maxOpen: number;
  readonly maxOpenMs: number;
}

/** What a client in a worker has done. */
export interface Tally {
  readonly requests: number;
  readonly failures: readonly string[];
  readonly medianMs: number;
  readonly worstMs: number;
}

/** A client that runs in a worker until `stop()`. */
export class WorkerClient implements Disposable {
  #worker = new Worker(import.meta.url, { type: "module" });

  /** Resolves after its first request. */
  static async start(task: HonestTask | ResetTask): Promise<WorkerClient> {
    const client = new WorkerClient();
    await client.#post(task);
    return client;
  }

  /** Resolves when its current request has ended. */
  stop(): Promise<Tally> {
    return this.#post("stop");
  }

  #post(message: HonestTask | ResetTask | "stop"): Promise<Tally> {
    const { promise, resolve, reject } = Promise.withResolvers<Tally>();
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

/** Longer than any flood should make it wait, so that the worst case is measured in full. */
const HONEST_TIMEOUT_MS = 60_000;
const buffer = new Uint8Array(256 * 1024);

const failures: string[] = [];
const latenciesMs: number[] = [];
let isStopping = false;
let openSocket: Deno.TcpConn | undefined;

async function repeat(request: () => Promise<void>, pauseMs: number): Promise<void> {
  while (!isStopping) {
    const start = performance.now();
    await request().catch((error) => failures.push(String(error)));
    latenciesMs.push(performance.now() - start);
    if (latenciesMs.length === 1) self.postMessage(tally());
    if (pauseMs > 0) await sleep(pauseMs);
  }
  self.postMessage(tally());
}

function tally(): Tally {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const medianMs = sorted[sorted.length >> 1];
  return { requests: sorted.length, failures, medianMs, worstMs: sorted.at(-1) ?? Infinity };
}

async function requestOnce(task: HonestTask): Promise<void> {
  const socket = openSocket ?? await connect(task);
  openSocket = undefined;
  const timeout = setTimeout(() => socket[Symbol.dispose](), HONEST_TIMEOUT_MS);
  try {
    await send(socket, PLAIN_REQUEST.replace("/", task.path ?? "/"));
    const head = await readReply(socket);
    if (task.persistent && !/^connection: close\r$/im.test(head)) openSocket = socket;
  } finally {
    clearTimeout(timeout);
    if (openSocket === undefined) socket[Symbol.dispose]();
  }
}

/** Reads one complete reply, counts its content without keeping it, and returns its head. */
async function readReply(socket: Deno.Conn): Promise<string> {
  let [head, missing] = ["", Infinity];
  while (missing > 0) {
    const count = await socket.read(buffer);
    if (count === null) throw new Error(`ended ${missing} bytes early, after "${head}"`);
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

/** Requests as fast as connections open, with a limited number of them open at once. */
function resetRequests(task: ResetTask): () => Promise<void> {
  const resets: Array<() => void> = [];
  return async () => {
    const socket = await resettable(task);
    socket.on("error", () => {}); // the server may end the connection first
    socket.write(PLAIN_REQUEST);
    const timer = setTimeout(() => socket.resetAndDestroy(), task.maxOpenMs);
    resets.push(() => {
      clearTimeout(timer);
      if (!socket.destroyed) socket.resetAndDestroy();
    });
    if (resets.length > task.maxOpen) resets.shift()!();
  };
}

const isWorker = typeof WorkerGlobalScope !== "undefined";
if (isWorker) {
  self.onmessage = ({ data }: MessageEvent<HonestTask | ResetTask | "stop">) => {
    if (data === "stop") isStopping = true;
    else if (data.kind === "honest") repeat(() => requestOnce(data), data.pauseMs);
    else repeat(resetRequests(data), 0);
  };
}
