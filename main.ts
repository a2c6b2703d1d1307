/**
 * The `firstline` command: parse the arguments and validate them; then probe, or check, or serve,
 * wait for a signal and stop. What few starts need is imported where it is used.
 *
 * @module
 */

import { parseFlags } from "./command/arguments.ts";
import { helpText } from "./command/flags.ts";
import { hooksFrom, openLog } from "./command/log.ts";
import { exitCodeOf, flushMessages, print, sayAddress } from "./command/output.ts";
import { openerFrom } from "./command/opener.ts";
import { type Settings, settingsFrom } from "./command/settings.ts";
import {
  otherUrls,
  sayStoppedEarly,
  start,
  stop,
  type StopReason,
  StopRequest,
} from "./command/start.ts";

/**
 * Runs the command, writes its messages to stderr, and resolves to its exit code.
 *
 * @param args The arguments without the name of the program.
 */
export async function main(args: string[]): Promise<number> {
  const stopRequest = new StopRequest(); // before anything is read, or process 1 loses a signal
  const end = new AbortController(); // of watching files
  try {
    const values = parseFlags(args);
    if (values.help === true) return print(helpText());
    if (values.version === true) return print(`firstline ${await version()}`);
    const settings = settingsFrom(values);
    if (settings.probe) {
      const { probe } = await import("./command/probe.ts");
      return await stopRequest.orExitCode(probe(settings));
    }
    if (settings.check) {
      const { checkClient } = await import("./command/check.ts");
      return await checkClient(settings.check, stopRequest.received);
    }
    if (settings.stopOnEof) stopRequest.atEndOf(Deno.stdin.readable);
    return await run(settings, stopRequest.received, end.signal);
  } catch (error) {
    return exitCodeOf(error);
  } finally {
    end.abort();
    await flushMessages();
  }
}

/** The version that `deno.json` names. */
async function version(): Promise<string> {
  const { default: manifest } = await import("./deno.json", { with: { type: "json" } });
  return manifest.version;
}

/** Serves until the stop is requested, then stops. Resolves to the exit code. */
async function run(
  settings: Settings,
  stopRequested: Promise<StopReason>,
  end: AbortSignal,
): Promise<number> {
  const log = openLog();
  const options = { ...settings.options, ...hooksFrom(settings, log) };
  const embeddedRoot = Deno.build.standalone ? import.meta.dirname : undefined;

  const starting = openerFrom(settings, embeddedRoot, end)
    .then(async ({ open, path }) => ({
      server: await start(options, settings.portGiven, open),
      path,
    }));
  const started = await Promise.race([starting, stopRequested]);
  if (!("server" in started)) return sayStoppedEarly(started); // before it had started
  const { server, path } = started;
  sayAddress(
    server.addr,
    path,
    settings.content.kind === "file" ? otherUrls(server.addr, path) : [],
  );

  const exitCode = await stop(server, await stopRequested);
  await log.finish();
  return exitCode;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
