/**
 * The access log: one line for each exchange, on stdout.
 *
 * @module
 */

import { escapeControls, type Exchange } from "../server.ts";
import { messageOf, plural, say } from "./messages.ts";
import { Output } from "./output.ts";

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
