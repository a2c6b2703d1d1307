/**
 * The `firstline` command: flags in, a server up, messages and logs out, an
 * exit code at the end. It reads in that order: parse, validate, serve, wait, stop.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { getAvailablePort } from "@std/net/get-available-port";
import manifest from "./deno.json" with { type: "json" };
import { ALL_FLAGS, DEFAULTS, type Flag, helpText } from "./command/flags.ts";
import { hostAndPort } from "./command/address.ts";
import { commonLogLine, jsonLogLine, openLog } from "./command/log.ts";
import { messageOf, plural, said, say } from "./command/messages.ts";
import type { Output } from "./command/output.ts";
import { page } from "./command/page.ts";
import { sleep } from "./command/sleep.ts";
import { watched } from "./command/wire.ts";
import {
  checkField,
  escapeControls,
  type Reply,
  type Responder,
  serve,
  type ServeOptions,
  type Server,
} from "./server.ts";

/** Under the shortest time that container runtimes grant a health check by default. */
const PROBE_TIMEOUT_MS = 3_000;
/** One Ctrl-C reaches us twice under `deno task`: from the terminal and from the task. */
const SAME_SIGNAL_MS = 50;

// ---------------------------------------------------------------- parse

/** A mistake in the arguments: exit code 2. */
class UsageError extends Error {}

/** A start that failed: exit code 1. */
class StartError extends Error {}

type Values = Readonly<Record<string, unknown>>;

/** Splits the arguments; `help` and `version` are there even if others are wrong. */
function parseFlags(args: string[]): { values: Values; strays: string[] } {
  const strays: string[] = [];
  const names = (choose: (flag: Flag) => unknown) =>
    ALL_FLAGS.filter(choose).map(({ name }) => name);
  const values: Values = parseArgs(args, {
    string: names((flag) => flag.value),
    boolean: names((flag) => !flag.value),
    collect: names((flag) => flag.repeats),
    alias: Object.fromEntries(ALL_FLAGS.filter((flag) => flag.short).map((f) => [f.short, f.name])),
    unknown: (arg: string) => {
      strays.push(arg);
      return false;
    },
  });
  return { values, strays: [...strays, ...(values._ as unknown[]).map(String)] };
}

// ---------------------------------------------------------------- validate

/** Everything the flags decide, checked. */
interface Settings {
  options: ServeOptions;
  responder: Responder | Reply;
  portGiven: boolean;
  log: "common" | "json" | "none";
  wire: boolean;
  delayMs: number;
}

function settingsFrom(values: Values, strays: string[]): Settings {
  checkShape(values, strays);
  const port = integerOf(values, "port", 0, 65535) ?? portFromEnvironment();
  const wire = values.wire === true;
  const log = stringOf(values, "log");
  if (log !== undefined && log !== "common" && log !== "json") {
    throw new UsageError(`Cannot use --log ${quote(log)}: expected common or json`);
  }
  const reusePort = values["reuse-port"] === true;
  if (reusePort && Deno.build.os !== "linux") {
    throw new UsageError(`Cannot use --reuse-port on ${Deno.build.os}: expected Linux`);
  }
  const delayMs = millisecondsOf(values, "delay") ?? 0;
  return {
    options: {
      hostname: stringOf(values, "host") ?? DEFAULTS.host,
      port: port ?? DEFAULTS.port,
      reusePort,
      requestTimeoutMs: millisecondsOf(values, "request-timeout"),
      idleTimeoutMs: millisecondsOf(values, "idle-timeout"),
      maxConnections: integerOf(values, "max-connections", 1, 1_000_000),
    },
    responder: responderFrom(values, delayMs),
    portGiven: port !== undefined,
    log: values.quiet === true ? "none" : log ?? (wire ? "none" : DEFAULTS.log),
    wire,
    delayMs,
  };
}

/** Refuses what no flag takes, flags without their value, and flags that exclude each other. */
function checkShape(values: Values, strays: string[]): void {
  for (const { name, value } of ALL_FLAGS) {
    if ([values[name]].flat().includes("")) {
      throw new UsageError(
        `Cannot use --${name} without a value: expected ${value}, as in --${name}=VALUE`,
      );
    }
  }
  if (strays.length > 0) {
    throw new UsageError(
      `Cannot use ${quote(strays[0])}: expected only the flags that --help lists`,
    );
  }
  const given = (name: string) => [values[name]].flat().some((value) => value !== undefined);
  for (const [name, ...others] of EXCLUSIONS) {
    const other = given(name) ? others.find(given) : undefined;
    if (other) {
      throw new UsageError(`Cannot use --${name} with --${other}: expected one of the two`);
    }
  }
}

