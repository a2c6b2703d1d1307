/**
 * The lines of the access log.
 *
 * @module
 */

import { escapeControls, type Exchange } from "../server.ts";

/** One line of the Common Log Format, in UTC; a raw reply has `-` for its status. */
export function commonLogLine({ client, time, requestLine, status, bytes }: Exchange): string {
  const line = escapeControls(requestLine);
  return `${client.hostname} - - [${formatTime(time)}] "${line}" ${status || "-"} ${bytes}`;
}

let lastFormatted = { second: NaN, text: "" };

/** A busy log writes the same second many times: formatting it once saves half the work. */
function formatTime(time: number): string {
  const second = Math.floor(time / 1000);
  if (second !== lastFormatted.second) {
    const [, day, month, year, clock] = new Date(time).toUTCString().split(" ");
    lastFormatted = { second, text: `${day}/${month}/${year}:${clock} +0000` };
  }
  return lastFormatted.text;
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
  });
}
