/** Runs each version of the program in docs/tour.md: it fails and is fixed as the tour says. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { connect, HOST, isGone, readAll, reset, resettable, send, talk } from "./clients.ts";
import { TemporaryFolder } from "./files.ts";
import { isGranted, needing } from "./needs.ts";
import { freePort, Lines, ROOT } from "./process.ts";
import { sleep, WATCHED } from "./time.ts";
import { isWhole, PLAIN_REQUEST } from "./wire.ts";

const test = needing("net", "read", "run", "write");

/** The sessions were recorded on Linux. */
const ON_LINUX = { ...WATCHED, ignore: Deno.build.os !== "linux" };

const TOUR = !isGranted("read") ? "" : Deno.readTextFileSync(`${ROOT}/docs/tour.md`);

/** The program after each section, and the variants to try, in the order of the text. */
const { versions: VERSIONS, tries: TRIES } = programsOf(TOUR);

/** Applies the blocks of code of the tour one after another. */
function programsOf(tour: string): { versions: string[]; tries: string[] } {
  let program = "";
  const versions: string[] = [];
  const tries: string[] = [];
  for (const section of tour.split(/^## (?=\d+\. )/m)) {
    for (const [, kind, block] of section.matchAll(/^```(ts|diff|diff try)\n(.*?)^```$/gms)) {
      if (kind === "ts") program = program ? `${block}\n${program}` : block;
      else if (kind === "diff") program = patched(program, block);
      else tries.push(patched(program, block));
    }
    versions.push(program);
  }
  return { versions, tries };
}

/** Applies a diff. Each hunk must match in exactly one place. */
function patched(program: string, block: string): string {
  for (const hunk of block.split(/^@@ .* @@\n/m)) {
    const lines = hunk.match(/^.*\n/gm)!;
    const without = (sign: string) =>
      lines.filter((line) => line[0] !== sign).map((line) => line.slice(1)).join("");
    const parts = `\n${program}`.split(`\n${without("+")}`);
    assertEquals(parts.length, 2, `${parts.length - 1} places for this hunk:\n${hunk}`);
    program = parts.join(`\n${without("-")}`).slice(1);
  }
  return program;
}

/** Checks that the tour contains this text, and returns it. */
function quoted(text: string): string {
  assertStringIncludes(TOUR, text);
  return text;
}

/**
 * Prints the port. Deno opens descriptors for signals half a second after its start, and ends if
 * there are none: so they are opened at once.
 */
const PRELUDE = `
  Deno.addSignalListener("SIGUSR2", () => {});
  console.error(listener.addr.port);`;

/** A version of the program, as a process on a free port. */
class Program implements AsyncDisposable {
  readonly stdout: Lines;
  readonly stderr: Lines;
  port = 0;

  private constructor(readonly child: Deno.ChildProcess, readonly folder: TemporaryFolder) {
    this.stdout = new Lines(child.stdout);
    this.stderr = new Lines(child.stderr);
  }

  /** Starts it, with another timeout in place of 10 s, after a shell command. */
  static async start(program: string, timeoutMs = 10_000, shell = ""): Promise<Program> {
    const source = program.replace("10_000", String(timeoutMs)).replace(
      "Deno.listen({ port: 8080 });",
      `Deno.listen({ port: 0, hostname: "${HOST}" });${PRELUDE}`,
    );
    const folder = new TemporaryFolder({ "tour.ts": source });
    const child = new Deno.Command("sh", {
      args: ["-c", `${shell} exec "$0" run --allow-net tour.ts`, Deno.execPath()],
      cwd: folder.path,
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const started = new Program(child, folder);
    started.port = Number(await started.stderr.next());
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended already
    }
    await this.child.status;
    await Promise.all([this.stdout.cancel(), this.stderr.cancel()]);
    this.folder[Symbol.dispose]();
  }
}

test(
  "docs/tour.md: every version passes deno check and deno fmt",
  { ...ON_LINUX, timeout: 300_000 },
  async () => {
    using folder = new TemporaryFolder();
    for (const [at, version] of [...VERSIONS, ...TRIES].entries()) {
      folder.write(
        `${at}.ts`,
        version,
      );
    }
    for (const args of [["check", "."], ["fmt", "--check", "--line-width=100", "."]]) {
      const command = new Deno.Command(Deno.execPath(), { args, cwd: folder.path });
      const { success, stderr } = await command.output();
      assert(success, new TextDecoder().decode(stderr));
    }
  },
);

test("docs/tour.md names parts that server.ts has", () => {
  const server = Deno.readTextFileSync(`${ROOT}/server.ts`);
  const parts = TOUR.match(/^\*\*In `server\.ts`:\*\*[^]*?\n\n|^\|.*$/gm)!.map((text) =>
    text.startsWith("|") ? text.split("|")[2] : text
  );
  const names = parts.join().matchAll(/`([A-Za-z]+)(?:\(\))?`/g);
  for (const [, name] of names) assertMatch(server, new RegExp(`\\b${name}\\b`));
});

test("docs/tour.md: twenty lines do both exercises", ON_LINUX, async () => {
  await using first = await Program.start(VERSIONS[0]);
  quoted((await talk(first, "GET /tea HTTP/1.1\r\n\r\n")).replaceAll("\r\n", "\n"));
  await using second = await Program.start(TRIES[0]);
  assertStringIncludes(await talk(second, "GET /tea HTTP/1.1\r\n\r\n"), "\r\n\r\nHello world!");
  assertEquals(await second.stdout.next(), "GET /tea HTTP/1.1\r");
});

test("docs/tour.md 1: a line arrives in two packets", ON_LINUX, async () => {
  await using before = await Program.start(VERSIONS[0]);
  assertStringIncludes(await talk(before, "GET /te"), quoted("<p>You said: GET /te</p>\n"));
  await using after = await Program.start(VERSIONS[1]);
  const wire = await talk(after, "GET /te", "a HTTP/1.1\r\n\r\n");
  assertStringIncludes(wire, quoted("You said: GET /tea HTTP/1.1"));
});

/** Resets a connection in the kernel's queue, while another client is served. */
async function resetInQueue(program: Program): Promise<string> {
  using slow = await connect(program);
  await reset(await resettable(program));
  await send(slow, "GET / HTTP/1.1\r\n\r\n");
  return await readAll(slow);
}

async function resetInLine(program: Program): Promise<void> {
  const client = await resettable(program);
  await new Promise((resolve) => client.write("GET /", resolve));
  await reset(client);
}

test("docs/tour.md 2: a client disconnects", ON_LINUX, async () => {
  await using first = await Program.start(VERSIONS[1]);
  assertStringIncludes(await resetInQueue(first), quoted("<p>You said: GET / HTTP/1.1</p>\n"));
  assertEquals((await first.child.status).code, 1);
  const error = "Uncaught (in promise) NotConnected: Transport endpoint is not connected";
  assertStringIncludes(await first.stderr.next(), quoted(error));
  await using second = await Program.start(VERSIONS[1]);
  await resetInLine(second);
  assertEquals((await second.child.status).code, 1);
  await using after = await Program.start(VERSIONS[2]);
  await resetInQueue(after);
  await resetInLine(after);
  assertStringIncludes(await talk(after, PLAIN_REQUEST), "HTTP/1.1 200 OK\r\n");
});

test("docs/tour.md 3: a client sends nothing", ON_LINUX, async () => {
  await using before = await Program.start(VERSIONS[2]);
  const silent = await connect(before);
  const answer = talk(before, PLAIN_REQUEST);
  assertEquals(await Promise.race([answer, sleep(200)]), undefined);
  silent.close();
  assertStringIncludes(await answer, "HTTP/1.1 200 OK\r\n");
  await using after = await Program.start(VERSIONS[3], 500);
  using stillSilent = await connect(after);
  assertStringIncludes(await talk(after, PLAIN_REQUEST), "HTTP/1.1 200 OK\r\n");
  assertEquals(await readAll(stillSilent), "");
});

test("docs/tour.md 4: descriptors run out", ON_LINUX, async () => {
  const connectMany = (program: Program) =>
    Promise.all(Array.from({ length: 60 }, () => connect(program)));
  await using before = await Program.start(VERSIONS[3], 10_000, "ulimit -n 64;");
  const early = await connectMany(before);
  assertNotEquals((await before.child.status).code, 0);
  for (const client of early) client.close(); // earlier, a slow machine would not run out
  await using after = await Program.start(VERSIONS[4], 800, "ulimit -n 64;");
  const silent = await connectMany(after);
  assertStringIncludes(await after.stderr.next(), quoted("Too many open files"));
  assertStringIncludes(await talk(after, PLAIN_REQUEST), "HTTP/1.1 200 OK\r\n");
  for (const client of silent) client.close();
});

test("docs/tour.md 5: a line does not end", ON_LINUX, async () => {
  await using before = await Program.start(VERSIONS[4]);
  const swallowed = talk(before, "a".repeat(200_000), "\r\n");
  assertEquals((await before.stdout.next()).length, 200_000);
  assertStringIncludes(await swallowed, "HTTP/1.1 200 OK\r\n");
  await using after = await Program.start(VERSIONS[5]);
  assertStringIncludes(await talk(after, "a".repeat(8193)), "HTTP/1.1 414 URI Too Long\r\n");
});

test("docs/tour.md 6: input appears in the reply and the log", ON_LINUX, async () => {
  const ESC = "\x1b";
  const forged = `GET /${ESC}[2K${ESC}[A${ESC}[2K${ESC}[GGET /flowers HTTP/1.1`;
  quoted(forged.replaceAll(ESC, "\\033"));
  const bold = `GET ${quoted("/<b>tea</b>")} HTTP/1.1\r\n\r\n`;
  const umlaut = "GET /\xc3\xbc HTTP/1.1\r\n\r\n";
  const inGerman = (program: string) => program.replace("What that means", "Erklärung");

  await using before = await Program.start(VERSIONS[5]);
  assertStringIncludes(
    await talk(before, bold),
    quoted("<p>You said: GET /<b>tea</b> HTTP/1.1</p>"),
  );
  await talk(before, `${forged}\r\n\r\n`);
  assertEquals([await before.stdout.next(), await before.stdout.next()], [bold.trim(), forged]);
  assert(!isWhole(await talk(before, umlaut)));
  await using germanBefore = await Program.start(inGerman(VERSIONS[5]));
  assert(!isWhole(await talk(germanBefore, PLAIN_REQUEST)));

  await using after = await Program.start(VERSIONS[6]);
  assertStringIncludes(await talk(after, bold), "GET /&#60;b&#62;tea&#60;/b&#62; HTTP/1.1</p>");
  assertStringIncludes(await talk(after, `${forged}\r\n\r\n`), "HTTP/1.1 400 Bad Request\r\n");
  await after.stdout.next();
  assertEquals(await after.stdout.next(), quoted(forged.replaceAll(ESC, "\\x1b")));
  assert(isWhole(await talk(after, umlaut)));
  await using germanAfter = await Program.start(inGerman(VERSIONS[6]));
  assert(isWhole(await talk(germanAfter, PLAIN_REQUEST)));
});

/** Uploads more than the kernel's buffers hold, so that closing early resets the connection. */
async function upload(program: Program): Promise<string> {
  using client = await connect(program);
  await send(client, "POST / HTTP/1.1\r\nContent-Length: 32000000\r\n\r\n");
  const piece = new Uint8Array(1_000_000);
  for (let sent = 0; sent < 32; sent++) await send(client, piece);
  return await readAll(client);
}

test("docs/tour.md 7: an upload loses its reply", ON_LINUX, async () => {
  await using before = await Program.start(VERSIONS[6]);
  assert(isGone(await assertRejects(() => upload(before))));
  await using after = await Program.start(VERSIONS[7]);
  assertMatch(await upload(after), /^HTTP\/1\.1 200 OK\r\n[^]*<\/p>\n$/);
});

/** Sends a message, half-closes, and returns the replies. */
async function repliesTo(program: Program, message: string): Promise<string[]> {
  using client = await connect(program);
  await send(client, message);
  await client.closeWrite();
  return (await readAll(client)).match(/<p>You said: .*<\/p>/g) ?? [];
}

test("docs/tour.md 8: a request is smuggled behind another", ON_LINUX, async () => {
  const hidden = "GET /secret HTTP/1.1\r\nHost: x\r\n\r\n";
  const comment = `POST /comment HTTP/1.1\r\nHost: x\r\nContent-Length: ${hidden.length}\r\n\r\n`;
  quoted(hidden.replaceAll("\r\n", "\\r\\n"));
  quoted(comment.replaceAll("\r\n", "\\r\\n"));
  const posted = quoted("<p>You said: POST /comment HTTP/1.1</p>");
  const smuggled = quoted("<p>You said: GET /secret HTTP/1.1</p>");

  await using before = await Program.start(VERSIONS[7]);
  assertEquals((await repliesTo(before, PLAIN_REQUEST + PLAIN_REQUEST)).length, 1);
  await using naive = await Program.start(TRIES[1]);
  assertEquals((await repliesTo(naive, PLAIN_REQUEST + PLAIN_REQUEST)).length, 2);
  assertEquals(await repliesTo(naive, comment + hidden), [posted, smuggled]);
  await using after = await Program.start(VERSIONS[8]);
  assertEquals((await repliesTo(after, PLAIN_REQUEST + PLAIN_REQUEST)).length, 2);
  assertEquals(await repliesTo(after, comment + hidden), [posted]);
  const ambiguous = ["Transfer-Encoding: x", "Expect: x", "Upgrade: x", "Connection: x", "A : x"];
  const heads = ambiguous.map((field) => `GET / HTTP/1.1\r\n${field}\r\n\r\n`);
  for (const head of [...heads, "GET / HTTP/1.0\r\n\r\n"]) {
    assertEquals((await repliesTo(after, head + PLAIN_REQUEST)).length, 1, head);
  }
});

/** Resolves when connections are refused. */
async function untilRefused(program: Program): Promise<void> {
  for (;;) {
    try {
      (await connect(program)).close();
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionRefused) return;
      if (!isGone(error)) throw error; // closed while in the kernel's queue
    }
  }
}

/** A command that waits until a port is listened on, without a connection to it. */
function untilListening(port: number): string {
  const local = port.toString(16).toUpperCase().padStart(4, "0");
  return `until grep -q ":${local} 00000000:0000 0A" /proc/net/tcp; do sleep 0.1; done`;
}

/** Runs the shell session of a section and returns its output. */
async function session(number: number, program: string): Promise<string> {
  const port = freePort();
  const local = (text: string) =>
    text.replace("{ port: 8080 }", `{ port: ${port}, hostname: "${HOST}" }`)
      .replace("localhost 8080", `${HOST} ${port}`);
  const section = TOUR.split(/^## (?=\d+\. )/m)[number];
  const [, shown] = /^```console\n(.*?)^```$/ms.exec(section)!;
  const lines = shown.split("\n").filter((line) => line.startsWith("$ "));
  const [start, ...others] = lines.map((line) => local(line.slice(2)));
  // A busy machine takes longer than a second to start it.
  const started = start.replace(/sleep 1$/, untilListening(port));
  assertNotEquals(started, start);
  const script = [started, ...others].join("\n");
  using folder = new TemporaryFolder({ "tour.ts": local(program), "script": `${script}\nwait` });
  const { stdout } = await new Deno.Command("timeout", {
    args: ["--kill-after=1", "60", "bash", "script"],
    cwd: folder.path,
    env: {
      NO_COLOR: "1",
      DENO_NO_UPDATE_CHECK: "1",
      PATH: `${Deno.execPath().replace(/\/[^/]*$/, "")}:/usr/local/bin:/usr/bin:/bin`,
    },
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout);
}

const hasShell = isGranted("run") && Deno.build.os === "linux" && new Deno.Command("sh", {
  args: ["-c", "command -v bash && command -v nc && command -v timeout"],
  stdout: "null",
}).outputSync().success;

test(
  "docs/tour.md 9: its session shows the failure and the fix",
  { ...WATCHED, ignore: !hasShell },
  async () => {
    const [before, after] = await Promise.all([VERSIONS[8], VERSIONS[9]].map((p) => session(9, p)));
    assertEquals(before.match(/^(exit|<p>You).*$/gm), ["exit 143"]);
    assertStringIncludes(TOUR, "exit 143\n```");
    assertEquals(after.match(/^(exit|<p>You).*$/gm)?.sort(), [
      quoted("<p>You said: GET / HTTP/1.1</p>"),
      quoted("exit 0"),
    ]);
  },
);

test("docs/tour.md 9: SIGTERM arrives during a request", ON_LINUX, async () => {
  const interrupted = async (program: Program): Promise<Deno.TcpConn> => {
    const half = await connect(program);
    await send(half, "GET / HT");
    await talk(program, "GET / HTTP/1.0\r\n\r\n"); // by now the other is accepted
    program.child.kill("SIGTERM");
    await untilRefused(program);
    return half;
  };
  await using before = await Program.start(VERSIONS[8]);
  (await interrupted(before)).close();
  assertEquals(`exit ${(await before.child.status).code}`, quoted("exit 143"));
  await using after = await Program.start(VERSIONS[9]);
  using half = await interrupted(after);
  await send(half, "TP/1.1\r\nHost: x\r\n\r\n");
  assertMatch(await readAll(half), /Connection: close\r\n[^]*You said: GET \/ HTTP\/1.1<\/p>/);
  half.close();
  assertEquals(`exit ${(await after.child.status).code}`, quoted("exit 0"));
});
