/**
 * What the command writes: messages to the operator on stderr, the access log on stdout.
 *
 * @module
 */

import { escapeControls, type Exchange } from "../server.ts";
import { Output } from "./output.ts";

const messages = new Output(Deno.stderr, {
  onLoss: (lines, reason) =>
    say(`dropped ${plural(lines, "message")} so far: ${messageOf(reason)}`),
});

/** Writes a message to the operator; messages arrive in their order. */
export function say(message: string): void {
  messages.write(`firstline: ${message}\n`);
}

/** Resolves when all messages have arrived, or nobody reads them: then the process may exit. */
export function flushMessages(): Promise<void> {
  return messages.finish();
}

/** A message and, after a colon, what caused it. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`;
}

/** A count and its noun: `1 line`, `2 lines`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Lines are written together this often, so that a busy log costs little. */
const LOG_GATHER_MS = 10;

/** What the log, and the wire, are written to. */
export function openLog(): Output {
  return new Output(Deno.stdout, {
    gatherMs: LOG_GATHER_MS,
    onLoss: (lines, reason) =>
      say(`dropped ${plural(lines, "line")} of the log so far: ${messageOf(reason)}`),
  });
}

/** One line of the Common Log Format, in UTC. */
export function commonLogLine({ client, time, requestLine, status, bytes }: Exchange): string {
  const line = escapeControls(requestLine);
  return `${client.hostname} - - [${stampOf(time)}] "${line}" ${status || "-"} ${bytes}\n`;
}

let lastStamp = { second: NaN, text: "" };

/** A busy log writes the same second many times: formatting it once saves half the work. */
function stampOf(time: number): string {
  const second = Math.floor(time / 1000);
  if (second !== lastStamp.second) {
    const [, day, month, year, clock] = new Date(time).toUTCString().split(" ");
    lastStamp = { second, text: `${day}/${month}/${year}:${clock} +0000` };
  }
  return lastStamp.text;
}

/** One JSON object on a line; the request line is escaped as in the common format. */
export function jsonLogLine(exchange: Exchange): string {
  return JSON.stringify({
    time: new Date(exchange.time).toISOString(),
    client: exchange.client.hostname,
    port: exchange.client.port,
    requestLine: escapeControls(exchange.requestLine),
    status: exchange.status || null,
    bytes: exchange.bytes,
    milliseconds: Math.round(exchange.milliseconds * 1000) / 1000,
  }) + "\n";
}
