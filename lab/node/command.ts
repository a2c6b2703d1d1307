/**
 * The lab without Deno: what the package `@firstline/lab` exports, and its command `firstline-lab`.
 *
 * @module
 */

import process from "node:process";
import type { Exchange } from "../../server.ts";
import { commonLogLine, jsonLogLine } from "../../replies/access_log.ts";
import { hostAndPort, messageOf, StartError, urlOf, UsageError } from "../../replies/text.ts";
import { startLab } from "../start.ts";
import { checkClient } from "./check.ts";
import { HELP, type LabSettings, requestFrom } from "./flags.ts";
import { print, say } from "./output.ts";

export * from "../start.ts";

/**
 * Runs the command, and resolves to its exit code: 0, 1 if it cannot start or the check has findings,
 * 2 for a mistake in the arguments, or that of a signal during the check.
 *
 * @param args The arguments without the name of the program.
 * @param version What `--version` prints.
 */
export async function main(args: readonly string[], version: string): Promise<number> {
  try {
    checkNodeVersion(process.versions.node);
    const request = requestFrom(args);
    if (request === "help") return print(HELP);
    if (request === "version") return print(`firstline-lab ${version}`);
    return await ("check" in request ? checkClient(request.check) : serveLab(request.lab));
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof StartError)) throw error;
    say(error.message);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** The oldest Node.js that has what the server uses, such as `Promise.withResolvers()`. */
const OLDEST_NODE = 22;

/**
 * Checks that this version of Node.js can run the lab.
 *
 * @throws {StartError} If it is older than 22.
 */
export function checkNodeVersion(version: string): void {
  if (parseInt(version) >= OLDEST_NODE) return;
  throw new StartError(`Cannot run in Node.js ${version}: expected ${OLDEST_NODE} or later`);
}

const LOG_LINES = { common: commonLogLine, json: jsonLogLine };

/** Serves until a signal arrives or, with `--stop-on-eof`, until standard input ends. */
async function serveLab({ host, port, log, stopsOnEof }: LabSettings): Promise<number> {
  const stopped = firstReason(stopsOnEof);
  const onExchange = log && ((exchange: Exchange) => print(LOG_LINES[log](exchange)));
  const lab = await startLab({ host, port, onExchange }).catch((error) => {
    const reason = error.name === "AddrInUse" ? "the port is taken" : messageOf(error);
    throw new StartError(`Cannot listen on ${hostAndPort(host ?? "127.0.0.1", port)}: ${reason}`);
  });
  if (host === undefined) say("the lab answers this machine alone; --host lets others in");
  const { hostname, port: chosen } = new URL(lab.url);
  say(`listening on ${hostAndPort(hostname, Number(chosen))}, ${urlOf(hostname, Number(chosen))}`);
  say(`${await stopped}, stopping`);
  await lab.close();
  return 0;
}

/** Why it stops. Further signals are ignored: under npx, one Ctrl-C arrives twice. */
function firstReason(stopsOnEof: boolean): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"]) {
      process.on(signal, () => resolve(`${signal} received`));
    }
    if (stopsOnEof) process.stdin.on("end", () => resolve("standard input has ended")).resume();
  });
}
