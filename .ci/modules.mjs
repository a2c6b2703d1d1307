// Checks that the arrows between files run one way: reads `deno info --json` of a module that imports
// every file named on the command line, and compares what each imports with the table.
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

/** Who may import what. The first row that fits a file holds; a folder stands for all that is in it. */
const ALLOWED = [
  [/^server\.ts$/, []],
  [/^server_test\.ts$/, ["server.ts", "tests/", "@std/assert", "node:"]],
  [/^main\.ts$/, ["server.ts", "command/", "deno.json"]],
  [/^command\/\w+_test\.ts$/, [
    "server.ts",
    "command/",
    "main.ts",
    "tests/",
    "@std/",
    "node:",
    "deno.json",
  ]],
  [/^command\/reset\.ts$/, ["server.ts", "node:net"]],
  [/^command\/arguments\.ts$/, ["server.ts", "command/", "@std/cli/"]],
  [/^command\/start\.ts$/, ["server.ts", "command/", "@std/net/"]],
  [/^command\//, ["server.ts", "command/"]],
  [/^tests\//, ["server.ts", "command/", "main.ts", "tests/", "@std/", "node:", "deno.json"]],
  [/^faults\//, ["server.ts", "command/", "tests/", "faults/", "@std/", "node:"]],
  [/^bench\//, ["command/", "tests/", "bench/", "@std/", "node:", "deno.json"]],
];

const { modules, redirects = {} } = JSON.parse(readFileSync(0, "utf8"));
const files = process.argv.slice(2);
const pathOf = (specifier) => relative(".", fileURLToPath(specifier)).replaceAll("\\", "/");

/** What each of our files imports, as the table spells it: paths of ours, names of others'. */
const imports = new Map();
for (const { specifier, dependencies = [] } of modules) {
  if (!specifier.startsWith("file:") || !files.includes(pathOf(specifier))) continue;
  const names = dependencies.map(({ specifier: written, code, type }) => {
    const found = (code ?? type)?.specifier ?? written;
    const target = redirects[found] ?? found;
    const isOurs = target.startsWith("file:") && !pathOf(target).startsWith(".ci/npm/");
    return isOurs ? pathOf(target) : written;
  });
  imports.set(pathOf(specifier), names);
}

const faults = files.filter((file) => !imports.has(file)).map((file) => `${file} is in no graph`);
for (const [file, names] of imports) {
  const allowed = ALLOWED.find(([files]) => files.test(file))?.[1];
  if (!allowed) faults.push(`${file} stands where no file is expected`);
  const fits = (name) =>
    allowed?.some((other) => name === other || /[/:]$/.test(other) && name.startsWith(other));
  faults.push(
    ...names.filter((name) => !fits(name)).map((name) => `${file} must not import ${name}`),
  );
}

/** Follows the imports; a file met again on its own way is a circle. */
const done = new Set();
function follow(file, way) {
  if (way.includes(file)) faults.push(`A circle: ${[...way, file].join(" > ")}`);
  else if (!done.has(file)) {
    for (const name of imports.get(file) ?? []) follow(name, [...way, file]);
  }
  done.add(file);
}
for (const file of imports.keys()) follow(file, []);

if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exit(1);
}
console.log(`${imports.size} files import only what they may, and no two each other.`);
