/**
 * Floods a real server process, one fault after another, each beside an honest client that
 * measures its own latency; denies servers their logs, and stops them under load.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { connect, isGone } from "../tests/clients.ts";
import { TemporaryFolder } from "../tests/files.ts";
import { sleep } from "../tests/time.ts";
import { bytesOf, isWhole, LAST_REQUEST, PLAIN_REQUEST, statusOf } from "../tests/wire.ts";
import {
  BEGINNINGS,
  connectAll,
  crowd,
  dribble,
  hear,
  hearAll,
  numberOf,
  pour,
  printTable,
  reset,
  stay,
  tell,
} from "./clients.ts";
import { type Experience, HonestClient } from "./honest.ts";
import {
  type Circumstances,
  LARGE_BYTES,
  LARGE_FILES,
  Patient,
  PEERS,
  type Usage,
  WARM_UP_REQUESTS,
} from "./patient.ts";

const MAX_MEDIAN_MS = 10;
const MAX_WORST_MS = 1_000;
const GRACE_MS = 5_000;
/** How often a flood is repeated while memory grows. */
const MAX_REPEATS = 3;
/** Between the honest client's requests, and between those for large content. */
const PAUSE_MS = 5;
const LARGE_PAUSE_MS = 100;
/** What the files in `deploy/` grant. */
const MAX_COMEBACK_BYTES = 256 * 1024 * 1024;
const COMEBACK_WAVES = 4;
/** Longer than Firstline waits for the rest of a line; some peers would wait for ever. */
const COMEBACK_PATIENCE_MS = 12_000;

/** What a flood or a stop came to. */
interface Row {
  what: string;
  honest?: Experience;
  usages?: Usage[];
}

/** One run of one of them: how large it is to be, and what should hold and does not. */
class Trial {
  readonly faults = new Set<string>();

  constructor(readonly scale: number) {}

  /** The size that was asked for, or a part of it. */
  size(full: number): number {
    return Math.max(1, Math.round(full * this.scale));
  }

  demand(holds: boolean, otherwise: string): void {
    if (!holds) this.faults.add(otherwise);
  }
}

// ---------------------------------------------------------------- floods

/** A fault that a server has to bear while it serves others. */
interface Flood extends Circumstances {
  /** The honest client keeps its connection, where new ones cannot be had. */
  persistent?: boolean;
  /** How long the honest client had to wait is reported, but not judged. */
  mayWait?: boolean;
  /** Its peak must fit into this much memory, and what was taken once may be kept. */
  maxBytes?: number;
  /** It makes sense for the peers too: it needs none of Firstline's deadlines, flags and logs. */
  comparable?: boolean;
  /** Does the worst, and says what that was. */
  run(trial: Trial, server: Patient): Promise<string>;
  /** Judges the messages of the server that has stopped, and says what they were. */
  judge?(trial: Trial, messages: string): string;
}

