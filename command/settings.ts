/**
 * What the flags decide about listening and logging.
 *
 * @module
 */

import type { ServeOptions } from "../server.ts";
import type { Span } from "./delay.ts";
import { DEFAULTS } from "./flags.ts";
import { remedyFor, StartError } from "./permissions.ts";
import {
  checkShape,
  integer,
  integerOf,
  millisecondsOf,
  quote,
  spanOf,
  stringOf,
  UsageError,
  type Values,
} from "./values.ts";

/** All but the replies, checked. */
export interface Settings {
  /** How the server listens, and what it grants. */
  readonly options: ServeOptions & { readonly hostname: string; readonly port: number };
  /** True if the port was asked for, and may not be another. */
  readonly portGiven: boolean;
  /** The form of the access log. */
  readonly log: "common" | "json" | "none";
  /** True if conversations are shown. */
  readonly wire: boolean;
  /** How long to wait before each reply. */
  readonly delay: Span | undefined;
  /** The path that says whether the process is well. */
  readonly health: string | undefined;
}

/** Checks the flags; what the replies are made of is left to `responderFrom()`. */
export function settingsFrom(values: Values, strays: readonly string[]): Settings {
  checkShape(values, strays);
  const port = integerOf(values, "port", 0, 65535) ?? portFromEnvironment();
  const wire = values.wire === true;
  const log = logFrom(values);
  return {
    options: {
      hostname: stringOf(values, "host") ?? DEFAULTS.host,
      port: port ?? DEFAULTS.port,
      reusePort: reusePortFrom(values),
      requestTimeoutMs: millisecondsOf(values, "request-timeout"),
      idleTimeoutMs: millisecondsOf(values, "idle-timeout"),
      shutdownGraceMs: millisecondsOf(values, "stop-timeout"),
      maxConnections: integerOf(values, "max-connections", 1, 1_000_000),
    },
    portGiven: port !== undefined,
    log: values.quiet === true ? "none" : log ?? (wire ? "none" : DEFAULTS.log),
    wire,
    delay: spanOf(values, "delay"),
    health: healthFrom(values),
  };
}

/** `$PORT`, if that may be read without asking; empty means unset. */
function portFromEnvironment(): number | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: "PORT" });
  const value = state === "granted" ? Deno.env.get("PORT") : undefined;
  return value ? integer("$PORT", value, 0, 65535) : undefined;
}

function logFrom(values: Values): "common" | "json" | undefined {
  const log = stringOf(values, "log");
  if (log === undefined || log === "common" || log === "json") return log;
  throw new UsageError(`Cannot use --log ${quote(log)}: expected common or json`);
}

/** Deno ends the process where an unstable API is used without its flag, so we look for one first. */
function reusePortFrom(values: Values): boolean {
  const reusePort = values["reuse-port"] === true;
  if (reusePort && Deno.build.os !== "linux") {
    throw new UsageError(`Cannot use --reuse-port on ${Deno.build.os}: expected Linux`);
  }
  if (reusePort && !("listenDatagram" in Deno)) {
    throw new StartError(
      `Cannot use --reuse-port: not enabled in Deno, ${remedyFor("--unstable-net")}`,
    );
  }
  return reusePort;
}

function healthFrom(values: Values): string | undefined {
  const path = stringOf(values, "health");
  if (path === undefined || /^\/[!-~]*$/.test(path) && !/[?#]/.test(path)) return path;
  throw new UsageError(
    `Cannot use --health ${quote(path)}: expected a path such as /healthz, without a query`,
  );
}
