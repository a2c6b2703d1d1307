/**
 * Measures Firstline against its peers, in alternating rounds, and prints medians and
 * ratios as Markdown. It reads in that order: flags, one round, the run, the report.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { integerOf, stringOf, UsageError, type Values } from "../command/values.ts";
import { sleep } from "../tests/time.ts";
import { interruption, versionFrom } from "./command.ts";
import { IdleCrowd, type Load, run } from "./load.ts";
import { PinnedServer, takeLoadCore } from "./process.ts";
import { chart, Results, tables } from "./report.ts";
import { type Group, MEASURES, PEER_NAMES, prepare, type Server } from "./servers.ts";

/** Many short rounds: a shared machine is slow for a while, and a median passes over that. */
const DEFAULT_ROUNDS = 12;
/** Then all start afresh: where a process's memory happens to lie is worth 5 % of its speed. */
const ROUNDS_A_PROCESS = 4;
/** Shared by the loads; in its first seconds compiled JavaScript costs a tenth more. */
const WARM_UP_SECONDS = 4;
const DEFAULT_SECONDS = 1;

/** After this, what a server did at its start or for new connections is done. */
const SETTLE_MS = 500;

const HELP = `Measure Firstline and its peers on this machine.

Usage: deno task bench [FLAGS]

  --rounds N      how often each figure is taken [${DEFAULT_ROUNDS}]
  --seconds N     length of each load [${DEFAULT_SECONDS}]
  --only A,B      only these measures, of
                  ${MEASURES.join(",")}
  --peers A,B     only these peers, or none, of
                  ${PEER_NAMES.join(",")}
  --base FOLDER   compare with the Firstline in this checkout too
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
  const stranger = chosen.find((item) => !all.includes(item));
  if (stranger === undefined) return chosen;
  throw new UsageError(`Cannot use --${name} ${stranger}: expected some of ${all}`);
}

// ---------------------------------------------------------------- one round

/** A server that stays up over some rounds. */
interface Contender {
  readonly server: Server;
  readonly process: PinnedServer;
}

/** Loads outside, servers inside: what is compared is measured within seconds. */
async function measureRound(
  group: Group,
  contenders: Contender[],
  { seconds, only }: Settings,
  results: Results,
) {
  await measureLoads(group.loads, contenders, seconds, results);
  if (group.loads.length > 0) await measureMemory(contenders, results);
  if (!only.includes("start") && !group.crowd) return;
  for (const server of group.servers.filter(({ variant }) => !variant)) {
    await results.take(server, ["start", "rest"], () => measureStart(server));
    if (group.crowd) await results.take(server, ["crowd", "idle"], () => measureCrowd(server));
  }
}

async function measureLoads(
  loads: readonly Load[],
  contenders: Contender[],
  seconds: number,
  results: Results,
): Promise<void> {
  for (const load of loads) {
    for (const { server, process } of contenders) {
      if (server.load && server.load !== load.name) continue;
      const metrics = ["cpu", "rate", "busy"].map((kind) => `${load.name} ${kind}`);
      await results.take(server, metrics, () => measureLoad(load, server, process, seconds));
    }
  }
}

async function measureLoad(
  load: Load,
  { forks }: Server,
  process: PinnedServer,
  seconds: number,
): Promise<number[]> {
  const before = await process.cpuMs();
  const done = await run(load, process, seconds);
  const cpuMs = forks ? NaN : await process.cpuMs() - before;
  return [1000 * cpuMs / done.requests, done.requests / done.seconds, cpuMs / 1000 / done.seconds];
}

async function measureMemory(contenders: Contender[], results: Results): Promise<void> {
  for (const { server, process } of contenders) {
    await results.take(server, ["loaded"], async () => [await process.residentKiB() / 1024]);
  }
}

/** Starts it afresh, and leaves it to rest. */
async function measureStart(server: Server): Promise<number[]> {
  await using process = await PinnedServer.start(server);
  await sleep(SETTLE_MS);
  return [process.firstAnswerMs, await process.residentKiB() / 1024];
}

/** Lets a fresh one meet the crowd. */
async function measureCrowd(server: Server): Promise<number[]> {
  await using process = await PinnedServer.start(server);
  await sleep(SETTLE_MS);
  const restKiB = await process.residentKiB();
  using crowd = await IdleCrowd.open(process);
  await sleep(SETTLE_MS);
  const crowdKiB = await process.residentKiB();
  if (crowd.ended > 0) throw new Error(`it closed ${crowd.ended} of ${crowd.size} connections`);
  return [crowdKiB / 1024, (crowdKiB - restKiB) / crowd.size];
}

// ---------------------------------------------------------------- the run

async function measure(group: Group, settings: Settings): Promise<Results> {
  const results = new Results();
  const { rounds } = settings;
  const warmUpSeconds = Math.ceil(WARM_UP_SECONDS / group.loads.length);
  for (let round = 1; round <= rounds;) {
    await using running = new AsyncDisposableStack();
    const contenders: Contender[] = [];
    for (const server of group.loads.length > 0 ? group.servers : []) {
      await results.take(server, [], async () => {
        contenders.push({ server, process: running.use(await PinnedServer.start(server)) });
        return [];
      });
    }
    say(`${group.title}: warming up`);
    await measureLoads(group.loads, contenders, warmUpSeconds, new Results());
    for (let count = 0; count < ROUNDS_A_PROCESS && round <= rounds; count++, round++) {
      say(`${group.title}: round ${round} of ${rounds}`);
      await measureRound(group, contenders, settings, results);
      contenders.push(...contenders.splice(0, 3)); // so that nobody is always the first
    }
  }
  return results;
}

async function measureAll(settings: Settings): Promise<void> {
  const wrk = await versionFrom(["sh", "-c", "wrk -v; true"]);
  if (wrk === undefined) throw new UsageError("Cannot measure without wrk (Debian package wrk)");
  await takeLoadCore();

  await using cleanup = new AsyncDisposableStack();
  const box = await Deno.makeTempDir({ prefix: "firstline-" });
  cleanup.defer(() => Deno.remove(box, { recursive: true }));
  const { groups, missing } = await prepare(settings, box);
  const servers = groups.flatMap(({ servers }) => servers);
  const versions = [...new Set(servers.map(({ version }) => version)), `wrk ${wrk}`].join(", ");
  say(`found ${versions}${missing.length > 0 ? `; not found: ${missing}` : ""}`);

  const { rounds, seconds, json } = settings;
  const all: Record<string, Results> = {};
  for (const group of groups) all[group.title] = await measure(group, settings);
  console.log(`${versions}. Medians of ${rounds} rounds, ${seconds} s each load.`);
  for (const group of groups) {
    console.log(`\n### ${group.title}\n\n${tables(group, all[group.title])}`);
  }
  if (groups[0].loads[0]?.name === "persistent") {
    console.log(`\n${chart(groups[0], all[groups[0].title])}`);
  }
  if (json === undefined) return;
  await Deno.writeTextFile(json, JSON.stringify({ versions, rounds, seconds, ...all }) + "\n");
}

/** Progress and problems, apart from the report. */
function say(message: string): void {
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
    say(error.message);
    return error instanceof UsageError ? 2 : 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
