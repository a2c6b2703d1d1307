// Runs the tests of server.ts that need no permission (grammar, framing, scripted sockets) in Node and
// Bun, and checks that the same ones pass as in Deno.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { bundle, run, runWell } from "./tools.mjs";

const MAP = "--import-map=.ci/npm_imports.json";
/** They count turns of the event loop, of which Bun makes fewer in the same time. */
const NOT_IN_BUN = [
  "serve() yields to the event loop while it writes large content and discards input",
  "serve() counts the time of failed writes against the time slice",
  "shutdown() answers what arrives while it accepts, or just after",
];

/** The tests in one script that runs them. `deno bundle` knows the import map. */
async function bundleTests(box) {
  const [entry, modern, script] = ["entry.mjs", "modern.mjs", "server_tests.mjs"]
    .map((name) => join(box, name));
  const urlOf = (path) => JSON.stringify(pathToFileURL(resolve(path)));
  writeFileSync(
    entry,
    `import { runTests } from ${urlOf(".ci/lab/deno_api.mjs")};
import ${urlOf("server_test.ts")};
await runTests(process.argv.slice(2));\n`,
  );
  const how = ["--quiet", "--platform", "browser", MAP, "--output", modern];
  await runWell("deno", ["bundle", ...how, entry]);
  await bundle(modern, script);
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
  const script = await bundleTests(box);
  const [deno, ...others] = await Promise.all([
    passed(["deno", "test", "--no-prompt", MAP, "server_test.ts"]),
    ...runtimes.map(({ path }) => passed([path, script])),
  ]);
  assert.ok(deno.names.length > 100, deno.errors);
  for (const [at, { name, path, version }] of runtimes.entries()) {
    const excepted = name === "Bun" ? NOT_IN_BUN : [];
    const expected = deno.names.filter((test) => !excepted.includes(test));
    const failed = expected.filter((test) => !others[at].names.includes(test));
    // a busy machine may have made it fail
    const again = failed.length > 0 ? await passed([path, script, ...failed]) : { names: [] };
    assert.deepEqual(failed.filter((test) => !again.names.includes(test)), [], again.errors);
    console.log(`${expected.length} tests of server.ts pass in ${name} (${version}).`);
  }
}
