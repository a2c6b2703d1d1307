// Builds, from a clean clone with Node and npm alone, a package for npm and a wheel for PyPI in dist/.
// Each contains the program in one script, a launcher, the README and the licenses, and depends on the
// registry's own package of Deno.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { deflateRawSync } from "node:zlib";

/** On npm, the short name belongs to another package. */
const NPM_NAME = "@firstline/firstline";
const PYPI_NAME = "firstline";
/** The tested version. A package accepts it or a later patch. */
const [, DENO] = /deno@(\d+\.\d+\.\d+)/.exec(readFileSync(".ci/run", "utf8"));
/** The flags that name a file or folder to read. */
const READ = ["file", "raw"];

const SUMMARY = "A small HTTP server on raw TCP that answers as soon as the first line has arrived";
const { version, license } = JSON.parse(readFileSync("deno.json", "utf8"));
const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env;
/** Both registries compare it with the repository of the release workflow. */
const repository = GITHUB_REPOSITORY && `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}`;

function run(command, ...args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

const deno = (...args) => run("npx", "--yes", `deno@${DENO}`, ...args);

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

/** The README with links to the repository, for pages of registries. */
function readme() {
  const text = readFileSync("README.md", "utf8");
  if (!repository) return text;
  return text
    .replaceAll(/(!\[[^\]]*\]\()(?!http|#)/g, `$1${repository}/raw/v${version}/`)
    .replaceAll(/((?<!!\[[^\]]*)\]\()(?!http|#)/g, `$1${repository}/blob/v${version}/`);
}

/** Packs the files with `npm pack`, and returns the path. */
function buildPackage(box, files) {
  const folder = join(box, "npm");
  cpSync("deploy/npm", folder, { recursive: true });
  const manifest = {
    name: NPM_NAME,
    version,
    description: SUMMARY,
    license,
    repository: repository && { type: "git", url: `git+${repository}.git` },
    type: "module",
    bin: { firstline: "launcher.mjs" },
    engines: { node: ">=18" },
    dependencies: { deno: `~${DENO}` },
  };
  const all = { ...files, "package.json": JSON.stringify(manifest, null, 2) };
  for (const [name, text] of Object.entries(all)) writeFileSync(join(folder, name), text);
  const [{ filename }] = JSON.parse(
    run("npm", "pack", folder, "--silent", "--json", "--pack-destination", "dist"),
  );
  return `dist/${filename}`;
}

/** Writes the wheel, and returns its path. */
function buildWheel({ "README.md": readme, LICENSE, NOTICE, ...files }) {
  const info = `${PYPI_NAME}-${version}.dist-info`;
  const inPackage = (name) => `${PYPI_NAME}/${name}`;
  const launcher = ["__init__.py", "__main__.py"]
    .map((name) => [inPackage(name), readFileSync(`deploy/pypi/${name}`, "utf8")]);
  const entries = [
    ...launcher,
    ...Object.entries(files).map(([name, text]) => [inPackage(name), text]),
    [`${info}/METADATA`, metadata(readme)],
    [
      `${info}/WHEEL`,
      "Wheel-Version: 1.0\nGenerator: firstline\n" +
      "Root-Is-Purelib: true\nTag: py3-none-any\n",
    ],
    [`${info}/entry_points.txt`, `[console_scripts]\nfirstline = ${PYPI_NAME}:main\n`],
    [`${info}/licenses/LICENSE`, LICENSE],
    [`${info}/licenses/NOTICE`, NOTICE],
  ];
  const record = entries.map(([name, text]) => {
    const hash = createHash("sha256").update(text).digest("base64url");
    return `${name},sha256=${hash},${Buffer.byteLength(text)}\n`;
  });
  entries.push([`${info}/RECORD`, `${record.join("")}${info}/RECORD,,\n`]);
  const path = `dist/${PYPI_NAME}-${version}-py3-none-any.whl`;
  writeFileSync(path, zip(entries));
  return path;
}

/** The launcher would run in Python 3.9, but PyPI's package of Deno needs 3.10. */
function metadata(readme) {
  const links = repository ? [`Project-URL: Repository, ${repository}`] : [];
  return [
    "Metadata-Version: 2.4",
    `Name: ${PYPI_NAME}`,
    `Version: ${version}`,
    `Summary: ${SUMMARY}`,
    `License-Expression: ${license}`,
    "License-File: LICENSE",
    "License-File: NOTICE",
    "Requires-Python: >=3.10",
    `Requires-Dist: deno~=${DENO}`,
    ...links,
    "Description-Content-Type: text/markdown",
    "",
    readme,
  ].join("\n");
}

/** The checksum for ZIP; `node:zlib` has it only since 20.15. */
function crc32(bytes) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum >>> 1 ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

/** A ZIP archive of [path, text], each dated 1980-01-01, so that the same files give the same bytes. */
function zip(entries) {
  const DATE = 0x21;
  const local = [];
  const central = [];
  let at = 0;
  for (const [path, text] of entries) {
    const name = Buffer.from(path);
    const content = Buffer.from(text);
    const packed = deflateRawSync(content, { level: 9 });
    const common = Buffer.alloc(26); // version needed, flags, method, time, date, sums and lengths
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt16LE(DATE, 8);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const rest = Buffer.alloc(14); // disk, attributes, and where the local header is
    rest.writeUInt32LE(0o100644 * 0x10000, 6);
    rest.writeUInt32LE(at, 10);
    const header = Buffer.concat([Buffer.from("PK\x03\x04"), common, name, packed]);
    local.push(header);
    central.push(Buffer.from("PK\x01\x02\x14\x03"), common, rest, name);
    at += header.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...local, directory, end]);
}

const box = mkdtempSync(join(tmpdir(), "firstline-"));
try {
  mkdirSync("dist", { recursive: true });
  const { script, notice } = bundle(box);
  const files = {
    "firstline.mjs": script,
    "flags.json": flags(),
    "README.md": readme(),
    LICENSE: readFileSync("LICENSE", "utf8"),
    NOTICE: notice,
  };
  console.log(`Built ${buildPackage(box, files)} and ${buildWheel(files)}.`);
} finally {
  rmSync(box, { recursive: true });
}
