// Starts the executable with a reply baked in and checks that it answers and stops.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";

const server = spawn(process.argv[2], ["--host", "127.0.0.1", "--port", "0"], {
  stdio: ["ignore", "inherit", "pipe"],
});
const ended = once(server, "exit");
const [heard] = await once(server.stderr, "data");
const url = /http:\/\/\S+/.exec(heard)?.[0];
assert.ok(url, `expected a listening line, got: ${heard}`);
const response = await fetch(url);
assert.equal(await response.text(), "Back at noon");
server.kill("SIGTERM");
assert.deepEqual(await ended, [0, null]);
console.log("The executable answers with the text baked in, and stops with exit code 0.");
