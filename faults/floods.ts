/**
 * Floods a server process with one fault after another, each beside an honest client that measures
 * its own latency. Then stops and replaces servers under load.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { connect, isGone, readReplies, send } from "../tests/clients.ts";
import { TemporaryFolder } from "../tests/files.ts";
import { sleep } from "../tests/time.ts";
import { bytesOf, isWhole, LAST_REQUEST, PLAIN_REQUEST, statusOf } from "../tests/wire.ts";
import {
  connectMany,
  converse,
  readAllUntilEnd,
  readUntilEnd,
  REQUEST_PARTS,
  runClients,
  sendAndReset,
  sendEndlessly,
  sendSlowly,
  type Tally,
  trySend,
  WorkerClient,
} from "./clients.ts";
import {
  LARGE_BYTES,
  LARGE_FILES,
  MeasuredServer,
  numberOf,
  PEERS,
  printTable,
  type Setup,
  SMALL_BYTES,
  SMALL_FILES,
  type Usage,
  usageCells,
  WARM_UP_REQUESTS,
} from "./harness.ts";

const MAX_MEDIAN_MS = 10;
const MAX_WORST_MS = 1_000;
/** How often a flood is repeated while memory grows. */
const MAX_REPEATS = 3;
/** Pauses of the honest client. */
const PAUSE_MS = 5;
const LARGE_PAUSE_MS = 100;
/** The memory that the files in `deploy/` grant. */
const MAX_TIMEOUT_FLOOD_BYTES = 256 * 1024 * 1024;
const TIMEOUT_FLOOD_WAVES = 4;
/** Memory that stays after a crawl, as a share of the files. V8 alone adds 60 MB in any traffic. */
const MAX_CRAWL_SHARE = 0.75;
/** So many times, so many further requests let V8 collect its garbage. What is held stays. */
const MAX_GARBAGE_WAVES = 10;
const WAVE_REQUESTS = 1_000;
/** Longer than the request timeout. Some peers have none. */
const HALF_LINE_TIMEOUT_MS = 30_000;

/** The result of a flood or a stop. */
interface Row {
  what: string;
  honest?: Tally;
  usages?: Usage[];
}

/** One run of a flood or a stop: its scale and what failed. */
class Trial {
  readonly failures = new Set<string>();

  constructor(readonly scale: number) {}

  /** A number of clients or milliseconds, scaled. */
  size(full: number): number {
    return Math.max(1, Math.round(full * this.scale));
  }

  check(holds: boolean, failure: string): void {
    if (!holds) this.failures.add(failure);
  }
}

// ---------------------------------------------------------------- floods

/** Faults that a server must withstand while it serves an honest client. */
interface Flood extends Setup {
  /** The honest client keeps its connection open, because the flood prevents new ones. */
  persistent?: boolean;
  /** The peak must fit into this memory, which then need not be released. */
  maxBytes?: number;
  /** Peers can take part: the flood depends on no flag, timeout or log of Firstline. */
  comparable?: boolean;
  /** Runs the flood and returns a description of it. */
  run(trial: Trial, server: MeasuredServer): Promise<string>;
  /** Checks the messages of the stopped server and returns an addition to the description. */
  checkMessages?(trial: Trial, messages: string): string;
}

