/**
 * The settings of the command: the values of the flags, checked. Later modules read settings alone.
 *
 * @module
 */

import type { Span } from "../replies/delay.ts";
import { type CheckSettings, checkSettingsFrom } from "../lab/check/settings.ts";
import { COMMAND } from "./arguments.ts";
import { DEFAULTS, FLAGS, PREFIX } from "./flags.ts";
import { messageOf, quote, StartError, UsageError } from "../replies/text.ts";
import { hintFor } from "./output.ts";
import {
  aroundPlaceholders,
  hasPlaceholders,
  isInCodeUrl,
  mayRun,
  originsOf,
  PLACEHOLDERS,
} from "../replies/placeholders.ts";
import {
  contentTypesIn,
  type Fields,
  hasContent,
  mergeFields,
  parseField,
} from "../replies/fields.ts";
import type { ListenOptions } from "./start.ts";
import { encodeUri } from "../replies/target.ts";
import {
  integer,
  integerOf,
  millisecondsOf,
  prefixIn,
  spanOf,
  stringOf,
  stringsOf,
  type Values,
} from "./values.ts";

/** What the flags ask for, checked. */
export interface Settings {
  /** How the server listens, and its limits. */
  readonly options: ListenOptions;
  /** True if the user chose the port, so that no other may replace it. */
  readonly portGiven: boolean;
  /** The format of the access log. */
  readonly log: "common" | "json" | "none";
  /** True if the end of standard input stops the server. */
  readonly stopOnEof: boolean;
  /** True if stdout shows the conversations. */
  readonly wire: boolean;
  /** What the replies are made of. */
  readonly content: Content;
  /** True if a folder without an index.html is answered with a list of its entries. */
  readonly list: boolean;
  /** True if a file or folder is read again when it changes. */
  readonly watch: boolean;
  /** The status code of the replies; in a folder, only of its HTML pages. */
  readonly status: number;
  /** Header fields of every reply except raw ones; for a redirect, with its `Location`. */
  readonly headers: Fields;
  /** True if pages of all origins may read the replies. */
  readonly cors: boolean;
  /** How long to wait before each reply; `undefined` for no wait. */
  readonly delay: Span | undefined;
  /** The path of the health check. */
  readonly health: string | undefined;
  /** True if the command asks the server of these settings for its health, and starts none. */
  readonly probe: boolean;
  /** The client to judge; `undefined` to start a server. */
  readonly check: CheckSettings | undefined;
}

/** What the replies are made of. */
export type Content =
  | { readonly kind: "page"; readonly link: string | undefined }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "redirect" | "lab" }
  | FileContent;

/** Files and folders to answer with. */
export interface FileContent {
  readonly kind: "file" | "raw";
  /** The path of the one that answers where no prefix does. */
  readonly path: string | undefined;
  /** The paths of the others by their prefixes, such as `/api`. */
  readonly prefixes: ReadonlyMap<string, string>;
}

const MAX_PORT = 65535;

/**
 * Checks all flags.
 *
 * @throws {UsageError} If a value is not what its flag expects.
 * @throws {StartError} If a flag needs a feature that Deno was started without.
 */
export function settingsFrom(values: Values): Settings {
  const port = integerOf(values, "port", 0, MAX_PORT) ?? portFromEnvironment();
  return {
    options: {
      hostname: stringOf(values, "host") ??
        (values.lab === true ? DEFAULTS.labHost : DEFAULTS.host),
      port: port ?? DEFAULTS.port,
      reusePort: reusePortFrom(values),
      requestTimeoutMs: millisecondsOf(values, "request-timeout"),
      idleTimeoutMs: millisecondsOf(values, "idle-timeout"),
      writeTimeoutMs: millisecondsOf(values, "write-timeout"),
      shutdownGraceMs: millisecondsOf(values, "stop-timeout", "zero too"),
      maxConnections: integerOf(values, "max-connections", 1, 1_000_000),
    },
    portGiven: port !== undefined,
    log: logFrom(values),
    stopOnEof: values["stop-on-eof"] === true,
    wire: values.wire === true,
    content: contentFrom(values),
    list: isOn(values, "list", ["file"]),
    watch: isOn(values, "watch", ["file", "raw"]),
    status: statusFrom(values),
    headers: headersFrom(values),
    cors: values.cors === true,
    delay: spanOf(values, "delay"),
    health: healthFrom(values),
    probe: probeFrom(values, port),
    check: checkFrom(values),
  };
}

// ---------------------------------------------------------------- listening and logging

function probeFrom(values: Values, port: number | undefined): boolean {
  if (values.probe !== true) return false;
  if (port === 0) throw new UsageError("Cannot use --probe with --port 0: expected a port to ask");
  return true;
}

