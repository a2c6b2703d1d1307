// A substitute for JSR on the loopback, for networks that reach npm but not JSR. It serves the three
// packages of deno.json from npm's build of them, with the types beside the import map. It also serves
// our own package, as `deno publish --dry-run` lists it. To run a command with it:
//   node .ci/jsr.mjs NODE_MODULES [DRY_RUN_OUTPUT] -- deno publish --dry-run
// NODE_MODULES holds what `node .ci/jsr.mjs --packages` prints.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, relative } from "node:path";
import { fileURLToPath } from "node:url";

const json = (path) => JSON.parse(readFileSync(path, "utf8"));
const config = json("deno.json");
const npm = json(".ci/npm_imports.json").imports;

/** The folder for one version; npm can install several side by side. */
const folderOf = (version) => `std-${version}`;

/** A module of deno.json: where JSR has it, and which file of npm's package is the same. */
const STD = Object.entries(config.imports).map(([name, address]) => {
  const [, jsr, version, path = ""] = /^jsr:(@[^/]+\/[^@]+)@([^/]+)(\/.*)?$/.exec(address);
  const wrapper = npm[name].replace(/^\./, ".ci");
  const [, inner] = /from "(.*)"/.exec(readFileSync(wrapper, "utf8"));
  const [, npmVersion, folder, file] = /^npm:deno-std@([^/]+)\/(\w+)\/(.*)$/.exec(npm[inner]);
  return { jsr, version, path, npmVersion, folder, file, types: wrapper.replace(/js$/, "d.ts") };
});

if (process.argv[2] === "--packages") {
  const versions = new Set(STD.map(({ npmVersion }) => npmVersion));
  console.log(Array.from(versions, (v) => `${folderOf(v)}@npm:deno-std@${v}`).join("\n"));
  process.exit();
}

const end = process.argv.indexOf("--");
const [modules, dryRun] = process.argv.slice(2, end);
const [command, ...args] = process.argv.slice(end + 1);

/** The files of npm's package that the module can need, by their paths in it, and its types. */
function std({ npmVersion, folder, file, types }) {
  const root = `${modules}/${folderOf(npmVersion)}`;
  const paths = [folder, "internal"].flatMap((name) =>
    readdirSync(`${root}/${name}`).map((f) => `/${name}/${f}`)
  );
  const files = Object.fromEntries(paths.map((path) => [path, readFileSync(root + path, "utf8")]));
  files["/types.d.ts"] = readFileSync(types, "utf8");
  files[`/${folder}/${file}`] = `// @ts-self-types="../types.d.ts"\n${files[`/${folder}/${file}`]}`;
  return files;
}

/** What the dry run lists, with the names of deno.json turned into addresses, as publishing does. */
function published() {
  if (!dryRun) return {};
  const paths = Array.from(
    readFileSync(dryRun, "utf8").matchAll(/^ +(file:\/\/\S+) \(/gm),
    ([, url]) => fileURLToPath(url),
  );
  return Object.fromEntries(paths.map((path) => {
    let text = readFileSync(path, "utf8");
    for (const [name, address] of Object.entries(config.imports)) {
      if (extname(path) === ".ts") text = text.replaceAll(`from "${name}"`, `from "${address}"`);
    }
    return [`/${relative(".", path).replaceAll("\\", "/")}`, text];
  }));
}

const PACKAGES = {
  ...Object.fromEntries(
    STD.map((module) => {
      const { jsr, version, path, folder, file } = module;
      return [jsr, [version, { [`.${path}`]: `./${folder}/${file}` }, std(module)]];
    }),
  ),
  [config.name]: [config.version, config.exports, published()],
};

const TYPES = { ".js": "text/javascript", ".json": "application/json", ".ts": "text/typescript" };

/** The content for a path such as /@std/cli/meta.json, or undefined. */
function answer(url) {
  const [, name, path] = /^\/(@[^/]+\/[^/]+)\/(.+)$/.exec(url) ?? [];
  const [version, exports, files] = PACKAGES[name] ?? [];
  if (path === "meta.json") return JSON.stringify({ name, versions: { [version]: {} } });
  if (path === `${version}_meta.json`) {
    return JSON.stringify({ exports, manifest: manifest(files) });
  }
  return path?.startsWith(`${version}/`) ? files[path.slice(version.length)] : undefined;
}

function manifest(files) {
  const entry = (text) => ({
    size: Buffer.byteLength(text),
    checksum: `sha256-${createHash("sha256").update(text).digest("hex")}`,
  });
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [path, entry(text)]));
}

const server = createServer((request, response) => {
  const text = answer(request.url);
  const type = TYPES[extname(request.url)] ?? "text/plain";
  response.writeHead(text === undefined ? 404 : 200, { "Content-Type": type }).end(text);
});

server.listen(0, "127.0.0.1", () => {
  const JSR_URL = `http://127.0.0.1:${server.address().port}/`;
  const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, JSR_URL } });
  child.on("error", (error) => {
    console.error(`Cannot start ${command}: ${error.message}`);
    process.exitCode = 1;
    server.close();
  });
  child.on("exit", (code) => {
    process.exitCode = code ?? 1;
    server.close();
    server.closeAllConnections();
  });
});
