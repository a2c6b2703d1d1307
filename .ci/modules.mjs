// Reads the output of `deno info --json` and checks what the module named on the command line imports.
import { readFileSync } from "node:fs";

const ALLOWED = {
  "server.ts": [],
  "main.ts": [
    "@std/cli/parse-args",
    "@std/net/get-available-port",
    "./deno.json",
    "./command/",
    "./server.ts",
  ],
};

const name = process.argv[2];
const { modules, roots } = JSON.parse(readFileSync(0, "utf8"));
const root = modules.find((module) => module.specifier === roots[0]);
const imports = (root.dependencies ?? []).map((dependency) => dependency.specifier);
const isAllowed = (specifier) =>
  ALLOWED[name].some((allowed) =>
    allowed.endsWith("/") ? specifier.startsWith(allowed) : specifier === allowed
  );
const strays = imports.filter((specifier) => !isAllowed(specifier));
if (strays.length > 0) throw new Error(`${name} must not import ${strays.join(", ")}`);
console.log(`${name}: ${modules.length} modules, imports ${imports.join(", ") || "nothing"}`);
