// Checks that files import each other without cycles, and only what the table allows. Reads
// `deno info --json` of a module that imports every file named on the command line.
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

/** What each file may import. The first row that matches applies; a folder means all files in it. */
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

/** What each of our files imports, as in the table: paths of our files, names of other modules. */
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
  if (!allowed) faults.push(`${file} is in a place where no file is expected`);
  const fits = (name) =>
    allowed?.some((other) => name === other || /[/:]$/.test(other) && name.startsWith(other));
  faults.push(
    ...names.filter((name) => !fits(name)).map((name) => `${file} must not import ${name}`),
  );
}

/** Follows the imports; a file that reaches itself is a cycle. */
const done = new Set();
function follow(file, way) {
  if (way.includes(file)) faults.push(`A cycle: ${[...way, file].join(" > ")}`);
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
