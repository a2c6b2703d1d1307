// How the checks of the lab run programs.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A first build with an empty cache takes long on a busy machine. */
const PATIENCE_MS = 300_000;

/** Runs a program, and resolves to its exit code and what it has printed. */
export function run(program, args, options = {}) {
  const all = { timeout: PATIENCE_MS, maxBuffer: 1 << 26, ...options };
  return new Promise((resolve) =>
    execFile(program, args, all, (error, stdout, stderr) => {
      resolve({ code: error ? error.code ?? error.signal : 0, stdout, stderr });
    }).stdin.end()
  );
}

/** Runs a program that must succeed, and resolves to what it has printed on stdout. */
export async function runWell(program, args, options) {
  const { code, stdout, stderr } = await run(program, args, options);
  assert.equal(code, 0, `${program} ${args.join(" ")}\n${stdout}${stderr}`);
  return stdout;
}

/**
 * Starts a program that prints the URL of a lab, calls back with the port, and ends the program by
 * closing its stdin.
 */
export async function withLab([program, ...args], callback) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      return await callback(Number(new URL(line).port));
    }
    assert.fail(`${program} has printed nothing`);
  } finally {
    child.stdin.end();
    await ended;
  }
}
