// Runs the tests of server.ts that need no permission (grammar, framing, scripted sockets) in Node and
// Bun, and checks that the same ones pass as in Deno.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { run, runWell } from "./tools.mjs";

const MAP = "--import-map=.ci/npm_imports.json";
/** It replaces `using`, which Node 22 does not know. */
const ESBUILD = "esbuild@0.28.1";
/** They count turns of the event loop, of which Bun makes fewer in the same time. */
const NOT_IN_BUN = [
  "serve() yields to the event loop while it writes large content and discards input",
  "serve() counts the time of failed writes against the time slice",
];

/** The tests in one script that runs them. */
async function bundle(box) {
  const [entry, modern, script] = ["entry.mjs", "modern.mjs", "server_tests.mjs"]
    .map((name) => join(box, name));
  const urlOf = (path) => JSON.stringify(pathToFileURL(resolve(path)));
  writeFileSync(
    entry,
    `import { runTests } from ${urlOf(".ci/lab/deno_api.mjs")};
import ${urlOf("server_test.ts")};
await runTests();\n`,
  );
  const how = ["--quiet", "--platform", "browser", MAP, "--output", modern];
  await runWell("deno", ["bundle", ...how, entry]);
  const target = ["--target=node22", "--log-level=error", `--outfile=${script}`];
  await runWell("npx", ["--yes", ESBUILD, modern, ...target]);
  return script;
}

/** The names of the tests that pass. */
async function passed([program, ...args]) {
  const { stdout, stderr } = await run(program, args);
  const names = [...stdout.matchAll(/^(?:ok (?!\|)(.*)|(.*) \.\.\. ok \(.*\))$/gm)];
  return { names: names.map(([, ours, denos]) => ours ?? denos), errors: stderr };
}

/** Runs them in each of these runtimes and in Deno, all at once. */
export async function testServer(box, runtimes) {
  const script = await bundle(box);
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
