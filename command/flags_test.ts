import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DEFAULT_LIMITS } from "../server.ts";
import { needing } from "../tests/needs.ts";
import { ALL_FLAGS, EXIT_CODES, FLAGS, helpText, usageOf } from "./flags.ts";

const test = needing("read");

/** The tables of the README: flags by group, then exit codes. */
function readmeTables(): string[] {
  const cell = (value: unknown) => String(value ?? "").replaceAll("|", "\\|");
  const row = (...cells: unknown[]) => `| ${cells.map(cell).join(" | ")} |\n`;
  const flags = Object.entries(FLAGS).map(([group, flags]) =>
    row(`**${group}**`, "", "") +
    flags.map((flag) => row(`\`${usageOf(flag).trim()}\``, flag.help, flag.default)).join("")
  );
  const codes = Object.entries(EXIT_CODES).map(([code, meaning]) => row(code, meaning));
  return [
    row("flag", "what it does", "default") + row("---", "---", "---") + flags.join(""),
    row("exit code", "") + row("---", "---") + codes.join(""),
  ];
}

test("README.md has the tables of flags and exit codes that the code has, and docs/SECURITY.md of limits", async () => {
  const words = (text: string) => text.replace(/-{3,}/g, "---").replace(/ +/g, " "); // as formatted
  const read = async (path: string) =>
    words(await Deno.readTextFile(`${import.meta.dirname}/../${path}`));
  const readme = await read("README.md");
  const security = await read("docs/SECURITY.md");
  for (const table of readmeTables()) assertStringIncludes(readme, words(table));
  for (const [name, value] of Object.entries(DEFAULT_LIMITS)) {
    assertStringIncludes(security, `| \`${name}\` | ${value} |`);
  }
});

Deno.test("each flag that is excluded is a flag", () => {
  const names = ALL_FLAGS.map(({ name }) => name);
  const excluded = ALL_FLAGS.flatMap(({ excludes = [] }) => excludes);
  assertEquals(excluded.filter((name) => !names.includes(name)), []);
});

Deno.test("--check excludes each flag that has no meaning beside it", () => {
  const { CHECK: [check, ...ofCheck], ...others } = FLAGS;
  const besides = [...ofCheck.map(({ name }) => name), "quiet", "help", "version"];
  const without = Object.values(others).flat().filter(({ name }) => !besides.includes(name));
  assertEquals(check.excludes?.toSorted(), without.map(({ name }) => name).sort());
});

Deno.test("helpText() fits two screens", () => {
  const lines = helpText().split("\n");
  assert(lines.length <= 110, `${lines.length} lines`);
  assertEquals(lines.filter((line) => line.length > 80), []);
});