/** The first flag of each row goes with none of the others. */
const EXCLUSIONS = [
  ["raw", "text", "file", "link", "status", "header"],
  ["text", "file", "link"],
  ["file", "link"],
];

function stringOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

function integerOf(values: Values, name: string, min: number, max: number): number | undefined {
  const value = stringOf(values, name);
  return value === undefined ? undefined : integer(`--${name}`, value, min, max);
}

function integer(name: string, value: string, min: number, max: number): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(
    `Cannot use ${name} ${quote(value)}: expected an integer from ${min} to ${max}`,
  );
}

/** `$PORT`, if that may be read without asking; empty means unset. */
function portFromEnvironment(): number | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: "PORT" });
  const value = state === "granted" ? Deno.env.get("PORT") : undefined;
  return value ? integer("$PORT", value, 0, 65535) : undefined;
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

function quote(text: string): string {
  return `"${escapeControls(text)}"`;
}

// ---------------------------------------------------------------- replies

/** What the server answers: the raw file, or the text, file or page in the shape asked for. */
function responderFrom(values: Values, delayMs: number): Responder | Reply {
  const raw = stringOf(values, "raw");
  if (raw !== undefined) return sendRaw(readFile("raw", raw), delayMs);
  const status = integerOf(values, "status", 200, 599) ?? DEFAULTS.status;
  const fields = ([values.header].flat() as Array<string | undefined>)
    .filter((field) => field !== undefined).map(headerField);

  const text = stringOf(values, "text");
  const file = stringOf(values, "file");
  const isBare = status === 204 || status === 205 || status === 304;
  if (text === undefined && file === undefined && !isBare) {
    return delayed(shapedPage(linkFrom(values), status, fields), delayMs);
  }
  const plain = file === undefined ? { body: text } : fileReply(file);
  const reply = { ...plain, status, headers: merge(isBare ? [] : plain.headers, fields) };
  return delayMs > 0 ? delayed(() => reply, delayMs) : reply;
}

function linkFrom(values: Values): string | undefined {
  const link = stringOf(values, "link");
  const isUrl = link && /^(https?|mailto):/i.test(link) && URL.canParse(link);
  if (link === undefined || link.startsWith("/") || isUrl) return link;
  throw new UsageError(
    `Cannot use --link ${quote(link)}: expected an http, https or mailto URL, or a path`,
  );
}

function headerField(text: string): readonly [string, string] {
  const [, name, value] = /^([^:]*):(.*)$/s.exec(text) ?? [];
  if (name === undefined) {
    throw new UsageError(`Cannot use --header ${quote(text)}: expected "Name: value"`);
  }
  try {
    checkField(name, value.trim());
  } catch (error) {
    throw new UsageError(`Cannot use --header ${quote(text)}: ${messageOf(error).split(": ")[1]}`);
  }
  return [name, value.trim()];
}

type Fields = NonNullable<Reply["headers"]>;

/** The fields given replace those of the same name; frozen, so that they are checked once. */
function merge(fields: Fields = [], given: Fields): Fields {
  const names = new Set(given.map(([name]) => name.toLowerCase()));
  return Object.freeze([...fields.filter(([name]) => !names.has(name.toLowerCase())), ...given]);
}

/** The page in the shape asked for; its own fields never change, so they are merged once. */
function shapedPage(link: string | undefined, status: number, fields: Fields): Responder {
  const greet = page(link);
  let headers: Fields | undefined;
  return (request, client) => {
    const reply = greet(request, client);
    headers ??= merge(reply.headers, fields);
    return { ...reply, status, headers };
  };
}

function delayed(responder: Responder, delayMs: number): Responder {
  if (delayMs === 0) return responder;
  return async (request, client) => {
    await sleep(delayMs);
    return responder(request, client);
  };
}

