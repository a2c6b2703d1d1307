// Installs the packages that .ci/package.mjs has built, as users do, and tests each: what it answers,
// what it may read, how it stops, and that it exits as the command does.
//   node .ci/installed.mjs
// `deno` must be in the PATH: it runs the command from this folder, for comparison.
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { environment, run, start } from "./program.mjs";

/** The number of random lists of arguments. */
const LISTS = 5_000;
/** After this time a process is stopped. */
const PATIENCE_MS = 60_000;
/** Enough for a request to arrive, and longer than launchers treat two signals as one. */
const IN_FLIGHT_MS = 400;

const { version } = JSON.parse(readFileSync("deno.json", "utf8"));
const box = mkdtempSync(join(tmpdir(), "firstline-"));
const fromHere = [
  "deno",
  "run",
  "--quiet",
  "--no-prompt",
  "--allow-net",
  "--allow-read",
  "--allow-env=PORT",
];
fromHere.push(
  "--unstable-net",
  `--import-map=${resolve(".ci/npm_imports.json")}`,
  resolve("main.ts"),
);

/** Deno finds no folder where it could store anything. */
const env = { ...environment, DENO_DIR: "/proc/firstline" };

const ending = (program, args, options = {}) => run(program, args, { cwd: box, ...options });
const starting = (program, args) => start(program, args, { cwd: box, env });

function install(...command) {
  const { status, stdout, stderr } = ending(command, []);
  assert.equal(status, 0, stdout + stderr);
}

/** npx is slow, and starts the launcher that has been tested already. */
const isNpx = ([program]) => program === "npx";

const answer = async (url) => {
  const response = await fetch(url);
  return [response.status, await response.text()];
};

/** With arguments that start no server, it prints and exits as the command does. */
function checkEnds(program) {
  const lists = [["--version"], ["--help"], ["-qh"], ["--port", "abc"], ["--nope"], ["-qp8080x"]];
  lists.push(["--file", "missing"], ["missing"], ["--text", "a", "site"], ["--file", "/proc/self"]);
  lists.push(["--file="], ["--probe", "--port", "1"], ["--host", "192.0.2.1"]);
  for (const args of isNpx(program) ? lists.slice(0, 4) : lists) {
    assert.deepEqual(
      ending(program, args, { env }),
      ending(fromHere, args, {}),
      args.join(" "),
    );
  }
  assert.equal(ending(program, ["--version"]).stdout, `firstline ${version}\n`);
}

/** It serves what its arguments name, in each spelling, and cannot read anything else. */
async function checkReading(program) {
  const ways = [["--file", "site"], ["-qf=site"], ["site"]];
  for (const args of isNpx(program) ? ways.slice(0, 1) : ways) {
    const server = await starting(program, ["--port", "0", ...args]);
    assert.deepEqual(await answer(server.url), [200, "<p>Welcome"], args.join(" "));
    assert.equal((await answer(`${server.url}secret.txt`))[0], 404);
    server.child.kill("SIGTERM");
    await server.ended;
  }
  const named = ending(program, ["--file", "a,b"], { env });
  assert.match(named.stderr, /^firstline: Cannot use "a,b": [^\n]*\n$/);
  assert.equal(named.status, 1);
}

/** A path may be a link, or pass one; with --watch, the link may lead to another place later. */
async function checkLinks(program) {
  if (isNpx(program) || process.platform === "win32") return;
  for (const release of ["7", "8"]) {
    mkdirSync(join(box, "releases", release), { recursive: true });
    writeFileSync(join(box, "releases", release, "index.html"), `<p>${release}`);
  }
  const link = (target, name) => {
    symlinkSync(target, join(box, "new"));
    renameSync(join(box, "new"), join(box, name));
  };
  link("releases/7", "current");
  link("releases", "shelf");
  for (const path of ["current", "shelf/7", join(box, "current/index.html")]) {
    const server = await starting(program, ["--port", "0", path]);
    assert.deepEqual(await answer(server.url), [200, "<p>7"], path);
    server.child.kill("SIGTERM");
    await server.ended;
  }
  const server = await starting(program, ["--port", "0", "--watch", "current"]);
  assert.match(
    server.said(),
    /^firstline: may read all of \S*releases, because --watch follows the link current\n/,
  );
  link("releases/8", "current");
  const end = performance.now() + PATIENCE_MS;
  while ((await answer(server.url))[1] !== "<p>8") {
    assert.ok(performance.now() < end, `It did not follow the link: ${server.said()}`);
    await sleep(20);
  }
  server.child.kill("SIGTERM");
  await server.ended;
}

