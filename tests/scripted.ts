/**
 * A listener and sockets that follow a script: the test plays the kernel and the client, and sees
 * each call that the server makes.
 *
 * @module
 */

import type { Server, Socket } from "../server.ts";
import { sleep, until } from "./time.ts";
import { octets, textOf } from "./wire.ts";

/** What the server may do with a socket. */
export type Call = "read" | "write" | "setNoDelay" | "closeWrite" | "reset" | "close";

/** A client that says what the test lets it say. */
export class ScriptedSocket implements Socket {
  readonly remoteAddr: Deno.NetAddr = { transport: "tcp", hostname: "192.0.2.1", port: 49152 };
  /** What the server did, in order. */
  readonly calls: Call[] = [];
  /** What was taken of each write. */
  readonly writes: Uint8Array[] = [];
  /** What each write offered, as it lies in the server's memory. */
  readonly offers: Uint8Array[] = [];
  /** How much room each read had. */
  readonly rooms: number[] = [];
  /** Decides how many octets of a write the kernel takes; all of them, unless replaced. */
  takes: (octets: Uint8Array) => number | Promise<number> = ({ length }) => length;

  readonly #input: Array<Uint8Array | Error | null> = [];
  readonly #reads: Array<{ into: Uint8Array; done: PromiseWithResolvers<number | null> }> = [];
  readonly #left = Promise.withResolvers<never>();
  #ends = 0;

  constructor() {
    this.#left.promise.catch(() => {}); // unless a write is under way, nobody minds
  }

  /** The client sends this. */
  says(text: string | Uint8Array): void {
    this.#bring(typeof text === "string" ? octets(text) : text);
  }

  /** The client sends no more. */
  ends(): void {
    this.#bring(null);
  }

  /** From here on every read and write fails. */
  fails(error: Error = new Deno.errors.ConnectionReset("reset by the script")): void {
    this.#bring(error);
    this.#left.reject(error);
    this.takes = () => Promise.reject(error);
  }

  /** All that the server wrote. */
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

  async write(octets: Uint8Array): Promise<number> {
    this.calls.push("write");
    this.offers.push(octets);
    const count = await Promise.race([this.takes(octets), this.#left.promise]);
    this.writes.push(octets.slice(0, count));
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
    this.fails(new Deno.errors.Interrupted("closed while it was under way"));
  }

  #bring(input: Uint8Array | Error | null): void {
    this.#input.push(input);
    this.#serveReads();
  }

  /** Ends and failures stay; octets that do not fit are left for the next read. */
  #serveReads(): void {
    while (this.#reads.length > 0 && this.#input.length > 0) {
      const [input] = this.#input;
      const { into, done } = this.#reads.shift()!;
      if (input === null && ++this.#ends > 100) done.reject(new Error("It reads on after the end"));
      else if (input === null) done.resolve(null);
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

/** A server whose listener lets in scripted clients alone. */
export class Stage implements AsyncDisposable {
  readonly server: Server;
  /** What the server asked of `Deno.listen()`. */
  listenOptions: Deno.TcpListenOptions = { port: NaN };
  /** How often the server has asked for the next client. */
  accepts = 0;

  readonly #arrivals: Array<ScriptedSocket | Error> = [];
  readonly #clients: ScriptedSocket[] = [];
  #waiting: PromiseWithResolvers<ScriptedSocket> | undefined;

  /** Calls `serve`, which calls `Deno.listen()` once. */
  constructor(serve: () => Server) {
    const { listen } = Deno;
    const listenHere = (options: Deno.TcpListenOptions) => (this.listenOptions = options, this);
    Object.assign(Deno, { listen: listenHere });
    try {
      this.server = serve();
    } finally {
      Object.assign(Deno, { listen });
    }
  }

  /** A client comes, or what happens instead: it waits in the kernel's queue until it is let in. */
  enters<T extends ScriptedSocket | Error>(arrival: T): T {
    if (arrival instanceof ScriptedSocket) this.#clients.push(arrival);
    this.#arrivals.push(arrival);
    this.#admit();
    return arrival;
  }

  /** A client comes and says this. */
  says(text: string): ScriptedSocket {
    const client = this.enters(new ScriptedSocket());
    client.says(text);
    return client;
  }

  readonly addr: Deno.NetAddr = { transport: "tcp", hostname: "192.0.2.9", port: 80 };

  accept(): Promise<ScriptedSocket> {
    this.accepts++;
    this.#waiting = Promise.withResolvers();
    const { promise } = this.#waiting;
    this.#admit();
    return promise;
  }

  close(): void {
    this.#waiting?.reject(new Deno.errors.BadResource("Listener has been closed"));
  }

  #admit(): void {
    if (!this.#waiting || this.#arrivals.length === 0) return;
    const arrival = this.#arrivals.shift()!;
    if (arrival instanceof Error) this.#waiting.reject(arrival);
    else this.#waiting.resolve(arrival);
    this.#waiting = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.fails();
    await this.server.shutdown();
    await sleep(0); // the turn of the event loop in which the last octets were counted
  }
}
