/**
 * A listener whose connections can be reset. Those of `Deno.listen` cannot: closing them always
 * sends a FIN, which a client takes for an end.
 *
 * @module
 */

import type { AddressInfo, Server, Socket as NodeSocket } from "node:net";
import type { Listener, Socket } from "../server.ts";

/**
 * More connections at once are dropped. Once descriptors have run out, `node:net` in Deno 2.9 accepts
 * nothing any more: these, and those that wait, fit under the usual limit of 1024.
 */
const MAX_CONNECTIONS = 700;
/** So many wait in the kernel, and may come in all at once. */
const MAX_WAITING = 256;

/**
 * Listens on a TCP socket by `node:net`, which is loaded only when this is called.
 *
 * @param options The address, and the port; 0 takes any free one.
 * @throws {Deno.errors.AddrInUse} If the port is taken; other errors of `Deno.listen` too.
 */
export async function listenWithReset(
  options: { readonly hostname: string; readonly port: number },
): Promise<Listener> {
  const { createServer } = await import("node:net");
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.maxConnections = MAX_CONNECTIONS;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.once("listening", resolve);
  server.listen({ host: options.hostname, port: options.port, backlog: MAX_WAITING });
  await promise.catch((error) => {
    throw START_ERRORS[error.code]?.(error.message) ?? error;
  });
  return new ResetListener(server);
}

/** The errors of a start as `Deno.listen` has them. */
const START_ERRORS: Readonly<Record<string, (message: string) => Error>> = {
  EADDRINUSE: (message) => new Deno.errors.AddrInUse(message),
  EADDRNOTAVAIL: (message) => new Deno.errors.AddrNotAvailable(message),
  EINVAL: (message) => new Deno.errors.AddrNotAvailable(message), // as Deno 2.9 calls it
  EACCES: (message) => new Deno.errors.PermissionDenied(message),
  ENOTFOUND: (message) => new Error(`failed to lookup: ${message}`),
};

class ResetListener implements Listener {
  readonly addr: Deno.NetAddr;
  readonly #server: Server;
  readonly #waiting: NodeSocket[] = [];
  #arrival = Promise.withResolvers<void>();

  constructor(server: Server) {
    const { address, port } = server.address() as AddressInfo;
    this.addr = { transport: "tcp", hostname: address, port };
    this.#server = server;
    server.on("connection", (socket) => {
      socket.on("error", () => {}); // an error without a listener would end the process
      this.#waiting.push(socket);
      this.#arrival.resolve();
    });
  }

  async accept(): Promise<Socket> {
    for (;;) {
      const socket = this.#waiting.shift();
      if (socket !== undefined) return new ResetSocket(socket);
      this.#arrival = Promise.withResolvers();
      await this.#arrival.promise;
    }
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    this.#arrival.reject(new Deno.errors.BadResource("The listener has closed"));
  }
}

/** A socket of `node:net` with the methods of `Deno.TcpConn`. */
class ResetSocket implements Socket {
  readonly remoteAddr: Deno.NetAddr;
  readonly #socket: NodeSocket;
  #wake = () => {};

  constructor(socket: NodeSocket) {
    const { remoteAddress = "", remotePort = 0 } = socket;
    this.remoteAddr = { transport: "tcp", hostname: remoteAddress, port: remotePort };
    this.#socket = socket;
    for (const event of ["readable", "end", "error", "close"]) socket.on(event, () => this.#wake());
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    for (;;) {
      if (this.#socket.destroyed) throw new Deno.errors.ConnectionReset();
      const available = Math.min(buffer.length, this.#socket.readableLength);
      const bytes: Uint8Array | null = this.#socket.read(available);
      if (bytes !== null && bytes.length > 0) {
        buffer.set(bytes);
        return bytes.length;
      }
      if (this.#socket.readableEnded) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#call((done) => this.#socket.write(bytes, done)).then(() => bytes.length);
  }

  closeWrite(): Promise<void> {
    return this.#call((done) => this.#socket.end(done));
  }

  #call(method: (done: (error?: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) =>
      method((error) => error ? reject(new Deno.errors.ConnectionReset()) : resolve())
    );
  }

  setNoDelay(isOn = true): void {
    this.#socket.setNoDelay(isOn);
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
