// Tests what can break only in an executable: compiles some and runs them from another folder.
//   node .ci/smoke.mjs [--must-compile] [DENO_FLAG ...]   compiles with these flags of deno
//   node .ci/smoke.mjs --executable PATH                  uses an existing one
// If no executable can be built, `deno run` is used instead, and tests that need an executable are left
// out. The output reports both.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { environment, run, start } from "./program.mjs";

const given = process.argv.slice(2);
const executable = given[0] === "--executable" ? resolve(given[1]) : undefined;
const mustCompile = given[0] === "--must-compile";
const denoFlags = executable ? [] : given.filter((flag) => flag !== "--must-compile")
  .map((flag) => flag.replace(/^--import-map=/, `$&${resolve(".")}/`));

const { version } = JSON.parse(readFileSync("deno.json", "utf8"));
const box = mkdtempSync(join(tmpdir(), "firstline-"));
const elsewhere = join(box, "elsewhere");
const site = "dist/smoke";
const isWindows = process.platform === "win32";
/** As low as on some systems, and lower than the number of clients. */
const LOW_LIMIT = 256;
let standsIn = false;

/** The command line that starts the program with these permissions and flags inside. */
function build(name, permissions, flags = [], include = []) {
  const from = ["--no-prompt", "--no-code-cache", ...permissions, ...denoFlags];
  const run = ["deno", "run", ...from, resolve("main.ts"), ...flags];
  if (standsIn) return run;
  const output = join(box, name);
  const compile = ["compile", ...from, ...include, "--output", output, "main.ts", ...flags];
  const { status, stderr } = spawnSync("deno", compile, { encoding: "utf8" });
  if (status === 0) return [output];
  const isOffline = /error sending request for url .*denort-/.test(stderr);
  assert.ok(isOffline && !mustCompile, stderr);
  console.log(
    "NOT RUN: the executables, because denort cannot be downloaded. deno run is used instead.",
  );
  standsIn = true;
  return run;
}

/** Runs it to its end. */
const ending = (program, args, env = {}) =>
  run(program, args, { cwd: elsewhere, env: { ...environment, ...env } });

/** Starts it, waits until it listens, calls `use` with its URL, and stops it. */
async function serving(program, args, use, env = {}) {
  const { child, ended, url, said } = await start(program, args, {
    cwd: elsewhere,
    env: { ...environment, ...env },
  });
  try {
    await use(url, said);
    child.kill("SIGTERM");
    const status = await ended;
    if (isWindows) return; // Windows has no SIGTERM: the process just ends
    assert.equal(status, 0);
    assert.match(said(), /SIGTERM received/);
  } finally {
    child.kill("SIGKILL");
  }
}

async function answer(url) {
  const response = await fetch(url);
  return { status: response.status, headers: response.headers, body: await response.text() };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return String(port);
}

/** With the permissions of a release: the network, reading files, and $PORT. */
async function checkReleased(program) {
  const { status, stdout } = ending(program, ["--version"]);
  assert.deepEqual({ status, stdout: stdout.trim() }, {
    status: 0,
    stdout: `firstline ${version}`,
  });

  const port = await freePort();
  const health = ["--health", "/healthz"];
  const probe = (...args) =>
    ending(program, ["--host", "127.0.0.1", ...args, "--probe"], { PORT: port });
  await serving(program, ["--status", "503", ...health], async (url) => {
    assert.equal(new URL(url).port, port);
    assert.equal((await answer(url)).status, 503);
    assert.equal((await answer(`${url}healthz`)).status, 200);
    assert.equal(probe(...health).status, 0);
    assert.equal(probe().status, 1);
  }, { PORT: port });
  assert.equal(probe(...health).status, 1);

  writeFileSync(join(elsewhere, "notice.html"), "<p>Back at noon");
  await serving(program, ["--port", "0", "--file", "notice.html"], async (url) => {
    const { body, headers } = await answer(url);
    assert.equal(body, "<p>Back at noon");
    assert.equal(headers.get("content-type"), "text/html; charset=utf-8");
  });
  await serving(program, ["--port", "0", "--file", "."], async (url) => {
    assert.equal((await answer(`${url}notice.html`)).body, "<p>Back at noon");
    for (const own of ["main.ts", "server.ts", "deno.json", "command/flags.ts", "lab/lab.ts"]) {
      assert.equal((await answer(url + own)).status, 404, own);
    }
  });
  console.log("It prints its version, reads files and $PORT, probes itself and stops.");
  await checkLowLimit(program);
}

