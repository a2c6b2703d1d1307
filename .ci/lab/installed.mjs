// Installs the packages of the lab in empty folders, as users do, and runs the suites of docs/lab.md
// with them, a few entries each.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { pythonLab } from "./replayers.mjs";
import { blocks, run, runWell } from "./tools.mjs";

const { version } = JSON.parse(readFileSync("deno.json", "utf8"));
const MAX_UNPACKED_BYTES = 150_000;
const VITEST = "vitest@4";
const TYPESCRIPT = "typescript@5";

/** The entries that the suites ask for. Every client does what they expect. */
const ENTRIES = ["/truncated", "/reset", "/gzip", "/no-length"];
const TESTS = `^(the client )?(${ENTRIES.join("|")}):`;

/** It fails for what is no test of an entry, and if not all of them were run. */
function assertPassed(name, { code, stdout, stderr }, count) {
  const output = stdout + stderr;
  assert.equal(code, 0, `${name}\n${output}`);
  assert.match(output, count, name);
  console.log(`The suite of docs/lab.md for ${name} passes with the package.`);
}

// ---------------------------------------------------------------- npm

async function installNpm(box) {
  const cwd = join(box, "npm");
  mkdirSync(cwd);
  writeFileSync(join(cwd, "package.json"), '{ "type": "module" }');
  const tarball = resolve(`dist/firstline-lab-${version}.tgz`);
  const install = ["install", "--silent", "--no-audit", "--no-fund", tarball, VITEST, TYPESCRIPT];
  await runWell("npm", install, { cwd });
  const folder = join(cwd, "node_modules/@firstline/lab");
  const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  assert.equal(dependencies, undefined);
  const names = [
    "lab.mjs",
    "lab.d.ts",
    "firstline-lab.mjs",
    "README.md",
    "LICENSE",
    "package.json",
  ];
  const size = names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  assert.ok(size < MAX_UNPACKED_BYTES, `${size} bytes`);
  return cwd;
}

const TYPED =
  `import { type Contract, type LabRequest, type RunningLab, startLab } from "@firstline/lab";

const lab: RunningLab = await startLab({ host: "127.0.0.1", port: 0 });
const entries: readonly Contract[] = lab.entries;
const requests: readonly LabRequest[] = lab.requests;
const methods: string[] = requests.map(({ method }) => method);
// @ts-expect-error: a port is a number
await startLab({ port: "0" });
await lab.close();
export { entries, methods };
`;

async function checkTypes(cwd) {
  writeFileSync(join(cwd, "typed.ts"), TYPED);
  const flags = ["--strict", "--noEmit", "--target", "esnext", "--module", "nodenext"];
  const tsc = join(cwd, "node_modules/typescript/bin/tsc");
  await runWell(process.execPath, [tsc, ...flags, "typed.ts"], { cwd });
}

async function runSuites(cwd, runtimes) {
  const [forNode, forVitest] = blocks("javascript");
  writeFileSync(join(cwd, "client.test.mjs"), forNode);
  writeFileSync(join(cwd, "vitest.test.mjs"), forVitest);
  writeFileSync(join(cwd, "bun.test.mjs"), forVitest.replace('"vitest"', '"bun:test"'));
  const count = ENTRIES.length;
  for (const { name, path } of runtimes) {
    if (name === "Bun") {
      const args = ["test", "--test-name-pattern", TESTS, "bun.test.mjs"];
      assertPassed(
        "bun test",
        await run(path, args, { cwd }),
        new RegExp(`^ *${count} pass$`, "m"),
      );
      continue;
    }
    const args = ["--test", "--test-name-pattern", TESTS, "client.test.mjs"];
    assertPassed(name, await run(path, args, { cwd }), new RegExp(`^\\S+ pass ${count}$`, "m"));
    if (name !== "Node 24") continue;
    const vitest = ["node_modules/vitest/vitest.mjs", "run", "-t", TESTS, "vitest.test.mjs"];
    assertPassed("Vitest", await run(path, vitest, { cwd }), new RegExp(`${count} passed`));
  }
}

/** So many at once make each other pause, for fractions of a millisecond too. */
const UPLOADS = 4;
const UPLOAD_BYTES = 16 * 1024 * 1024;

/** Resolves to the response to a large upload. Nothing is read before all of it is written. */
async function upload({ hostname, port }) {
  const socket = connect(Number(port), hostname).pause();
  socket.write(`POST /status/200 HTTP/1.1\r\nHost: x\r\nContent-Length: ${UPLOAD_BYTES}\r\n\r\n`);
  socket.end(Buffer.alloc(UPLOAD_BYTES));
  await once(socket, "finish");
  return await text(socket);
}

