/**
 * A listener whose connections can be reset. A connection of `Deno.listen` cannot: closing it sends
 * a FIN, which a client takes for a normal end. It uses nothing of Deno, so that the lab runs in Node
 * and Bun too.
 *
 * @module
 */

import type { AddressInfo, Server, Socket as NodeSocket } from "node:net";
import type { Listener, Socket } from "../server.ts";

/**
 * More connections at once are dropped. `node:net` in Deno 2.9 stops accepting for good once file
 * descriptors run out. With those that wait in the kernel, this stays below the usual 1024.
 */
const MAX_CONNECTIONS = 700;
/** Connections that may wait in the kernel; all of them can arrive in one go. */
const MAX_WAITING = 256;

/**
 * Listens on a TCP socket of `node:net`, which is loaded when this is first called.
 *
 * @param options The address, and the port; 0 takes any free one.
 * @throws {Error} If it cannot listen. The error has the name that Deno gives it: `AddrInUse` if the
 * port is taken, `PermissionDenied` if the system forbids it, or `AddrNotAvailable`.
 */
export async function listenWithReset(
  options: { readonly hostname: string; readonly port: number },
): Promise<Listener> {
  const { createServer } = await import("node:net");
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.maxConnections = MAX_CONNECTIONS;
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.on("error", reject); // stays: a later error without a listener would end the process
  server.listen({ host: options.hostname, port: options.port, backlog: MAX_WAITING }, resolve);
  await listening.catch((error) => {
    throw namedAsInDeno(error);
  });
  return listenerOf(server);
}

/** The names that Deno gives to errors with these codes of the system. */
const NAMES: Readonly<Record<string, string>> = {
  EADDRINUSE: "AddrInUse",
  EADDRNOTAVAIL: "AddrNotAvailable",
  // EINVAL: what `node:net` in Deno makes of it
  EINVAL: "AddrNotAvailable",
  EACCES: "PermissionDenied",
};

function namedAsInDeno(error: Error & { readonly code?: string }): Error {
  const { code = "", message } = error;
  const isLookup = /^(ENOTFOUND|EAI_)/.test(code);
  return named(
    NAMES[code] ?? error.name,
    isLookup ? `failed to lookup address: ${message}` : message,
  );
}

/** An error that callers tell apart by its name. */
function named(name: string, message?: string): Error {
  return Object.assign(new Error(message), { name });
}

function listenerOf(server: Server): Listener {
  const { address, port } = server.address() as AddressInfo;
  const waiting: NodeSocket[] = [];
  let isClosed = false;
  let wake = () => {};
  server.on("connection", (socket) => {
    socket.on("error", () => {}); // as with the server
    waiting.push(socket);
    wake();
  });
  return {
    addr: { hostname: address, port },
    async accept() {
      while (!isClosed && waiting.length === 0) {
        await new Promise<void>((resolve) => wake = resolve);
      }
      if (isClosed) throw named("BadResource", "The listener has closed");
      return socketOf(waiting.shift()!);
    },
    close() {
      isClosed = true;
      server.close();
      for (const socket of waiting.splice(0)) socket.destroy();
      wake();
    },
  };
}

/** Gives a socket of `node:net` the methods that the server needs, and `reset()`. */
function socketOf(socket: NodeSocket): Socket {
  const { remoteAddress = "", remotePort = 0 } = socket;
  let wake = () => {};
  for (const event of ["readable", "end", "error", "close"]) socket.on(event, () => wake());
  const call = (method: (done: (error?: Error | null) => void) => void) =>
    new Promise<void>((resolve, reject) =>
      method((error) => error ? reject(named("ConnectionReset")) : resolve())
    );
  return {
    remoteAddr: { hostname: remoteAddress, port: remotePort },
    async read(buffer) {
      for (;;) {
        if (socket.destroyed) throw named("ConnectionReset");
        const bytes = socket.read(Math.min(buffer.length, socket.readableLength));
        if (bytes?.length > 0) {
          buffer.set(bytes);
          return bytes.length;
        }
        if (socket.readableEnded) return null;
        await new Promise<void>((resolve) => wake = resolve);
      }
    },
    write: (bytes) => call((done) => socket.write(bytes, done)).then(() => bytes.length),
    closeWrite: () => call((done) => socket.end(done)),
    setNoDelay: (noDelay = true) => void socket.setNoDelay(noDelay),
    reset: () => void socket.resetAndDestroy(),
    [Symbol.dispose]: () => void socket.destroy(),
  };
}