const FLOODS: Record<string, Flood> = {
  resets: {
    comparable: true,
    async run(trial, server) {
      const count = trial.size(20_000);
      const reset = (index: number) =>
        sendAndReset(server, REQUEST_PARTS[index % REQUEST_PARTS.length]);
      await runClients(count, 500, reset);
      return `${count} connect and reset`;
    },
  },
  silence: {
    flags: ["--max-connections", "6000"],
    async run(trial, server) {
      const wires = await readAllUntilEnd(await connectMany(server, trial.size(5_000)));
      trial.check(wires.every((wire) => wire === ""), "replies without a request");
      return `${wires.length} send nothing`;
    },
  },
  "slow lines": {
    async run(trial, server) {
      const wires = await runClients(trial.size(2_000), Infinity, () => sendSlowly(server));
      trial.check(wires.every((wire) => statusOf(wire) === 408 && isWhole(wire)), "not all 408");
      return `${wires.length} send a byte a second`;
    },
  },
  "endless lines": {
    comparable: true,
    async run(trial, server) {
      const block = new Uint8Array(64 * 1024).fill(0x61);
      const count = trial.size(100); // each lingers for up to 30 s
      await runClients(count, 50, () => sendEndlessly(server, block));
      return `${count} send a line without an end, 50 at a time`;
    },
  },
  pipelines: {
    async run(trial, server) {
      const block = bytesOf(PLAIN_REQUEST.repeat(2_000));
      await runClients(trial.size(200), Infinity, () => sendEndlessly(server, block));
      return `${trial.size(200)} pipeline requests and never read`;
    },
  },
  "large resets": {
    comparable: true,
    large: "file",
    async run(trial, server) {
      const end = performance.now() + trial.size(10_000);
      const counts = await runClients(100, 100, async (index) => {
        let count = 0;
        for (; performance.now() < end; count++) {
          await sendAndReset(server, PLAIN_REQUEST, (index + count) * 37 % 300);
        }
        return count;
      });
      const limit = server.start.descriptors + 160;
      trial.check(server.peak.descriptors < limit, "descriptors of reset connections stay open");
      const total = counts.reduce((sum, count) => sum + count, 0);
      return `${total} request ${LARGE_BYTES / 1e6} MB and reset, 100 at a time`;
    },
  },
  "fast resets": {
    comparable: true,
    large: "file",
    async run(trial, server) {
      const task = { kind: "resets", port: server.port, maxOpen: 100, maxOpenMs: 300 } as const;
      using client = await WorkerClient.start(task);
      await sleep(trial.size(10_000));
      const { requests } = await client.stop();
      trial.check(server.peak.descriptors < 700, "too many descriptors");
      return `${requests} request ${LARGE_BYTES / 1e6} MB without a pause, and reset after 100 ` +
        "others or 0.3 s";
    },
  },
  "unread 500": unread({ large: "file", comparable: true }),
  "unread folder": unread({ large: "folder" }),
  timeouts: timeouts(8_000, "GET / HT"),
  "long timeouts": timeouts(4_000, `GET /${"a".repeat(8_000)}`),
  crawl: {
    large: "small files",
    async run(trial, server) {
      const count = trial.size(SMALL_FILES);
      const request = (index: number, minor: number) =>
        `GET /${index}.bin HTTP/1.${minor}\r\nHost: x\r\n\r\n`;
      const ask = (index: number) => converse(server, request(index, 0));
      for (let round = 0; round < 2; round++) {
        using socket = await connect(server);
        for (let index = 0; index < count; index++) {
          await send(socket, request(index, 1));
          await readReplies(socket, 1);
        }
        await runClients(count, 20, ask);
      }
      const shareNow = async () => {
        const { rssBytes } = await server.measure();
        return (rssBytes - server.start.rssBytes) / (SMALL_FILES * SMALL_BYTES);
      };
      let share = await shareNow();
      for (let wave = 0; wave < MAX_GARBAGE_WAVES && share >= MAX_CRAWL_SHARE; wave++) {
        await runClients(WAVE_REQUESTS, 20, ask);
        share = await shareNow();
      }
      trial.check(share < MAX_CRAWL_SHARE, `${share.toFixed(2)} of the files are held twice`);
      return `${count} small files, each asked for twice on open and on closing connections`;
    },
  },
  descriptors: {
    flags: ["--request-timeout", "2"],
    shell: 'ulimit -n 128; exec "$@"',
    persistent: true,
    async run(trial, server) {
      await runClients(300, Infinity, () => converse(server));
      const start = performance.now();
      trial.check(isWhole(await converse(server, LAST_REQUEST)), "no recovery");
      trial.check(performance.now() - start < MAX_WORST_MS, "slow recovery");
      return "300 send nothing, descriptors for 100";
    },
    checkMessages(trial, messages) {
      const reports = messages.match(/Too many open files/g)?.length ?? 0;
      trial.check(reports > 0 && reports < 50, "not reported once a shortage");
      return `, reported ${reports} times`;
    },
  },
  "unread log": {
    stdout: "piped",
    run: fillLog,
    checkMessages(trial, messages) {
      const counts = Array.from(messages.matchAll(/dropped (\d+) lines/g), ([, count]) => +count);
      const dropped = counts.reduce((sum, count) => sum + count, 0);
      trial.check(dropped > 0, "dropped lines are not reported");
      return `, ${dropped} dropped`;
    },
  },
  "full disk": {
    flags: ["--request-timeout", "2"],
    shell: 'ulimit -n 128; exec "$@" >/dev/full 2>/dev/full',
    stderrLost: true,
    persistent: true,
    async run(trial, server) {
      trial.check(statusOf(await converse(server, "nonsense\r\n\r\n")) === 400, "no 400");
      await runClients(300, Infinity, () => converse(server));
      return `${await fillLog(trial, server)}, 300 send nothing, descriptors for 100`;
    },
  },
  lab: {
    flags: ["--lab"],
    async run(trial, server) {
      const count = trial.size(500);
      const request = PLAIN_REQUEST.replace("/", "/hang");
      await runClients(count, 500, () => sendAndReset(server, request, trial.size(5_000)));
      const { peak, start } = server;
      trial.check(peak.descriptors >= start.descriptors + count, "replies in /hang");
      return `${count} wait in /hang and reset`;
    },
  },
};

