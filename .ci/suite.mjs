// Reads the output of `deno test`, passes it on, and checks that no test was ignored. With --plain, only
// tests whose names say that they need a permission may be ignored. With --lacking, any test may be,
// because tools are missing.
//   deno task test | node .ci/suite.mjs
//   deno test | node .ci/suite.mjs --plain
import assert from "node:assert/strict";
import { createInterface } from "node:readline";

const [mode] = process.argv.slice(2);
const isPlain = mode === "--plain";
const ignored = [];
let passed = 0;
for await (const line of createInterface({ input: process.stdin })) {
  console.log(line);
  if (/ \.\.\. ignored \(/.test(line)) ignored.push(line);
  passed = Number(/^ok \| (\d+) passed/.exec(line)?.[1] ?? passed);
}
assert.ok(passed > 0, "expected that tests pass");
if (isPlain) assert.ok(ignored.length > 0, "expected that some tests need a permission");
const unexpected = ignored.filter((line) =>
  !isPlain || !/\(needs (--allow-\w+(, )?)+\)/.test(line)
);
if (mode !== "--lacking") assert.deepEqual(unexpected, [], "ignored");
