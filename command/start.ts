/**
 * Starts the server, or explains in one sentence why it cannot start; and stops it at a signal.
 * Permissions are looked up and never asked for: a service must not hang on a prompt.
 *
 * @module
 */

import { sleep } from "../replies/delay.ts";
import type { ServeOptions, Server } from "../server.ts";
import {
  hostAndPort,
  messageOf,
  plural,
  quote,
  StartError,
  urlOf,
  UsageError,
} from "../replies/text.ts";
import { hintFor, say } from "./output.ts";

/**
 * The oldest Deno in which closing a connection settles pending reads and writes. Before 2.9.0 no
 * deadline could end a silent connection; before 2.9.5 none freed the descriptor of a client that
 * does not read.
 */
export const OLDEST_DENO = "2.9.5";

/** How to listen. */
export interface ListenOptions extends ServeOptions {
  /** The address or name to listen on. */
  readonly hostname: string;
  /** The port to listen on; 0 takes any free one. */
  readonly port: number;
}

/** Binds the port and serves; throws the errors of `Deno.listen`. */
export type Open = (options: ListenOptions) => Server | Promise<Server>;

/**
 * Starts the server. If the default port is taken, a user at a terminal gets another one. A service
 * does not: its health check would ask the process that has taken the port.
 *
 * @param portGiven True if the user chose the port, so that no other may replace it.
 * @throws {StartError} If Deno or the system does not let the server listen.
 * @throws {UsageError} If the host is neither an address nor a name.
 */
export async function start(
  options: ListenOptions,
  portGiven: boolean,
  open: Open,
): Promise<Server> {
  checkDenoVersion(Deno.version.deno);
  const { port } = options;
  const hostname = options.hostname === "localhost" ? "127.0.0.1" : options.hostname;
  if (!mayUse(hostname, port)) {
    throw new StartError(`Cannot listen on ${missingPermission(hostname, port)}`);
  }
  try {
    return await open(options);
  } catch (error) {
    const mayMove = !portGiven && Deno.stderr.isTerminal() && mayUse(hostname, 0);
    if (!mayMove || !hasName(error, "AddrInUse")) throw await explain(error, options);
    const server = await open({ ...options, port: 0 });
    say(`PORT ${port} IS TAKEN: using ${server.addr.port} instead (--port chooses another)`);
    return server;
  }
}

/**
 * Checks that deadlines work in this version of Deno.
 *
 * @throws {StartError} If it is older than {@linkcode OLDEST_DENO}.
 */
export function checkDenoVersion(version: string): void {
  const rank = (text: string) => {
    const [major, minor, patch] = text.split(".").map((part) => parseInt(part));
    return (major * 1000 + minor) * 1000 + patch;
  };
  if (rank(version) >= rank(OLDEST_DENO)) return;
  throw new StartError(
    `Cannot serve with Deno ${version}: expected ${OLDEST_DENO} or later, ` +
      "older ones cannot end connections at their deadlines",
  );
}

async function explain(error: unknown, { hostname, port }: ListenOptions): Promise<Error> {
  if (error instanceof URIError) {
    return new UsageError(`Cannot use --host ${quote(hostname)}: expected an address or a name`);
  }
  return new StartError(
    `Cannot listen on ${hostAndPort(hostname, port)}: ${await reasonOf(error)}`,
  );
}

async function reasonOf(error: unknown): Promise<string> {
  if (hasName(error, "AddrInUse")) return `the port is taken${await freePort()}`;
  if (hasName(error, "PermissionDenied")) {
    return "the system forbids it, ports below 1024 need a privilege";
  }
  if (hasName(error, "AddrNotAvailable")) return "the address is not on this machine";
  const message = messageOf(error);
  return message.startsWith("failed to lookup") ? "the name was not found" : message;
}

/** Another port, if it may be looked for. What few starts need is loaded when they need it. */
async function freePort(): Promise<string> {
  if (!mayUse("0.0.0.0", 0)) return "";
  const { getAvailablePort } = await import("@std/net/get-available-port");
  return `, port ${getAvailablePort()} is free`;
}

