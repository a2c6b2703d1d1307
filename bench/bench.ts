/**
 * Measures Firstline and its peers in alternating rounds. Prints medians and ratios as Markdown.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { UsageError } from "../replies/text.ts";
import { integerOf, stringOf, type Values } from "../command/values.ts";
import { sleep } from "../tests/time.ts";
import { type Load, run } from "./load.ts";
import { interruption, PinnedServer, type Server, takeLoadCore, versionFrom } from "./process.ts";
import { Results, tables } from "./report.ts";
import { type Group, MEASURES, PEER_NAMES, prepare } from "./servers.ts";

/** Many short rounds: the median ignores times when a shared machine is slow. */
const DEFAULT_ROUNDS = 12;
/** Then all servers restart: the layout of a process in memory changes its speed by up to 5 %. */
const ROUNDS_PER_PROCESS = 4;
/** Before that, JavaScript that is not optimized yet costs 10 % more. Shared by the loads. */
const WARM_UP_SECONDS = 4;
const DEFAULT_SECONDS = 1;

/** After this, work of the start is done. */
const SETTLE_MS = 500;

const HELP = `Measure Firstline and its peers on this machine.

Usage: deno task bench [FLAGS]

  --rounds N      number of rounds [${DEFAULT_ROUNDS}]
  --seconds N     length of each load [${DEFAULT_SECONDS}]
  --only A,B      only these measures, of
                  ${MEASURES.join(",")}
  --peers A,B     only these peers, or none, of
                  ${PEER_NAMES.join(",")}
  --base FOLDER   also measure the Firstline in this checkout
  --json FILE     also write every sample to this file
  --help          show this help`;

// ---------------------------------------------------------------- flags

interface Settings {
  readonly rounds: number;
  readonly seconds: number;
  readonly only: readonly string[];
  readonly peers: readonly string[];
  readonly base?: string;
  readonly json?: string;
}

function parseSettings(values: Values): Settings {
  return {
    rounds: integerOf(values, "rounds", 1, 999) ?? DEFAULT_ROUNDS,
    seconds: integerOf(values, "seconds", 1, 999) ?? DEFAULT_SECONDS,
    only: someOf(values, "only", MEASURES),
    peers: stringOf(values, "peers") === "none" ? [] : someOf(values, "peers", PEER_NAMES),
    base: stringOf(values, "base"),
    json: stringOf(values, "json"),
  };
}

function someOf(values: Values, name: string, all: readonly string[]): readonly string[] {
  const chosen = stringOf(values, name)?.split(",") ?? all;
  const unknown = chosen.find((item) => !all.includes(item));
  if (unknown === undefined) return chosen;
  throw new UsageError(`Cannot use --${name} ${unknown}: expected some of ${all}`);
}

// ---------------------------------------------------------------- one round

/** A server that runs for several rounds. */
interface Running {
  readonly server: Server;
  readonly process: PinnedServer;
}

/** Measures all servers under one load, then under the next: comparisons are close in time. */
async function measureRound(
  group: Group,
  running: Running[],
  { seconds, only }: Settings,
  results: Results,
) {
  await measureLoads(group.loads, running, seconds, results);
  if (group.loads.length > 0) await measureMemory(running, results);
  if (!only.includes("start")) return;
  for (const server of group.servers.filter(({ isVariant }) => !isVariant)) {
    await results.take(server, ["start", "rest"], () => measureStart(server));
  }
}

async function measureLoads(
  loads: readonly Load[],
  running: Running[],
  seconds: number,
  results: Results,
): Promise<void> {
  for (const load of loads) {
    for (const { server, process } of running) {
      if (server.load && server.load !== load.name) continue;
      const metrics = ["cpu", "rate", "busy"].map((kind) => `${load.name} ${kind}`);
      await results.take(server, metrics, () => measureLoad(load, process, seconds));
    }
  }
}