const FLOODS: Record<string, Flood> = {
  resets: {
    comparable: true,
    async run(trial, server) {
      const count = trial.size(20_000);
      await crowd(count, 500, (index) => reset(server, BEGINNINGS[index % BEGINNINGS.length]));
      return `${count} connect and reset`;
    },
  },
  silences: {
    flags: ["--max-connections", "6000"],
    async run(trial, server) {
      const wires = await hearAll(await connectAll(server, trial.size(5_000)));
      trial.demand(wires.every((wire) => wire === ""), "answered where nothing was asked");
      return `${wires.length} say nothing`;
    },
  },
  dribbles: {
    async run(trial, server) {
      const wires = await crowd(trial.size(2_000), Infinity, () => dribble(server));
      trial.demand(wires.every((wire) => statusOf(wire) === 408 && isWhole(wire)), "not all 408");
      return `${wires.length} send a byte a second`;
    },
  },
  endless: {
    comparable: true,
    async run(trial, server) {
      const block = new Uint8Array(64 * 1024).fill(0x61);
      await crowd(trial.size(300), 50, () => pour(server, block));
      return `${trial.size(300)} lines without an end, 50 at once`;
    },
  },
  "large resets": {
    comparable: true,
    large: "file",
    async run(trial, server) {
      const end = performance.now() + trial.size(10_000);
      const counts = await crowd(100, 100, async (index) => {
        let count = 0;
        for (; performance.now() < end; count++) {
          await reset(server, PLAIN_REQUEST, (index + count) * 37 % 300);
        }
        return count;
      });
      const most = server.start.descriptors + 160;
      trial.demand(server.peak.descriptors < most, "holds descriptors of who has left");
      const total = counts.reduce((sum, count) => sum + count, 0);
      return `${total} ask for ${LARGE_BYTES / 1e6} MB and reset, 100 at once`;
    },
  },
  "unread 200": unread(200, { large: "file", comparable: true }),
  "unread 500": unread(500, { large: "file", comparable: true }),
  "unread 1000": unread(1_000, { large: "file", comparable: true, mayWait: true }),
  "unread folder": unread(500, { large: "folder" }),
  comebacks: comebacks(8_000, "GET / HT"),
  "long comebacks": comebacks(4_000, `GET /${"a".repeat(8_000)}`),
  pipelines: {
    async run(trial, server) {
      const block = bytesOf(PLAIN_REQUEST.repeat(2_000));
      await crowd(trial.size(200), Infinity, () => pour(server, block));
      return `${trial.size(200)} pipeline and never read`;
    },
  },
  descriptors: {
    flags: ["--request-timeout", "2"],
    shell: 'ulimit -n 128; exec "$@"',
    persistent: true,
    async run(trial, server) {
      await crowd(300, Infinity, () => stay(server));
      const start = performance.now();
      trial.demand(isWhole(await stay(server, LAST_REQUEST)), "no recovery");
      trial.demand(performance.now() - start < MAX_WORST_MS, "slow recovery");
      return "300 say nothing, descriptors for 100";
    },
    judge(trial, messages) {
      const reports = messages.match(/Too many open files/g)?.length ?? 0;
      trial.demand(reports > 0 && reports < 50, "not reported once a shortage");
      return `, reported ${reports} times`;
    },
  },
  "log stuck": { stdout: "piped", run: fillLog, judge: countDropped },
  "log gone": {
    stdout: "piped",
    async run(trial, server) {
      await server.process.stdout.cancel();
      return await fillLog(trial, server);
    },
    judge: countDropped,
  },
  "log full": { shell: 'exec "$@" >/dev/full', run: fillLog, judge: countDropped },
  "log closed": { shell: 'exec "$@" >&-', run: fillLog },
  "disk full": {
    flags: ["--request-timeout", "2"],
    shell: 'ulimit -n 128; exec "$@" >/dev/full 2>/dev/full',
    unheard: true,
    persistent: true,
    async run(trial, server) {
      trial.demand(statusOf(await stay(server, "nonsense\r\n\r\n")) === 400, "no refusal");
      await crowd(300, Infinity, () => stay(server));
      return `${await fillLog(trial, server)}, 300 say nothing, descriptors for 100`;
    },
  },
  "both stuck": { shell: 'exec "$@" 2>&1', stdout: "piped", unheard: true, run: fillLog },
};

/** Clients who wait for a refusal, all at the same time, again and again. */
function comebacks(clients: number, halfALine: string): Flood {
  return {
    comparable: true,
    flags: ["--max-connections", `${clients + 500}`],
    persistent: true, // the kernel's queue overflows, and who is not let in tries again after 1 s
    maxBytes: MAX_COMEBACK_BYTES,
    async run(trial, server) {
      const count = trial.size(clients);
      for (let wave = 0; wave < COMEBACK_WAVES; wave++) {
        const sockets = await connectAll(server, count);
        await Promise.all(sockets.map((socket) => waitForRefusal(socket, halfALine)));
      }
      return `${count} send ${halfALine.length} octets of a line, get their 408, and come again, ` +
        `${COMEBACK_WAVES} times`;
    },
  };
}

async function waitForRefusal(socket: Deno.TcpConn, halfALine: string): Promise<void> {
  const patience = setTimeout(() => socket[Symbol.dispose](), COMEBACK_PATIENCE_MS);
  if (await tell(socket, halfALine)) await hear(socket);
  clearTimeout(patience);
  socket[Symbol.dispose]();
}