/** Clients that wait for a 408, all at the same time, in several waves. */
function timeouts(clients: number, halfLine: string): Flood {
  return {
    comparable: true,
    flags: ["--max-connections", `${clients + 500}`],
    persistent: true, // the kernel's queue overflows, and connecting is tried again after 1 s
    maxBytes: MAX_TIMEOUT_FLOOD_BYTES,
    async run(trial, server) {
      const count = trial.size(clients);
      for (let wave = 0; wave < TIMEOUT_FLOOD_WAVES; wave++) {
        const sockets = await connectMany(server, count);
        await Promise.all(sockets.map((socket) => waitForTimeout(socket, halfLine)));
      }
      return `${count} send ${halfLine.length} bytes of a line and wait for 408, ` +
        `${TIMEOUT_FLOOD_WAVES} times`;
    },
  };
}

async function waitForTimeout(socket: Deno.TcpConn, halfLine: string): Promise<void> {
  const timeout = setTimeout(() => socket[Symbol.dispose](), HALF_LINE_TIMEOUT_MS);
  if (await trySend(socket, halfLine)) await readUntilEnd(socket);
  clearTimeout(timeout);
  socket[Symbol.dispose]();
}

/** Clients that request more than the kernel's buffers hold, and never read it. */
function unread(setup: Partial<Flood>): Flood {
  return {
    flags: ["--write-timeout", "10"],
    ...setup,
    async run(trial, server) {
      const sockets = await connectMany(server, trial.size(500));
      await Promise.all(sockets.map((socket, index) => {
        const path = setup.large === "folder" ? `/${index % LARGE_FILES}.bin` : "/";
        return trySend(socket, PLAIN_REQUEST.replace("/", path));
      }));
      const { descriptors } = server.start;
      const half = descriptors + sockets.length / 2;
      await server.measureUntil((usage) => usage.descriptors > half, 5_000); // replies have begun
      const areClosed = (usage: Usage) => usage.descriptors < descriptors + 5;
      trial.check(areClosed(await server.measureUntil(areClosed, 20_000)), "no write timeout");
      for (const socket of sockets) socket.close();
      return `${sockets.length} never read ${LARGE_BYTES / 1e6} MB`;
    },
  };
}

/** Long lines: a pipe and the server's buffer hold a megabyte before lines are dropped. */
async function fillLog(trial: Trial, server: MeasuredServer): Promise<string> {
  const request = `GET /${"a".repeat(8_000)} HTTP/1.0\r\n\r\n`;
  const wires = await runClients(trial.size(2_000), 20, () => converse(server, request));
  trial.check(wires.every((wire) => isWhole(wire)), "incomplete replies");
  return `${wires.length} log lines of 8 KB, after ${WARM_UP_REQUESTS} short ones`;
}

/** Runs a flood against a server of its own, and checks what holds for every flood. */
async function runFlood(flood: Flood, trial: Trial, peer?: string): Promise<Row> {
  await using server = await MeasuredServer.start({ ...flood, peer });
  await server.warmUp();
  const { persistent, large } = flood;
  const path = large === "folder" || large === "small files" ? "/0.bin" : "/";
  const pauseMs = large ? LARGE_PAUSE_MS : PAUSE_MS;
  const task = { kind: "honest", port: server.port, path, persistent, pauseMs } as const;
  using client = await WorkerClient.start(task);
  const what = await server.measureDuring(flood.run(trial, server));
  const honest = await client.stop();
  const { peak, end } = await recover(flood, trial, server);
  const code = await server.stop();

  trial.check(honest.failures.length === 0, `the honest client failed: ${honest.failures[0]}`);
  trial.check(large !== undefined || honest.medianMs < MAX_MEDIAN_MS, "median too high");
  trial.check(honest.worstMs < MAX_WORST_MS, "worst too high");
  trial.check(peer !== undefined || code === 0, `exit code ${code}`);
  const addition = flood.checkMessages?.(trial, server.messages) ?? "";
  return { what: what + addition, honest, usages: [server.start, peak, end] };
}

