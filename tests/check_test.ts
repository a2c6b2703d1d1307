/** The check of clients, with commands made for it. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { check, type CheckOptions, type CheckReport } from "../lab/check/check.ts";
import type { StartCommand } from "../lab/check/command.ts";
import { UsageError } from "../replies/text.ts";
import { connect, HOST, pieces, readAll, send, talk } from "./clients.ts";
import { TemporaryFolder } from "./files.ts";
import { needing } from "./needs.ts";
import { firstline, ROOT, run, ServerProcess } from "./process.ts";
import { WATCHED } from "./time.ts";
import { bytesOf } from "./wire.ts";

const test = needing("net");

/** What a command of these tests does: it may print, ends early if told to, and returns its exit code. */
type Program = (
  urls: string[],
  print: (bytes: Uint8Array) => void,
  end: AbortSignal,
) => Promise<number>;

/** Runs a program in this process, which is faster. It fails with 1 if it throws. */
function inProcess(program: Program): StartCommand {
  return (_, args) => {
    const end = new AbortController();
    const printed: Uint8Array[] = [];
    const complaints: Uint8Array[] = [];
    const exit = program([...args], (bytes) => printed.push(bytes), end.signal).catch((error) => {
      complaints.push(bytesOf(`${error}\n`));
      return 1;
    });
    const stream = async function* (chunks: Uint8Array[]) {
      await exit;
      yield* chunks;
    };
    return Promise.resolve({
      stdout: stream(printed),
      stderr: stream(complaints),
      ended: exit.then((code) => ({ code })),
      kill: () => end.abort(),
      release: () => {},
    });
  };
}

function judge(
  program: Program,
  only: string[],
  options: Partial<CheckOptions> = {},
): Promise<CheckReport> {
  const command = ["client", "{url}", "{pause}", "{next}"];
  return check({ command, run: inProcess(program), only, ...options });
}

/** Findings by path: the grade and what was done. */
function findingsIn({ results }: CheckReport): Record<string, string> {
  return Object.fromEntries(
    results.filter(({ grade }) => grade !== "expected")
      .map(({ contract, grade, did }) => [contract.path, `${grade}: ${did}`]),
  );
}

/** How one of these clients differs from a sound one. */
interface Ways {
  readonly timeoutMs?: number;
  readonly tries?: number;
  readonly redirect?: RequestRedirect;
  readonly accepts?: (status: number) => boolean;
  readonly prints?: boolean;
}

/** A client of `fetch()`, which is sound as far as these tests go. */
function fetching(
  { timeoutMs = 10_000, tries = 1, redirect = "follow", accepts = () => true, prints = true }:
    Ways = {},
): Program {
  return async ([url, pause, next], print, end) => {
    using client = Deno.createHttpClient({});
    const get = async (url: string) => {
      const signal = AbortSignal.any([end, AbortSignal.timeout(timeoutMs)]);
      const response = await fetch(url, { client, redirect, signal });
      const content = await response.bytes();
      if (!accepts(response.status)) throw new Error(`status ${response.status}`);
      return content;
    };
    const content = await persistently(tries, end, () => get(url));
    if (prints) print(content);
    await get(pause);
    const second = await get(next);
    if (prints) print(second);
    return 0;
  };
}