/** Clients who ask for more than the kernel holds for them, and never read it. */
function unread(clients: number, how: Partial<Flood>): Flood {
  return {
    flags: ["--write-timeout", "10"],
    ...how,
    async run(trial, server) {
      const sockets = await connectAll(server, trial.size(clients));
      await Promise.all(sockets.map((socket, index) => {
        const path = how.large === "folder" ? `/${index % LARGE_FILES}.bin` : "/";
        return tell(socket, PLAIN_REQUEST.replace("/", path));
      }));
      const { descriptors } = server.start;
      const half = descriptors + sockets.length / 2;
      await server.measureUntil((usage) => usage.descriptors > half, 5_000); // all are being answered
      const isRid = (usage: Usage) => usage.descriptors < descriptors + 5;
      trial.demand(isRid(await server.measureUntil(isRid, 20_000)), "waits for ever");
      for (const socket of sockets) socket.close();
      return `${sockets.length} never read ${LARGE_BYTES / 1e6} MB`;
    },
  };
}

/** Long lines, because a pipe and the server's buffer take a megabyte before any is dropped. */
async function fillLog(trial: Trial, server: Patient): Promise<string> {
  const request = `GET /${"a".repeat(8_000)} HTTP/1.0\r\n\r\n`;
  const wires = await crowd(trial.size(2_000), 20, () => stay(server, request));
  trial.demand(wires.every((wire) => isWhole(wire)), "not all replies are whole");
  return `${wires.length} lines of 8 KB, after ${WARM_UP_REQUESTS} short ones`;
}

function countDropped(trial: Trial, messages: string): string {
  const counts = Array.from(messages.matchAll(/dropped (\d+) lines/g), ([, count]) => +count);
  const dropped = counts.reduce((sum, count) => sum + count, 0);
  trial.demand(dropped > 0, "does not say what was dropped");
  return `, ${dropped} dropped`;
}

/** Starts a server for the flood alone, and demands what must hold in every flood. */
async function bear(flood: Flood, trial: Trial, peer?: string): Promise<Row> {
  await using server = await Patient.start({ ...flood, peer });
  await server.warmUp();
  const { persistent, large } = flood;
  const path = large === "folder" ? "/0.bin" : "/";
  const pauseMs = large ? LARGE_PAUSE_MS : PAUSE_MS;
  using client = await HonestClient.begin({ port: server.port, path, persistent, pauseMs });
  const what = await server.watch(flood.run(trial, server));
  const honest = await client.stop();
  const { peak, end } = await recover(flood, trial, server);
  const code = await server.stop();

  trial.demand(honest.failures.length === 0, `honest client failed: ${honest.failures[0]}`);
  trial.demand(large !== undefined || honest.medianMs < MAX_MEDIAN_MS, "median too high");
  trial.demand(flood.mayWait || honest.worstMs < MAX_WORST_MS, "worst too high");
  trial.demand(peer !== undefined || code === 0, `exit code ${code}`);
  const said = flood.judge?.(trial, server.messages) ?? "";
  return { what: what + said, honest, usages: [server.start, peak, end] };
}

/** Memory need not come back, for V8 keeps what it likes; but more of the same must level off. */
async function recover(flood: Flood, trial: Trial, server: Patient) {
  const peak = { ...server.peak };
  const end = await server.recover();
  trial.demand(server.hasDescriptors(end), "descriptors did not come back");
  if (flood.maxBytes) trial.demand(peak.rssBytes < flood.maxBytes, "takes too much memory");
  let levelsOff = flood.maxBytes !== undefined || server.hasMemory(end);
  for (let again = 0; again < MAX_REPEATS && !levelsOff; again++) {
    const before = { ...server.peak };
    await server.watch(flood.run(trial, server));
    levelsOff = server.hasMemory(server.peak, before);
  }
  trial.demand(levelsOff, "takes more memory each time");
  return { peak, end };
}

// ---------------------------------------------------------------- stopping

