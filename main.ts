/**
 * The `firstline` command: flags in, a server up, messages and logs out, an
 * exit code at the end. It reads in that order: parse, validate, serve, wait, stop.
 *
 * @module
 */

import manifest from "./deno.json" with { type: "json" };
import { helpText } from "./command/flags.ts";
import { hostAndPort, urlOf } from "./command/address.ts";
import { parseFlags } from "./command/arguments.ts";
import { sleep } from "./command/delay.ts";
import { probe } from "./command/health.ts";
import {
  commonLogLine,
  flushMessages,
  jsonLogLine,
  messageOf,
  openLog,
  plural,
  say,
} from "./command/log.ts";
import type { Output } from "./command/output.ts";
import { openerFrom } from "./command/replies.ts";
import { type Settings, settingsFrom } from "./command/settings.ts";
import { type Open, runtimeMessage, start, StartError } from "./command/start.ts";
import { pathOf } from "./command/target.ts";
import { UsageError } from "./command/values.ts";
import { watched } from "./command/wire.ts";
import type { Exchange, ServeOptions } from "./server.ts";

/** One Ctrl-C reaches us twice under `deno task`: from the terminal and from the task. */
const SAME_SIGNAL_MS = 50;

/** Runs the command with these arguments and resolves to its exit code. */
export async function main(args: string[]): Promise<number> {
  const end = new AbortController();
  try {
    const values = parseFlags(args);
    if (values.help === true) print(helpText());
    else if (values.version === true) print(`firstline ${manifest.version}\n`);
    else {
      const settings = settingsFrom(values);
      if (values.probe === true) return await probe(settings);
      const embeddedRoot = Deno.build.standalone ? import.meta.dirname : undefined;
      return await run(settings, openerFrom(settings, embeddedRoot, end.signal));
    }
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof StartError)) throw error;
    say(error.message);
    return error instanceof UsageError ? 2 : 1;
  } finally {
    end.abort();
    await flushMessages();
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

/** Serves until a signal says to stop. */
async function run(settings: Settings, open: Open): Promise<number> {
  const stopSignal = firstSignal();
  const log = openLog();
  const options = { ...settings.options, ...listeners(settings, log) };

  const server = await start(options, settings.portGiven, open);
  const { hostname, port } = server.addr;
  say(`listening on ${hostAndPort(hostname, port)}, ${urlOf(hostname, port)}`);

  const signal = await stopSignal;
  const ending = server.shutdown();
  await sleep(SAME_SIGNAL_MS);
  say(`${signal} received, finishing the replies in flight; a second signal exits at once`);
  const { aborted } = await ending;
  await log.finish();
  if (aborted > 0) say(`cut off ${plural(aborted, "connection")} that did not finish in time`);
  return aborted > 0 ? 1 : 0;
}

/** Connects what the server tells with the log that the flags ask for. */
function listeners({ log, wire, health }: Settings, writer: Output): ServeOptions {
  const inColour = Deno.stdout.isTerminal() && !Deno.noColor;
  const show = (text: string) => writer.write(text);
  const lineOf = { common: commonLogLine, json: jsonLogLine, none: undefined }[log];
  const isHealthCheck = ({ status, requestLine }: Exchange) =>
    status === 200 && pathOf(requestLine.split(" ")[1]) === health;
  return {
    onExchange: lineOf && ((exchange) => isHealthCheck(exchange) || show(lineOf(exchange))),
    wrap: wire ? (socket) => watched(socket, show, inColour) : undefined,
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
