#!/usr/bin/env node
import { createRequire } from "node:module";
import { main } from "./lab.mjs";

const { version } = createRequire(import.meta.url)("./package.json");
const exitCode = await main(process.argv.slice(2), version);
await new Promise((resolve) => process.stdout.write("", resolve)); // what is still to be written
process.exit(exitCode);
