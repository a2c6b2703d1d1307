/**
 * Whether a server is healthy: answering that question with `--health`, and asking it
 * with `--probe`.
 *
 * @module
 */

import { escapeControls, type Reply, type Responder } from "../server.ts";
import { connectableHost, hostAndPort } from "./address.ts";
import { sleep } from "./delay.ts";
import { messageOf, say } from "./log.ts";
import type { Settings } from "./settings.ts";
import { mayUse, missingPermission, StartError } from "./start.ts";
import { pathOf } from "./target.ts";
import { UsageError } from "./values.ts";

/** The reply on the health path. */
export const HEALTHY: Reply = Object.freeze({ status: 200, body: "ok" });

/** Answers this path at once and in front of everything else: a probe waits for no `--delay`. */
export function withHealth(
  path: string | undefined,
  answer: Responder | Reply,
): Responder | Reply {
  if (path === undefined) return answer;
  const others = typeof answer === "function" ? answer : () => answer;
  return (request, client) => pathOf(request.target) === path ? HEALTHY : others(request, client);
}

/** Below the shortest time that container runtimes grant a health check by default. */
const PROBE_TIMEOUT_MS = 3_000;
/** No head is that long; a server that sends more speaks no HTTP. */
const MAX_ANSWER_CHARACTERS = 65_536;

/** Whether a server is healthy, and what shows it. */
interface Verdict {
  readonly isHealthy: boolean;
  readonly evidence: string;
}

const unhealthy = (evidence: string): Verdict => ({ isHealthy: false, evidence });

/** Asks the server that these settings would start, once, and returns the exit code. */
export async function probe({ options, delay, health }: Settings): Promise<number> {
  const { hostname, port } = options;
  if (port === 0) throw new UsageError("Cannot use --probe with --port 0: expected a port to ask");
  const host = connectableHost(hostname, hostname === "::" ? "::1" : "127.0.0.1");
  if (!mayUse(host, port)) throw new StartError(`Cannot ask ${missingPermission(host, port)}`);
  const patienceMs = PROBE_TIMEOUT_MS + (health === undefined && delay ? delay.maxMs : 0);
  const outOfTime = sleep(patienceMs).then(() => unhealthy("no answer in time"));
  const asking = ask(host, port, health).catch((error) => unhealthy(messageOf(error)));
  const { isHealthy, evidence } = await Promise.race([asking, outOfTime]);
  const state = isHealthy ? "is healthy" : "is not healthy";
  say(`${hostAndPort(host, port)}${health ?? ""} ${state}: ${escapeControls(evidence)}`);
  return isHealthy ? 0 : 1;
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
    const verdict = verdictOn(text, isAll, health);
    if (verdict) return verdict;
  }
}

/**
 * The status decides; where there is a health path, so does the content, which tells this server
 * from another on the same port. There is no verdict before enough of the answer has come.
 */
function verdictOn(text: string, isAll: boolean, health: string | undefined): Verdict | undefined {
  const evidence = /^HTTP\/1\.\d [2-9]\d\d[^\r\n]*(?=\r?\n)/.exec(text)?.[0];
  if (evidence === undefined) return isAll ? unhealthy("no HTTP response") : undefined;
  if (health === undefined) return { isHealthy: /^\S+ [23]/.test(evidence), evidence };
  if (!/^\S+ 200 /.test(evidence)) return unhealthy(evidence);
  if (text.endsWith(`\r\n\r\n${HEALTHY.body}`)) return { isHealthy: true, evidence };
  return isAll ? unhealthy(`${evidence}, but not the answer of --health`) : undefined;
}
