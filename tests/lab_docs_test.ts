/** docs/lab.md lists the entries of the lab, and its loops run. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { lab } from "../lab/lab.ts";
import type { Contract } from "../lab/contract.ts";
import { startLab } from "../lab/start.ts";
import type { Reply } from "../server.ts";
import { needing } from "./needs.ts";
import { ROOT } from "./process.ts";
import { CLIENT, requestOf } from "./requests.ts";
import { WATCHED } from "./time.ts";

const reading = needing("read");
const running = needing("net", "read", "run");

const LISTED: readonly Contract[] = JSON.parse(String(
  (lab({ canReset: true })(requestOf("GET /lab.json HTTP/1.1"), CLIENT) as Reply).body,
));

function read(): Promise<string> {
  return Deno.readTextFile(`${ROOT}/docs/lab.md`);
}

/** The catalog as docs/lab.md should show it. */
function catalog(): string {
  return [...Map.groupBy(LISTED, ({ group }) => group)].map(([group, entries]) =>
    `### ${group}\n\n| path | the server | a sound client | |\n| --- | --- | --- | --- |\n` +
    entries.map(rowOf).join("")
  ).join("\n");
}

function rowOf({ usage, about, client, section }: Contract): string {
  const [pattern, range] = usage.split(/, (.*)/);
  return `| \`${pattern}\` | ${about}${range ? `; ${range}` : ""} | ${client} | ${section} |\n`;
}

reading(
  "docs/lab.md lists each entry of the lab",
  async () => assertStringIncludes(await read(), catalog()),
);

/** The program that runs a block of each language. Blocks without their program are skipped. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  js: [Deno.execPath(), "run", "--allow-net", "-"],
  python: ["python3", "-"],
  bash: ["bash", "-s"],
};

async function isInstalled(program: string): Promise<boolean> {
  const command = new Deno.Command("sh", {
    args: ["-c", `command -v "${program}"`],
    stdout: "null",
  });
  return (await command.output()).success;
}

async function outputOf([program, ...args]: readonly string[], input: string): Promise<string> {
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout } = await child.output();
  assert(success, program);
  return new TextDecoder().decode(stdout);
}

running("docs/lab.md: each loop prints what its client does wrong", WATCHED, async (t) => {
  const text = await read();
  await using lab = await startLab();
  const blocks = [...text.matchAll(/^```(js|python|bash)\n([^]*?)^```\n/gm)];
  assertEquals(blocks.map(([, language]) => language), ["js", "python", "bash"]);
  const known = new Set(lab.entries.map(({ path }) => path));
  for (const [, language, block] of blocks) {
    const tools = language === "bash" ? ["bash", "curl", "jq"] : [PROGRAMS[language][0]];
    if (!(await Promise.all(tools.map(isInstalled))).every(Boolean)) continue;
    await t.step(language, async () => {
      const here = block.replace("http://127.0.0.1:8080", lab.url);
      const printed = await outputOf(PROGRAMS[language], here);
      for (const line of printed.trim().split("\n")) {
        const [, path] = /^(?:must|should|may): (\S+?) (?:was|has) /.exec(line) ?? [];
        assert(known.has(path), line);
      }
      if (language === "js") assertStringIncludes(text, `\`\`\`text\n${printed}\`\`\`\n`);
    });
  }
});
