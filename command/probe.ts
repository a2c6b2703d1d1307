/**
 * Asking a server whether it is well, as a health check does.
 *
 * @module
 */

import { escapeControls } from "../server.ts";
import { hostAndPort, reachable } from "./address.ts";
import { messageOf, say } from "./messages.ts";
import { sleep } from "./sleep.ts";
import { mayUse, missing, StartError } from "./permissions.ts";
import type { Settings } from "./settings.ts";
import { UsageError } from "./values.ts";

/** Under the shortest time that container runtimes grant a health check by default. */
const PROBE_TIMEOUT_MS = 3_000;
/** No status line is that long; whoever sends more is no HTTP server. */
const MAX_ANSWER_CHARACTERS = 65_536;

/** Asks the server that these settings would start, once, and returns the exit code. */
export async function probe({ options }: Settings, delayMs: number): Promise<number> {
  const { hostname, port } = options;
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
    if (count === null || text.length > MAX_ANSWER_CHARACTERS) return "no HTTP response";
    text += decoder.decode(buffer.subarray(0, count));
  }
}
