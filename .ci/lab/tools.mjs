// How the checks of the lab run programs.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
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

/** It also replaces `using`, which Node 22 does not know. */
const ESBUILD = "esbuild@0.28.1";

/** Makes one script for Node and Bun of a module and all that it imports. */
export async function bundle(entry, script, ...more) {
  const how = ["--bundle", "--platform=node", "--format=esm", "--target=node22", ...more];
  const output = [`--outfile=${script}`, "--log-level=error"];
  await runWell("npx", ["--yes", ESBUILD, entry, ...how, ...output]);
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

/** The code blocks of a language in docs/lab.md, in order. */
export function blocks(language) {
  const text = readFileSync("docs/lab.md", "utf8");
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`\n`, "gm"))]
    .map(([, block]) => block);
}
