// Checks that files import each other without cycles, and only what the table allows. Reads
// `deno info --json` of a module that imports every file named on the command line.
import { readFileSync } from "node:fs";
import { dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** What the files of each floor may import, from the lowest up. A folder means all files in it. */
const FLOORS = [
  ["server.ts", []],
  ["replies/", ["server.ts", "replies/"]],
  ["folders/", ["server.ts", "replies/", "folders/", "node:fs"]],
  ["lab/", ["server.ts", "replies/", "lab/", "node:"]],
  ["command/", [
    "server.ts",
    "replies/",
    "folders/",
    "lab/",
    "command/",
    "@std/cli/",
    "@std/net/",
    "node:",
  ]],
  ["main.ts", ["server.ts", "command/", "deno.json"]],
  ["tests/", [
    "server.ts",
    "replies/",
    "folders/",
    "lab/",
    "command/",
    "main.ts",
    "tests/",
    "@std/",
    "node:",
    "deno.json",
  ]],
  ["faults/", [
    "server.ts",
    "replies/",
    "folders/",
    "lab/",
    "command/",
    "tests/",
    "faults/",
    "@std/",
    "node:",
  ]],
  ["bench/", [
    "server.ts",
    "replies/",
    "command/",
    "tests/",
    "bench/",
    "@std/",
    "node:",
    "deno.json",
  ]],
];
/** What a test may import, besides what its floor may. */
const TESTS = FLOORS.find(([floor]) => floor === "tests/")[1];
/** The rooms that use nothing of Deno. */
const PURE = /^(replies|lab)\/(?!.*_test\.ts$)/;
/** More source files in a folder than this, and nobody sees what it is. */
const MAX_FILES = 10;

const isIn = (place) => (file) => place.endsWith("/") ? file.startsWith(place) : file === place;

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
  const floor = FLOORS.find(([place]) => isIn(place)(file));
  const allowed = file.endsWith("_test.ts") ? [...TESTS, ...floor?.[1] ?? []] : floor?.[1];
  if (!allowed) faults.push(`${file} is in a place where no file is expected`);
  const fits = (name) =>
    allowed?.some((other) => name === other || /[/:]$/.test(other) && name.startsWith(other));
  faults.push(
    ...names.filter((name) => !fits(name)).map((name) => `${file} must not import ${name}`),
  );
  const code = readFileSync(file, "utf8").replace(/^ *(\/\*\*|\*|\/\/).*$/gm, "");
  if (PURE.test(file) && /\bDeno\b/.test(code)) faults.push(`${file} must not use Deno`);
}
const isSource = (file) =>
  /^(replies|folders|lab|command)\//.test(file) && !file.endsWith("_test.ts");
const folders = files.filter(isSource).map((file) => dirname(file));
for (const folder of new Set(folders)) {
  const count = folders.filter((other) => other === folder).length;
  if (count > MAX_FILES) faults.push(`${folder} has ${count} source files, more than ${MAX_FILES}`);
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
console.log(FLOORS.slice(0, 6).map(([floor]) => floor).reverse().join(" > "));
