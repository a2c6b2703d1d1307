/** The command `firstline-lab`, in a process of its own. */

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { StartError } from "../../replies/text.ts";
import { HOST, readAll } from "../../tests/clients.ts";
import { TemporaryFolder } from "../../tests/files.ts";
import { needing } from "../../tests/needs.ts";
import { Lines } from "../../tests/process.ts";
import { WATCHED } from "../../tests/time.ts";
import { checkNodeVersion } from "./command.ts";

const test = needing("net", "read", "run", "write");

const COMMAND = `
  import { main } from "${import.meta.resolve("./command.ts")}";
  import process from "node:process";
  process.exit(await main(Deno.args, "1.0.0"));`;

/** A client that takes what is truncated, and waits for a connection of its own where one hangs. */
const CLIENT = `
  const [url, port] = Deno.args;
  if (url.endsWith("/hang")) {
    await (await Deno.connect({ port: Number(port) })).read(new Uint8Array(1));
  }
  const taken = await fetch(url).then((response) => response.bytes()).catch((error) => {
    if (!url.endsWith("/truncated")) throw error;
    return new Uint8Array();
  });
  await Deno.stdout.write(taken);`;

function firstlineLab(args: string[], stdin: "null" | "piped" = "null"): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", COMMAND, "--", ...args],
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin,
    stdout: "piped",
    stderr: "piped",
  });
}

function check(...args: string[]): Deno.Command {
  return firstlineLab(["--check", ...args]);
}

function client(port = 0): string[] {
  return ["--", Deno.execPath(), "eval", CLIENT, "{url}", `${port}`];
}

Deno.test("checkNodeVersion() accepts Node.js 22 and later versions", () => {
  checkNodeVersion("22.0.0");
  checkNodeVersion("100.1.2");
  const { message } = assertThrows(() => checkNodeVersion("20.20.2"), StartError);
  assertEquals(message, "Cannot run in Node.js 20.20.2: expected 22 or later");
});

test("firstline-lab serves until its stdin ends", WATCHED, async () => {
  const process = firstlineLab(["--port", "0", "--stop-on-eof"], "piped").spawn();
  const stderr = new Lines(process.stderr);
  const stdout = new Lines(process.stdout);
  const [, url] = await stderr.until(/^firstline: listening on .* (http\S+)$/);
  assertEquals(await (await fetch(`${url}status/200`)).text(), "200\n");
  await process.stdin.close();
  await Promise.all([stderr.finish(), stdout.finish()]);
  assertMatch(stderr.text, /\nfirstline: standard input has ended, stopping\n$/);
  assertMatch(stdout.text, /^127\.0\.0\.1 .* "GET \/status\/200 HTTP\/1\.1" .*\n$/);
  assertEquals((await process.status).code, 0);
});

test(
  "firstline-lab --check prints and reports findings, and exits with 1 if one counts",
  WATCHED,
  async () => {
    using folder = new TemporaryFolder();
    const report = folder.pathOf("report.json");
    const flags = ["--only", "gzip,truncated", "--report", report];
    const { code, stdout } = await check(...flags, ...client()).output();
    const [finding, count] = new TextDecoder().decode(stdout).split("\n");
    assertMatch(finding, /^must {4}\/truncated {2}accepted it /);
    assertMatch(count, /^2 responses in \d+\.\d s: 1 as expected, 1 must, 0 should$/);
    assertEquals(code, 1);
    assertEquals(JSON.parse(await Deno.readTextFile(report)).entries.length, 2);
  },
);

test("firstline-lab --check exits with 0 if no finding counts", WATCHED, async () => {
  const { code, stdout } = await check("--only", "gzip", "--quiet", ...client()).output();
  assertMatch(new TextDecoder().decode(stdout), /^1 responses? in \S+ s: 1 as expected, /);
  assertEquals(code, 0);
});

test("firstline-lab --check says why it cannot run a command", WATCHED, async () => {
  const outcome = async (program: string) => {
    const { code, stderr } = await check("--only", "gzip", "--", program, "{url}").output();
    return [code, new TextDecoder().decode(stderr)];
  };
  using folder = new TemporaryFolder();
  const missing = 'firstline: Cannot run "no-such-command": no such program\n';
  assertEquals(await outcome("no-such-command"), [2, missing]);
  const file = folder.pathOf("no-program");
  await Deno.writeTextFile(file, "");
  const [code, message] = await outcome(file);
  assertEquals(code, 2);
  assertMatch(`${message}`, /^firstline: Cannot run "[^"]*no-program": (?!no such program).+\n$/);
});

test("firstline-lab --check keeps the last report until it has another", WATCHED, async () => {
  using folder = new TemporaryFolder({ "report.json": "the last one" });
  const report = folder.pathOf("report.json");
  const command = ["--only", "gzip", "--report", report, "--", "no-such-command", "{url}"];
  assertEquals((await check(...command).output()).code, 2);
  assertEquals(await Deno.readTextFile(report), "the last one");
});

test("firstline-lab --check ends its commands at a signal", WATCHED, async () => {
  using listener = Deno.listen({ hostname: HOST, port: 0 });
  const process = check("--only", "hang", ...client(listener.addr.port)).spawn();
  using child = await listener.accept();
  process.kill("SIGTERM");
  const { code } = await process.output();
  assertEquals([code, await readAll(child)], [143, ""]);
});
