/**
 * Soaks one server process in every fault at once, for as long as is asked, while two honest
 * clients go about their business and nobody reads the access log.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import type { Target } from "../tests/clients.ts";
import { bytesOf, LAST_REQUEST, PLAIN_REQUEST, statusOf } from "../tests/wire.ts";
import {
  BEGINNINGS,
  crowd,
  dribble,
  numberOf,
  pour,
  printTable,
  Random,
  reset,
  stay,
} from "./clients.ts";
import { HonestClient } from "./honest.ts";
import { Patient } from "./patient.ts";

/** Enough to keep everything happening at once, and not so many that they only wait. */
const HOSTILE_CLIENTS = 40;

const ENDLESS = new Uint8Array(64 * 1024).fill(0x61);
const PIPELINE = bytesOf(PLAIN_REQUEST.repeat(500));

/** What is sent, and the first status that must come back before the connection closes. */
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

/** What came back to hostile clients. */
const tally = { replies: 0, refusals: 0, wrong: [] as string[] };

async function askOddly(server: Target, random: Random): Promise<void> {
  const [text, expected] = random.pick(ODD_REQUESTS);
  const status = statusOf(await stay(server, text));
  tally.replies++;
  if (status >= 400) tally.refusals++;
  if (status !== expected) tally.wrong.push(`${status} for ${JSON.stringify(text.slice(0, 40))}`);
}

const FAULTS: Record<string, (server: Target, random: Random) => Promise<unknown>> = {
  "resets, times 100": (server, random) =>
    crowd(100, 10, () => reset(server, random.pick(BEGINNINGS))),
  "bursts of 200 requests": (server) => crowd(200, 50, () => stay(server, LAST_REQUEST)),
  "odd requests, times 20": (server, random) => crowd(20, 2, () => askOddly(server, random)),
  "silences": (server) => stay(server),
  "a byte a second": dribble,
  "endless lines": (server) => pour(server, ENDLESS),
  "pipelines unread": (server) => pour(server, PIPELINE),
};

/** Lets every hostile client do one thing after another, and counts what was done. */
async function harass(server: Target, seconds: number, seed: number): Promise<Map<string, number>> {
  const counts = new Map(Object.keys(FAULTS).map((name) => [name, 0]));
  const end = performance.now() + seconds * 1000;
  await crowd(HOSTILE_CLIENTS, HOSTILE_CLIENTS, async (index) => {
    const random = new Random(seed + index);
    while (performance.now() < end) {
      const name = random.pick([...counts.keys()]);
      await FAULTS[name](server, random);
      counts.set(name, counts.get(name)! + 1);
    }
  });
  return counts;
}

/** Prints the table, and returns what went wrong. */
async function soak(seconds: number, seed: number): Promise<string[]> {
  await using server = await Patient.start({
    flags: ["--request-timeout", "5", "--idle-timeout", "2"], // so that faults take turns
    stdout: "piped",
  });
  await server.warmUp();
  const { port, start, peak } = server;
  using passing = await HonestClient.begin({ port, pauseMs: 5 });
  using staying = await HonestClient.begin({ port, pauseMs: 5, persistent: true });
  const counts = await server.watch(harass(server, seconds, seed));
  const honest = [await passing.stop(), await staying.stop()];
  const end = await server.recover();
  const code = await server.stop();

  const requests = honest[0].requests + honest[1].requests;
  const usages = [start, peak, end];
  printTable([
    ["honest requests, answered", `${requests}`],
    ["odd requests, answered", `${tally.replies}`],
    ["of these, refused", `${tally.refusals}`],
    ...Array.from(counts, ([name, count]) => [name, `${count}`]),
    ["log lines dropped", /dropped (\d+) lines/.exec(server.messages)?.[1] ?? "none"],
    [
      "MB at start / peak / end",
      usages.map(({ rssBytes }) => (rssBytes / 1e6).toFixed(1)).join(" / "),
    ],
    ["descriptors", usages.map(({ descriptors }) => descriptors).join(" / ")],
    ["honest median ms, new / kept", honest.map(({ medianMs }) => medianMs.toFixed(1)).join(" / ")],
    ["honest worst ms", honest.map(({ worstMs }) => worstMs.toFixed(1)).join(" / ")],
  ]);
  return [
    ...(code === 0 ? [] : [`exit code ${code}: ${server.messages}`]),
    ...(server.hasDescriptors(end) ? [] : ["descriptors did not come back"]),
    ...honest.flatMap(({ failures }) => failures.map((failure) => `honest client: ${failure}`)),
    ...tally.wrong,
  ];
}

const flags = parseArgs(Deno.args, { string: ["seconds", "seed"] });
const seed = numberOf(flags.seed, Date.now() % 1_000_000_000);
console.log(`seed ${seed}`);
const faults = await soak(numberOf(flags.seconds, 60), seed);
for (const fault of faults.slice(0, 10)) console.error(`FAILS: ${fault}`);
Deno.exit(faults.length === 0 ? 0 : 1);
