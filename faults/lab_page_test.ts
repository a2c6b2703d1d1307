/** The page on what clients make of the lab. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { needing } from "../tests/needs.ts";
import { ROOT } from "../tests/process.ts";
import { type Cell, type ClientData, clientsPage, type Data } from "./lab_page.ts";

const RULES = ["/truncated", "/too-long", "/status-word"].map((path) => ({
  path,
  client: "reports it",
  section: "RFC 9112 §8",
  level: "must",
}));

function client(name: string, version: string, cells: Cell[]): ClientData {
  const program = `faults/lab/${name}.sh`;
  return { name, title: name, version, program, timeout: "total", remarks: [], cells };
}

function page(...clients: ClientData[]): string {
  const data: Data = {
    version: 1,
    date: "2026-11-29",
    system: "Debian",
    missing: ["absent"],
    failed: [{ title: "broken", version: "1", reason: "no request" }],
    responses: 3,
    rules: RULES,
    clients,
  };
  return clientsPage(data);
}

const TRUNCATED: Cell = { path: "/truncated", grade: "must", did: "accepted it" };
const POISONED: Cell = {
  path: "/too-long",
  grade: "must",
  did: 'poisoned the next request: "a`b|c"',
  harmed: "next",
};

Deno.test("clientsPage() counts findings, and links to the section of each client", () => {
  const text = page(
    client("curl", "8.14.1-2+deb13u7", [TRUNCATED, POISONED]),
    client("ok", "1", []),
  );
  assertStringIncludes(
    text,
    "| [curl](#curl-8141-2deb13u7) | 8.14.1-2+deb13u7 | 2 |  | 1 |  |  |  | in total |\n",
  );
  assertStringIncludes(text, "| [ok](#ok-1) | 1 |  |  |  |  |  |  | in total |\n");
  assertStringIncludes(text, "### curl 8.14.1-2+deb13u7\n");
});

Deno.test("clientsPage() lists clients that did the same together, by entry", () => {
  const text = page(client("a", "1", [TRUNCATED]), client("b", "2", [TRUNCATED]));
  assertStringIncludes(
    text,
    "- **`/truncated`**: a sound client reports it (RFC 9112 §8)\n  - must: accepted it: a, b\n",
  );
  assertEquals(text.includes("**`/too-long`**"), false);
});

Deno.test("clientsPage() quotes what a program has printed", () => {
  const text = page(client("a", "1", [POISONED]));
  assertStringIncludes(text, "must: poisoned the next request: `a'b|c`: a\n");
});

Deno.test("clientsPage() names who varies, and who was not judged", () => {
  const text = page(client("a", "1", [{ ...TRUNCATED, grade: "varying" }]));
  assertStringIncludes(text, "- varying: `/truncated`");
  assertStringIncludes(
    text,
    "Not installed, or not judged then: absent.\n\nNot judged: broken 1: no request",
  );
  assertEquals(text.includes("must: accepted it"), false);
});

needing("read", "run")("docs/clients.md is the page of docs/clients.json", async () => {
  const [json, written] = await Promise.all(
    ["json", "md"].map((type) => Deno.readTextFile(`${ROOT}/docs/clients.${type}`)),
  );
  const format = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", "md", "-"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  await new Response(clientsPage(JSON.parse(json))).body!.pipeTo(format.stdin);
  assertEquals(new TextDecoder().decode((await format.output()).stdout), written);
});
