/**
 * What the flags decide about listening and logging.
 *
 * @module
 */

import type { ServeOptions } from "../server.ts";
import { DEFAULTS } from "./flags.ts";
import {
  checkShape,
  integer,
  integerOf,
  millisecondsOf,
  quote,
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
      maxConnections: integerOf(values, "max-connections", 1, 1_000_000),
    },
    portGiven: port !== undefined,
    log: values.quiet === true ? "none" : log ?? (wire ? "none" : DEFAULTS.log),
    wire,
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

function reusePortFrom(values: Values): boolean {
  const reusePort = values["reuse-port"] === true;
  if (reusePort && Deno.build.os !== "linux") {
    throw new UsageError(`Cannot use --reuse-port on ${Deno.build.os}: expected Linux`);
  }
  return reusePort;
}
