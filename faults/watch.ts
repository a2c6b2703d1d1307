/**
 * Changes a folder under `--watch` as editors, git, rsync and Kubernetes do, beside a FIFO, on an
 * overlay mount, and while a log grows or files come and go, while clients request its files. Each
 * reply must be complete and of one version, and soon of the new one.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { connect, readAll, send } from "../tests/clients.ts";
import { TemporaryFolder } from "../tests/files.ts";
import { ANY_PORT, ServerProcess } from "../tests/process.ts";
import { sleep } from "../tests/time.ts";
import { isWhole, statusOf } from "../tests/wire.ts";
import { numberOf, printTable } from "./harness.ts";

const FILES = 20;
const FILE_BYTES = 50_000;
const CLIENTS = 4;
/** The promised time, with a margin for a busy machine. */
const MAX_RELOAD_MS = 1500;
/** The same in a folder that never rests. */
const MAX_RESTLESS_MS = 4000;
/** Memory within this of that after ten changes counts as level: freed pages return late. */
const MAX_GROWTH_MB = 60;

/** The files of a version, filled with one letter. */
function filesOf(version: number): Record<string, string> {
  const letter = String.fromCharCode(97 + version % 26);
  const names = Array.from({ length: FILES }, (_, at) => `${at}.txt`);
  return Object.fromEntries(names.map((name) => [name, letter.repeat(FILE_BYTES)]));
}

async function sh(folder: TemporaryFolder, script: string, ...args: string[]): Promise<void> {
  const command = new Deno.Command("sh", {
    args: ["-ec", script, "sh", ...args],
    cwd: folder.path,
    stdout: "null",
  });
  const { success } = await command.output();
  if (!success) throw new Error(`Cannot run: ${script}`);
}

/** Ways to replace the files in `site` by another version. */
const CHANGES: Record<string, (folder: TemporaryFolder, version: number) => Promise<void>> = {
  "save in place": async (folder, version) => {
    for (const [name, text] of Object.entries(filesOf(version))) folder.write(`site/${name}`, text);
    await sleep(0);
  },
  "save and rename": async (folder, version) => {
    for (const [name, text] of Object.entries(filesOf(version))) {
      folder.write(`site/${name}~`, text);
      await sleep(1);
      Deno.renameSync(folder.pathOf(`site/${name}~`), folder.pathOf(`site/${name}`));
    }
  },
  "rsync": async (folder, version) => {
    for (const [name, text] of Object.entries(filesOf(version))) folder.write(`next/${name}`, text);
    await sh(folder, "rsync -r --delete --checksum next/ site/");
  },
  "git checkout": async (folder, version) => {
    for (const [name, text] of Object.entries(filesOf(version))) folder.write(`work/${name}`, text);
    await sh(
      folder,
      "cd work; [ -d .git ] || git init -q; git checkout -q -B next; git add .; " +
        "git -c user.name=a -c user.email=a@b commit -qm a; cd ..; " +
        "[ -d site/.git ] || git clone -q work new; [ -d site/.git ] || mv new/.git site; " +
        "cd site; git fetch -q; git checkout -qf origin/next",
    );
  },
  "replaced folder": async (folder, version) => {
    for (const [name, text] of Object.entries(filesOf(version))) folder.write(`new/${name}`, text);
    await sh(folder, "mv site old; mv new site; rm -r old");
  },
};

/** As Kubernetes does: replaces a link, then removes the folder it led to. */
async function swapData(folder: TemporaryFolder, version: number): Promise<void> {
  const name = `..${version}`;
  for (const [file, text] of Object.entries(filesOf(version))) {
    folder.write(`site/${name}/${file}`, text);
  }
  await sh(
    folder,
    'cd site; old=$(readlink ..data || :); ln -s "$1" ..data_tmp; mv -T ..data_tmp ..data; ' +
      '[ -e 0.txt ] || for file in "$1"/*; do ln -s "..data/${file#*/}" .; done; ' +
      'if [ "$old" ]; then rm -r "$old"; fi',
    name,
  );
}
CHANGES["Kubernetes"] = swapData;

/** Requests one file after another until the task is over. */
async function requestFiles(
  server: ServerProcess,
  task: { isOver: boolean; letters: Set<string> },
) {
  let requests = 0;
  for (; !task.isOver; requests++) {
    using socket = await connect(server);
    await send(socket, `GET /${requests % FILES}.txt HTTP/1.1\r\n\r\n`);
    const wire = await readAll(socket);
    const content = wire.slice(wire.indexOf("\r\n\r\n") + 4);
    if (statusOf(wire) !== 200 || !isWhole(wire) || content.length !== FILE_BYTES) {
      throw new Error(`Expected a complete file: ${wire.slice(0, 200)}, ${content.length} bytes`);
    }
    if (content !== content[0].repeat(FILE_BYTES)) throw new Error("A mixture of versions");
    task.letters.add(content[0]);
  }
  return requests;
}

