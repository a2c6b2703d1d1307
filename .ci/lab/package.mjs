// Builds, from a clean clone with Node and npm alone, the packages of the lab in dist/: for npm the lab
// in one script, its types and its command, and for PyPI the vectors and their replayer.
import assert from "node:assert/strict";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packForNpm, page, writeWheel } from "../packages.mjs";
import { bundle } from "./tools.mjs";

const SUMMARY = "Right and wrong HTTP/1.1 responses by path, for testing HTTP clients";
const LICENSE = readFileSync("LICENSE", "utf8");

/** What the script exports has these types, in the words of the sources. */
function types() {
  const interfaceOf = (file, name) => {
    const form = new RegExp(`/\\*\\*(?:(?!\\*/)[^])*\\*/\nexport interface ${name} [^]*?\n}\n`);
    const [text] = form.exec(readFileSync(file, "utf8")) ?? assert.fail(name);
    return text;
  };
  const start = readFileSync("lab/start.ts", "utf8");
  const [comment] = /\/\*\*(?:(?!\*\/)[^])*\*\/(?=\nexport async function startLab)/.exec(start);
  const contract = readFileSync("lab/contract.ts", "utf8");
  return [
    contract.slice(contract.indexOf("*/") + 4),
    interfaceOf("lab/traffic.ts", "LabRequest"),
    interfaceOf("lab/traffic.ts", "LabConnection"),
    interfaceOf("lab/start.ts", "StartOptions"),
    interfaceOf("lab/start.ts", "RunningLab"),
    `${comment.replaceAll("./start.ts", "@firstline/lab")}
export declare function startLab(options?: StartOptions): Promise<RunningLab>;\n`,
  ].join("\n");
}

async function buildPackage(box) {
  cpSync("deploy/lab-npm", box, { recursive: true });
  await bundle("lab/node/command.ts", join(box, "lab.mjs"), "--minify");
  writeFileSync(join(box, "lab.d.ts"), types());
  writeFileSync(join(box, "README.md"), page("deploy/lab-npm/README.md"));
  writeFileSync(join(box, "LICENSE"), LICENSE);
  return packForNpm(box, {
    name: "@firstline/lab",
    description: SUMMARY,
    keywords: ["http", "client", "test", "fault", "mock"],
    exports: { ".": { types: "./lab.d.ts", default: "./lab.mjs" } },
    bin: { "firstline-lab": "firstline-lab.mjs" },
    engines: { node: ">=22" },
  });
}

function buildWheel() {
  const folder = "deploy/lab-pypi/firstline_lab";
  const names = readdirSync(folder).filter((name) => /\.(py|typed)$/.test(name));
  const vectors = JSON.parse(readFileSync("lab/vectors.json", "utf8"));
  return writeWheel({
    name: "firstline-lab",
    summary: SUMMARY,
    readme: page("deploy/lab-pypi/README.md"),
    files: [
      ...names.map((name) => [`firstline_lab/${name}`, readFileSync(join(folder, name), "utf8")]),
      ["firstline_lab/vectors.json", JSON.stringify(vectors)],
    ],
    licenses: { LICENSE },
    entryPoints: "[pytest11]\nfirstline_lab = firstline_lab.pytest_plugin\n",
    requires: ["Requires-Python: >=3.9", "Classifier: Framework :: Pytest"],
  });
}

const box = mkdtempSync(join(tmpdir(), "firstline-lab-"));
try {
  mkdirSync("dist", { recursive: true });
  console.log(`Built ${await buildPackage(box)} and ${buildWheel()}.`);
} finally {
  rmSync(box, { recursive: true });
}
