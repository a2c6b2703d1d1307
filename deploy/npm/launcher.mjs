#!/usr/bin/env node
// Starts Firstline in the Deno that npm has installed beside it, with no more permissions than its
// arguments name, and passes on streams, signals and the exit code.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { permissions } from "./arguments.mjs";

const require = createRequire(import.meta.url);
const isWindows = process.platform === "win32";
/** Under npx, one Ctrl-C arrives twice: from the terminal and from npm. */
const SAME_SIGNAL_MS = 200;
const PARENT_CHECK_MS = 200;

const say = (message) => console.error(`firstline: ${message}`);

function fail({ message }) {
  say(message);
  process.exit(1);
}

/** The command line: Deno, its permissions, the program, and the arguments. */
function command(args) {
  try {
    const deno = require("deno/install_api.cjs").runInstall(); // the path, even if npm has not run it
    const own = ["--no-prompt", "--no-config", "--no-code-cache"];
    const program = fileURLToPath(new URL("./firstline.mjs", import.meta.url));
    const granted = permissions(args, require("./flags.json"), say);
    return [deno, ["run", ...own, ...granted, program, ...args]];
  } catch (error) {
    fail(error);
  }
}

const child = spawn(...command(process.argv.slice(2)), {
  stdio: "inherit",
  // In a process group of its own, so that Ctrl-C in a terminal reaches it only once, through this
  // process. On Windows a detached child would open a window; there the console signals both.
  detached: !isWindows,
  env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" },
});
child.on("error", fail);
child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));

const last = {};
function handOn(signal) {
  const now = performance.now();
  if (!isWindows && !(now - last[signal] < SAME_SIGNAL_MS)) child.kill(signal);
  last[signal] = now;
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, handOn);

// npx sends SIGTERM to a shell between npx and this process. The shell ends without passing it on.
const parent = process.ppid;
if (process.env.npm_command === "exec") {
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    handOn("SIGTERM");
  }, PARENT_CHECK_MS);
}
