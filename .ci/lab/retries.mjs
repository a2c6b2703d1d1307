// Runs the examples of "Retries" in docs/lab.md: urllib3 in Python, got in Node, go-retryablehttp in
// Go. Each asserts exactly what its retry policy does.
//   node .ci/lab/retries.mjs
// `deno` must be in the PATH. An example whose language is missing is not run, and the output says so.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, start } from "../program.mjs";

const [, section] = readFileSync("docs/lab.md", "utf8").split(
  /^## Retries\n|^## The next request\n/m,
);

/** How each example is run: its tool, its file, and the commands that install and run it. */
const EXAMPLES = {
  py: {
    tool: "python3",
    file: "retries.py",
    commands: [
      ["python3", "-m", "venv", "venv"],
      ["venv/bin/pip", "install", "--quiet", "urllib3"],
      ["venv/bin/python", "retries.py"],
    ],
  },
  mjs: {
    tool: "node",
    file: "retries.mjs",
    commands: [["npm", "install", "--silent", "got"], ["node", "retries.mjs"]],
  },
  go: {
    tool: "go",
    file: "retries_test.go",
    commands: [
      ["go", "mod", "init", "lab"],
      ["go", "get", "github.com/hashicorp/go-retryablehttp"],
      ["go", "test", "./..."],
    ],
  },
};

const map = "--import-map=.ci/npm_imports.json";
const lab = await start(["deno", "run", "--allow-net", map, "main.ts"], ["--lab", "--port", "0"]);
for (const [language, { tool, file, commands }] of Object.entries(EXAMPLES)) {
  const [, code] = new RegExp("^```" + language + "\\n([^]*?)^```\\n", "m").exec(section);
  if (run([tool], [tool === "go" ? "version" : "--version"]).status !== 0) {
    console.log(`NOT RUN: the retries in ${file}, because ${tool} is missing.`);
    continue;
  }
  const folder = mkdtempSync(join(tmpdir(), "firstline-"));
  writeFileSync(
    join(folder, file),
    code.replace("http://127.0.0.1:8080", lab.url.replace(/\/$/, "")),
  );
  for (const [program, ...args] of commands) {
    const { status, stdout, stderr } = run([program], args, { cwd: folder });
    assert.equal(status, 0, `${program} ${args.join(" ")}: ${stdout}${stderr}`);
  }
  rmSync(folder, { recursive: true });
  console.log(`${file} of docs/lab.md runs.`);
}
lab.child.kill();
await lab.ended;
