// Tests the lab where Deno is not: the server and the lab in Node and Bun, the packages that
// .ci/lab/package.mjs has built, and the vectors in other languages. All must give the same bytes, and
// end connections alike.
//   node .ci/lab/check.mjs
// `deno` must be in the PATH.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compare } from "./compare.mjs";
import { checkNpm, checkPip } from "./installed.mjs";
import { labs, replayers } from "./replayers.mjs";
import { installRuntimes } from "./runtimes.mjs";
import { testServer } from "./server_tests.mjs";
import { withLab } from "./tools.mjs";

const { entries, others } = JSON.parse(readFileSync("lab/vectors.json", "utf8"));
/** `/` is a page in the lab, and a line in the vectors. */
const vectors = [...entries, ...others.filter(({ path }) => path !== "/")];

async function compareAll(all) {
  for (const { name, command } of all) {
    const differences = await withLab(command, (port) => compare(port, vectors));
    assert.deepEqual(differences, [], name);
    console.log(`${name} gives the same bytes and endings for ${vectors.length} responses.`);
  }
}

const box = mkdtempSync(join(tmpdir(), "firstline-lab-"));
try {
  const runtimes = await installRuntimes(box);
  const [, found, python] = await Promise.all([
    testServer(box, runtimes),
    replayers(box),
    checkPip(box),
  ]);
  await checkNpm(box, runtimes);
  await compareAll([...await labs(box, runtimes), ...python, ...found]);
} finally {
  rmSync(box, { recursive: true, force: true });
}
