/**
 * The `firstline` command: flags in, a server up, messages and logs out, an
 * exit code at the end. It reads in that order: parse, validate, serve, wait, stop.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { getAvailablePort } from "@std/net/get-available-port";
import manifest from "./deno.json" with { type: "json" };
import {
  DEFAULT_LIMITS,
  DEFAULT_LINK,
  escapeControls,
  type Exchange,
  page,
  type Reply,
  type Responder,
  serve,
  type ServeOptions,
  type Server,
} from "./server.ts";

const DEFAULT_PORT = 8080;
const DEFAULT_HOST = "0.0.0.0";

/** Log text that may wait for a slow reader before lines are dropped. */
const MAX_LOG_CHARACTERS = 1024 * 1024;
/** Lines are written together this often, so that a busy log costs little. */
const LOG_FLUSH_MS = 10;
/** How long the last lines may take when the reader of the log is stuck. */
const LAST_FLUSH_MS = 500;

// ---------------------------------------------------------------- flags

/** One flag: what `--help` says of it and what the parser makes of it. */
interface Flag {
  readonly name: string;
  readonly short?: string;
  /** What stands for the value in `--help`; a flag without one is on or off. */
  readonly value?: string;
  readonly help: string;
}

const seconds = (milliseconds: number) => `${milliseconds / 1000}`;

/** Every flag in the order of `--help`, in its groups. */
export const FLAGS: Readonly<Record<string, readonly Flag[]>> = {
  LISTEN: [
    {
      name: "port",
      short: "p",
      value: "N",
      help: `port to listen on; 0 takes any free one [${DEFAULT_PORT}]`,
    },
    {
      name: "host",
      value: "ADDR",
      help: `address to listen on; :: serves IPv6 and IPv4 [${DEFAULT_HOST}]`,
    },
  ],
  REPLY: [
    { name: "text", short: "t", value: "TEXT", help: "answer this text instead of the page" },
    { name: "link", value: "URL", help: `where the page's link leads [${DEFAULT_LINK}]` },
  ],
  LIMITS: [
    {
      name: "request-timeout",
      value: "SECONDS",
      help: `from connecting to the end of the request line [${
        seconds(DEFAULT_LIMITS.requestTimeoutMs)
      }]`,
    },
    {
      name: "max-connections",
      value: "N",
      help: `open at once; beyond it they wait in the kernel [${DEFAULT_LIMITS.maxConnections}]`,
    },
  ],
  LOG: [
    { name: "quiet", short: "q", help: "no access log" },
  ],
  OTHER: [
    { name: "help", short: "h", help: "show this help" },
    { name: "version", short: "V", help: "show the version" },
  ],
};

/** The text of `--help`. */
export function helpText(): string {
  const sections = Object.entries(FLAGS).map(([group, flags]) =>
    `${group}\n` + flags.map((flag) => `${usageOf(flag).padEnd(32)}${flag.help}\n`).join("")
  );
  return `Answer HTTP requests by their first line.\n\nUsage: firstline [FLAGS]\n\n` +
    sections.join("\n");
}

function usageOf({ name, short, value }: Flag): string {
  return `  ${short ? `-${short},` : "   "} --${name}${value ? ` ${value}` : ""}`;
}

/** A mistake in the arguments: exit code 2. */
class UsageError extends Error {}

/** A start that failed: exit code 1. */
class StartError extends Error {}

type Values = Readonly<Record<string, unknown>>;

/** Splits the arguments; `help` and `version` are there even if others are wrong. */
function parseFlags(args: string[]): { values: Values; strays: string[] } {
  const flags = Object.values(FLAGS).flat();
  const strays: string[] = [];
  const values: Values = parseArgs(args, {
    string: flags.filter((flag) => flag.value).map((flag) => flag.name),
    boolean: flags.filter((flag) => !flag.value).map((flag) => flag.name),
    alias: Object.fromEntries(flags.flatMap((flag) => flag.short ? [[flag.short, flag.name]] : [])),
    unknown: (arg: string) => {
      strays.push(arg);
      return false;
    },
  });
  return { values, strays: [...strays, ...(values._ as unknown[]).map(String)] };
}

// ---------------------------------------------------------------- validation

/** Everything the flags decide, checked. */
interface Settings {
  options: ServeOptions;
  responder: Responder | Reply;
  portGiven: boolean;
  quiet: boolean;
}

