// The lab in each language: the commands that start it, for those whose tools are here.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { blocks, bundle, run, runWell } from "./tools.mjs";

const VECTORS = resolve("lab/vectors.json");

/** Ends when its stdin does, as do all programs below. */
const SCRIPT = `import process from "node:process";
import { startLab } from ${JSON.stringify(resolve("lab/start.ts"))};
const lab = await startLab();
console.log(lab.url);
process.stdin.on("end", () => process.exit()).resume();
`;

const GO = `package main

import (
	"fmt"
	"io"
	"os"

	"example.com/client/lab"
)

func main() {
	server, err := lab.Start(os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Println(server.URL)
	io.Copy(io.Discard, os.Stdin)
}
`;

const JAVA = `import java.nio.file.Path;

class Main {
    public static void main(String[] args) throws Exception {
        try (var lab = new FirstlineLab(Path.of(args[0]))) {
            System.out.println(lab.url);
            while (System.in.read() >= 0);
        }
    }
}
`;

const RUST = `mod firstline_lab;

fn main() -> std::io::Result<()> {
    let lab = firstline_lab::Lab::start(&std::env::args().nth(1).unwrap())?;
    assert!(lab.entries.len() > 100);
    println!("{}", lab.url);
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).map(|_| ())
}
`;

const CARGO = `[package]
name = "lab"
version = "0.0.0"
edition = "2021"

[dependencies]
base64 = "0.22"
serde_json = "1"
socket2 = "0.6"
`;

const PYTHON = `import sys
import firstline_lab
with firstline_lab.start() as lab:
    print(lab.url, flush=True)
    sys.stdin.read()
`;

/** The lab itself in Deno, and in these runtimes. */
export async function labs(box, runtimes) {
  const [source, script] = ["lab.ts", "lab.mjs"].map((name) => join(box, name));
  writeFileSync(source, SCRIPT);
  await bundle(source, script);
  return [
    { name: "Deno", command: ["deno", "run", "--allow-net", source] },
    ...runtimes.map(({ name, path }) => ({ name, command: [path, script] })),
  ];
}

/** Writes files into a new folder, beside a copy of the replayer. */
function folder(box, name, replayer, files) {
  const path = join(box, name);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(path, file, ".."), { recursive: true });
    writeFileSync(join(path, file), text);
  }
  cpSync(join("lab/replay", replayer.split("/").at(-1)), join(path, replayer));
  return path;
}

/** It runs the suite of docs/lab.md, too. */
async function go(box) {
  const [suite] = blocks("go");
  const files = { "go.mod": "module example.com/client\n\ngo 1.21\n", "main/main.go": GO };
  const cwd = folder(box, "go", "lab/lab.go", { ...files, "client_test.go": suite });
  cpSync(VECTORS, join(cwd, "vectors.json"));
  const options = { cwd, env: { ...process.env, CGO_ENABLED: "0" } };
  await runWell("go", ["build", "-o", "replay", "./main"], options);
  const suites = ["-vet=off", "-run", "TestClient//(truncated|reset|gzip)$", "-v", "."];
  const output = await runWell("go", ["test", ...suites], options);
  assert.match(output, /--- PASS: TestClient\/\/truncated/);
  return [join(cwd, "replay"), VECTORS];
}

async function java(box) {
  const [suite] = blocks("java");
  const files = { "Main.java": JAVA, "ClientTest.java": suite };
  const cwd = folder(box, "java", "FirstlineLab.java", files);
  const args = ["-Xlint:all", "-Werror", "--release", "17", ...Object.keys(files)];
  await runWell("javac", [...args, "FirstlineLab.java"], { cwd });
  return ["java", "-cp", cwd, "Main", VECTORS];
}

async function rust(box) {
  const files = { "Cargo.toml": CARGO, "src/main.rs": RUST };
  const cwd = folder(box, "rust", "src/firstline_lab.rs", files);
  const { code } = await run("cargo", ["fetch", "--quiet"], { cwd });
  if (code !== 0) return undefined;
  await runWell("cargo", ["build", "--quiet", "--offline"], { cwd });
  return [join(cwd, "target/debug/lab"), VECTORS];
}

/** The replayers of other languages. Says which cannot be run here. */
export async function replayers(box) {
  const builds = [
    { name: "Go", tool: ["go", "version"], build: go },
    { name: "Java", tool: ["javac", "-version"], build: java },
    { name: "Rust", tool: ["cargo", "--version"], build: rust },
  ];
  const built = await Promise.all(builds.map(async ({ name, tool: [program, ...args], build }) => {
    const isHere = (await run(program, args)).code === 0;
    const command = isHere ? await build(box) : undefined;
    if (command) return [{ name, command }];
    const lack = isHere ? "its packages" : program;
    console.log(`NOT RUN: the replayer in ${name}, because ${lack} cannot be had here.`);
    return [];
  }));
  return built.flat();
}

/** The lab of the Python package, installed in this environment. */
export function pythonLab(python) {
  return { name: "Python", command: [python, "-c", PYTHON] };
}
