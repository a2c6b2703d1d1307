// Reads the output of `deno info --json` and checks what the module named on the command line imports.
import { readFileSync } from "node:fs";

const ALLOWED = {
  "server.ts": [],
  "main.ts": [
    "@std/cli/parse-args",
    "@std/net/get-available-port",
    "./deno.json",
    ...["address", "flags", "log", "messages", "output", "page", "sleep", "wire"]
      .map((name) => `./command/${name}.ts`),
    "./server.ts",
  ],
};

const name = process.argv[2];
const { modules, roots } = JSON.parse(readFileSync(0, "utf8"));
const root = modules.find((module) => module.specifier === roots[0]);
const imports = (root.dependencies ?? []).map((dependency) => dependency.specifier);
const strays = imports.filter((specifier) => !ALLOWED[name].includes(specifier));
if (strays.length > 0) throw new Error(`${name} must not import ${strays.join(", ")}`);
console.log(`${name}: ${modules.length} modules, imports ${imports.join(", ") || "nothing"}`);