function settingsFrom(values: Values, strays: string[]): Settings {
  for (const flag of Object.values(FLAGS).flat()) {
    if (values[flag.name] === "") {
      throw new UsageError(`Cannot use --${flag.name} without a value: expected ${flag.value}`);
    }
  }
  if (strays.length > 0) {
    throw new UsageError(
      `Cannot use ${quote(strays[0])}: expected only the flags that --help lists`,
    );
  }
  const text = stringOf(values, "text");
  const link = stringOf(values, "link");
  if (text !== undefined && link !== undefined) {
    throw new UsageError("Cannot use --link with --text: expected it with the page alone");
  }
  if (link !== undefined) checkLink(link);
  return {
    options: {
      hostname: stringOf(values, "host") ?? DEFAULT_HOST,
      port: integerOf(values, "port", 0, 65535) ?? DEFAULT_PORT,
      requestTimeoutMs: millisecondsOf(values, "request-timeout"),
      maxConnections: integerOf(values, "max-connections", 1, 1_000_000),
    },
    responder: text === undefined ? page(link) : { body: text },
    portGiven: values.port !== undefined,
    quiet: values.quiet === true,
  };
}

function stringOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

function integerOf(values: Values, name: string, min: number, max: number): number | undefined {
  const value = stringOf(values, name);
  if (value === undefined) return undefined;
  const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(
    `Cannot use --${name} ${quote(value)}: expected an integer from ${min} to ${max}`,
  );
}

function millisecondsOf(values: Values, name: string): number | undefined {
  const value = stringOf(values, name);
  if (value === undefined) return undefined;
  const number = /^\d{1,6}(\.\d{1,3})?$/.test(value) ? Number(value) : NaN;
  if (number > 0) return number * 1000;
  throw new UsageError(
    `Cannot use --${name} ${quote(value)}: expected seconds above 0, such as 2.5`,
  );
}

function checkLink(link: string): void {
  if (link.startsWith("/") || /^(https?|mailto):/i.test(link) && URL.canParse(link)) return;
  throw new UsageError(
    `Cannot use --link ${quote(link)}: expected an http, https or mailto URL, or a path`,
  );
}

function quote(text: string): string {
  return `"${escapeControls(text)}"`;
}

// ---------------------------------------------------------------- serving

/** Starts the server, or says in one sentence why it cannot. */
function start(settings: Settings): Server {
  const { options, portGiven } = settings;
  const { hostname = DEFAULT_HOST, port = DEFAULT_PORT } = options;
  requireNet(hostname, port);
  try {
    return serve(options, settings.responder);
  } catch (error) {
    const canMove = error instanceof Deno.errors.AddrInUse && !portGiven && mayListen(hostname, 0);
    if (!canMove) throw explain(error, hostname, port);
    const server = serve({ ...options, port: 0 }, settings.responder);
    say(`PORT ${port} IS TAKEN: using ${server.addr.port} instead (--port chooses another)`);
    return server;
  }
}

/** Asks without prompting: a service must never hang on a question. */
function mayListen(hostname: string, port: number): boolean {
  const host = hostAndPort(hostname, port);
  return Deno.permissions.querySync({ name: "net", host }).state === "granted";
}

function requireNet(hostname: string, port: number): void {
  if (mayListen(hostname, port)) return;
  const address = hostAndPort(hostname, port);
  throw new StartError(
    `Cannot listen on ${address}: permission missing, add --allow-net or --allow-net=${address}`,
  );
}

function explain(error: unknown, hostname: string, port: number): Error {
  const address = hostAndPort(hostname, port);
  if (error instanceof URIError) {
    return new UsageError(`Cannot use --host ${quote(hostname)}: expected an address or a name`);
  }
  if (error instanceof Deno.errors.AddrInUse) {
    const free = mayListen("0.0.0.0", 0) ? `, port ${getAvailablePort()} is free` : "";
    return new StartError(`Cannot listen on ${address}: the port is taken${free}`);
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return new StartError(
      `Cannot listen on ${address}: the system forbids it, ports below 1024 need a privilege`,
    );
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return new StartError(`Cannot listen on ${address}: the address is not on this machine`);
  }
  const message = messageOf(error);
  if (message.startsWith("failed to lookup")) {
    return new StartError(`Cannot listen on ${address}: the name ${quote(hostname)} was not found`);
  }
  return new StartError(`Cannot listen on ${address}: ${message}`);
}

function hostAndPort(hostname: string, port: number): string {
  return hostname.includes(":") && !hostname.startsWith("[")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}

// ---------------------------------------------------------------- messages and logs

/** A message for the operator, on stderr. */
function say(message: string): void {
  console.error(`firstline: ${message}`);
}

