/**
 * Runs all faults at once against one server process, beside two honest clients, while nobody
 * reads its access log.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import type { Target } from "../tests/clients.ts";
import { bytesOf, LAST_REQUEST, PLAIN_REQUEST, statusOf } from "../tests/wire.ts";
import {
  converse,
  REQUEST_PARTS,
  runClients,
  sendAndReset,
  sendEndlessly,
  sendSlowly,
  WorkerClient,
} from "./clients.ts";
import { MeasuredServer, numberOf, printTable, Random, usageCells } from "./harness.ts";

/** Enough that all faults overlap, and few enough that clients do not only wait. */
const HOSTILE_CLIENTS = 40;

const ENDLESS_LINE = new Uint8Array(64 * 1024).fill(0x61);
const PIPELINE = bytesOf(PLAIN_REQUEST.repeat(500));

/** What is sent, and the status of the first reply. */
const ODD_REQUESTS: ReadonlyArray<readonly [text: string, status: number]> = [
  ["GET  / HTTP/1.1\r\n\r\n", 400],
  ["\x16\x03\x01\x02\x00\n", 400],
  [`GET /${"a".repeat(9_000)} HTTP/1.1\r\n\r\n`, 414],
  ["CONNECT a.example:443 HTTP/1.1\r\n\r\n", 501],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
  ["GET / HT", 408],
  ["POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n", 200],
  ["GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\nGET / ", 200],
  [`POST / HTTP/1.0\r\nContent-Length: 200000\r\n\r\n${"x".repeat(200_000)}`, 200],
];

/** Replies to odd requests. */
const odd = { replies: 0, errors: 0, wrong: [] as string[] };

async function sendOddRequest(server: Target, random: Random): Promise<void> {
  const [text, expected] = random.pick(ODD_REQUESTS);
  const status = statusOf(await converse(server, text));
  odd.replies++;
  if (status >= 400) odd.errors++;
  if (status !== expected) odd.wrong.push(`${status} for ${JSON.stringify(text.slice(0, 40))}`);
}

const FAULTS: Record<string, (server: Target, random: Random) => Promise<unknown>> = {
  "100 resets": (server, random) =>
    runClients(100, 10, () => sendAndReset(server, random.pick(REQUEST_PARTS))),
  "bursts of 200 requests": (server) => runClients(200, 50, () => converse(server, LAST_REQUEST)),
  "20 odd requests": (server, random) => runClients(20, 2, () => sendOddRequest(server, random)),
  "silence": (server) => converse(server),
  "slow lines": sendSlowly,
  "endless lines": (server) => sendEndlessly(server, ENDLESS_LINE),
  "unread pipelines": (server) => sendEndlessly(server, PIPELINE),
};

/** Runs random faults until the time is over, and counts them. */
async function runFaults(
  server: Target,
  seconds: number,
  seed: number,
): Promise<Map<string, number>> {
  const counts = new Map(Object.keys(FAULTS).map((name) => [name, 0]));
  const end = performance.now() + seconds * 1000;
  await runClients(HOSTILE_CLIENTS, HOSTILE_CLIENTS, async (index) => {
    const random = new Random(seed + index);
    while (performance.now() < end) {
      const name = random.pick([...counts.keys()]);
      await FAULTS[name](server, random);
      counts.set(name, counts.get(name)! + 1);
    }
  });
  return counts;
}

/** Prints the table and returns the failures. */
async function soak(seconds: number, seed: number): Promise<string[]> {
  await using server = await MeasuredServer.start({
    flags: ["--request-timeout", "5", "--idle-timeout", "2"], // so that clients change faults often
    stdout: "piped",
  });
  await server.warmUp();
  const { port, start, peak } = server;
  const task = { kind: "honest", port, pauseMs: 5 } as const;
  using closing = await WorkerClient.start(task);
  using persistent = await WorkerClient.start({ ...task, persistent: true });
  const counts = await server.measureDuring(runFaults(server, seconds, seed));
  const honest = [await closing.stop(), await persistent.stop()];
  const end = await server.recover();
  const code = await server.stop();

  const requests = honest[0].requests + honest[1].requests;
  const [memory, descriptors] = usageCells([start, peak, end]);
  const medians = honest.map(({ medianMs }) => medianMs.toFixed(1)).join(" / ");
  printTable([
    ["honest requests, answered", `${requests}`],
    ["odd requests, answered", `${odd.replies}`],
    ["of these, error responses", `${odd.errors}`],
    ...Array.from(counts, ([name, count]) => [name, `${count}`]),
    ["log lines dropped", /dropped (\d+) lines/.exec(server.messages)?.[1] ?? "none"],
    ["MB at start / peak / end", memory],
    ["descriptors", descriptors],
    ["honest median ms, closing / persistent", medians],
    ["honest worst ms", honest.map(({ worstMs }) => worstMs.toFixed(1)).join(" / ")],
  ]);
  return [
    ...(code === 0 ? [] : [`exit code ${code}: ${server.messages}`]),
    ...(server.hasDescriptors(end) ? [] : ["descriptors stay open"]),
    ...honest.flatMap(({ failures }) => failures.map((failure) => `honest client: ${failure}`)),
    ...odd.wrong,
  ];
}

const flags = parseArgs(Deno.args, { string: ["seconds", "seed"] });
const seed = numberOf(flags.seed, Date.now() % 1_000_000_000);
console.log(`seed ${seed}`);
const failures = await soak(numberOf(flags.seconds, 60), seed);
for (const failure of failures.slice(0, 10)) console.error(`FAILS: ${failure}`);
Deno.exit(failures.length === 0 ? 0 : 1);