/** With a delay, the head leaves at once and the rest stalls. */
function sendRaw(octets: Uint8Array, delayMs: number): Responder {
  const head = /^[^]*?\r?\n\r?\n/.exec(new TextDecoder("latin1").decode(octets))?.[0].length;
  const cut = delayMs > 0 ? head ?? octets.length : octets.length;
  return () => ({
    raw: (async function* () {
      yield octets.subarray(0, cut);
      if (delayMs === 0) return;
      await sleep(delayMs);
      yield octets.subarray(cut);
    })(),
  });
}

/** Types of what is served as a single answer, by extension. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  avif: "image/avif",
  css: "text/css; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  gif: "image/gif",
  gz: "application/gzip",
  htm: "text/html; charset=utf-8",
  html: "text/html; charset=utf-8",
  ico: "image/x-icon",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  md: "text/markdown; charset=utf-8",
  mjs: "text/javascript; charset=utf-8",
  mp3: "audio/mpeg",
  mp4: "video/mp4",
  pdf: "application/pdf",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  wasm: "application/wasm",
  webp: "image/webp",
  woff2: "font/woff2",
  xml: "application/xml",
  yaml: "application/yaml",
  yml: "application/yaml",
  zip: "application/zip",
};

function fileReply(path: string): Reply {
  const extension = /\.([^./\\]+)$/.exec(path)?.[1].toLowerCase() ?? "";
  const type = CONTENT_TYPES[extension] ?? "application/octet-stream";
  return { headers: [["Content-Type", type]], body: readFile("file", path) };
}

/** Asks for no permission: it says which flag grants it. */
function readFile(flag: string, path: string): Uint8Array<ArrayBuffer> {
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") {
    throw new StartError(
      `Cannot use --${flag} ${quote(path)}: permission missing, add --allow-read=${path}`,
    );
  }
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    throw new UsageError(
      `Cannot use --${flag} ${quote(path)}: expected a readable file (${messageOf(error)})`,
    );
  }
}

// ---------------------------------------------------------------- serve

/** Starts the server, or says in one sentence why it cannot. */
function start({ options, responder, portGiven }: Settings): Server {
  const { hostname = DEFAULTS.host, port = DEFAULTS.port } = options;
  if (!mayUse(hostname, port)) throw new StartError(`Cannot listen on ${missing(hostname, port)}`);
  try {
    return serve(options, responder);
  } catch (error) {
    const canMove = error instanceof Deno.errors.AddrInUse && !portGiven && mayUse(hostname, 0);
    if (!canMove) throw explain(error, hostname, port);
    const server = serve({ ...options, port: 0 }, responder);
    say(`PORT ${port} IS TAKEN: using ${server.addr.port} instead (--port chooses another)`);
    return server;
  }
}

/** Asks without prompting: a service must never hang on a question. */
function mayUse(hostname: string, port: number): boolean {
  const host = hostAndPort(hostname, port);
  return Deno.permissions.querySync({ name: "net", host }).state === "granted";
}

function missing(hostname: string, port: number): string {
  const address = hostAndPort(hostname, port);
  return `${address}: permission missing, add --allow-net or --allow-net=${address}`;
}