/** Tries so many times until it succeeds. */
async function persistently<T>(
  tries: number,
  end: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T> {
  for (;; tries--) {
    try {
      return await attempt();
    } catch (error) {
      if (tries <= 1 || end.aborted) throw error;
    }
  }
}

test("check() finds nothing in a sound client", WATCHED, async () => {
  const names = ["bytes", "gzip", "http-1.0", "truncated", "bad-chunk", "hang", "two-lengths"];
  const report = await judge(fetching({ timeoutMs: 2_000 }), names);
  assertEquals(findingsIn(report), {});
  assertEquals(report.results.length, names.length);
  assertEquals(report.remarks, []);
});

/** Takes whatever comes before the close for the content. */
const careless: Program = async ([url, _, next], print) => {
  for (const { port, pathname } of [new URL(url), new URL(next)]) {
    const request = `GET ${pathname} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`;
    const text = await talk({ port: Number(port) }, request);
    print(bytesOf(text.replace(/^[^]*?\r\n\r\n/, "")));
  }
  return 0;
};

test("check() finds a client that takes everything", WATCHED, async () => {
  const names = ["truncated", "two-lengths", "empty", "no-length"];
  const report = await judge(careless, names);
  assertEquals(findingsIn(report), {
    "/truncated": "must: accepted it",
    "/two-lengths": "must: accepted it",
    "/empty": "must: accepted it",
  });
});

test(
  "check() rejects commands whose exit code tells nothing, and those that are no clients",
  WATCHED,
  async () => {
    const rejected = async (program: Program, message: string) => {
      const error = await assertRejects(() => judge(program, ["gzip"]), UsageError);
      assertEquals(error.message, `Cannot check "client": ${message}`);
    };
    await rejected(
      () => Promise.reject(new Error("nothing is good enough")),
      "expected success for a right response, /status/200, but it failed " +
        "(exit 1: Error: nothing is good enough)",
    );
    await rejected(
      () => Promise.resolve(0),
      "expected a request, write {url} where its URL belongs, or use $URL in a script",
    );
    await rejected(
      (...all) => fetching()(...all).catch(() => 0),
      "expected a failure where nothing listens, but it ended with 0 (in a pipe the last command " +
        "counts, with several URLs curl needs --fail-early)",
    );
  },
);

test(
  "check() believes no success where nothing listens until it is repeated",
  WATCHED,
  async () => {
    let isTaken = true; // by another program, for a moment
    const program: Program = (...all) =>
      fetching()(...all).catch((error) => {
        if (!isTaken || !all[0][0].endsWith("/status/200")) throw error;
        isTaken = false;
        return 0;
      });
    assertEquals(findingsIn(await judge(program, ["gzip"])), {});
    assertEquals(isTaken, false);
  },
);

test("check() rejects a name that the lab does not have", WATCHED, async () => {
  for (const options of [{ only: ["gzip", "gzpi"] }, { except: ["gzpi"] }]) {
    await assertRejects(
      () => judge(fetching(), [], options),
      UsageError,
      'Cannot find "gzpi": expected the name of an entry of the lab',
    );
  }
});

test("check() does not compare contents that are not printed", WATCHED, async () => {
  const report = await judge(fetching({ prints: false }), [
    "truncated",
    "gzip",
    "chunk-extensions",
  ]);
  assertEquals(findingsIn(report), {});
  assertEquals(report.remarks, [
    "does not print the content alone: contents are not compared",
    "does not print the content of {next}",
  ]);
});

test(
  "check() takes 503 for an error where the client does, and judges no redirects that it does not follow",
  WATCHED,
  async () => {
    const failing = await judge(fetching({ accepts: (status) => status < 400 }), [
      "status",
      "gzip",
    ]);
    assertEquals(findingsIn(failing), {});
    assertEquals(failing.remarks, ["takes 404 and 503 for errors"]);
    const staying = await judge(fetching({ redirect: "manual" }), ["redirect", "loop"]);
    assertEquals(findingsIn(staying), {
      "/redirect/3": "not judged: follows no redirects",
      "/loop": "not judged: follows no redirects",
    });
    assertEquals(staying.remarks, ["follows no redirects: those are not judged"]);
  },
);

test("check() does not judge what a client does only once", WATCHED, async () => {
  let hasFailed = false;
  const unsteady: Program = ([url, ...others], ...rest) => {
    if (hasFailed || !url.endsWith("/trailers")) return fetching()([url, ...others], ...rest);
    hasFailed = true;
    return fetching({ accepts: (status) => status !== 200 })([url, ...others], ...rest);
  };
  assertEquals(findingsIn(await judge(unsteady, ["trailers", "gzip"])), {
    "/trailers": "not judged: reported it, but not always",
  });
});

test("check() leaves a client alone that tries again by itself", WATCHED, async () => {
  const persistent: Program = (urls, ...rest) =>
    fetching({ tries: urls[0].endsWith("/cut-chunk") ? Infinity : 1 })(urls, ...rest);
  const report = await judge(persistent, ["cut-chunk"], { timeoutMs: 1_000 });
  assertMatch(
    findingsIn(report)["/cut-chunk"],
    /^not judged: still tried again, after \d+ requests$/,
  );
});

test("check() makes one finding of all stalls if the client has no timeout", WATCHED, async () => {
  const options = { timeoutMs: 500 };
  const names = ["hang", "hang-head", "hang-body", "gzip"];
  const report = await judge(fetching({ timeoutMs: 60_000 }), names, options);
  assertEquals(findingsIn(report), {
    "/hang": "should: had no timeout within 0.5 s",
    "/hang-head": "not judged: had no timeout within 0.5 s",
    "/hang-body": "not judged: had no timeout within 0.5 s",
  });
});

/** Takes what it has read too much for the response to its next request. */
const hasty: Program = async ([url, _, next], print) => {
  using socket = await connect({ port: Number(new URL(url).port) });
  let read = "";
  for (const { pathname } of [new URL(url), new URL(next)]) {
    await send(socket, `GET ${pathname} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    if (read === "") read = (await pieces(socket).next()).value ?? "";
    const [head, length] = /^[^]*?content-length: *(\d+)[^]*?\r\n\r\n/i.exec(read)!;
    const end = head.length + Number(length);
    print(bytesOf(read.slice(head.length, end)));
    read = read.slice(end);
  }
  return 0;
};

test("check() sees the rest of a response in the next", WATCHED, async () => {
  const name = "two-responses";
  const report = await judge(
    (urls, ...rest) => (urls[0].endsWith(name) ? hasty : fetching())(urls, ...rest),
    [name],
  );
  assertMatch(findingsIn(report)[`/${name}`], /^must: poisoned the next request: "ok\\n/);
});

test("check() tells which exceptions are not needed", WATCHED, async () => {
  const report = await judge(careless, ["truncated", "no-length"], {
    except: ["truncated", "no-length"],
  });
  assertEquals(findingsIn(report), { "/truncated": "excepted: accepted it" });
  assertEquals(report.remarks.at(-1), "needs --except no-length no longer");
});

/** Prints the messages of a stream whose lines end so, and takes nothing but streams. */
function reading(lineEnd: RegExp): Program {
  return async ([url], print, signal) => {
    using client = Deno.createHttpClient({});
    const response = await fetch(url, { client, signal });
    const text = await response.text();
    if (response.headers.get("Content-Type") !== "text/event-stream") throw new Error("no stream");
    let data: string[] = [];
    for (const line of text.split(lineEnd).slice(0, -1)) {
      if (line.startsWith("data:")) data.push(line.replace(/^data: ?/, ""));
      if (line !== "" || data.length === 0) continue;
      print(bytesOf(`${JSON.stringify(data.join("\n"))}\n`));
      data = [];
    }
    return 0;
  };
}

test("check() judges a client of event streams by its messages", WATCHED, async () => {
  const names = ["events/lf", "events/cr", "events/cut-event", "gzip"];
  const check = (program: Program) => judge(program, names, { readsEvents: true });
  const others = { "/gzip": "not judged: not asked: it is no event stream" };
  assertEquals(findingsIn(await check(reading(/\r\n|\r|\n/))), others);
  assertEquals(findingsIn(await check(reading(/\r?\n/))), {
    ...others,
    "/events/cr": 'must: accepted other messages: ""',
  });
  assertEquals((await check(reading(/\n/))).remarks, [
    "takes nothing but event streams: only those are judged",
  ]);
});

// ---------------------------------------------------------------- processes

/**
 * A client as a script for `deno eval`, which does what it should not where the server stalls. A
 * child of it lives as long as its connection to the test.
 */
const SCRIPT = `
  const [url, pause, next, port] = Deno.args;
  const get = async (url) => (await fetch(url, { signal: AbortSignal.timeout(10_000) })).bytes();
  const asks = async (path) => {
    if (!url.endsWith(path)) return false;
    const socket = await Deno.connect({ port: Number(new URL(url).port) });
    await socket.write(new TextEncoder().encode("GET " + path + " HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"));
    return true;
  };
  if (await asks("/hang")) {
    const wait = "await (await Deno.connect({ port: " + port + " })).read(new Uint8Array(1))";
    await new Deno.Command(Deno.execPath(), { args: ["eval", wait] }).output();
  }
  if (await asks("/hang-head")) Deno.kill(Deno.pid, "SIGABRT");
  if (await asks("/hang-body")) Deno.exit(0);
  for (const each of [url, next]) await Deno.stdout.write(await get(each));`;

/** The arguments that check this client. */
function checking(only: string[], port: number, ...flags: string[]): string[] {
  const client = [Deno.execPath(), "eval", SCRIPT, "{url}", "{pause}", "{next}", `${port}`];
  return ["--check", "--only", only.join(","), ...flags, "--", ...client];
}

const PERMISSIONS = ["--allow-net", "--allow-run"];
const testRun = needing("net", "run", "read", "write");

testRun("firstline --check prints findings, and leaves no process behind", WATCHED, async () => {
  using folder = new TemporaryFolder();
  using listener = Deno.listen({ hostname: HOST, port: 0 });
  const report = folder.pathOf("report.json");
  const flags = ["--check-timeout", "4", "--report", report];
  const names = ["hang", "hang-head", "hang-body", "gzip"];
  const running = run(checking(names, listener.addr.port, ...flags), {
    permissions: [...PERMISSIONS, `--allow-write=${report}`],
  });
  using child = await listener.accept();
  const { code, stdout, stderr } = await running;
  assertEquals([code, stderr], [1, ""]);
  const [crash, accepted, hung, count] = stdout.split("\n");
  assertMatch(
    crash,
    /^must {4}\/hang-head {2}crashed \(SIGABRT, \d+ ms[^]*\); a sound client gives up/,
  );
  assertMatch(
    accepted,
    /^must {4}\/hang-body {2}accepted it \(exit 0, \d+ ms\); a sound client gives up/,
  );
  assertMatch(
    hung,
    /^should {2}\/hang {7}had no timeout within 4 s \(stopped, \d+ ms[^]*\); a sound/,
  );
  assertMatch(count, /^4 responses in \d+\.\d s: 1 as expected, 2 must, 1 should$/);
  assertEquals(await readAll(child), "");
  const { entries } = JSON.parse(await Deno.readTextFile(report));
  assertEquals(entries.length, names.length);
});

testRun("firstline --check ends its commands and their children at a signal", WATCHED, async () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    using listener = Deno.listen({ hostname: HOST, port: 0 });
    const [program, ...args] = firstline(checking(["hang"], listener.addr.port), PERMISSIONS);
    const process = new Deno.Command(program, { args, stdout: "null", stderr: "null" }).spawn();
    using child = await listener.accept();
    process.kill(signal);
    assertEquals((await process.status).code, code);
    assertEquals(await readAll(child), "");
  }
});

/** Starts a check with a script before it that fills stdout, and resolves when the report follows. */
function withFullOutput(fill: string): Promise<ServerProcess> {
  return ServerProcess.start(checking(["gzip"], 0, "--except", "gzip"), {
    permissions: PERMISSIONS,
    shell: `${fill}; exec "$@"`,
    ready: /needs --except gzip no longer()/,
  });
}

testRun("firstline --check ends at a signal while nobody reads its report", WATCHED, async () => {
  await using process = await withFullOutput("{ yes 2>/dev/null & }");
  assertEquals(await process.stop("SIGTERM", 30_000), 143);
});

testRun("firstline --check prints all of its report to a pipe that is full at first", {
  ...WATCHED,
  ignore: Deno.build.os !== "linux",
}, async () => {
  await using process = await withFullOutput("dd if=/dev/zero bs=4096 oflag=nonblock 2>/dev/null");
  await process.stdout.finish();
  assertMatch(process.stdout.text, /^\0+1 response in \S+ s: 1 as expected, 0 must, 0 should\n$/);
  assertEquals(await process.exitCode(), 0);
});

testRun(
  "firstline --check prints one line with --quiet, and exits with 0 if nothing counts",
  WATCHED,
  async () => {
    const args = checking(["gzip", "hang-body"], 0, "--quiet", "--except", "hang-body");
    const { code, stdout, stderr } = await run(args, { permissions: PERMISSIONS });
    assertEquals([code, stderr], [0, ""]);
    assertMatch(
      stdout,
      /^2 responses in \d+\.\d s: 1 as expected, 0 must, 0 should, 1 excepted\n$/,
    );
  },
);

testRun("firstline --check says before it runs anything what it may not do", WATCHED, async () => {
  const fails = async (flags: string[], permissions: string[], code: number, message: string) => {
    const args = ["--check", ...flags, "--", "no-such-command", "{url}"];
    assertEquals(await run(args, { permissions }), {
      code,
      stdout: "",
      stderr: `firstline: ${message}\n`,
    });
  };
  const add = (flag: string) =>
    `permission missing, add ${flag} before main.ts, or to deno install`;
  await fails([], ["--allow-net"], 1, `Cannot run commands: ${add("--allow-run")}`);
  await fails(
    [],
    ["--allow-run"],
    1,
    `Cannot listen on 127.0.0.1:0: ${add("--allow-net or --allow-net=127.0.0.1:0")}`,
  );
  await fails(
    ["--report", "a.xml"],
    PERMISSIONS,
    1,
    `Cannot write "a.xml": ${add("--allow-write=a.xml")}`,
  );
  const missing = "/nowhere/a.xml";
  const allowed = [...PERMISSIONS, "--allow-write"];
  await fails(
    ["--report", missing],
    allowed,
    1,
    `Cannot write "${missing}": No such file or directory (os error 2): open '${missing}'`,
  );
  await fails(
    [],
    PERMISSIONS,
    2,
    'Cannot run "no-such-command": no such program',
  );
});

/** Programs of docs/clients.md that need nothing but their language, and how each is started. */
const PROGRAMS: Readonly<Record<string, (file: string, folder: TemporaryFolder) => string[]>> = {
  "javascript/fetch.mjs": (file) => [Deno.execPath(), "run", "--allow-net", file],
  "javascript/fetch.mjs in Node": (file) => ["node", file],
  "python/with_urllib.py": (file) => ["python3", file],
  "net_http.go": (file, folder) => {
    const output = folder.pathOf("net_http");
    const { success } = new Deno.Command("go", { args: ["build", "-o", output, file] })
      .outputSync();
    return success ? [output] : [];
  },
  "net_http.rb": (file) => ["ruby", file],
  "streams.php": (file) => ["php", file],
};

/** True if the program of a command line is installed. */
function isInstalled([program]: readonly string[]): boolean {
  const args = ["-c", 'command -v "$1"', "sh", program];
  return new Deno.Command("sh", { args, stdout: "null" }).outputSync().success;
}

testRun("firstline --check judges the programs of faults/lab", WATCHED, async () => {
  using folder = new TemporaryFolder();
  for (const [name, command] of Object.entries(PROGRAMS)) {
    if (name.endsWith(".go") && !isInstalled(["go"])) continue;
    const program = command(`${ROOT}/faults/lab/${name.split(" ")[0]}`, folder);
    if (!isInstalled(program)) continue;
    const only = ["--check", "--quiet", "--only", "no-length,stream,empty"];
    const args = [...only, "--", ...program, "{url}", "{pause}", "{next}"];
    const { code, stdout, stderr } = await run(args, { permissions: PERMISSIONS });
    assertEquals([code, stderr], [0, ""], name);
    assertMatch(stdout, /^3 responses in \S+ s: 3 as expected, 0 must, 0 should\n$/, name);
  }
});
