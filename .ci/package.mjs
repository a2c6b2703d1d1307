// Builds, from a clean clone with Node and npm alone, a package for npm and a wheel for PyPI in dist/.
// Each contains the program in one script, a launcher, the README and the licenses, and depends on the
// registry's own package of Deno.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { DENO, deno, packForNpm, page, writeWheel } from "./packages.mjs";

/** On npm, the short name belongs to another package. */
const NPM_NAME = "@firstline/firstline";
const PYPI_NAME = "firstline";
/** The flags that name a file or folder to read. */
const READ = ["file", "raw"];

const SUMMARY = "A small HTTP server on raw TCP that answers as soon as the first line has arrived";

/**
 * The program in one script, and the notice for the modules of others in it. `deno bundle` understands
 * the import map and gets modules from npm. In its comments, paths of this machine are replaced by the
 * npm names of the modules.
 */
function bundle(box) {
  const output = join(box, "firstline.mjs");
  deno("bundle", "--quiet", "--import-map=.ci/npm_imports.json", "--output", output, "main.ts");
  const foreign = new Map();
  const script = readFileSync(output, "utf8")
    .replaceAll(/^\/\/ (\S*\/npm\/[^/\s]+\/(\S+))$/gm, (_, path, name) => {
      foreign.set(name, readFileSync(path, "utf8"));
      return `// npm:${name}`;
    });
  return { script, notice: notice(foreign) };
}

/** Each module of others names its owner in the first line; its license has the same text as ours. */
function notice(modules) {
  assert.ok(modules.size > 0, "expected modules of others in the bundle");
  const terms = readFileSync("LICENSE", "utf8").split("\n").slice(3).join("\n");
  const copyrights = Array.from(modules, ([name, source]) => {
    const [, owner] = /^\/\/ (Copyright .*)\. MIT license\.\n/.exec(source) ?? assert.fail(name);
    return `${name}: ${owner}\n`;
  });
  return `firstline.mjs holds modules of others, under the MIT License:\n\n${
    copyrights.join("")
  }${terms}`;
}

/** What the launchers need to know about the flags. */
function flags() {
  const url = pathToFileURL(resolve("command/flags.ts"));
  const all = JSON.parse(
    deno("eval", `import { ALL_FLAGS } from "${url}"; console.log(JSON.stringify(ALL_FLAGS))`),
  );
  const valued = all.filter(({ value }) => value).map(({ name }) => name);
  assert.ok(READ.every((name) => valued.includes(name)));
  const letters = all.filter(({ short }) => short).map(({ short, name }) => [short, name]);
  return JSON.stringify({ valued, read: READ, letters: Object.fromEntries(letters) });
}

/** Packs the files for npm, and returns the path. */
function buildPackage(box, files) {
  const folder = join(box, "npm");
  cpSync("deploy/npm", folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return packForNpm(folder, {
    name: NPM_NAME,
    description: SUMMARY,
    bin: { firstline: "launcher.mjs" },
    engines: { node: ">=18" },
    dependencies: { deno: `~${DENO}` },
  });
}

/** The launcher would run in Python 3.9, but PyPI's package of Deno needs 3.10. */
function buildWheel({ "README.md": readme, LICENSE, NOTICE, ...files }) {
  const inPackage = (name) => `${PYPI_NAME}/${name}`;
  const launcher = ["__init__.py", "__main__.py"]
    .map((name) => [inPackage(name), readFileSync(`deploy/pypi/${name}`, "utf8")]);
  return writeWheel({
    name: PYPI_NAME,
    summary: SUMMARY,
    readme,
    files: [...launcher, ...Object.entries(files).map(([name, text]) => [inPackage(name), text])],
    licenses: { LICENSE, NOTICE },
    entryPoints: `[console_scripts]\nfirstline = ${PYPI_NAME}:main\n`,
    requires: ["Requires-Python: >=3.10", `Requires-Dist: deno~=${DENO}`],
  });
}

const box = mkdtempSync(join(tmpdir(), "firstline-"));
try {
  mkdirSync("dist", { recursive: true });
  const { script, notice } = bundle(box);
  const files = {
    "firstline.mjs": script,
    "flags.json": flags(),
    "README.md": page("README.md"),
    LICENSE: readFileSync("LICENSE", "utf8"),
    NOTICE: notice,
  };
  console.log(`Built ${buildPackage(box, files)} and ${buildWheel(files)}.`);
} finally {
  rmSync(box, { recursive: true });
}