/** The command prints the line that docs/lab.md names, ends with its stdin, and judges a client. */
async function checkCommand(cwd, { name, path }) {
  const command = join(cwd, "node_modules/@firstline/lab/firstline-lab.mjs");
  const child = spawn(path, [command, "--port", "0", "--stop-on-eof"]);
  const ended = once(child, "exit");
  for await (const line of createInterface({ input: child.stderr })) {
    const url = /^firstline: listening on .* (\S+)$/.exec(line)?.[1];
    if (url === undefined) continue;
    assert.equal(await (await fetch(`${url}status/200`)).text(), "200\n");
    const replies = await Promise.all(Array.from({ length: UPLOADS }, () => upload(new URL(url))));
    for (const reply of replies) assert.match(reply, /^HTTP\/1\.1 200 [^]*\r\n\r\n200\n$/);
    break;
  }
  child.stdin.end();
  assert.deepEqual(await ended, [0, null]);
  const judged = ["--check", "--only", "truncated,gzip", "--", path, "-e", CLIENT];
  const { code, stdout, stderr } = await run(path, [command, ...judged]);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^2 responses in .*: 2 as expected/m);
  for (const wrong of [["--prot"], ["--port", "65536"], ["--check"], ["--only", "gzip"], ["x"]]) {
    const { code, stderr } = await run(path, [command, ...wrong]);
    assert.deepEqual([code, stderr.split("\n").length], [2, 2], stderr);
  }
  console.log(
    `firstline-lab runs in ${name}: it listens, takes uploads, ends with its stdin, and checks.`,
  );
}

const CLIENT = 'fetch(process.env.URL || "{url}").then(async (response) => {' +
  "process.stdout.write(new Uint8Array(await response.arrayBuffer())); });";

export async function checkNpm(box, runtimes) {
  const cwd = await installNpm(box);
  await checkTypes(cwd);
  await runSuites(cwd, runtimes);
  for (const runtime of runtimes) await checkCommand(cwd, runtime);
}

// ---------------------------------------------------------------- PyPI

const TOOLS = ["pytest", "pytest-xdist", "jsonschema"];

const SCHEMA = `import json, sys, jsonschema
schema, vectors = (json.load(open(path)) for path in sys.argv[1:])
jsonschema.Draft202012Validator.check_schema(schema)
jsonschema.Draft202012Validator(schema).validate(vectors)
`;

const SEQUENCES = `import json, urllib.error, urllib.request
import firstline_lab

def ask(url):
    try:
        return urllib.request.urlopen(url).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return "error"

with firstline_lab.start() as lab:
    path = lab.join("/sequence/503,retry-after:0,reset,200/a7")
    assert [ask(path) for _ in range(5)] == [503, 503, "error", 200, 200]
    seen = json.load(urllib.request.urlopen(lab.join("/seen/a7")))
    assert [one["item"] for one in seen] == ["503", "retry-after:0", "reset", "200", "200"], seen
    assert seen[0]["at"] == 0 and seen[0]["method"] == "GET"
    assert ask(lab.join("/any/404/index.html")) == 404
    try:
        urllib.request.urlopen(lab.join("/retry-after/1"))
    except urllib.error.HTTPError as error:
        assert (error.headers["Retry-After"], error.read()) == ("1", b"Not yet.\\n")
    assert ask(lab.join("/delay/0.1")) == 200 and ask(lab.join("/sequence/nothing/a")) == 404
    assert ask(lab.pause_url) == 200
    assert [one.target for one in lab.requests][:1] == ["/sequence/503,retry-after:0,reset,200/a7"]
    head = urllib.request.Request(lab.join("/gzip"), method="HEAD")
    assert urllib.request.urlopen(head).read() == b""
`;

const FAILING = `def test_fails(firstline_lab):
    import urllib.request
    urllib.request.urlopen(firstline_lab.join("/gzip"))
    assert False
`;

/** The Python of a new environment that has the wheel; `undefined` if none can be made here. */
async function installPip(box) {
  const root = join(box, "pip");
  if ((await run("python3", ["-m", "venv", root])).code !== 0) return undefined;
  const python = join(root, "bin/python");
  const wheel = resolve(`dist/firstline_lab-${version}-py3-none-any.whl`);
  await runWell(python, ["-m", "pip", "install", "--quiet", wheel, ...TOOLS]);
  return python;
}

async function checkPytest(box, python) {
  const cwd = join(box, "pytest");
  mkdirSync(cwd);
  writeFileSync(join(cwd, "test_client.py"), blocks("py")[0]);
  writeFileSync(join(cwd, "test_failing.py"), FAILING);
  const names = ENTRIES.map((path) => `test_client.py::test_client[${path}]`);
  const pytest = (...args) => run(python, ["-m", "pytest", "-q", ...args], { cwd });
  const passed = new RegExp(`^${names.length} passed`, "m");
  assertPassed("pytest", await pytest(...names), passed);
  assertPassed("pytest-xdist", await pytest("-n", "2", ...names), passed);
  const failing = await pytest("test_failing.py");
  assert.match(failing.stdout, /Requests to the lab[^]*GET \/gzip/);
  const refused = await pytest("-n", "2", "--firstline-lab-port", "18080", ...names);
  assert.match(refused.stdout + refused.stderr, /Cannot use --firstline-lab-port 18080/);
}

/** Checks the wheel, and returns the command that starts its lab. */
export async function checkPip(box) {
  const python = await installPip(box);
  if (python === undefined) {
    console.log("NOT RUN: the wheel of the lab, because no Python makes environments here.");
    return [];
  }
  await runWell(python, ["-c", SCHEMA, "docs/vectors.schema.json", "lab/vectors.json"]);
  await runWell(python, ["-c", SEQUENCES]);
  await checkPytest(box, python);
  return [pythonLab(python)];
}
