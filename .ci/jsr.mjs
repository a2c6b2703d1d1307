// A stand-in for JSR on the loopback, for networks that reach npm and not JSR. It serves the three
// packages of deno.json from npm's build of them, which is the same code without its types, and our
// own as the last `deno publish --dry-run` would upload it. A command runs with it like this:
//   node .ci/jsr.mjs NODE_MODULES [DRY_RUN_OUTPUT] -- deno publish --dry-run
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, relative } from "node:path";
import { fileURLToPath } from "node:url";

const end = process.argv.indexOf("--");
const [modules, dryRun] = process.argv.slice(2, end);
const [command, ...args] = process.argv.slice(end + 1);
const config = JSON.parse(readFileSync("deno.json", "utf8"));

/** The folders of npm's package, with their paths in it. */
function std(version, ...folders) {
  const root = `${modules}/std-${version}`;
  const paths = folders.flatMap((name) =>
    readdirSync(`${root}/${name}`).map((f) => `/${name}/${f}`)
  );
  return Object.fromEntries(paths.map((path) => [path, readFileSync(root + path, "utf8")]));
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
  "@std/assert": ["1.0.19", { ".": "./assert/mod.js" }, std("1.4.0", "assert", "internal")],
  "@std/cli": ["1.0.32", { "./parse-args": "./cli/parse_args.js" }, std("1.4.0", "cli")],
  "@std/net": [
    "1.0.6",
    { "./get-available-port": "./net/get_available_port.js" },
    std("1.3.0", "net"),
  ],
  [config.name]: [config.version, config.exports, published()],
};

const TYPES = { ".js": "text/javascript", ".json": "application/json", ".ts": "text/typescript" };

/** The answer to a path such as /@std/cli/meta.json; undefined where there is none. */
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