/** Where a person would click; an address that means "all" is reached by `localhost`. */
export function urlOf(hostname: string, port: number): string {
  const isAny = hostname === "0.0.0.0" || hostname === "::";
  return `http://${hostAndPort(isAny ? "localhost" : hostname, port)}/`;
}

/** One line of the Common Log Format, in UTC. */
export function commonLogLine({ client, time, requestLine, status, bytes }: Exchange): string {
  const [, day, month, year, clock] = new Date(time).toUTCString().split(" ");
  const stamp = `${day}/${month}/${year}:${clock} +0000`;
  const line = escapeControls(requestLine);
  return `${client.hostname} - - [${stamp}] "${line}" ${status} ${bytes}\n`;
}

/**
 * Writes lines to stdout without ever making a client wait: lines gather while
 * a write is under way, and where too many have gathered they are dropped and counted.
 */
class LogWriter {
  #waiting = "";
  #inFlight = "";
  #dropped = 0;
  #flushing: Promise<void> | undefined;
  #failure = "";

  write(line: string): void {
    if (this.#waiting.length + line.length > MAX_LOG_CHARACTERS) {
      this.#dropped++;
      return;
    }
    this.#waiting += line;
    this.#flushing ??= this.#flush();
  }

  /** Gives the last lines a moment to leave. */
  async finish(): Promise<void> {
    await Promise.race([this.#flushing, sleep(LAST_FLUSH_MS)]);
    this.#dropped += countLines(this.#waiting) + countLines(this.#inFlight);
    this.#reportDropped();
  }

  async #flush(): Promise<void> {
    while (this.#waiting !== "") {
      await sleep(LOG_FLUSH_MS);
      this.#inFlight = this.#waiting;
      this.#waiting = "";
      try {
        await writeAll(Deno.stdout, this.#inFlight);
        this.#failure = "";
        this.#reportDropped();
      } catch (error) {
        this.#dropped += countLines(this.#inFlight);
        this.#reportFailure(messageOf(error));
      }
      this.#inFlight = "";
    }
    this.#flushing = undefined;
  }

  #reportFailure(message: string): void {
    if (message !== this.#failure) say(`Cannot write the access log: ${message}`);
    this.#failure = message;
  }

  #reportDropped(): void {
    if (this.#dropped > 0) say(`dropped ${plural(this.#dropped, "line")} of the access log`);
    this.#dropped = 0;
  }
}

async function writeAll(file: typeof Deno.stdout, text: string): Promise<void> {
  const octets = new TextEncoder().encode(text);
  for (let at = 0; at < octets.length;) at += await file.write(octets.subarray(at));
}

function countLines(text: string): number {
  return text.split("\n").length - 1;
}

/** A message and, after a colon, what caused it. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`;
}

/** A count and its noun: `1 line`, `2 lines`. */
function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

// ---------------------------------------------------------------- wait and stop

type StopSignal = "SIGINT" | "SIGTERM";

/** Resolves at the first signal; the second ends the process at once. */
function firstSignal(): Promise<StopSignal> {
  const { promise, resolve } = Promise.withResolvers<StopSignal>();
  let stopping = false;
  const on = (signal: StopSignal, exitCode: number) =>
    Deno.addSignalListener(signal, () => {
      if (stopping) Deno.exit(exitCode);
      stopping = true;
      resolve(signal);
    });
  on("SIGINT", 130);
  if (Deno.build.os !== "windows") on("SIGTERM", 143);
  return promise;
}

async function run(settings: Settings): Promise<number> {
  const stopSignal = firstSignal();
  const log = new LogWriter();
  if (!settings.quiet) {
    settings.options.onExchange = (exchange) => log.write(commonLogLine(exchange));
  }
  settings.options.onError = (error) => say(messageOf(error));

  const server = start(settings);
  const { hostname, port } = server.addr;
  say(`listening on ${hostAndPort(hostname, port)}, ${urlOf(hostname, port)}`);

  const signal = await stopSignal;
  say(`${signal} received, finishing the answers in flight; a second signal exits at once`);
  const { cut } = await server.shutdown();
  await log.finish();
  if (cut > 0) say(`cut off ${plural(cut, "connection")} that did not finish in time`);
  return cut > 0 ? 1 : 0;
}

/** Runs the command with these arguments and resolves to its exit code. */
export async function main(args: string[]): Promise<number> {
  try {
    const { values, strays } = parseFlags(args);
    if (values.help === true) console.log(helpText().trimEnd());
    else if (values.version === true) console.log(`firstline ${manifest.version}`);
    else return await run(settingsFrom(values, strays));
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof StartError)) throw error;
    say(error.message);
    return error instanceof UsageError ? 2 : 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
