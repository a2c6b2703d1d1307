/**
 * Measures Firstline against its peers, in alternating rounds, and prints medians and
 * ratios as Markdown. It reads in that order: flags, one round, the run, the report.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { interruption, sleep } from "./command.ts";
import { IdleCrowd, load, type Mode, MODES } from "./load.ts";
import { ServerProcess, takeLoadCore } from "./process.ts";
import { chart, type Metric, Results, tables, verdicts } from "./report.ts";
import { findPeers, FIRSTLINE, PEER_NAMES, type Server, versionFrom } from "./servers.ts";

/** Many short rounds: a shared machine is slow for a while, and a median passes over that. */
const DEFAULT_ROUNDS = 12;
/** Then all start afresh: where a process's memory happens to lie is worth 5 % of its speed. */
const ROUNDS_A_PROCESS = 4;
/** Each way of loading; in its first seconds compiled JavaScript costs a tenth more. */
const WARM_UP_SECONDS = 3;
const DEFAULT_SECONDS = 1;

/** After this, what a server did at its start or for new connections is done. */
const SETTLE_MS = 500;

const HELP = `Measure Firstline and its peers on this machine.

Usage: deno task bench [FLAGS]

  --rounds N      how often each figure is taken [${DEFAULT_ROUNDS}]
  --seconds N     length of each load [${DEFAULT_SECONDS}]
  --only A,B      only these peers [${PEER_NAMES.join(",")}]
  --json FILE     also write every sample to this file
  --help          show this help`;

// ---------------------------------------------------------------- flags

interface Settings {
  readonly rounds: number;
  readonly seconds: number;
  readonly peers: readonly string[];
  readonly json?: string;
  readonly help: boolean;
}

class UsageError extends Error {}

function parseSettings(args: string[]): Settings {
  const refuse = (arg: string) => {
    throw new UsageError(`Cannot use ${arg}: expected only the flags that --help lists`);
  };
  const string = ["rounds", "seconds", "only", "json"];
  const values: Record<string, unknown> = parseArgs(args, {
    string,
    boolean: ["help"],
    unknown: refuse,
  });
  for (const name of string) {
    if (values[name] === "") throw new UsageError(`Cannot use --${name} without a value`);
  }
  const peers = String(values.only ?? PEER_NAMES).split(",");
  const stranger = peers.find((name) => !PEER_NAMES.includes(name));
  if (stranger !== undefined) {
    throw new UsageError(`Cannot use --only ${stranger}: expected some of ${PEER_NAMES}`);
  }
  return {
    rounds: countFrom(values, "rounds") ?? DEFAULT_ROUNDS,
    seconds: countFrom(values, "seconds") ?? DEFAULT_SECONDS,
    peers,
    json: values.json as string | undefined,
    help: values.help === true,
  };
}

function countFrom(values: Record<string, unknown>, name: string): number | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  if (/^[1-9]\d{0,2}$/.test(String(value))) return Number(value);
  throw new UsageError(`Cannot use --${name} ${value}: expected an integer from 1 to 999`);
}

// ---------------------------------------------------------------- one round

/** A server that stays up over some rounds. */
interface Contender {
  readonly server: Server;
  readonly process: ServerProcess;
}

/** Modes outside, servers inside: what is compared is measured within seconds. */
async function measureRound(contenders: Contender[], seconds: number, results: Results) {
  await measureLoads(contenders, seconds, results);
  for (const { server, process } of contenders) {
    await keepFault(results, server, ["loaded"], async () => {
      results.add(server, "loaded", await process.residentKiB() / 1024);
    });
  }
  for (const { server } of contenders) {
    if (!server.variant) await measureStart(server, results);
  }
}

async function measureLoads(contenders: Contender[], seconds: number, results: Results) {
  for (const mode of Object.keys(MODES) as Mode[]) {
    for (const contender of contenders) await measureLoad(contender, mode, seconds, results);
  }
}

