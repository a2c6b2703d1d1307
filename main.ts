/**
 * The `firstline` command: parse the arguments, validate them, serve, wait for a signal, stop.
 *
 * @module
 */

import manifest from "./deno.json" with { type: "json" };
import { parseFlags } from "./command/arguments.ts";
import { sleep } from "./command/delay.ts";
import { helpText } from "./command/flags.ts";
import { probe } from "./command/health.ts";
import { commonLogLine, jsonLogLine, openLog, wiretap } from "./command/log.ts";
import {
  flushMessages,
  hostAndPort,
  messageOf,
  plural,
  say,
  StartError,
  urlOf,
  UsageError,
} from "./command/messages.ts";
import type { Output } from "./command/output.ts";
import { openerFrom } from "./command/replies.ts";
import { type Settings, settingsFrom } from "./command/settings.ts";
import { type Open, runtimeMessage, start } from "./command/start.ts";
import { pathOf } from "./command/target.ts";
import type { Exchange, ServeOptions, Server } from "./server.ts";

/** Under `deno task`, one Ctrl-C arrives twice: from the terminal and from the task runner. */
const SAME_SIGNAL_MS = 50;

/**
 * Runs the command, writes its messages to stderr, and resolves to its exit code.
 *
 * @param args The arguments without the name of the program.
 */
export async function main(args: string[]): Promise<number> {
  const end = new AbortController();
  try {
    const values = parseFlags(args);
    if (values.help === true) return print(helpText());
    if (values.version === true) return print(`firstline ${manifest.version}`);
    const settings = settingsFrom(values);
    if (settings.probe) return await probe(settings);
    const embeddedRoot = Deno.build.standalone ? import.meta.dirname : undefined;
    return await run(settings, await openerFrom(settings, embeddedRoot, end.signal));
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof StartError)) throw error;
    say(error.message);
    return error instanceof UsageError ? 2 : 1;
  } finally {
    end.abort();
    await flushMessages();
  }
}

/** Writes the text of `--help` or `--version`, and returns the exit code. */
function print(text: string): number {
  try {
    console.log(text.trimEnd());
    return 0;
  } catch (error) {
    throw new StartError(`Cannot write to stdout: ${messageOf(error)}`);
  }
}

/** Serves until a signal arrives, then stops. Resolves to the exit code. */
async function run(settings: Settings, open: Open): Promise<number> {
  const stopSignal = firstSignal();
  const log = openLog();
  const options = { ...settings.options, ...hooksFrom(settings, log) };

  const server = await start(options, settings.portGiven, open);
  const { hostname, port } = server.addr;
  say(`listening on ${hostAndPort(hostname, port)}, ${urlOf(hostname, port)}`);

  const aborted = await stop(server, await stopSignal);
  await log.finish();
  if (aborted > 0) say(`cut off ${plural(aborted, "connection")} that did not finish in time`);
  return aborted > 0 ? 1 : 0;
}

/** Shuts the server down, and resolves to the number of connections that did not finish. */
async function stop(server: Server, signal: StopSignal): Promise<number> {
  const shutdown = server.shutdown();
  await sleep(SAME_SIGNAL_MS); // until then, a second signal is ignored
  say(`${signal} received, finishing the replies in flight; a second signal exits at once`);
  return (await shutdown).aborted;
}

/** What the server calls: the access log, the view of the wire, and error messages. */
function hooksFrom({ log, wire, health }: Settings, output: Output): ServeOptions {
  const show = (text: string) => output.write(text);
  const inColor = Deno.stdout.isTerminal() && !Deno.noColor;
  const lineOf = { common: commonLogLine, json: jsonLogLine, none: undefined }[log];
  const isHealthCheck = ({ status, requestLine }: Exchange) =>
    status === 200 && pathOf(requestLine.split(" ")[1]) === health;
  return {
    onExchange: lineOf && ((exchange) => isHealthCheck(exchange) || show(lineOf(exchange))),
    wrap: wire ? (socket) => wiretap(socket, show, inColor) : undefined,
    onError: (error) => say(runtimeMessage(error)),
  };
}

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

if (import.meta.main) Deno.exit(await main(Deno.args));
