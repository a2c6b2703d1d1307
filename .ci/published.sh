#!/usr/bin/env bash
# Does what a user of the package does, in an empty folder: runs it, installs it, and imports it.
set -euo pipefail
cd "$1"

deno run --allow-net jsr:@firstline/firstline/main --version
deno install --global --quiet --allow-net --root . --name firstline jsr:@firstline/firstline/main
./bin/firstline --version

cat >greet.ts <<'END'
import { serve } from "jsr:@firstline/firstline@2";
import { page } from "jsr:@firstline/firstline@2/page";
const server = serve({ hostname: "127.0.0.1", port: 0 }, page());
const response = await fetch(`http://127.0.0.1:${server.addr.port}/`);
console.log(response.status, (await response.text()).includes("127.0.0.1"));
await server.shutdown();
END
test "$(deno run --check --allow-net greet.ts)" = "200 true"
echo "The package can be run, installed and imported from an empty folder."
