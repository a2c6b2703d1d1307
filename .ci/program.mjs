// The program as a process, for the scripts that try executables and packages.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

/** After this time a process is stopped: it hangs. */
const PATIENCE_MS = 60_000;

/** The environment of every process, without what would choose a port. */
export const environment = (({ PORT: _, ...rest }) => ({ ...rest, NO_COLOR: "1" }))(process.env);

/** Runs a command line to its end. */
export function run([program, ...before], args, options = {}) {
  const all = { encoding: "utf8", timeout: 5 * PATIENCE_MS, env: environment, ...options };
  const { status, stdout, stderr } = spawnSync(program, [...before, ...args], all);
  return { status, stdout, stderr };
}

/** Starts it on the loopback in a process group of its own, as a shell does, and waits until it listens. */
export async function start([program, ...before], args, options = {}) {
  const child = spawn(program, [...before, "--host", "127.0.0.1", "--quiet", ...args], {
    detached: process.platform !== "win32",
    env: environment,
    stdio: ["ignore", "inherit", "pipe"],
    ...options,
  });
  const ended = once(child, "close").then(([status, signal]) => status ?? signal);
  const watchdog = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  ended.then(() => clearTimeout(watchdog));
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => said += text);
  while (!/http:\/\/\S+/.test(said)) {
    await Promise.race([
      once(child.stderr, "data"),
      ended.then(() => assert.fail(`It ended before it listened: ${said}`)),
    ]);
  }
  return { child, ended, url: /http:\/\/\S+/.exec(said)[0], said: () => said };
}