/** It runs commands, and writes the report, with --check alone. */
function checkChecks(program) {
  const client =
    "fetch(process.argv[1]).then((one) => one.text()).then((text) => process.stdout.write(text))";
  const flags = ["--check", "--only", "gzip,truncated", "--report", "report.xml"];
  const checked = ending(program, [...flags, "--", "node", "-e", client, "{url}"], { env });
  assert.match(
    checked.stdout,
    /^2 responses in \S+ s: 2 as expected, 0 must, 0 should\n$/,
    checked.stderr,
  );
  assert.equal(checked.status, 0);
  assert.match(readFileSync(join(box, "report.xml"), "utf8"), / tests="2" failures="0" /);
}

/** One signal, or one Ctrl-C, lets it finish the answer in flight; a second one ends it. */
async function checkStops(program) {
  const flags = ["--port", "0", "--text", "late", "--delay", "1"];
  for (const toAll of [false, true]) {
    const server = await starting(program, flags);
    const late = answer(server.url);
    await sleep(IN_FLIGHT_MS);
    if (toAll) process.kill(-server.child.pid, "SIGINT"); // as a terminal does
    else server.child.kill("SIGTERM");
    assert.deepEqual(await late, [200, "late"]);
    // npx itself does not wait for what it has started.
    const codes = isNpx(program) ? [0, 130, "SIGINT", "SIGTERM", 143] : [0];
    assert.ok(codes.includes(await server.ended), `${await server.ended}: ${server.said()}`);
    assert.match(server.said(), toAll ? /SIGINT received/ : /SIGTERM received/);
  }
  if (isNpx(program)) return;
  const hurried = await starting(program, flags);
  answer(hurried.url).catch(() => {}); // cut off
  await sleep(IN_FLIGHT_MS);
  hurried.child.kill("SIGTERM");
  while (!/received/.test(hurried.said())) await once(hurried.child.stderr, "data");
  await sleep(IN_FLIGHT_MS); // so that it is no longer the same signal
  hurried.child.kill("SIGTERM");
  assert.equal(await hurried.ended, 143);
}

async function check(way, program) {
  checkEnds(program);
  await checkReading(program);
  if (!isNpx(program)) checkChecks(program);
  await checkLinks(program);
  await checkStops(program);
  console.log(`Installed with ${way}, it answers, reads what is named, and stops as it should.`);
}

/** Random lists of arguments, valid and invalid. */
function makeLists() {
  const words = [
    "--file",
    "-f",
    "--raw",
    "--text",
    "-t",
    "--port",
    "-p",
    "-q",
    "--quiet",
    "--wire",
  ];
  words.push("--reuse-port", "--reuse-port=false", "-qf", "-qp=0", "--", "-", "", "=", "a", "b/c");
  words.push(
    "--file=a",
    "--raw=",
    "-f=a",
    "-f=",
    "-fa",
    "-f./a",
    "-p80",
    "80",
    "true",
    "false",
    "-h",
  );
  words.push(
    "--health",
    "/a",
    "--status=200",
    "--nope",
    "-é",
    "é",
    "-5",
    "-",
    "",
    "--link",
    "-Vq",
    "a=b",
    "/api=mocks",
    "/=site",
    "--file=a=b",
    "--check",
    "--check=false",
    "--report=r.xml",
    "--level",
  );
  let seed = 1;
  const random = (n) => (seed = seed * 48271 % 0x7fffffff) % n;
  return Array.from(
    { length: LISTS },
    () => Array.from({ length: random(6) }, () => words[random(words.length)]),
  );
}