async function measureLoad(
  load: Load,
  process: PinnedServer,
  seconds: number,
): Promise<number[]> {
  const before = await process.cpuMs();
  const done = await run(load, process, seconds);
  const cpuMs = await process.cpuMs() - before;
  return [1000 * cpuMs / done.requests, done.requests / done.seconds, cpuMs / 1000 / done.seconds];
}

async function measureMemory(running: Running[], results: Results): Promise<void> {
  for (const { server, process } of running) {
    await results.take(server, ["loaded"], async () => [await process.residentKiB() / 1024]);
  }
}

/** Starts a new process and leaves it idle. */
async function measureStart(server: Server): Promise<number[]> {
  await using process = await PinnedServer.start(server);
  await sleep(SETTLE_MS);
  return [process.firstReplyMs, await process.residentKiB() / 1024];
}

// ---------------------------------------------------------------- the run

async function measure(group: Group, settings: Settings): Promise<Results> {
  const results = new Results();
  const { rounds } = settings;
  const warmUpSeconds = Math.ceil(WARM_UP_SECONDS / group.loads.length);
  for (let round = 1; round <= rounds;) {
    await using stack = new AsyncDisposableStack();
    const running: Running[] = [];
    for (const server of group.loads.length > 0 ? group.servers : []) {
      await results.take(server, [], async () => {
        running.push({ server, process: stack.use(await PinnedServer.start(server)) });
        return [];
      });
    }
    log(`${group.title}: warming up`);
    await measureLoads(group.loads, running, warmUpSeconds, new Results());
    for (let count = 0; count < ROUNDS_PER_PROCESS && round <= rounds; count++, round++) {
      log(`${group.title}: round ${round} of ${rounds}`);
      await measureRound(group, running, settings, results);
      running.reverse(); // each order in both directions
      if (round % 2 === 0) running.push(...running.splice(0, 3)); // and another is the first
    }
  }
  return results;
}

async function measureAll(settings: Settings): Promise<void> {
  const wrk = await versionFrom(["sh", "-c", "wrk -v; true"]);
  if (wrk === undefined) throw new UsageError("Cannot measure without wrk (Debian package wrk)");
  await takeLoadCore();

  await using cleanup = new AsyncDisposableStack();
  const temporary = await Deno.makeTempDir({ prefix: "firstline-" });
  cleanup.defer(() => Deno.remove(temporary, { recursive: true }));
  const { groups, missing } = await prepare(settings, temporary);
  const servers = groups.flatMap(({ servers }) => servers);
  const versions = [...new Set(servers.map(({ version }) => version)), `wrk ${wrk}`].join(", ");
  log(`found ${versions}${missing.length > 0 ? `; not installed: ${missing}` : ""}`);

  const { rounds, seconds, json } = settings;
  const all: Record<string, Results> = {};
  for (const group of groups) all[group.title] = await measure(group, settings);
  console.log(`${versions}. Medians of ${rounds} rounds, ${seconds} s each load.`);
  for (const group of groups) {
    console.log(`\n### ${group.title}\n\n${tables(group, all[group.title])}`);
  }
  if (json === undefined) return;
  await Deno.writeTextFile(json, JSON.stringify({ versions, rounds, seconds, ...all }) + "\n");
}

/** Prints progress and errors to stderr. */
function log(message: string): void {
  console.error(`bench: ${message}`);
}

async function main(args: string[]): Promise<number> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => interruption.abort());
  }
  try {
    const values: Values = parseArgs(args, {
      string: ["rounds", "seconds", "only", "peers", "base", "json"],
      boolean: ["help"],
      unknown: (arg: string) => {
        throw new UsageError(`Cannot use ${arg}: expected only the flags that --help lists`);
      },
    });
    if (values.help === true) console.log(HELP);
    else await measureAll(parseSettings(values));
    return 0;
  } catch (error) {
    if (interruption.signal.aborted) return 130;
    if (!(error instanceof Error)) throw error;
    log(error.message);
    return error instanceof UsageError ? 2 : 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
