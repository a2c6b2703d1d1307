import { assertStringIncludes } from "@std/assert";
import { DEFAULT_LIMITS } from "../server.ts";
import { readmeTables } from "./flags.ts";

Deno.test("README.md has the tables of flags, limits and exit codes that the code has", async () => {
  const words = (text: string) => text.replace(/-{3,}/g, "---").replace(/ +/g, " "); // as formatted
  const readme = words(await Deno.readTextFile(`${import.meta.dirname}/../README.md`));
  for (const table of readmeTables()) assertStringIncludes(readme, words(table));
  for (const [name, value] of Object.entries(DEFAULT_LIMITS)) {
    assertStringIncludes(readme, `| \`${name}\` | ${value} |`);
  }
});