const STOPS: Record<string, (trial: Trial) => Promise<string>> = {
  "stop at once": (trial) => stopUnderLoad(trial, {}),
  "stop answering": (trial) => stopUnderLoad(trial, SLOWLY),
  "stop on a full disk": (trial) =>
    stopUnderLoad(trial, { ...SLOWLY, shell: 'exec "$@" >/dev/full 2>/dev/full', unheard: true }),
  "stop unheard": (trial) =>
    stopUnderLoad(trial, { ...SLOWLY, shell: STUCK, stdout: "piped", unheard: true }),
  async "stop unfinished"(trial) {
    await using server = await Patient.start();
    using _halfWay = await sendHalfALine(server);
    const start = performance.now();
    const code = await server.stop();
    const elapsedMs = performance.now() - start;
    trial.demand(code === 1, `exit code ${code}`);
    trial.demand(elapsedMs > GRACE_MS && elapsedMs < GRACE_MS + MAX_WORST_MS, "not punctual");
    return `half a line is cut after ${(elapsedMs / 1000).toFixed(1)} s, exit ${code}`;
  },
  async "stop twice"(trial) {
    const codes: number[] = [];
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      await using server = await Patient.start();
      using _halfWay = await sendHalfALine(server);
      server.process.kill(signal);
      await server.process.stderr.until(/received/);
      const start = performance.now();
      codes.push(await server.stop(signal));
      trial.demand(performance.now() - start < MAX_WORST_MS, `slow at the second ${signal}`);
    }
    trial.demand(`${codes}` === "143,130", `exit codes ${codes}`);
    return `second signal, exit ${codes.join(" and ")}`;
  },
  rolling: replaceUnderLoad,
  "changing folder": startWhileChanging,
};

const SLOWLY: Circumstances = { flags: ["--delay", "0.5"] };
/** One pipe for the log and the messages, full before the first word. */
const STUCK = 'head -c 65536 /dev/zero; exec "$@" 2>&1';

async function sendHalfALine(server: Patient): Promise<Deno.TcpConn> {
  const socket = await connect(server);
  await tell(socket, "GET / HT");
  await stay(server, LAST_REQUEST); // whoever is answered came later, so the other one is in
  return socket;
}

/** Everyone has sent a line before the signal, so everyone gets a whole reply. */
async function stopUnderLoad(trial: Trial, circumstances: Circumstances): Promise<string> {
  await using server = await Patient.start(circumstances);
  const sockets = await connectAll(server, trial.size(200));
  await Promise.all(sockets.map((socket) => tell(socket, PLAIN_REQUEST)));
  const stopped = server.stop();
  const wires = await hearAll(sockets);
  const whole = wires.filter((wire) => isWhole(wire)).length;
  const code = await stopped;
  trial.demand(whole === sockets.length && code === 0, "someone got no whole reply");
  return `${whole} of ${sockets.length} answered whole, exit ${code}`;
}

/** Processes share a port and replace each other; only the kernel's queue may lose someone. */
async function replaceUnderLoad(trial: Trial): Promise<string> {
  const flags = ["--reuse-port", "--quiet", "--port"];
  let current = await Patient.start({ flags: [...flags, "0"] });
  const { port } = current;
  const rounds = Math.max(3, trial.size(20));
  let [isOver, requests, lost] = [false, 0, 0];
  const ask = async () => {
    for (; !isOver; requests++) {
      const wire = await stay({ port }, LAST_REQUEST).catch(lostInQueue);
      if (wire === "") lost++;
      else trial.demand(isWhole(wire), "a reply is cut off");
    }
  };
  const replace = async () => {
    for (let round = 0; round < rounds; round++) {
      await using old = current;
      current = await Patient.start({ flags: [...flags, String(port)] });
      await sleep(50); // both serve
      const code = await old.stop();
      trial.demand(code === 0, `exit code ${code}`);
    }
  };
  await Promise.all([crowd(20, 20, ask), replace().finally(() => isOver = true)]);
  await current.stop();
  return `${rounds} replaced, ${lost} of ${requests} requests lost in the kernel's queue`;
}

function lostInQueue(error: unknown): string {
  if (isGone(error)) return "";
  throw error;
}