CHANGES["beside a FIFO"] = async (folder, version) => {
  const names = ["site/fifo", "site/sub/fifo", "site/.fifo"];
  await sh(folder, `mkdir -p site/sub; rm -f ${names[version % 3]}; mkfifo ${names[version % 3]}`);
  await CHANGES["save and rename"](folder, version);
};

CHANGES["removed and built again"] = async (folder, version) => {
  await sh(folder, "rm -r site");
  await sleep(version % 3 * 100);
  await CHANGES["save in place"](folder, version);
};

/** A first change there makes a copy of the file, of which the system reports nothing. */
CHANGES["overlay"] = CHANGES["save in place"];
CHANGES["beside a growing log"] = CHANGES["save in place"];
CHANGES["beside files that come and go"] = CHANGES["save in place"];

/** What a shell does in the folder all the time meanwhile. */
const RESTLESS: Record<string, string> = {
  "beside a growing log": "while echo line >> site/log; do sleep 0.02; done",
  "beside files that come and go":
    "while echo > site/tmp; do mkdir site/new; echo > site/new/a; rm -r site/tmp site/new; sleep 0.01; done",
};

/** Starts what the shell does, or mounts the overlay. Ends it when disposed of. */
async function surround(name: string, folder: TemporaryFolder): Promise<AsyncDisposable> {
  if (name === "overlay") {
    await sh(
      folder,
      "mkdir upper work merged; mount -t overlay overlay " +
        "-o lowerdir=site,upperdir=upper,workdir=work merged; mv site lower; ln -s merged site",
    );
    return { [Symbol.asyncDispose]: () => sh(folder, "umount merged") };
  }
  const script = RESTLESS[name];
  if (script === undefined) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  const command = new Deno.Command("sh", {
    args: ["-c", script],
    cwd: folder.path,
    stderr: "null",
  });
  const child = command.spawn();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

/** Waits until every file is of this version. Returns the milliseconds. */
async function reloadTime(server: ServerProcess, version: number): Promise<number> {
  const start = performance.now();
  const [letter] = filesOf(version)["0.txt"];
  for (let at = 0; at < FILES;) {
    using socket = await connect(server);
    await send(socket, `GET /${at}.txt HTTP/1.1\r\n\r\n`);
    if ((await readAll(socket)).endsWith(letter)) at++;
    else await sleep(5);
    if (performance.now() - start > 10_000) throw new Error(`Version ${version} was not served`);
  }
  return performance.now() - start;
}

/** Resident memory and open descriptors. */
function usageOf({ child }: ServerProcess) {
  const [pages] = Deno.readTextFileSync(`/proc/${child.pid}/statm`).split(" ").slice(1).map(Number);
  const descriptors = [...Deno.readDirSync(`/proc/${child.pid}/fd`)].length;
  return { MB: Math.round(pages * 4096 / 1e6), descriptors };
}

async function runChanges(name: string, changes: number): Promise<string[]> {
  using folder = new TemporaryFolder();
  await (name === "Kubernetes" ? swapData : CHANGES["save in place"])(folder, 0);
  await using _ = await surround(name, folder);
  await using server = await ServerProcess.start(
    [...ANY_PORT, "--file", folder.pathOf("site"), "--watch", "--quiet"],
    { permissions: ["--allow-net", "--allow-read"], stdout: "null" },
  );
  const task = { isOver: false, letters: new Set<string>() };
  const clients = Promise.all(Array.from({ length: CLIENTS }, () => requestFiles(server, task)));
  clients.catch(() => {}); // awaited below, unless a change fails first
  const times: number[] = [];
  let before = usageOf(server);
  for (let version = 1; version <= changes; version++) {
    await CHANGES[name](folder, version);
    times.push(await reloadTime(server, version));
    if (version === 10) before = usageOf(server);
  }
  task.isOver = true;
  const requests = (await clients).reduce((sum, count) => sum + count);
  const after = usageOf(server);
  times.sort((a, b) => a - b);
  const worst = times.at(-1)!;
  const limit = name in RESTLESS ? MAX_RESTLESS_MS : MAX_RELOAD_MS;
  const grown = after.MB - before.MB > MAX_GROWTH_MB;
  if (worst > limit || grown || after.descriptors > before.descriptors + 10) failures++;
  return [
    name,
    changes,
    requests,
    Math.round(times[times.length >> 1]),
    Math.round(worst),
    `${before.MB}, ${after.MB}`,
    `${before.descriptors}, ${after.descriptors}`,
  ].map(String);
}

const COLUMNS = ["change", "changes", "requests", "median ms", "worst ms"];
/** After ten changes and at the end. */
COLUMNS.push("MB", "descriptors");

let failures = 0;
const { _: names, changes } = parseArgs(Deno.args, { string: ["changes"] });
const rows = [COLUMNS];
for (const name of names.length > 0 ? names.map(String) : Object.keys(CHANGES)) {
  console.error(name); // the table comes at the end
  try {
    rows.push(await runChanges(name, numberOf(changes, 50)));
  } catch (error) {
    if (name !== "overlay" || !String(error).includes("mount")) throw error;
    console.log("overlay: not run, because mounting is not permitted");
  }
}
printTable(rows);
Deno.exit(failures > 0 ? 1 : 0);
