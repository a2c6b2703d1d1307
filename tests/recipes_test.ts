/** Runs each recipe of docs/recipes.md in an empty folder and compares its output. */

import { assertEquals } from "@std/assert";
import { HOST } from "./clients.ts";
import { TemporaryFolder } from "./files.ts";
import { isGranted, needing } from "./needs.ts";
import { IMPORT_MAP, ROOT } from "./process.ts";

const test = needing("net", "read", "run", "write");

/** Programs that the recipes need, and `timeout`. */
const TOOLS = ["curl", "jq", "timeout"];

const hasTools = isGranted("run") && Deno.build.os === "linux" && new Deno.Command("sh", {
  args: ["-c", 'for tool; do command -v "$tool" || exit 1; done', "sh", ...TOOLS],
  stdout: "null",
}).outputSync().success;

/** Recipes mostly wait, so several run at once. */
const CONCURRENCY = 4;

/** Reads pairs of a shell block and its output. */
async function recipesOf(path: string): Promise<{ block: string; printed: string }[]> {
  const blocks = (await Deno.readTextFile(path))
    .matchAll(/^```sh\n([^]*?)^```\n\n```text\n([^]*?)^```/gm);
  return Array.from(blocks, ([, block, printed]) => ({ block, printed }));
}

/** Runs a block with `firstline` in its PATH, on free ports, and returns its output. */
async function outputOf(block: string, ports: Map<string, string>): Promise<string> {
  using folder = new TemporaryFolder();
  const deno = [Deno.execPath(), "run", "--allow-net", "--allow-read", ...IMPORT_MAP];
  const command = [...deno, `${ROOT}/main.ts`].map((word) => `'${word}'`).join(" ");
  Deno.chmodSync(folder.write("bin/firstline", `#!/bin/sh\nexec ${command} "$@"\n`), 0o755);
  const script = `PATH=${folder.pathOf("bin")}:$PATH\n${replacedPorts(block, ports)}`;
  const { stdout } = await new Deno.Command("timeout", {
    args: ["--kill-after=1", "40", "sh", "-c", script],
    cwd: folder.path,
    env: { NO_COLOR: "1", TMPDIR: folder.path },
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout);
}

function replacedPorts(text: string, ports: Map<string, string>): string {
  return text.replace(/\b81\d\d\b/g, (port) => ports.get(port) ?? port);
}

/** Maps each port in a block to a free one. */
function freePorts(block: string): Map<string, string> {
  const names = new Set(block.match(/\b81\d\d\b/g));
  const listeners = [...names].map((name) => ({
    name,
    listener: Deno.listen({ hostname: HOST, port: 0 }),
  }));
  return new Map(listeners.map(({ name, listener }) => {
    listener.close();
    return [name, String(listener.addr.port)];
  }));
}

/** Hides what differs in each run: dates, times, ports, versions and line ends. */
function masked(text: string): string {
  return text.replaceAll("\r", "").trim()
    .replace(/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/g, "DATE")
    .replace(/("time":"|"port":|"milliseconds":|127\.0\.0\.1:)[\dTZ:.-]+/g, "$1…")
    .replace(/\b\d\.\d+ s\b/g, "SECONDS")
    .replace(/curl\/[\d.]+/g, "curl");
}

test(
  "docs/recipes.md shows the output of each recipe",
  { ignore: !hasTools, timeout: 120_000 },
  async () => {
    const recipes = await recipesOf(`${ROOT}/docs/recipes.md`);
    const waiting = [...recipes];
    const differences: unknown[][] = [];
    const runRecipes = async () => {
      for (let recipe; (recipe = waiting.shift());) {
        const ports = freePorts(recipe.block);
        const printed = masked(await outputOf(recipe.block, ports));
        const expected = masked(replacedPorts(recipe.printed, ports));
        if (printed !== expected) differences.push([recipe.block, printed, expected]);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, runRecipes));
    assertEquals(differences, []);
    assertEquals(recipes.length > 10, true);
  },
);