/** If descriptors run out, it says which limit to raise. It serves again after silent clients time out. */
async function checkLowLimit(program) {
  if (isWindows) return;
  const limit = standsIn ? "-n" : "-Sn"; // `deno run` raises the soft one
  const shell = ["sh", "-c", `ulimit ${limit} ${LOW_LIMIT}; exec "$@"`, "sh", ...program];
  await serving(shell, ["--port", "0", "--request-timeout", "2"], async (url, said) => {
    const { hostname, port } = new URL(url);
    const silent = Array.from({ length: LOW_LIMIT + 50 }, () => connect(port, hostname));
    for (const socket of silent) socket.on("error", () => {});
    await Promise.all(silent.map((socket) => once(socket, "connect")));
    assert.equal((await answer(url)).status, 200);
    assert.equal(said().match(/Too many open files .* raise their limit/g)?.length, 1, said());
    for (const socket of silent) socket.destroy();
  });
  console.log("If descriptors run out, it says once which limit to raise, and serves again.");
}

/** Compiled-in flags hold unless others are given; a missing permission to read is reported. */
async function checkBaked() {
  const flags = ["--port", "0", "--status", "503", "--header", "Retry-After: 60"];
  const program = build("baked", ["--allow-net"], flags);
  await serving(program, [], async (url) => {
    const { status, headers } = await answer(url);
    assert.deepEqual([status, headers.get("retry-after")], [503, "60"]);
  });
  if (!standsIn) { // where flags can be compiled in, the later one wins
    await serving(program, ["--status", "200", "--text", "Here again"], async (url) => {
      const { status, body, headers } = await answer(url);
      assert.deepEqual([status, body, headers.get("retry-after")], [200, "Here again", "60"]);
    });
    const one = build("text", ["--allow-net"], ["--text", "inside", "--port", "0"]);
    await serving(one, ["--redirect", "/elsewhere"], async (url) => {
      const { status } = await fetch(url, { redirect: "manual" });
      assert.equal(status, 308);
    });
  }
  const { status, stderr } = ending(program, ["--file", "notice.html"]);
  assert.equal(status, 1);
  assert.match(stderr, /^firstline: Cannot use --file "notice\.html": .*\n$/);
  assert.match(stderr, standsIn ? /--allow-read/ : /compiled without/);
  console.log("Compiled-in flags hold, and it reports what it may not read.");
  if (standsIn) console.log("NOT RUN: that other flags win over those inside an executable.");
}

/** An included site is served from any folder, without permission to read. */
async function checkEmbedded() {
  if (standsIn) {
    return console.log("NOT RUN: a site inside an executable, which deno run cannot have.");
  }
  mkdirSync(`${site}/more`, { recursive: true });
  writeFileSync(`${site}/index.html`, "<p>Welcome");
  writeFileSync(`${site}/more/style.css`, "p { color: teal }");
  if (!isWindows) {
    symlinkSync("nothing", `${site}/lost`);
    symlinkSync("circle", `${site}/circle`);
  }
  const program = build("site", ["--allow-net"], ["--file", site], ["--include", site]);
  rmSync(site, { recursive: true });
  await serving(program, ["--port", "0"], async (url) => {
    assert.equal((await answer(url)).body, "<p>Welcome");
    const { body, headers } = await answer(`${url}more/style.css`);
    assert.equal(body, "p { color: teal }");
    assert.equal(headers.get("content-type"), "text/css; charset=utf-8");
    assert.equal((await answer(`${url}main.ts`)).status, 404);
  });
  console.log("A site inside it is served from another folder, without the permission to read.");
}

mkdirSync(elsewhere);
try {
  const released = ["--allow-net", "--allow-read", "--allow-env=PORT"];
  await checkReleased(executable ? [executable] : build("released", released));
  if (!executable) {
    await checkBaked();
    await checkEmbedded();
  }
} finally {
  rmSync(box, { recursive: true, force: true, maxRetries: 5 });
}