// ---------------------------------------------------------------- a folder that changes

const SECRET = "Nobody may see this.";
const FILE_NAMES = ["1.txt", "2.txt", "3.txt", "4.txt", "below/5.txt", "below/secret.txt"];
/** Rewrites, removes and replaces by links each file of a folder, and a folder in it, until told. */
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

/** Each start says what is wrong, or is good: then nothing that happens to the folder matters. */
async function startWhileChanging(trial: Trial): Promise<string> {
  const content = "a".repeat(1_000);
  using outside = new TemporaryFolder({ "secret.txt": SECRET });
  using folder = new TemporaryFolder(Object.fromEntries(
    FILE_NAMES.slice(0, 5).map((name) => [name, content]),
  ));
  const script = ["-c", CHANGE, "sh", folder.path, outside.path];
  const change = new Deno.Command("sh", { args: script, stderr: "null" }).spawn();
  const starts = Math.max(3, trial.size(40));
  let good = 0;
  try {
    for (let start = 0; start < starts; start++) {
      const reads = [folder.path, outside.path]; // so that no permission does what the server must
      try {
        await using server = await Patient.start({ flags: ["--file", folder.path], reads });
        await askForAll(trial, server);
        trial.demand(await server.stop() === 0, "does not stop");
        good++;
      } catch (error) {
        const isClear = /: firstline: Cannot use --file "[^\n]+\n$/.test(String(error));
        trial.demand(isClear, `unclear: ${error}`);
      }
    }
  } finally {
    change.kill();
    await change.status;
  }
  trial.demand(good > 0 && good < starts, "always the same");
  return `${good} of ${starts} starts are good, the others say why not`;
}

async function askForAll(trial: Trial, server: Patient): Promise<void> {
  for (const name of FILE_NAMES) {
    const wire = await stay(server, `GET /${name} HTTP/1.0\r\n\r\n`);
    trial.demand(isWhole(wire) && [200, 404].includes(statusOf(wire)), `answers "${wire}"`);
    trial.demand(!wire.includes(SECRET), "shows what is outside the folder");
  }
}

// ---------------------------------------------------------------- the command

async function runOne(name: string, scale: number, peer?: string): Promise<string[]> {
  const trial = new Trial(scale);
  let row: Row = { what: "" };
  try {
    const flood = FLOODS[name];
    row = flood ? await bear(flood, trial, peer) : { what: await STOPS[name](trial) };
  } catch (error) {
    trial.demand(false, String(error));
  }
  const { what, honest, usages = [] } = row;
  const verdict = trial.faults.size === 0 ? "holds" : `FAILS: ${[...trial.faults].join("; ")}`;
  console.error(`${name}: ${verdict}`);
  return [
    name,
    what,
    String(honest?.requests ?? ""),
    honest?.medianMs.toFixed(1) ?? "",
    honest?.worstMs.toFixed(1) ?? "",
    usages.map(({ rssBytes }) => (rssBytes / 1e6).toFixed(1)).join(" / "),
    usages.map(({ descriptors }) => descriptors).join(" / "),
    verdict,
  ];
}

/** The rows that were asked for; of a peer, those that make sense for it. */
function choose(only: string | undefined, peer: string | undefined): string[] {
  const all = [...Object.keys(FLOODS), ...Object.keys(STOPS)];
  const names = only?.split(",") ?? all;
  const stranger = names.find((name) => !all.includes(name));
  if (stranger !== undefined) {
    throw new RangeError(`Cannot run "${stranger}": expected one of ${all.join(", ")}`);
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

const { only, peer, ...flags } = parseArgs(Deno.args, { string: ["only", "scale", "peer"] });
const scale = numberOf(flags.scale, 1);
const rows = [["fault", "what", "honest", "median ms", "worst ms", "MB", "descriptors", "verdict"]];
for (const name of choose(only, peer)) rows.push(await runOne(name, scale, peer));
console.log("Memory and descriptors: at the start / peak / at the end");
printTable(rows);
Deno.exit(rows.slice(1).every((row) => row.at(-1) === "holds") ? 0 : 1);
