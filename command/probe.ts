/**
 * Asking a server whether it is well, as a health check does.
 *
 * @module
 */

import { escapeControls } from "../server.ts";
import { hostAndPort, reachable } from "./address.ts";
import { WELL } from "./health.ts";
import { messageOf, say } from "./messages.ts";
import { lackingAddress, mayUse, StartError } from "./permissions.ts";
import type { Settings } from "./settings.ts";
import { sleep } from "./sleep.ts";
import { UsageError } from "./values.ts";

/** Under the shortest time that container runtimes grant a health check by default. */
const PROBE_TIMEOUT_MS = 3_000;
/** No head is that long; whoever sends more is no HTTP server. */
const MAX_ANSWER_CHARACTERS = 65_536;

/** Whether a server is well, and what shows it. */
interface Verdict {
  readonly isWell: boolean;
  readonly words: string;
}

/** Asks the server that these settings would start, once, and returns the exit code. */
export async function probe({ options, delay, health }: Settings): Promise<number> {
  const { hostname, port } = options;
  if (port === 0) throw new UsageError("Cannot use --probe with --port 0: expected a port to ask");
  const host = reachable(hostname, hostname === "::" ? "::1" : "127.0.0.1");
  if (!mayUse(host, port)) throw new StartError(`Cannot ask ${lackingAddress(host, port)}`);
  const unwell = (words: string): Verdict => ({ isWell: false, words });
  const patienceMs = PROBE_TIMEOUT_MS + (health === undefined && delay ? delay.maxMs : 0);
  const outOfTime = sleep(patienceMs).then(() => unwell("no answer in time"));
  const asking = ask(host, port, health).catch((error) => unwell(messageOf(error)));
  const { isWell, words } = await Promise.race([asking, outOfTime]);
  const state = isWell ? "is well" : "is not well";
  say(`${hostAndPort(host, port)}${health ?? ""} ${state}: ${escapeControls(words)}`);
  return isWell ? 0 : 1;
}

/** Reads until there is a verdict; interim responses (1xx) are passed over. */
async function ask(hostname: string, port: number, health: string | undefined): Promise<Verdict> {
  using socket = await Deno.connect({ hostname, port });
  const host = hostAndPort(hostname, port);
  const request = `GET ${health ?? "/"} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  await socket.write(new TextEncoder().encode(request));
  const decoder = new TextDecoder("latin1");
  const buffer = new Uint8Array(4096);
  for (let text = "";;) {
    const count = await socket.read(buffer);
    text += decoder.decode(buffer.subarray(0, count ?? 0));
    text = text.replace(/^(HTTP\/1\.\d 1\d\d [^]*?\r\n\r\n)+/, "");
    const isAll = count === null || text.length > MAX_ANSWER_CHARACTERS;
    const verdict = judge(text, isAll, health);
    if (verdict) return verdict;
  }
}

/** The status decides; where there is a health path, so does the content, which strangers lack. */
function judge(text: string, isAll: boolean, health: string | undefined): Verdict | undefined {
  const line = /^HTTP\/1\.\d [2-9]\d\d[^\r\n]*(?=\r?\n)/.exec(text)?.[0];
  if (line === undefined) return isAll ? { isWell: false, words: "no HTTP response" } : undefined;
  if (health === undefined) return { isWell: /^\S+ [23]/.test(line), words: line };
  if (!/^\S+ 200 /.test(line)) return { isWell: false, words: line };
  if (text.endsWith(`\r\n\r\n${WELL.body}`)) return { isWell: true, words: line };
  return isAll ? { isWell: false, words: `${line}, but not the answer of --health` } : undefined;
}
