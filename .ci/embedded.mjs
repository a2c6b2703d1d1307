// Reads the output of `deno compile`, and checks that it embeds the program and nothing else.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

/** Enough for our sources, as TypeScript and as JavaScript, and two modules of the standard library. */
const MOST_BYTES = 1_300_000;
const UNITS = { B: 1, KB: 1e3, MB: 1e6 };

const report = readFileSync(0, "utf8");
// A folder is shown with what is in it, or as `NAME/*`.
const embedded = Array.from(report.matchAll(/^[├└]\S+ ([^\s/]+)/gm), ([, name]) => name);
assert.deepEqual(embedded, [
  "command",
  "deno.json",
  "folders",
  "lab",
  "main.ts",
  "replies",
  "server.ts",
]);

const sizes = Array.from(
  report.matchAll(/^(Files|Remote modules): ([\d.]+)(B|KB|MB)$/gm),
  ([, , number, unit]) => Number(number) * UNITS[unit],
);
assert.equal(sizes.length, 2, `expected the sizes of files and remote modules in: ${report}`);
const bytes = sizes[0] + sizes[1];
assert.ok(bytes <= MOST_BYTES, `embeds ${bytes} bytes, more than ${MOST_BYTES}`);
console.log(
  `An executable embeds ${embedded.join(", ")} and ${Math.round(bytes / 1e3)} KB in all.`,
);
