// Tests the lab where Deno is not: in Node and Bun.
//   node .ci/lab/check.mjs
// `deno` must be in the PATH.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installRuntimes } from "./runtimes.mjs";
import { testServer } from "./server_tests.mjs";

const box = mkdtempSync(join(tmpdir(), "firstline-lab-"));
try {
  const runtimes = installRuntimes(box);
  await testServer(box, runtimes);
} finally {
  rmSync(box, { recursive: true, force: true });
}
