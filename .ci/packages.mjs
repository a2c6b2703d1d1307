// What the packages of the command and of the lab have in common: how an archive for npm and a wheel
// for PyPI are made with Node and npm alone.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";

/** The tested version. A package accepts it or a later patch. */
export const [, DENO] = /deno@(\d+\.\d+\.\d+)/.exec(readFileSync(".ci/run", "utf8"));

export const { version, license } = JSON.parse(readFileSync("deno.json", "utf8"));
const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env;
/** Both registries compare it with the repository of the release workflow. */
const repository = GITHUB_REPOSITORY && `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}`;

export function run(command, ...args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

export const deno = (...args) => run("npx", "--yes", `deno@${DENO}`, ...args);

/** A text of this folder with links to the repository, for pages of registries. */
export function page(path) {
  const text = readFileSync(path, "utf8");
  if (!repository) return text;
  return text
    .replaceAll(/(!\[[^\]]*\]\()(?!http|#)/g, `$1${repository}/raw/v${version}/`)
    .replaceAll(/((?<!!\[[^\]]*)\]\()(?!http|#)/g, `$1${repository}/blob/v${version}/`);
}

/** Packs a folder that has all files but the manifest with `npm pack`, and returns the path. */
export function packForNpm(folder, { name, description, ...more }) {
  const manifest = {
    name,
    version,
    description,
    license,
    repository: repository && { type: "git", url: `git+${repository}.git` },
    type: "module",
    ...more,
  };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest, null, 2));
  const [{ filename }] = JSON.parse(
    run("npm", "pack", folder, "--silent", "--json", "--pack-destination", "dist"),
  );
  return `dist/${filename}`;
}

/**
 * Writes a wheel, and returns its path.
 *
 * @param files Pairs of a path in the wheel and a text.
 * @param licenses The same for the texts of licenses, by name.
 * @param entryPoints The text of `entry_points.txt`.
 * @param requires More lines of the metadata.
 */
export function writeWheel({ name, summary, readme, files, licenses, entryPoints, requires }) {
  const module = name.replaceAll("-", "_");
  const info = `${module}-${version}.dist-info`;
  const names = Object.keys(licenses);
  const entries = [
    ...files,
    [`${info}/METADATA`, metadata({ name, summary, readme, names, requires })],
    [
      `${info}/WHEEL`,
      "Wheel-Version: 1.0\nGenerator: firstline\n" +
      "Root-Is-Purelib: true\nTag: py3-none-any\n",
    ],
    [`${info}/entry_points.txt`, entryPoints],
    ...names.map((name) => [`${info}/licenses/${name}`, licenses[name]]),
  ];
  const record = entries.map(([name, text]) => {
    const hash = createHash("sha256").update(text).digest("base64url");
    return `${name},sha256=${hash},${Buffer.byteLength(text)}\n`;
  });
  entries.push([`${info}/RECORD`, `${record.join("")}${info}/RECORD,,\n`]);
  const path = `dist/${module}-${version}-py3-none-any.whl`;
  writeFileSync(path, zip(entries));
  return path;
}

function metadata({ name, summary, readme, names, requires }) {
  const links = repository ? [`Project-URL: Repository, ${repository}`] : [];
  return [
    "Metadata-Version: 2.4",
    `Name: ${name}`,
    `Version: ${version}`,
    `Summary: ${summary}`,
    `License-Expression: ${license}`,
    ...names.map((name) => `License-File: ${name}`),
    ...requires,
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
