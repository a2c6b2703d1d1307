/**
 * Asks a server for its health, for `--probe`.
 *
 * @module
 */

import { sleep } from "../replies/delay.ts";
import { HEALTHY } from "../replies/health.ts";
import { connectableHost, hostAndPort, messageOf, StartError } from "../replies/text.ts";
import { say } from "./output.ts";
import type { Settings } from "./settings.ts";
import { mayUse, missingPermission } from "./start.ts";

/** Below the shortest time that container runtimes grant a health check by default. */
const PROBE_TIMEOUT_MS = 3_000;
/** A server that sends more before its final status line and the content `ok` is another one. */
const MAX_ANSWER_CHARACTERS = 65_536;

/** Whether a server is healthy, and the status line or error that shows it. */
interface Verdict {
  readonly isHealthy: boolean;
  readonly evidence: string;
}

const unhealthy = (evidence: string): Verdict => ({ isHealthy: false, evidence });

/**
 * Asks the server that these settings would start, once.
 *
 * @returns The exit code: 0 if the server is healthy, otherwise 1.
 * @throws {StartError} If Deno does not permit to connect.
 */
export async function probe({ options, delay, health }: Settings): Promise<number> {
  const { hostname, port } = options;
  const host = connectableHost(hostname, hostname === "::" ? "::1" : "127.0.0.1");
  if (!mayUse(host, port)) throw new StartError(`Cannot ask ${missingPermission(host, port)}`);
  const patienceMs = PROBE_TIMEOUT_MS + (health === undefined && delay ? delay.maxMs : 0);
  const outOfTime = sleep(patienceMs).then(() => unhealthy("no answer in time"));
  const asking = ask(host, port, health).catch((error) => unhealthy(messageOf(error)));
  const { isHealthy, evidence } = await Promise.race([asking, outOfTime]);
  const state = isHealthy ? "is healthy" : "is not healthy";
  say(`${hostAndPort(host, port)}${health ?? ""} ${state}: ${evidence}`);
  return isHealthy ? 0 : 1;
}

/** Reads until there is a verdict. Informational responses (1xx) are skipped. */
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
    const isComplete = count === null || text.length > MAX_ANSWER_CHARACTERS;
    const verdict = verdictOn(text, isComplete, health);
    if (verdict) return verdict;
  }
}

/**
 * Judges a response by its status and, with a health path, by its content: another server on the
 * same port might answer 200 as well. Returns `undefined` until enough has arrived.
 */
function verdictOn(
  text: string,
  isComplete: boolean,
  health: string | undefined,
): Verdict | undefined {
  const evidence = /^HTTP\/1\.\d [2-9]\d\d[^\r\n]*(?=\r?\n)/.exec(text)?.[0];
  if (evidence === undefined) return isComplete ? unhealthy("no HTTP response") : undefined;
  if (health === undefined) return { isHealthy: /^\S+ [23]/.test(evidence), evidence };
  if (!/^\S+ 200 /.test(evidence)) return unhealthy(evidence);
  if (text.endsWith(`\r\n\r\n${HEALTHY.body}`)) return { isHealthy: true, evidence };
  return isComplete ? unhealthy(`${evidence}, but not the answer of --health`) : undefined;
}
