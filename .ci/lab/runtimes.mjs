// The runtimes, besides Deno, in which the lab must work. npm has them.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const RUNTIMES = [
  { name: "Node 22", source: "node@22", program: "node/bin/node" },
  { name: "Node 24", source: "node@24", program: "node/bin/node" },
  { name: "Bun", source: "bun@1", program: ".bin/bun" },
];

/** Installs each in a folder below this one. Says which cannot be had, and returns the others. */
export function installRuntimes(box) {
  return RUNTIMES.flatMap(({ name, source, program }) => {
    const folder = join(box, source);
    const npm = ["install", "--silent", "--no-package-lock", "--prefix", folder, source];
    spawnSync("npm", npm, { encoding: "utf8" });
    const path = join(folder, "node_modules", program);
    const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
    if (status === 0) return [{ name, path, version: stdout.trim() }];
    console.log(`NOT RUN: anything in ${name}, because npm cannot install ${source} here.`);
    return [];
  });
}
