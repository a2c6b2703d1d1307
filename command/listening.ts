/**
 * Starting the server, or saying in one sentence why it cannot.
 *
 * @module
 */

import { type Reply, type Responder, serve, type Server } from "../server.ts";
import { hostAndPort } from "./address.ts";
import { messageOf, say } from "./messages.ts";
import { lackingAddress, mayUse, StartError } from "./permissions.ts";
import type { Settings } from "./settings.ts";
import { quote, UsageError } from "./values.ts";

/**
 * Starts the server. If the default port is taken and none was asked for, a person gets another;
 * a service does not: its health check would go on asking whoever has taken the port.
 */
export function start(
  { options, portGiven }: Settings,
  responder: Responder | Reply,
  freePort: () => number,
): Server {
  const { hostname, port } = options;
  if (!mayUse(hostname, port)) {
    throw new StartError(`Cannot listen on ${lackingAddress(hostname, port)}`);
  }
  try {
    return serve(options, responder);
  } catch (error) {
    const mayMove = !portGiven && Deno.stderr.isTerminal() && mayUse(hostname, 0);
    if (!mayMove || !(error instanceof Deno.errors.AddrInUse)) {
      throw explain(error, hostname, port, freePort);
    }
    const server = serve({ ...options, port: 0 }, responder);
    say(`PORT ${port} IS TAKEN: using ${server.addr.port} instead (--port chooses another)`);
    return server;
  }
}

function explain(error: unknown, hostname: string, port: number, freePort: () => number): Error {
  const address = hostAndPort(hostname, port);
  if (error instanceof URIError) {
    return new UsageError(`Cannot use --host ${quote(hostname)}: expected an address or a name`);
  }
  return new StartError(`Cannot listen on ${address}: ${reasonOf(error, freePort)}`);
}

function reasonOf(error: unknown, freePort: () => number): string {
  if (error instanceof Deno.errors.AddrInUse) {
    const free = mayUse("0.0.0.0", 0) ? `, port ${freePort()} is free` : "";
    return `the port is taken${free}`; // with --reuse-port too, by a process of another user
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return "the system forbids it, ports below 1024 need a privilege";
  }
  if (error instanceof Deno.errors.AddrNotAvailable) return "the address is not on this machine";
  const message = messageOf(error);
  return message.startsWith("failed to lookup") ? "the name was not found" : message;
}
