/**
 * Raw TCP clients on the loopback.
 *
 * @module
 */

import net from "node:net";
import { bytesOf, textOf } from "./wire.ts";

/** The loopback address, where all tests connect. */
export const HOST = "127.0.0.1";

/** Something that listens on the loopback: a server, its address, a process. */
export interface Target {
  readonly port: number;
}

/** Opens a connection. */
export function connect({ port }: Target): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: HOST, port });
}

/** Sends everything. Throws if the server has ended the connection before. */
export async function send(socket: Deno.Conn, message: string | Uint8Array): Promise<void> {
  const bytes = typeof message === "string" ? bytesOf(message) : message;
  for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
}

/** Reads piece by piece until the server closes. Throws if it resets. */
export async function* pieces(socket: Deno.Conn): AsyncGenerator<string, void> {
  const buffer = new Uint8Array(16 * 1024);
  for (let count; (count = await socket.read(buffer)) !== null;) {
    yield textOf(buffer.subarray(0, count));
  }
}

/** Reads until the server closes. Throws if it resets. */
export async function readAll(socket: Deno.Conn): Promise<string> {
  let wire = "";
  for await (const piece of pieces(socket)) wire += piece;
  return wire;
}

/** Reads this many complete replies. Each has a `Content-Length`, or no content. */
export async function readReplies(socket: Deno.Conn, count: number): Promise<string[]> {
  const replies: string[] = [];
  let wire = "";
  for await (const piece of pieces(socket)) {
    wire += piece;
    for (let end; (end = endOfReply(wire)) <= wire.length; wire = wire.slice(end)) {
      replies.push(wire.slice(0, end));
    }
    if (replies.length >= count) return replies;
  }
  throw new Error(`The connection closed after ${replies.length} replies`);
}

/** The end of the first reply, or NaN if its head is incomplete. */
function endOfReply(wire: string): number {
  const headEnd = wire.indexOf("\r\n\r\n");
  const length = /\r\nContent-Length: (\d+)\r\n/i.exec(wire.slice(0, headEnd + 2))?.[1] ?? 0;
  return headEnd === -1 ? NaN : headEnd + 4 + Number(length);
}

/** Sends the pieces one after another, then reads until the server closes. */
export async function talk(target: Target, ...pieces: string[]): Promise<string> {
  using socket = await connect(target);
  for (const piece of pieces) await send(socket, piece);
  return await readAll(socket);
}

/** True for errors that report the end of a connection, by either side. */
export function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.Interrupted; // closed on this side during a write
}

/** Opens a connection with node:net, which can reset it. */
export async function resettable({ port }: Target): Promise<net.Socket> {
  const socket = net.connect(port, HOST);
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  socket.removeAllListeners("error");
  return socket;
}

/** Resets a connection and resolves when it is closed. */
export async function reset(socket: net.Socket): Promise<void> {
  if (socket.closed) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("error", (error: Error) => {
    if (!/ECONNRESET|EPIPE/.test(error.message)) reject(error); // both sides may reset
  });
  socket.once("close", () => resolve());
  socket.resetAndDestroy();
  await promise;
}
