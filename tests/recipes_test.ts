/** Types each recipe of docs/recipes.md into three shells and compares its output. */

import { assertEquals } from "@std/assert";
import { TemporaryFolder } from "./files.ts";
import { isGranted, needing } from "./needs.ts";
import { freePort, IMPORT_MAP, ROOT } from "./process.ts";

const test = needing("net", "read", "run", "write");

/** Programs that the recipes need, and those that run them. */
const TOOLS = ["curl", "jq", "setsid", "timeout"];

/** The default shells of Linux and macOS, as if each line were typed or pasted. */
const SHELLS = {
  dash: ["dash", "-i", "-s"],
  bash: ["bash", "--norc", "--noprofile", "-i", "-s"],
  zsh: ["zsh", "-f", "-i", "-s"],
};

function hasTools(...tools: string[]): boolean {
  return isGranted("run") && Deno.build.os === "linux" && new Deno.Command("sh", {
    args: ["-c", 'for tool; do command -v "$tool" || exit 1; done', "sh", ...tools],
    stdout: "null",
  }).outputSync().success;
}

/** Only a block that hangs takes this long. */
const BLOCK_SECONDS = 60;

/** Recipes mostly wait, so several run at once. */
const CONCURRENCY = 8;

/** Reads pairs of a shell block and its output. */
async function recipesOf(path: string): Promise<{ block: string; printed: string }[]> {
  const blocks = (await Deno.readTextFile(path))
    .matchAll(/^```sh\n([^]*?)^```\n\n```text\n([^]*?)^```/gm);
  return Array.from(blocks, ([, block, printed]) => ({ block, printed }));
}

/** Types a block into a shell with `firstline` in its PATH, on free ports, and returns its output. */
async function outputOf(
  shell: readonly string[],
  block: string,
  ports: Map<string, string>,
): Promise<string> {
  using folder = new TemporaryFolder();
  const deno = [Deno.execPath(), "run", "--allow-net", "--allow-read", ...IMPORT_MAP];
  const command = [...deno, `${ROOT}/main.ts`].map((word) => `'${word}'`).join(" ");
  Deno.chmodSync(folder.write("bin/firstline", `#!/bin/sh\nexec ${command} "$@"\n`), 0o755);
  const child = new Deno.Command("setsid", {
    args: ["--wait", "timeout", "--kill-after=1", `${BLOCK_SECONDS}`, ...shell],
    cwd: folder.path,
    env: { NO_COLOR: "1", TMPDIR: folder.path, HOME: folder.path },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const script = `PATH=${folder.pathOf("bin")}:$PATH\n${replacedPorts(block, ports)}exit\n`;
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(script));
  await writer.close();
  const { stdout } = await child.output();
  return new TextDecoder().decode(stdout);
}

function replacedPorts(text: string, ports: Map<string, string>): string {
  return text.replace(/\b81\d\d\b/g, (port) => ports.get(port) ?? port);
}

/** Maps each port in a block to a free one. */
function freePorts(block: string): Map<string, string> {
  return new Map(
    [...new Set(block.match(/\b81\d\d\b/g))].map((name) => [name, String(freePort())]),
  );
}

/** Hides what differs in each run: dates, times, ports, versions and line ends. */
function masked(text: string): string {
  return text.replaceAll("\r", "").trim()
    .replace(/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/g, "DATE")
    .replace(/("time":"|"port":|"milliseconds":|127\.0\.0\.1:)[\dTZ:.-]+/g, "$1…")
    .replace(/\b\d\.\d+ s\b/g, "SECONDS")
    .replace(/curl\/[\d.]+/g, "curl");
}

for (const [name, shell] of Object.entries(SHELLS)) {
  const options = { ignore: !hasTools(...TOOLS, name), timeout: 300_000 };
  test(`docs/recipes.md shows the output of each recipe in ${name}`, options, async () => {
    const recipes = await recipesOf(`${ROOT}/docs/recipes.md`);
    const waiting = [...recipes];
    const differences: unknown[][] = [];
    const runRecipes = async () => {
      for (let recipe; (recipe = waiting.shift());) {
        const ports = freePorts(recipe.block);
        const printed = masked(await outputOf(shell, recipe.block, ports));
        const expected = masked(replacedPorts(recipe.printed, ports));
        if (printed !== expected) differences.push([recipe.block, printed, expected]);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, runRecipes));
    assertEquals(differences, []);
    assertEquals(recipes.length > 10, true);
  });
}

needing("read")("each block of the docs can be pasted into zsh", async () => {
  const wrong: string[] = [];
  for (const name of DOCS) {
    const text = await Deno.readTextFile(`${ROOT}/${name}`);
    for (const [, language, block] of text.matchAll(/^```(sh|bash|console)\n([^]*?)^```/gm)) {
      const lines = block.split("\n");
      const typed = language === "console" ? lines.filter((line) => line.startsWith("$ ")) : lines;
      wrong.push(...typed.filter((line) => PITFALL.test(line)).map((line) => `${name}: ${line}`));
    }
  }
  assertEquals(wrong, []);
});

/** The files with blocks to paste. */
const DOCS = [
  "README.md",
  ...["check", "lab", "recipes", "SECURITY", "speed", "tour"].map((name) => `docs/${name}.md`),
];

/**
 * What zsh reads in its own way: a comment behind a command is an argument, an exclamation mark in
 * double quotes waits for more, and a variable called `path` empties `PATH`.
 */
const PITFALL = /^[^'"#]*\S +# |"[^"']*!"|\b(for|read( -r)?) path\b|\bpath=/;
