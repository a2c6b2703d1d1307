/**
 * Changes a folder under `--watch` as editors, git, rsync and Kubernetes do, while clients request
 * its files. Each reply must be complete and of one version, and soon of the new one.
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

/** Resident memory, open descriptors and inotify watches. */
function usageOf({ child }: ServerProcess) {
  const [pages] = Deno.readTextFileSync(`/proc/${child.pid}/statm`).split(" ").slice(1).map(Number);
  const descriptors = [...Deno.readDirSync(`/proc/${child.pid}/fdinfo`)].map(({ name }) => {
    try {
      return Deno.readTextFileSync(`/proc/${child.pid}/fdinfo/${name}`);
    } catch {
      return "";
    }
  });
  const watches = descriptors.join("").match(/^inotify wd/gm)?.length ?? 0;
  return { MB: Math.round(pages * 4096 / 1e6), descriptors: descriptors.length, watches };
}

function foldersIn(path: string): number {
  const inside = [...Deno.readDirSync(path)].filter(({ isDirectory }) => isDirectory);
  return inside.reduce((sum, { name }) => sum + foldersIn(`${path}/${name}`), 1);
}

async function runChanges(name: string, changes: number): Promise<string[]> {
  using folder = new TemporaryFolder();
  await (name === "Kubernetes" ? swapData : CHANGES["save in place"])(folder, 0);
  await using server = await ServerProcess.start(
    [...ANY_PORT, "--file", folder.pathOf("site"), "--watch", "--quiet"],
    { permissions: ["--allow-net", "--allow-read"], stdout: "null" },
  );
  const task = { isOver: false, letters: new Set<string>() };
  const clients = Array.from({ length: CLIENTS }, () => requestFiles(server, task));
  const times: number[] = [];
  let before = usageOf(server);
  for (let version = 1; version <= changes; version++) {
    await CHANGES[name](folder, version);
    times.push(await reloadTime(server, version));
    if (version === 10) before = usageOf(server);
  }
  task.isOver = true;
  const requests = (await Promise.all(clients)).reduce((sum, count) => sum + count);
  const after = usageOf(server);
  times.sort((a, b) => a - b);
  const worst = times.at(-1)!;
  const folders = foldersIn(folder.pathOf("site"));
  const leaks = after.watches > folders + 5 || after.descriptors > before.descriptors + 10;
  if (worst > MAX_RELOAD_MS || leaks) failures++;
  return [
    name,
    changes,
    requests,
    Math.round(times[times.length >> 1]),
    Math.round(worst),
    `${before.MB}, ${after.MB}`,
    `${before.watches}, ${after.watches}`,
    `${before.descriptors}, ${after.descriptors}`,
  ].map(String);
}

const COLUMNS = ["change", "changes", "requests", "median ms", "worst ms"];
/** After ten changes and at the end. */
COLUMNS.push("MB", "watches", "descriptors");

let failures = 0;
const { _: names, changes } = parseArgs(Deno.args, { string: ["changes"] });
const rows = [COLUMNS];
for (const name of names.length > 0 ? names.map(String) : Object.keys(CHANGES)) {
  rows.push(await runChanges(name, numberOf(changes, 50)));
}
printTable(rows);
Deno.exit(failures > 0 ? 1 : 0);