/** Checks that descriptors return. V8 may keep memory, but repeating a flood must not add more. */
async function recover(flood: Flood, trial: Trial, server: MeasuredServer) {
  const peak = { ...server.peak };
  const end = await server.recover();
  trial.check(server.hasDescriptors(end), "descriptors stay open");
  if (flood.maxBytes) trial.check(peak.rssBytes < flood.maxBytes, "too much memory");
  let isStable = flood.maxBytes !== undefined || server.hasMemory(end);
  for (let repeat = 0; repeat < MAX_REPEATS && !isStable; repeat++) {
    const before = { ...server.peak };
    await server.measureDuring(flood.run(trial, server));
    isStable = server.hasMemory(server.peak, before);
  }
  trial.check(isStable, "more memory each time");
  return { peak, end };
}

// ---------------------------------------------------------------- stops

const SLOW: Setup = { flags: ["--delay", "0.5"] };
/** The log and the messages share a pipe that is full before the first line. */
const FULL_PIPE = 'head -c 65536 /dev/zero; exec "$@" 2>&1';

const STOPS: Record<string, (trial: Trial) => Promise<string>> = {
  "stop at once": (trial) => stopUnderLoad(trial, {}),
  "stop on a full disk": (trial) =>
    stopUnderLoad(trial, { ...SLOW, shell: 'exec "$@" >/dev/full 2>/dev/full', stderrLost: true }),
  "stop on a full pipe": (trial) =>
    stopUnderLoad(trial, { ...SLOW, shell: FULL_PIPE, stdout: "piped", stderrLost: true }),
  async "stop twice"(trial) {
    const codes: number[] = [];
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      await using server = await MeasuredServer.start();
      using socket = await connect(server);
      await trySend(socket, "GET / HT");
      await converse(server, LAST_REQUEST); // by now both are accepted
      server.process.kill(signal);
      await server.process.stderr.until(/received/);
      const start = performance.now();
      codes.push(await server.stop(signal));
      trial.check(performance.now() - start < MAX_WORST_MS, `slow at the second ${signal}`);
    }
    trial.check(`${codes}` === "143,130", `exit codes ${codes}`);
    return `second signal, exit ${codes.join(" and ")}`;
  },
  rolling: replaceUnderLoad,
  "changing folder": startWhileChanging,
};

/** Each client has sent its line before the signal, so each gets a complete reply. */
async function stopUnderLoad(trial: Trial, setup: Setup): Promise<string> {
  await using server = await MeasuredServer.start(setup);
  const sockets = await connectMany(server, trial.size(200));
  await Promise.all(sockets.map((socket) => trySend(socket, PLAIN_REQUEST)));
  const stopped = server.stop();
  const wires = await readAllUntilEnd(sockets);
  const complete = wires.filter((wire) => isWhole(wire)).length;
  const code = await stopped;
  trial.check(complete === sockets.length && code === 0, "incomplete replies");
  return `${complete} of ${sockets.length} replies complete, exit ${code}`;
}

/** Servers share a port and replace each other. Only the kernel's queue may lose a request. */
async function replaceUnderLoad(trial: Trial): Promise<string> {
  const flags = ["--reuse-port", "--quiet", "--port"];
  let current = await MeasuredServer.start({ flags: [...flags, "0"] });
  const { port } = current;
  const rounds = Math.max(3, trial.size(20));
  let [isOver, requests, lost] = [false, 0, 0];
  const request = async () => {
    for (; !isOver; requests++) {
      const wire = await converse({ port }, LAST_REQUEST).catch(emptyIfLost);
      if (wire === "") lost++;
      else trial.check(isWhole(wire), "incomplete replies");
    }
  };
  const replace = async () => {
    for (let round = 0; round < rounds; round++) {
      await using old = current;
      current = await MeasuredServer.start({ flags: [...flags, String(port)] });
      await sleep(50); // both serve
      const code = await old.stop();
      trial.check(code === 0, `exit code ${code}`);
    }
  };
  await Promise.all([runClients(20, 20, request), replace().finally(() => isOver = true)]);
  await current.stop();
  return `${rounds} replaced, ${lost} of ${requests} requests lost in the kernel's queue`;
}

function emptyIfLost(error: unknown): string {
  if (isGone(error)) return "";
  throw error;
}

// ---------------------------------------------------------------- a folder that changes

