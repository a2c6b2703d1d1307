// The runtimes, besides Deno, in which the lab must work. npm has them.
import { join } from "node:path";
import { run } from "./tools.mjs";

const RUNTIMES = [
  { name: "Node 22", source: "node@22", program: "node/bin/node" },
  { name: "Node 24", source: "node@24", program: "node/bin/node" },
  { name: "Bun", source: "bun@1", program: ".bin/bun" },
];

/** Installs each in a folder below this one. Says which cannot be had, and returns the others. */
export async function installRuntimes(box) {
  return (await Promise.all(RUNTIMES.map((runtime) => install(box, runtime)))).flat();
}

async function install(box, { name, source, program }) {
  const folder = join(box, source);
  await run("npm", ["install", "--silent", "--no-package-lock", "--prefix", folder, source]);
  const path = join(folder, "node_modules", program);
  const { code, stdout } = await run(path, ["--version"]);
  if (code === 0) return [{ name, path, version: stdout.trim() }];
  console.log(`NOT RUN: anything in ${name}, because npm cannot install ${source} here.`);
  return [];
}
