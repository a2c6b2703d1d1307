// Checks that the program accepts the flags in the files of deploy/. With --probe it checks its flags as
// at a start, and then probes a port on which nothing listens.
//   node .ci/flags.mjs deno run --allow-net main.ts
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const [program, ...before] = process.argv.slice(2);

/** All matches of a pattern in a file of deploy/: the first group of each. */
const found = (file, pattern) =>
  Array.from(readFileSync(`deploy/${file}`, "utf8").matchAll(pattern), ([, text]) => text);

/** Splits a command line as systemd does, for the syntax that we use. */
const words = (line) => line.match(/"[^"]*"|\S+/g).map((word) => word.replaceAll('"', ""));

const commands = [
  ...found("Dockerfile", /(?:ENTRYPOINT|CMD) (\[.*\])/g).map((list) => JSON.parse(list)),
  ...found("firstline.service", /^ExecStart=(.*)$/gm).map(words),
  ...found("firstline@.service", /^ExecStart=(.*)$/gm).map(words),
  ["firstline", ...found("kubernetes.yaml", /^ +- (--.*)$/gm)],
];
assert.equal(commands.length, 5);

for (const [, ...flags] of commands) {
  const at = flags.indexOf("--port");
  if (at !== -1) flags.splice(at, 2);
  const { stderr } = spawnSync(program, [...before, ...flags, "--port", "1", "--probe"], {
    encoding: "utf8",
  });
  assert.match(stderr, /^firstline: 127\.0\.0\.1:1\S* is not healthy/, flags.join(" "));
}
console.log(`The program takes the flags of all ${commands.length} command lines in deploy/.`);