function explain(error: unknown, hostname: string, port: number): Error {
  const address = hostAndPort(hostname, port);
  if (error instanceof URIError) {
    return new UsageError(`Cannot use --host ${quote(hostname)}: expected an address or a name`);
  }
  return new StartError(`Cannot listen on ${address}: ${reasonOf(error)}`);
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

/** An address that means "all" is reached under the one that means "here". */
function reachable(hostname: string, any: string): string {
  return hostname === "0.0.0.0" || hostname === "::" ? any : hostname;
}

/** Where a person would click. */
export function urlOf(hostname: string, port: number): string {
  return `http://${hostAndPort(reachable(hostname, "localhost"), port)}/`;
}

/** Asks the server that these settings would start, once, and returns the exit code. */
async function probe({ options, delayMs }: Settings): Promise<number> {
  const { hostname = DEFAULTS.host, port = DEFAULTS.port } = options;
  if (port === 0) throw new UsageError("Cannot use --probe with --port 0: expected a port to ask");
  const host = reachable(hostname, hostname === "::" ? "::1" : "127.0.0.1");
  const address = hostAndPort(host, port);
  if (!mayUse(host, port)) throw new StartError(`Cannot ask ${missing(host, port)}`);
  const outOfTime = sleep(delayMs + PROBE_TIMEOUT_MS).then(() => "no answer in time");
  const answer = await Promise.race([askOnce(host, port), outOfTime]).catch(messageOf);
  const isGood = /^HTTP\/1\.\d [23]\d\d /.test(answer);
  say(`${address} ${isGood ? "is well" : "is not well"}: ${escapeControls(answer)}`);
  return isGood ? 0 : 1;
}

/** The status line of the final response; interim ones (1xx) are passed over. */
async function askOnce(hostname: string, port: number): Promise<string> {
  using socket = await Deno.connect({ hostname, port });
  const host = hostAndPort(hostname, port);
  const request = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  await socket.write(new TextEncoder().encode(request));
  const decoder = new TextDecoder("latin1");
  const buffer = new Uint8Array(4096);
  for (let text = "";;) {
    const interim = /^HTTP\/1\.\d 1\d\d [^]*?\r\n\r\n/.exec(text)?.[0] ?? "";
    text = text.slice(interim.length);
    const line = /^[^\r\n]*(?=\r?\n)/.exec(text)?.[0];
    if (line !== undefined && !/^HTTP\/1\.\d 1/.test(line)) return line;
    const count = await socket.read(buffer);
    if (count === null || text.length > 65536) return "no HTTP response";
    text += decoder.decode(buffer.subarray(0, count));
  }
}

// ---------------------------------------------------------------- wait and stop

type StopSignal = "SIGINT" | "SIGTERM";

/** Resolves at the first signal; the second ends the process at once. */
function firstSignal(): Promise<StopSignal> {
  const { promise, resolve } = Promise.withResolvers<StopSignal>();
  let first = Infinity;
  const on = (signal: StopSignal, exitCode: number) =>
    Deno.addSignalListener(signal, () => {
      const now = performance.now();
      if (now - first >= SAME_SIGNAL_MS) Deno.exit(exitCode);
      first = Math.min(first, now);
      resolve(signal);
    });
  on("SIGINT", 130);
  if (Deno.build.os !== "windows") on("SIGTERM", 143);
  return promise;
}

async function run(settings: Settings): Promise<number> {
  const stopSignal = firstSignal();
  const log = openLog();
  listen(settings, log);

  const server = start(settings);
  const { hostname, port } = server.addr;
  say(`listening on ${hostAndPort(hostname, port)}, ${urlOf(hostname, port)}`);

  const signal = await stopSignal;
  const ending = server.shutdown();
  await sleep(SAME_SIGNAL_MS);
  say(`${signal} received, finishing the answers in flight; a second signal exits at once`);
  const { cut } = await ending;
  await log.finish();
  if (cut > 0) say(`cut off ${plural(cut, "connection")} that did not finish in time`);
  return cut > 0 ? 1 : 0;
}

/** Connects what the server tells with the log that the flags ask for. */
function listen({ options, log, wire }: Settings, writer: Output): void {
  const inColour = Deno.stdout.isTerminal() && !Deno.noColor;
  if (log === "common") options.onExchange = (exchange) => writer.write(commonLogLine(exchange));
  if (log === "json") options.onExchange = (exchange) => writer.write(jsonLogLine(exchange));
  const show = (text: string) => writer.write(text);
  if (wire) options.wrap = (socket) => watched(socket, show, inColour);
  options.onError = (error) => say(messageOf(error));
}

/** Runs the command with these arguments and resolves to its exit code. */
export async function main(args: string[]): Promise<number> {
  try {
    const { values, strays } = parseFlags(args);
    if (values.help === true) print(helpText());
    else if (values.version === true) print(`firstline ${manifest.version}\n`);
    else {
      const settings = settingsFrom(values, strays);
      return await (values.probe === true ? probe(settings) : run(settings));
    }
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof StartError)) throw error;
    say(error.message);
    return error instanceof UsageError ? 2 : 1;
  } finally {
    await said();
  }
}

/** What was asked for is not a message: whoever asked waits for it, and is told where it is lost. */
function print(text: string): void {
  try {
    console.log(text.trimEnd());
  } catch (error) {
    throw new StartError(`Cannot write to stdout: ${messageOf(error)}`);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