async function measureLoad(
  { server, process }: Contender,
  mode: Mode,
  seconds: number,
  results: Results,
): Promise<void> {
  const metrics = [`${mode} cpu`, `${mode} rate`] as const;
  await keepFault(results, server, metrics, async () => {
    if (process.closes && mode !== "closing") throw new Error("it closes after each answer");
    const before = await process.cpuMs();
    const done = await load(process.port, mode, seconds);
    const cpuMs = await process.cpuMs() - before;
    results.add(server, `${mode} cpu`, 1000 * cpuMs / done.requests);
    results.add(server, `${mode} rate`, done.requests / done.seconds);
    results.add(server, `${mode} busy`, cpuMs / 1000 / done.seconds);
  });
}

/** Starts it afresh, leaves it to rest, and lets it meet the crowd. */
async function measureStart(server: Server, results: Results): Promise<void> {
  await keepFault(results, server, ["start"], async () => {
    await using process = await ServerProcess.start(server.launch);
    results.add(server, "start", process.firstAnswerMs);
    await measureMemory(server, process, results);
  });
}

async function measureMemory(server: Server, process: ServerProcess, results: Results) {
  await sleep(SETTLE_MS);
  const restKiB = await process.residentKiB();
  results.add(server, "rest", restKiB / 1024);
  await keepFault(results, server, ["crowd", "idle"], async () => {
    using crowd = await IdleCrowd.open(process.port);
    await sleep(SETTLE_MS);
    const crowdKiB = await process.residentKiB();
    if (crowd.ended > 0) throw new Error(`it closed ${crowd.ended} of ${crowd.size} connections`);
    results.add(server, "crowd", crowdKiB / 1024);
    results.add(server, "idle", (crowdKiB - restKiB) / crowd.size);
  });
}

/** A failure costs the samples it spoilt and is reported with them, but ends nothing else. */
async function keepFault(
  results: Results,
  server: Server,
  metrics: readonly Metric[],
  measure: () => Promise<void>,
): Promise<void> {
  try {
    await measure();
  } catch (error) {
    interruption.signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    for (const metric of metrics) results.addFault(server, metric, message);
  }
}

// ---------------------------------------------------------------- the run

async function run({ rounds, seconds, peers, json }: Settings): Promise<void> {
  const wrk = await versionFrom(["sh", "-c", "wrk -v; true"]);
  if (wrk === undefined) throw new UsageError("Cannot measure without wrk (Debian package wrk)");
  await takeLoadCore();

  await using cleanup = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir();
  cleanup.defer(() => Deno.remove(directory, { recursive: true }));
  const { found, missing } = await findPeers(peers, directory);
  const servers = [...FIRSTLINE, ...found];
  const versions = [...new Set(servers.map(({ version }) => version)), `wrk ${wrk}`];
  say(`found ${versions.join(", ")}${missing.length > 0 ? `; not found: ${missing}` : ""}`);

  const results = new Results();
  const [text, ...variants] = FIRSTLINE;
  const order = [text, ...found, ...variants]; // close in time to whom it is compared with
  for (let round = 1; round <= rounds;) {
    await using running = new AsyncDisposableStack();
    const contenders: Contender[] = [];
    for (const server of order) {
      contenders.push({ server, process: running.use(await ServerProcess.start(server.launch)) });
    }
    say("warming up");
    await measureLoads(contenders, WARM_UP_SECONDS, new Results());
    for (let count = 0; count < ROUNDS_A_PROCESS && round <= rounds; count++, round++) {
      say(`round ${round} of ${rounds}`);
      await measureRound(contenders, seconds, results);
      contenders.push(...contenders.splice(0, 3)); // so that nobody is always the first
    }
  }
  console.log([
    `${versions.join(", ")}. Medians of ${rounds} rounds, ${seconds} s each load.`,
    tables(results, servers),
    chart(results, servers.filter(({ name }) => !name.includes("log"))),
    verdicts(results),
  ].join("\n\n"));
  if (json === undefined) return;
  const all = { versions, rounds, seconds, ...results };
  await Deno.writeTextFile(json, JSON.stringify(all, null, 1) + "\n");
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
    const settings = parseSettings(args);
    if (settings.help) console.log(HELP);
    else await run(settings);
    return 0;
  } catch (error) {
    if (interruption.signal.aborted) return 130;
    if (!(error instanceof Error)) throw error;
    say(error.message);
    return error instanceof UsageError ? 2 : 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
