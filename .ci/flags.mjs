// Checks that the program takes the flags that the files in deploy/ give it. With --probe it checks
// its flags like at a start, and then asks a port where nobody answers.
//   node .ci/flags.mjs deno run --allow-net main.ts
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const [program, ...before] = process.argv.slice(2);

/** What a pattern finds in a file of deploy/: its first group, of each place. */
const found = (file, pattern) =>
  Array.from(readFileSync(`deploy/${file}`, "utf8").matchAll(pattern), ([, text]) => text);

/** Words as systemd reads them, as far as we write them. */
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
