/**
 * Starting the server, or saying in one sentence why it cannot start. Permissions are
 * asked without prompting: a service must never hang on a question.
 *
 * @module
 */

import { getAvailablePort } from "@std/net/get-available-port";
import type { ServeOptions, Server } from "../server.ts";
import { hostAndPort } from "./address.ts";
import { messageOf, say } from "./log.ts";
import { quote, UsageError } from "./values.ts";

/** A start that failed: exit code 1. */
export class StartError extends Error {}

/**
 * The oldest Deno in which closing a connection ends a read that waits on it. Before that a
 * deadline could not end a silent connection.
 */
export const OLDEST_DENO = "2.9.0";

/** How to listen. */
export interface ListenOptions extends ServeOptions {
  /** The address or name to listen on. */
  readonly hostname: string;
  /** The port to listen on; 0 takes any free one. */
  readonly port: number;
}

/** Binds the port and serves, or throws what `Deno.listen` throws. */
export type Open = (options: ListenOptions) => Server | Promise<Server>;

/**
 * Starts the server. If the default port is taken and none was asked for, a person at a terminal
 * gets another. A service does not: its health check would go on asking whatever took the port.
 */
export async function start(
  options: ListenOptions,
  portGiven: boolean,
  open: Open,
): Promise<Server> {
  checkDenoVersion(Deno.version.deno);
  const { hostname, port } = options;
  if (!mayUse(hostname, port)) {
    throw new StartError(`Cannot listen on ${missingPermission(hostname, port)}`);
  }
  try {
    return await open(options);
  } catch (error) {
    const mayMove = !portGiven && Deno.stderr.isTerminal() && mayUse(hostname, 0);
    if (!mayMove || !(error instanceof Deno.errors.AddrInUse)) throw explain(error, options);
    const server = await open({ ...options, port: 0 });
    say(`PORT ${port} IS TAKEN: using ${server.addr.port} instead (--port chooses another)`);
    return server;
  }
}

/**
 * Refuses a version of Deno in which the server would have no deadlines.
 *
 * @throws {StartError} If it is older than {@linkcode OLDEST_DENO}.
 */
export function checkDenoVersion(version: string): void {
  const rank = (text: string) => {
    const [major, minor] = text.split(".").map(Number);
    return major * 1000 + minor;
  };
  if (rank(version) >= rank(OLDEST_DENO)) return;
  throw new StartError(
    `Cannot serve with Deno ${version}: expected ${OLDEST_DENO} or later, ` +
      "older ones cannot end silent connections",
  );
}

function explain(error: unknown, { hostname, port }: ListenOptions): Error {
  if (error instanceof URIError) {
    return new UsageError(`Cannot use --host ${quote(hostname)}: expected an address or a name`);
  }
  return new StartError(`Cannot listen on ${hostAndPort(hostname, port)}: ${reasonOf(error)}`);
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) {
    const free = mayUse("0.0.0.0", 0) ? `, port ${getAvailablePort()} is free` : "";
    return `the port is taken${free}`; // with --reuse-port too, by a process of another user
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return "the system forbids it, ports below 1024 need a privilege";
  }
  if (error instanceof Deno.errors.AddrNotAvailable) return "the address is not on this machine";
  const message = messageOf(error);
  return message.startsWith("failed to lookup") ? "the name was not found" : message;
}

/** What to say of an error while the server runs, with the remedy if the operator has one. */
export function runtimeMessage(error: unknown): string {
  const cause = error instanceof Error ? error.cause as { code?: unknown } | undefined : undefined;
  const message = messageOf(error);
  if (cause?.code !== "EMFILE") return message;
  return `${message}, raise their limit above --max-connections: ulimit -n in a shell, ` +
    "LimitNOFILE in a unit, --ulimit nofile for a container";
}

/** True if the network permission covers this address. */
export function mayUse(hostname: string, port: number): boolean {
  const host = hostAndPort(hostname, port);
  return Deno.permissions.querySync({ name: "net", host }).state === "granted";
}

/** True if the read permission covers this path. */
export function mayRead(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

/** How to get a permission or feature that Deno grants by this flag. */
export function permissionHint(
  flag: string,
  isExecutable: boolean = Deno.build.standalone,
): string {
  return isExecutable
    ? `this executable was compiled without ${flag}`
    : `add ${flag} before main.ts, or to deno install`;
}

/** The address, and the flag that would permit it. */
export function missingPermission(hostname: string, port: number): string {
  const address = hostAndPort(hostname, port);
  return `${address}: permission missing, ${
    permissionHint(`--allow-net or --allow-net=${address}`)
  }`;
}