const SECRET = "This file is outside the folder.";
const FILE_NAMES = ["1.txt", "2.txt", "3.txt", "4.txt", "below/5.txt", "below/secret.txt"];
/** Rewrites, removes and replaces by links each file of a folder, and a folder in it. */
const CHANGE = `
  trap exit TERM
  cd "$1"
  while :; do
    for name in 1 2 3 4; do
      printf %1000s b >$name.txt
      printf %1000s c >>$name.txt
      ln -sf "$2/secret.txt" $name.txt
      ln -sf $name.txt $name.txt
      rm $name.txt
      printf %1000s a >$name.txt
      mv below away; ln -s "$2" below
      rm below; mv away below
    done
  done`;

/** Each start succeeds, whatever happens to single entries, and serves only files of the folder. */
async function startWhileChanging(trial: Trial): Promise<string> {
  const content = "a".repeat(1_000);
  using outside = new TemporaryFolder({ "secret.txt": SECRET });
  using folder = new TemporaryFolder(Object.fromEntries(
    FILE_NAMES.slice(0, 5).map((name) => [name, content]),
  ));
  const script = ["-c", CHANGE, "sh", folder.path, outside.path];
  const change = new Deno.Command("sh", { args: script, stderr: "null" }).spawn();
  const starts = Math.max(3, trial.size(40));
  const setup = {
    flags: ["--file", folder.path],
    readable: [folder.path, outside.path], // the server must leave out what is outside, not Deno
  };
  try {
    for (let start = 0; start < starts; start++) {
      await using server = await MeasuredServer.start(setup);
      await requestFiles(trial, server);
      trial.check(await server.stop() === 0, "does not stop");
    }
  } finally {
    change.kill();
    await change.status;
  }
  return `${starts} starts while each entry is replaced in turn`;
}

async function requestFiles(trial: Trial, server: MeasuredServer): Promise<void> {
  for (const name of FILE_NAMES) {
    const wire = await converse(server, `GET /${name} HTTP/1.0\r\n\r\n`);
    trial.check(isWhole(wire) && [200, 404].includes(statusOf(wire)), `replies "${wire}"`);
    trial.check(!wire.includes(SECRET), "serves a file outside the folder");
  }
}

// ---------------------------------------------------------------- the command

async function runOne(name: string, scale: number, peer?: string): Promise<string[]> {
  const trial = new Trial(scale);
  let row: Row = { what: "" };
  try {
    const flood = FLOODS[name];
    row = flood ? await runFlood(flood, trial, peer) : { what: await STOPS[name](trial) };
  } catch (error) {
    trial.check(false, String(error));
  }
  const { what, honest, usages = [] } = row;
  const { failures } = trial;
  const verdict = failures.size === 0 ? "holds" : `FAILS: ${[...failures].join("; ")}`;
  console.error(`${name}: ${verdict}`);
  return [
    name,
    what,
    String(honest?.requests ?? ""),
    honest?.medianMs.toFixed(1) ?? "",
    honest?.worstMs.toFixed(1) ?? "",
    ...usageCells(usages),
    verdict,
  ];
}

/** The selected rows; for a peer, those that it can take part in. */
function select(only: string | undefined, peer: string | undefined): string[] {
  const all = [...Object.keys(FLOODS), ...Object.keys(STOPS)];
  const names = only?.split(",") ?? all;
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(`Cannot run "${unknown}": expected one of ${all.join(", ")}`);
  }
  if (peer === undefined) return names;
  if (!(peer in PEERS)) {
    throw new RangeError(
      `Cannot use --peer "${peer}": expected ${Object.keys(PEERS).join(" or ")}`,
    );
  }
  const skipped = names.filter((name) => !FLOODS[name]?.comparable);
  if (skipped.length > 0) console.error(`not for ${peer}: ${skipped.join(", ")}`);
  return names.filter((name) => FLOODS[name]?.comparable);
}

const { _: [word], only, peer, ...flags } = parseArgs(Deno.args, {
  string: ["only", "scale", "peer"],
});
if (word !== undefined) throw new RangeError(`Cannot use "${word}": expected --only NAME,NAME`);
const scale = numberOf(flags.scale, 1);
const rows = [["fault", "what", "honest", "median ms", "worst ms", "MB", "descriptors", "verdict"]];
for (const name of select(only, peer)) rows.push(await runOne(name, scale, peer));
console.log("Memory and descriptors: at the start / peak / at the end");
printTable(rows);
Deno.exit(rows.slice(1).every((row) => row.at(-1) === "holds") ? 0 : 1);