/** Errors are told apart by name, because those of the lab's listener have no class of Deno. */
export function hasName(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}

/** The message of an error of the running server, with the remedy if the operator has one. */
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

/** An address, and how to get the permission for it. */
export function missingPermission(hostname: string, port: number): string {
  const address = hostAndPort(hostname, port);
  return `${address}: permission missing, ${hintFor(`--allow-net or --allow-net=${address}`)}`;
}

// ---------------------------------------------------------------- addresses

/** Interfaces of containers and virtual machines, which lead to no other device. */
const VIRTUAL = /^(br-|docker|veth|virbr|vmnet)/;

/** The URLs at which other devices find a server, if Deno permits to look at the addresses. */
export function otherUrls({ hostname, port }: Server["addr"], path: string): string[] {
  const isAll = hostname === "0.0.0.0" || hostname === "::";
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "networkInterfaces" });
  if (!isAll || state !== "granted") return [];
  return Deno.networkInterfaces()
    .filter(({ name, family }) => family === "IPv4" && !VIRTUAL.test(name))
    .filter(({ address }) => !/^(127|169\.254)\./.test(address))
    .map(({ address }) => urlOf(address, port, path));
}

// ---------------------------------------------------------------- stop

/** Under `deno task`, one Ctrl-C arrives twice: from the terminal and from the task runner. */
const SAME_SIGNAL_MS = 50;

/** Why the server is to stop. */
export interface StopReason {
  /** What has happened, in the words of messages. */
  readonly text: string;
  /** The exit code of what ends before it has done its work. */
  readonly exitCode: number;
}

/** The request to stop: a signal, or with `--stop-on-eof` the end of standard input. */
export class StopRequest {
  /** Resolves at the first request. */
  readonly received: Promise<StopReason>;
  readonly #resolve: (reason: StopReason) => void;
  #first = Infinity;

  /** Takes signals from now on. After the first request, the next signal ends the process. */
  constructor() {
    const { promise, resolve } = Promise.withResolvers<StopReason>();
    this.received = promise;
    this.#resolve = resolve;
    this.#on("SIGINT", 130);
    if (Deno.build.os !== "windows") this.#on("SIGTERM", 143);
  }

  #on(signal: Deno.Signal, exitCode: number): void {
    Deno.addSignalListener(signal, () => {
      if (performance.now() - this.#first >= SAME_SIGNAL_MS) Deno.exit(exitCode);
      this.#request({ text: `${signal} received`, exitCode });
    });
  }

  /** Requests the stop when this input ends, or fails. */
  async atEndOf(input: ReadableStream<Uint8Array>): Promise<void> {
    try {
      for await (const _ of input);
    } catch {
      // what cannot be read has ended as well
    }
    this.#request({ text: "standard input has ended", exitCode: 0 });
  }

  /** Resolves to the exit code of this work, or to that of a signal that ends it. */
  orExitCode(work: Promise<number>): Promise<number> {
    return Promise.race([work, this.received.then(({ exitCode }) => exitCode)]);
  }

  #request(reason: StopReason): void {
    this.#first = Math.min(this.#first, performance.now());
    this.#resolve(reason);
  }
}

/** Says why the start has ended, and returns the exit code: nobody was cut off. */
export function sayStoppedEarly({ text }: StopReason): number {
  say(`${text} before the start was complete`);
  return 0;
}

/** Shuts the server down. Resolves to the exit code: 1 if a connection did not finish in time. */
export async function stop(server: Server, { text }: StopReason): Promise<number> {
  const shutdown = server.shutdown();
  await sleep(SAME_SIGNAL_MS); // until then, a second signal is ignored
  say(`${text}, finishing the replies in flight; the next signal exits at once`);
  const { aborted } = await shutdown;
  if (aborted > 0) say(`cut off ${plural(aborted, "connection")} that did not finish in time`);
  return aborted > 0 ? 1 : 0;
}