/** Reads `$PORT` if that is permitted without a prompt; empty means unset. */
function portFromEnvironment(): number | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: "PORT" });
  const value = state === "granted" ? Deno.env.get("PORT") : undefined;
  return value ? integer("$PORT", value, 0, MAX_PORT) : undefined;
}

/** Deno exits if an unstable API is used without its flag, so one is looked for first. */
function reusePortFrom(values: Values): boolean {
  const reusePort = values["reuse-port"] === true;
  if (reusePort && Deno.build.os !== "linux") {
    throw new UsageError(`Cannot use --reuse-port on ${Deno.build.os}: expected Linux`);
  }
  if (reusePort && !("listenDatagram" in Deno)) {
    throw new StartError(
      `Cannot use --reuse-port: not enabled in Deno, ${hintFor("--unstable-net")}`,
    );
  }
  return reusePort;
}

/** `--wire` shows the requests too, so there is no log beside it unless `--log` asks for one. */
function logFrom(values: Values): Settings["log"] {
  const log = stringOf(values, "log");
  if (log !== undefined && log !== "common" && log !== "json") {
    throw new UsageError(`Cannot use --log ${quote(log)}: expected common or json`);
  }
  if (values.quiet === true) return "none";
  return log ?? (values.wire === true ? "none" : DEFAULTS.log);
}

// ---------------------------------------------------------------- replies

function contentFrom(values: Values): Content {
  const text = stringOf(values, "text");
  if (text !== undefined) return textFrom(values, text);
  for (const kind of ["file", "raw"] as const) {
    const path = stringOf(values, kind);
    if (path !== undefined) return fileContentFrom(values, kind, path);
  }
  if (stringOf(values, PREFIX.name) !== undefined) return fileContentFrom(values, "file");
  if (stringOf(values, "redirect") !== undefined) return { kind: "redirect" };
  if (values.lab === true) return { kind: "lab" };
  return { kind: "page", link: linkFrom(values) };
}

/** The empty prefix stands for the path alone. */
function fileContentFrom(
  values: Values,
  kind: FileContent["kind"],
  path?: string,
): FileContent {
  const found = stringsOf(values, PREFIX.name).map((argument) => prefixIn(argument)!);
  const prefixes = new Map(found.map(({ prefix, path }) => [prefix, path]));
  const first = path ?? prefixes.get("");
  prefixes.delete("");
  return { kind, path: first, prefixes };
}

function textFrom(values: Values, text: string): Content {
  const types = contentTypesIn(stringsOf(values, "header").map(headerField));
  if (types.some(mayRun) && isInCodeUrl(text)) {
    throw new UsageError(`Cannot use --text ${quote(text)}: ${NO_CODE_URL}`);
  }
  return { kind: "text", text };
}

const NO_CODE_URL = "expected no placeholders in javascript: and data: URLs, which browsers run";

/** True if a flag is on, which has a meaning only beside one of the others. */
function isOn(values: Values, name: string, others: readonly string[]): boolean {
  if (values[name] !== true) return false;
  if ([...others, PREFIX.name].some((other) => stringOf(values, other) !== undefined)) return true;
  const expected = others.map((other) => `--${other}`).join(" or ");
  throw new UsageError(`Cannot use --${name} without ${expected}`);
}

function linkFrom(values: Values): string | undefined {
  const link = stringOf(values, "link");
  const isUrl = link && /^(https?|mailto):/i.test(link) && URL.canParse(link);
  if (link === undefined || link.startsWith("/") || isUrl) return link;
  throw new UsageError(
    `Cannot use --link ${quote(link)}: expected an http, https or mailto URL, or a path`,
  );
}

/** The statuses whose `Location` clients follow (RFC 9110 §15.4). */
const REDIRECT_STATUSES = [301, 302, 303, 307, 308];

function statusFrom(values: Values): number {
  const status = checkedStatus(values);
  const content = hasContent(status) ? undefined : contentGiven(values);
  if (content === undefined) return status;
  throw new UsageError(
    `Cannot use --status ${status} with --${content}: expected a status with content`,
  );
}

/** The flag that gives content, if one does. */
function contentGiven(values: Values): string | undefined {
  return ["text", "link"].find((name) => stringOf(values, name));
}

function checkedStatus(values: Values): number {
  const isRedirect = stringOf(values, "redirect") !== undefined;
  const status = integerOf(values, "status", 200, 599);
  if (!isRedirect) return status ?? DEFAULTS.status;
  if (status === undefined || REDIRECT_STATUSES.includes(status)) {
    return status ?? DEFAULTS.redirect;
  }
  throw new UsageError(
    `Cannot use --status ${status} with --redirect: expected ${REDIRECT_STATUSES.join(", ")}`,
  );
}

