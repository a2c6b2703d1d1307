// Runs the tests of server.ts that need no permission (grammar, framing, scripted sockets) in Node and
// Bun, and checks that the same ones pass as in Deno.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

const MAP = "--import-map=.ci/npm_imports.json";
/** It replaces `using`, which Node 22 does not know. */
const ESBUILD = "esbuild@0.28.1";
/** They count turns of the event loop, of which Bun makes fewer in the same time. */
const NOT_IN_BUN = [
  "serve() yields to the event loop while it writes large content and discards input",
  "serve() counts the time of failed writes against the time slice",
];

function run(program, ...args) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

/** The tests in one script that runs them. */
function bundle(box) {
  const [entry, modern, script] = ["entry.mjs", "modern.mjs", "server_tests.mjs"]
    .map((name) => join(box, name));
  const urlOf = (path) => JSON.stringify(pathToFileURL(resolve(path)));
  writeFileSync(
    entry,
    `import { runTests } from ${urlOf(".ci/lab/deno_api.mjs")};
import ${urlOf("server_test.ts")};
await runTests();\n`,
  );
  run("deno", "bundle", "--quiet", "--platform", "browser", MAP, "--output", modern, entry);
  run(
    "npx",
    "--yes",
    ESBUILD,
    modern,
    "--target=node22",
    "--log-level=error",
    `--outfile=${script}`,
  );
  return script;
}

/** The names of the tests that pass. */
async function passed([program, ...args]) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const names = [...output.matchAll(/^(?:ok (?!\|)(.*)|(.*) \.\.\. ok \(.*\))$/gm)];
  return { names: names.map(([, ours, denos]) => ours ?? denos), errors };
}

/** Runs them in each of these runtimes and in Deno, all at once. */
export async function testServer(box, runtimes) {
  const script = bundle(box);
  const [deno, ...others] = await Promise.all([
    passed(["deno", "test", "--no-prompt", MAP, "server_test.ts"]),
    ...runtimes.map(({ path }) => passed([path, script])),
  ]);
  assert.ok(deno.names.length > 100, deno.errors);
  for (const [at, { name, version }] of runtimes.entries()) {
    const excepted = name === "Bun" ? NOT_IN_BUN : [];
    const { names, errors } = others[at];
    const failed = deno.names.filter((test) => !names.includes(test) && !excepted.includes(test));
    assert.deepEqual(failed, [], errors);
    console.log(`${names.length} tests of server.ts pass in ${name} (${version}).`);
  }
}
