/**
 * A listener and sockets without a network: the test decides what the kernel and the client do, and
 * sees each call of the server.
 *
 * @module
 */

import type { Address, Listener, Server, Socket } from "../server.ts";
import { sleep, until } from "./time.ts";
import { bytesOf, textOf } from "./wire.ts";

/** The calls that a server may make. */
export type Call = "read" | "write" | "setNoDelay" | "closeWrite" | "reset" | "close";

/** An error of the network, by the name that Deno gives it. Only Deno has its class. */
export function named(name: string): Error {
  return Object.assign(new Error("scripted"), { name });
}

/** A client of a {@linkcode ScriptedServer}, and the socket that the server has of it. */
export class ScriptedSocket implements Socket {
  readonly remoteAddr: Address = { hostname: "192.0.2.1", port: 49152 };
  /** The calls of the server, in order. */
  readonly calls: Call[] = [];
  /** The bytes accepted from each write. */
  readonly writes: Uint8Array[] = [];
  /** The bytes passed to each write, in the server's own memory. */
  readonly offers: Uint8Array[] = [];
  /** The size of the buffer of each read. */
  readonly rooms: number[] = [];
  /** How many bytes of a write the kernel accepts: all by default. */
  onWrite: (bytes: Uint8Array) => number | Promise<number> = ({ length }) => length;

  readonly #input: Array<Uint8Array | Error | null> = [];
  readonly #reads: Array<{ into: Uint8Array; done: PromiseWithResolvers<number | null> }> = [];
  readonly #failure = Promise.withResolvers<never>();
  #readsAtEnd = 0;

  constructor() {
    this.#failure.promise.catch(() => {}); // only a pending write is concerned
  }

  /** Sends bytes from the client. */
  send(text: string | Uint8Array): void {
    this.#receive(typeof text === "string" ? bytesOf(text) : text);
  }

  /** Half-closes: the client sends no more. */
  end(): void {
    this.#receive(null);
  }

  /** Makes pending and later reads and writes fail. */
  fail(error: Error = named("ConnectionReset")): void {
    this.#receive(error);
    this.#failure.reject(error);
    this.onWrite = () => Promise.reject(error);
  }

  /** Everything that the server has written. */
  get wire(): string {
    return this.writes.map(textOf).join("");
  }

  /** Resolves when the server has closed the socket. */
  get closed(): Promise<void> {
    return until(() => this.isClosed);
  }

  get isClosed(): boolean {
    return this.calls.includes("close");
  }

  read(into: Uint8Array): Promise<number | null> {
    this.calls.push("read");
    this.rooms.push(into.length);
    const done = Promise.withResolvers<number | null>();
    this.#reads.push({ into, done });
    this.#serveReads();
    return done.promise;
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.calls.push("write");
    this.offers.push(bytes);
    const count = await Promise.race([this.onWrite(bytes), this.#failure.promise]);
    this.writes.push(bytes.slice(0, count));
    return count;
  }

  setNoDelay(): void {
    this.calls.push("setNoDelay");
  }

  closeWrite(): Promise<void> {
    this.calls.push("closeWrite");
    return Promise.resolve();
  }

  [Symbol.dispose](): void {
    this.calls.push("close");
    this.fail(named("Interrupted"));
  }

  #receive(input: Uint8Array | Error | null): void {
    this.#input.push(input);
    this.#serveReads();
  }

  /** An end and a failure last. Bytes beyond the buffer are kept for the next read. */
  #serveReads(): void {
    while (this.#reads.length > 0 && this.#input.length > 0) {
      const [input] = this.#input;
      const { into, done } = this.#reads.shift()!;
      if (input === null && ++this.#readsAtEnd > 100) {
        done.reject(new Error("The server keeps reading after the end of input"));
      } else if (input === null) done.resolve(null);
      else if (input instanceof Error) done.reject(input);
      else {
        const count = Math.min(input.length, into.length);
        into.set(input.subarray(0, count));
        if (count === input.length) this.#input.shift();
        else this.#input[0] = input.subarray(count);
        done.resolve(count);
      }
    }
  }
}

/** A server whose clients are scripted. */
export class ScriptedServer implements Listener, AsyncDisposable {
  readonly server: Server;
  /** How often the server has called `accept()`. */
  accepts = 0;

  readonly #arrivals: Array<ScriptedSocket | Error> = [];
  readonly #clients: ScriptedSocket[] = [];
  #isClosed = false;
  #waiting: PromiseWithResolvers<ScriptedSocket> | undefined;

  /** Starts a server that listens to this object. */
  constructor(serve: (listener: Listener) => Server) {
    this.server = serve(this);
  }

  /** Puts a client, or an error of `accept()`, into the kernel's queue. */
  queue<T extends ScriptedSocket | Error>(arrival: T): T {
    if (arrival instanceof ScriptedSocket) this.#clients.push(arrival);
    this.#arrivals.push(arrival);
    this.#settleAccept();
    return arrival;
  }

  /** Connects a client that sends this text. */
  request(text: string): ScriptedSocket {
    const client = this.queue(new ScriptedSocket());
    client.send(text);
    return client;
  }

  readonly addr: Address = { hostname: "192.0.2.9", port: 80 };

  accept(): Promise<ScriptedSocket> {
    this.accepts++;
    if (this.#isClosed) return Promise.reject(named("BadResource"));
    this.#waiting = Promise.withResolvers();
    const { promise } = this.#waiting;
    this.#settleAccept();
    return promise;
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting?.reject(named("BadResource"));
  }

  /** Resolves when it has been closed. */
  get closed(): Promise<void> {
    return until(() => this.#isClosed);
  }

  #settleAccept(): void {
    if (!this.#waiting || this.#arrivals.length === 0) return;
    const arrival = this.#arrivals.shift()!;
    if (arrival instanceof Error) this.#waiting.reject(arrival);
    else this.#waiting.resolve(arrival);
    this.#waiting = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.fail();
    this.close(); // or the server would wait for more clients
    await this.server.shutdown();
    await sleep(0); // the last bytes are counted in the next turn of the event loop
  }
}