/** For each list, the permissions that the command needs; null if it is invalid or starts no server. */
function understood(lists) {
  const url = pathToFileURL(resolve("command/arguments.ts"));
  const script = `import { parseFlags } from "${url}";
    const lists = JSON.parse(await new Response(Deno.stdin.readable).text());
    console.log(JSON.stringify(lists.map((list) => {
      try {
        const { file, raw, prefix = [], check, report, "reuse-port": shares, help, version } = parseFlags(list, false);
        if (help || version) return null;
        const below = prefix.map((argument) => argument.slice(argument.indexOf("=") + 1));
        const reads = [file, raw, ...below].filter(Boolean).map((path) => "--allow-read=" + path);
        const writes = check && report ? ["--allow-write=" + report] : [];
        return [...reads, ...writes, ...(check ? ["--allow-run"] : []), ...(shares ? ["--unstable-net"] : [])];
      } catch { return null; }
    })));`;
  const flags = ["eval", `--import-map=${resolve(".ci/npm_imports.json")}`, script];
  const { status, stdout, stderr } = ending(["deno"], flags, { input: JSON.stringify(lists) });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

/** For each valid list, a launcher grants exactly what the command reads. */
function checkGrants(lists, grants) {
  let count = 0;
  for (const [at, expected] of understood(lists).entries()) {
    if (expected === null) continue;
    const always = ["--allow-net", "--allow-env=PORT", "--allow-sys=networkInterfaces"];
    assert.deepEqual(grants[at].slice(0, 3), always);
    assert.deepEqual(grants[at].slice(3).sort(), expected.sort(), JSON.stringify(lists[at]));
    count += 1;
  }
  assert.ok(count > LISTS / 20, `only ${count} lists make sense`);
  return count;
}

async function checkNpm(lists) {
  const tarball = resolve(`dist/firstline-firstline-${version}.tgz`);
  const root = join(box, "npm");
  mkdirSync(root);
  install("npm", "install", "--silent", "--prefix", root, tarball);
  const folder = join(root, "node_modules/@firstline/firstline");
  const { permissions } = await import(pathToFileURL(join(folder, "arguments.mjs")));
  const flags = JSON.parse(readFileSync(join(folder, "flags.json"), "utf8"));
  const count = checkGrants(lists, lists.map((list) => permissions(list, flags)));
  await check("npm", [join(root, "node_modules/.bin/firstline")]);
  writeFileSync(join(box, "firstline.tgz"), readFileSync(tarball));
  await check("npx", ["npx", "--yes", "./firstline.tgz"]);
  console.log(`It grants what the command reads, in ${count} of ${LISTS} lists that make sense.`);
}

async function checkPip(lists) {
  const root = join(box, "pip");
  if (ending(["python3", "-m", "venv", root], []).status !== 0) {
    return console.log(
      "NOT RUN: the wheel, because there is no Python that makes environments here.",
    );
  }
  install(
    join(root, "bin/pip"),
    "install",
    "--quiet",
    resolve(`dist/firstline-${version}-py3-none-any.whl`),
  );
  const script = "import json, os, sys, firstline as f\n" +
    "flags = json.load(open(os.path.join(f.HERE, 'flags.json')))\n" +
    "print(json.dumps([f.permissions(list, flags) for list in json.load(sys.stdin)]))";
  const python = join(root, "bin/python");
  const { stdout, stderr } = ending([python, "-c", script], [], { input: JSON.stringify(lists) });
  assert.equal(stderr, "");
  checkGrants(lists, JSON.parse(stdout));
  await check("pip", [join(root, "bin/firstline")]);
  assert.equal(
    ending([python, "-m", "firstline"], ["-V"], { env }).stdout,
    `firstline ${version}\n`,
  );
}

try {
  mkdirSync(join(box, "site"));
  mkdirSync(join(box, "a,b"));
  writeFileSync(join(box, "site/index.html"), "<p>Welcome");
  writeFileSync(join(box, "secret.txt"), "not for all");
  symlinkSync("../secret.txt", join(box, "site/secret.txt"));
  const lists = makeLists();
  await checkNpm(lists);
  await checkPip(lists);
} finally {
  rmSync(box, { recursive: true, force: true });
}
