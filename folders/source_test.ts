import { assertEquals } from "@std/assert";
import manifest from "../deno.json" with { type: "json" };
import { TemporaryFolder } from "../tests/files.ts";
import { needing } from "../tests/needs.ts";
import { locate, OWN_FILES } from "./source.ts";

const test = needing("read", "write");

test("locate() prefers embedded files for relative paths inside the executable", () => {
  using embedded = new TemporaryFolder({ "site/index.html": "a" });
  const inside = (path: string) => locate(path, embedded.path);
  for (const path of ["site", "./site", "site/", "site/index.html"]) {
    assertEquals(inside(path), `${embedded.path}/${path}`);
  }
  const outside = ["elsewhere", `${embedded.path}/site`, "../x", "site/../site", ".."];
  outside.push(`../${embedded.path.split("/").at(-1)}/site`, "C:\\site", "\\site");
  for (const path of outside) assertEquals(inside(path), path);
  assertEquals(locate("site", undefined), "site");
});

test("locate() never finds the program's own files", () => {
  using embedded = new TemporaryFolder({ "main.ts": "a", "command/flags.ts": "a", "site/a": "a" });
  embedded.write("server.ts", "a");
  embedded.write("COMMAND/flags.ts", "a"); // the same where names have no case
  embedded.write("deno.json", "a");
  const own = [".", "./", ".//", ".\\", "main.ts", "./main.ts", "server.ts", "deno.json"];
  embedded.write(".ci/npm/parse_args.js", "a");
  embedded.write(".deno_compile_node_modules/a", "a");
  own.push(".ci", ".ci/npm/parse_args.js", ".deno_compile_node_modules");
  own.push("command", "command/", "./command/flags.ts", "command\\flags.ts", "COMMAND/flags.ts");
  assertEquals(own.map((path) => locate(path, embedded.path)), own);
  for (const path of ["site", "./site/", ".//site/a"]) {
    assertEquals(locate(path, embedded.path), `${embedded.path}/${path}`);
  }
});

Deno.test("OWN_FILES are the published files without the documents", () => {
  const { include } = manifest.publish;
  const own = include.filter((name) => name !== "LICENSE" && name !== "README.md");
  assertEquals([...OWN_FILES].sort(), own.sort());
});