/**
 * What a browser needs to show a reply to pages of another origin (Fetch §3.3). `*` stands for all
 * names of fields but `Authorization`.
 */
const CORS_FIELDS: Fields = [
  ["Access-Control-Allow-Origin", "*"],
  ["Access-Control-Allow-Methods", "*"],
  ["Access-Control-Allow-Headers", "*, Authorization"],
];

function headersFrom(values: Values): Fields {
  const redirect = stringOf(values, "redirect");
  const own: Fields = [
    ...(redirect === undefined ? [] : [["Location", locationFrom(redirect)] as const]),
    ...(values.cors === true ? CORS_FIELDS : []),
  ];
  const headers = stringsOf(values, "header").map(headerField);
  if (contentTypesIn(headers).length > 1) {
    throw new UsageError("Cannot use --header with Content-Type twice: expected one type");
  }
  if (redirect !== undefined && headers.some(isLocation)) {
    throw new UsageError("Cannot use --redirect with --header Location: expected one of the two");
  }
  return mergeFields(own, headers);
}

function headerField(text: string): readonly [string, string] {
  const option = `--header ${quote(text)}`;
  const field = fieldFrom(text, option);
  const [, value] = field;
  if (isInCodeUrl(value)) throw new UsageError(`Cannot use ${option}: ${NO_CODE_URL}`);
  if (!isLocation(field)) return field;
  demandKnownBraces(option, value);
  if (hasPlaceholders(value)) demandFixedHost(option, value);
  return field;
}

function fieldFrom(text: string, option: string): readonly [string, string] {
  try {
    return parseField(text);
  } catch (error) {
    throw new UsageError(`Cannot use ${option}: ${messageOf(error)}`);
  }
}

function isLocation([name]: readonly [string, string]): boolean {
  return /^location$/i.test(name);
}

/** Checks the URL or path of `--redirect`, in which placeholders may stand behind the host. */
function locationFrom(url: string): string {
  const option = `--redirect ${quote(url)}`;
  demandKnownBraces(option, url);
  const isUrlOrPath = /^https?:\/\//i.test(url) || /^(\/|\{target\})/.test(url);
  if (!isUrlOrPath || originsOf(url)[0] === undefined) {
    throw new UsageError(`Cannot use ${option}: expected an http or https URL, or a path`);
  }
  demandFixedHost(option, url);
  if (/^\/?\{target\}$/.test(url)) {
    throw new UsageError(`Cannot use ${option}: expected another place than the one asked for`);
  }
  return hasPlaceholders(url) ? url : encodeUri(url);
}

/** Other braces would be sent as they are. People know `{host}`, `{uri}` or `${…}` from elsewhere. */
function demandKnownBraces(option: string, location: string): void {
  const around = aroundPlaceholders(location);
  const isPrefixed = around.slice(0, -1).some((text) => /[%$]$/.test(text));
  if (!isPrefixed && !/[{}]/.test(around.join(""))) return;
  throw new UsageError(`Cannot use ${option}: expected no braces but ${PLACEHOLDERS}`);
}

/** A client that chooses the host of a redirect could send others anywhere. */
function demandFixedHost(option: string, location: string): void {
  const [origin, other] = originsOf(location);
  if (origin !== undefined && origin === other) return;
  throw new UsageError(`Cannot use ${option}: expected placeholders behind the host only`);
}

function healthFrom(values: Values): string | undefined {
  const path = stringOf(values, "health");
  if (path === undefined || /^\/[!-~]*$/.test(path) && !/[?#]/.test(path)) return path;
  throw new UsageError(
    `Cannot use --health ${quote(path)}: expected a path such as /healthz, without a query`,
  );
}

// ---------------------------------------------------------------- the check

/** What has a meaning beside `--check` alone. */
const OF_CHECK = FLAGS.CHECK.map(({ name }) => name).filter((name) => name !== "check");

function checkFrom(values: Values): CheckSettings | undefined {
  if (values.check !== true) {
    for (const name of OF_CHECK) {
      if (values[name]) throw new UsageError(`Cannot use --${name} without --check`);
    }
    return undefined;
  }
  const given = (name: string) => stringOf(values, name);
  return {
    ...checkSettingsFrom(stringsOf(values, COMMAND), {
      only: given("only"),
      except: given("except"),
      level: given("level"),
      report: given("report"),
    }),
    timeoutMs: millisecondsOf(values, "check-timeout"),
    readsEvents: values.events === true,
    quiet: values.quiet === true,
  };
}
