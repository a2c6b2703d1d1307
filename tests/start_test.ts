/** How the command starts: arguments, ports, and errors. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DEFAULTS, EXIT_CODES, FLAGS, helpText } from "../command/flags.ts";
import manifest from "../deno.json" with { type: "json" };
import { DEFAULT_LIMITS } from "../server.ts";
import { connect, isGone, readAll, send, talk } from "./clients.ts";
import { TemporaryFolder } from "./files.ts";
import { needing } from "./needs.ts";
import {
  ANY_PORT,
  freePort,
  IMPORT_MAP,
  type ProcessOptions,
  run,
  ServerProcess,
} from "./process.ts";
import { WATCHED } from "./time.ts";

const test = needing("net", "run");
const writing = needing("net", "run", "write");
const NOT_ON_WINDOWS = { ...WATCHED, ignore: Deno.build.os === "windows" };

test(
  "firstline --help prints every flag with its default, despite invalid arguments",
  WATCHED,
  async () => {
    const { code, stdout, stderr } = await run(["--port", "abc", "--help", "--bogus", "-V"]);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertEquals(stdout, helpText());
    for (const { name } of Object.values(FLAGS).flat()) assertStringIncludes(stdout, ` --${name}`);
    for (const code of Object.keys(EXIT_CODES)) assertStringIncludes(stdout, `\n  ${code} `);
    const { requestTimeoutMs, idleTimeoutMs, maxConnections } = DEFAULT_LIMITS;
    for (const text of [requestTimeoutMs / 1000, idleTimeoutMs / 1000, maxConnections]) {
      assertStringIncludes(stdout, `[${text}]`);
    }
    assertEquals(stdout.split("\n").filter((line) => line.length > 80), []);
  },
);

test("firstline --version prints the version, despite invalid arguments", WATCHED, async () => {
  const { code, stdout, stderr } = await run(["--port", "abc", "-V"]);
  assertEquals({ code, stdout, stderr }, {
    code: 0,
    stdout: `firstline ${manifest.version}\n`,
    stderr: "",
  });
});

test(
  "firstline exits with 2 and prints one line for invalid arguments",
  WATCHED,
  async () => {
    const mistakes: Array<[string[], string]> = [
      [["--bogus"], 'Cannot use "--bogus": expected only the flags that --help lists'],
      [["a\n", "--", "b"], 'Cannot use "a\\x0A" with "b": expected one of the two, a path alone'],
      [["-H", "A: b\r\nC: d"], 'Cannot use --header "A: b\\x0D\\x0AC: d": expected a value'],
      [
        ["--host", "127.0.0.1:80"],
        'Cannot use --host "127.0.0.1:80": expected an address or a name',
      ],
    ];
    await Promise.all(mistakes.map(async ([args, message]) => {
      const { code, stdout, stderr } = await run(args);
      assertEquals({ code, stdout }, { code: 2, stdout: "" }, args.join(" "));
      assertStringIncludes(stderr, message);
      assertMatch(stderr, /^firstline: [^\n]+\n$/);
    }));
  },
);

test("firstline exits with 1 and prints one line if it cannot listen", WATCHED, async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const failures: Array<[string[], ProcessOptions, RegExp]> = [
    [
      ["--host", "127.0.0.1", "--port", `${port}`],
      {},
      /Cannot listen on 127\.0\.0\.1:\d+: the port is taken, port \d+ is free/,
    ],
    [
      ["--host", "127.0.0.1", "--port", `${port}`],
      { permissions: [`--allow-net=127.0.0.1:${port}`] },
      /Cannot listen on 127\.0\.0\.1:\d+: the port is taken$/m,
    ],
    [["--host", "203.0.113.7"], {}, /203\.0\.113\.7:8080: the address is not on this machine/],
    [["--host", "203.0.113.7", "--lab"], {}, /8080: the address is not on this machine/],
    [["--host", "nosuch.invalid"], {}, /nosuch\.invalid:8080: the name was not found/],
    [
      ["--port", "8081"],
      { permissions: ["--allow-net=0.0.0.0:8082"] },
      /0\.0\.0\.0:8081: permission missing, add --allow-net or --allow-net=0\.0\.0\.0:8081 before main\.ts, or to deno install$/m,
    ],
    [["--host", "::"], { permissions: [] }, /\[::\]:8080: permission missing, add --allow-net/],
  ];
  await Promise.all(failures.map(async ([args, options, message]) => {
    const { code, stdout, stderr } = await run(args, options);
    assertEquals({ code, stdout }, { code: 1, stdout: "" }, args.join(" "));
    assertMatch(stderr, message);
    assertMatch(stderr, /^firstline: [^\n]+\n$/);
  }));
});

test({
  ...WATCHED,
  name: "firstline exits with 1 if the system forbids the port",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const drop = "setpriv --bounding-set=-net_bind_service --inh-caps=-all";
    const shell = `[ "$(id -u)" = 0 ] && exec ${drop} "$@"; exec "$@"`;
    const { code, stderr } = await run(["--host", "127.0.0.1", "--port", "1"], { shell });
    assertEquals(code, 1);
    assertMatch(stderr, /^firstline: Cannot listen on 127\.0\.0\.1:1: the system forbids it/);
  },
});

/** Occupies the default port of the loopback, unless another process already does. */
function occupyDefaultPort(): Disposable {
  try {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: DEFAULTS.port });
    return { [Symbol.dispose]: () => listener.close() };
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    return { [Symbol.dispose]: () => {} };
  }
}

/** Runs a command in a terminal and copies its output to stderr. */
const IN_TERMINAL = 'exec script --quiet --return --command "$*" /dev/null >&2';

test({
  ...WATCHED,
  name: "firstline in a terminal uses a free port and says so if the default one is taken",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    using _taken = occupyDefaultPort();
    const options = { shell: IN_TERMINAL };
    await using server = await ServerProcess.start(["--host", "127.0.0.1"], options);
    assert(server.port !== DEFAULTS.port);
    assertStringIncludes(server.stderr.text, `PORT 8080 IS TAKEN: using ${server.port} instead`);
    assertStringIncludes(await talk(server, "GET / HTTP/1.1\r\n"), "GET / HTTP/1.1");
  },
});

test(
  "firstline without a terminal exits with 1 if the default port is taken",
  WATCHED,
  async () => {
    using _taken = occupyDefaultPort();
    const { code, stderr } = await run(["--host", "127.0.0.1"]);
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /^firstline: Cannot listen on 127\.0\.0\.1:8080: the port is taken, port \d+ is free\n$/,
    );
  },
);

test({
  ...WATCHED,
  name: "firstline in a terminal changes no port that was given, nor without permission",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    using _taken = occupyDefaultPort();
    const start = (args: string[], permissions?: string[], env?: Record<string, string>) =>
      run(args, { permissions, env, shell: IN_TERMINAL });
    const asked = await start(["--host", "127.0.0.1", "--port", "8080"]);
    const withPort = ["--allow-net", "--allow-env=PORT"];
    const byVariable = await start(["--host", "127.0.0.1"], withPort, { PORT: "8080" });
    for (const { stderr } of [asked, byVariable]) {
      assertMatch(stderr, /^firstline: Cannot listen on 127\.0\.0\.1:8080: the port is taken, /);
    }
    const permitted = await start(["--host", "127.0.0.1"], ["--allow-net=127.0.0.1:8080"]);
    assertEquals(
      permitted.stderr,
      "firstline: Cannot listen on 127.0.0.1:8080: the port is taken\r\n",
    );
    const anyFree = await ServerProcess.start(["--host", "127.0.0.1"], {
      permissions: ["--allow-net=127.0.0.1:8080,127.0.0.1:0"],
      shell: IN_TERMINAL,
    });
    assertStringIncludes(anyFree.stderr.text, "PORT 8080 IS TAKEN: using");
    await anyFree[Symbol.asyncDispose]();
    const elsewhere = await start(["--host", "203.0.113.7"]); // another port would not help
    assertEquals(
      elsewhere.stderr,
      "firstline: Cannot listen on 203.0.113.7:8080: the address is not on this machine\r\n",
    );
    const codes = [asked, byVariable, permitted, elsewhere].map(({ code }) => code);
    assertEquals(codes, [1, 1, 1, 1]);
  },
});

writing({
  ...WATCHED,
  name: "firstline --reuse-port exits with 1 without --unstable-net",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    using folder = new TemporaryFolder();
    const imports = IMPORT_MAP.length > 0 ? {} : manifest.imports;
    const config = folder.write("deno.json", JSON.stringify({ imports }));
    const permissions = ["--allow-net", `--config=${config}`]; // without unstable features
    const { code, stderr } = await run([...ANY_PORT, "--reuse-port"], { permissions });
    assertEquals(code, 1);
    assertEquals(
      stderr,
      "firstline: Cannot use --reuse-port: not enabled in Deno, " +
        "add --unstable-net before main.ts, or to deno install\n",
    );
  },
});

test("firstline --port listens on that port and prints the address", WATCHED, async () => {
  const port = freePort();
  await using server = await ServerProcess.start(["-p", `${port}`, "--host", "127.0.0.1"]);
  assertEquals(
    server.listening,
    `firstline: listening on 127.0.0.1:${port}, http://127.0.0.1:${port}/`,
  );
  const response = await fetch(`http://127.0.0.1:${port}/tea`);
  assertStringIncludes(await response.text(), "GET /tea HTTP/1.1");
});

test({
  ...WATCHED,
  name: "firstline --reuse-port shares connections among processes",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using one = await ServerProcess.start([...ANY_PORT, "--reuse-port", "--text", "one"]);
    const flags = ["--host", "127.0.0.1", "--port", `${one.port}`, "--reuse-port"];
    await using two = await ServerProcess.start([...flags, "--text", "two"]);
    assertEquals(two.port, one.port);
    const counts = { one: 0, two: 0 };
    for (let round = 0; round < 200; round++) {
      const wire = await talk(one, "GET / HTTP/1.1\r\n\r\n");
      counts[wire.slice(-3) as "one" | "two"]++;
    }
    assert(counts.one > 40 && counts.two > 40, JSON.stringify(counts));
  },
});

test(
  "firstline uses --port, then $PORT if permitted, then the default",
  WATCHED,
  async () => {
    const permissions = ["--allow-net", "--allow-env=PORT"];
    const withPort = (port: string) => ({ permissions, env: { PORT: port } });
    const port = freePort();
    await using server = await ServerProcess.start(["--host", "127.0.0.1"], withPort(`${port}`));
    assertEquals(server.port, port);
    const taken = await run(["--host", "127.0.0.1"], withPort(`${port}`));
    assertEquals(taken.code, 1); // a given port is not changed
    await using other = await ServerProcess.start(ANY_PORT, withPort(`${port}`));
    assert(other.port !== port);
    const nonsense = await run(ANY_PORT.slice(0, 2), withPort("80a"));
    assertEquals(nonsense.code, 2);
    assertStringIncludes(nonsense.stderr, 'Cannot use $PORT "80a": expected an integer');
    const unread = await run(["--host", "203.0.113.7"], { env: { PORT: "80a" } });
    assertStringIncludes(unread.stderr, "203.0.113.7:8080"); // without permission, as if unset
    const empty = await run(["--host", "203.0.113.7"], withPort(""));
    assertStringIncludes(empty.stderr, "203.0.113.7:8080");
  },
);

writing("firstline exits with 1 under Deno older than 2.9", WATCHED, async () => {
  using folder = new TemporaryFolder();
  const old = folder.write(
    "old.js",
    'Object.defineProperty(Deno, "version", { value: { deno: "2.8.3" } });',
  );
  const permissions = ["--allow-net", `--preload=${old}`];
  assertEquals(await run(ANY_PORT, { permissions }), {
    code: 1,
    stdout: "",
    stderr: "firstline: Cannot serve with Deno 2.8.3: expected 2.9.5 or later, " +
      "older ones cannot end connections at their deadlines\n",
  });
  assertEquals((await run(["--version"], { permissions })).code, 0);
});

/** Makes each file take a while to read, after a message at the first one. */
const SLOW_DISK = `
  const { openSync } = Deno;
  let opened = 0;
  Deno.openSync = (...given) => {
    if (opened++ === 0) console.error("reading");
    for (const end = performance.now() + 200; performance.now() < end;);
    return openSync(...given);
  };
`;

writing(
  "firstline ends at once, with 0, if a signal arrives during the start",
  NOT_ON_WINDOWS,
  async () => {
    const names = Array.from({ length: 300 }, (_, at) => `site/${at}.txt`); // a minute
    using folder = new TemporaryFolder(Object.fromEntries(names.map((name) => [name, "a"])));
    const preload = `--preload=${folder.write("slow.js", SLOW_DISK)}`;
    const permissions = ["--allow-net", `--allow-read=${folder.path}`, preload];
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const args = [...ANY_PORT, folder.pathOf("site")];
      await using server = await ServerProcess.start(args, { permissions, ready: /^reading$/ });
      assertEquals(await server.stop(signal), 0);
      assertEquals(
        server.stderr.text,
        `reading\nfirstline: ${signal} received before the start was complete\n`,
      );
    }
  },
);

// ---------------------------------------------------------------- localhost, and other devices

/** The loopback of IPv6 as a server of its own, if this machine has one. */
async function startOnIpv6(): Promise<ServerProcess | undefined> {
  try {
    return await ServerProcess.start(["--host", "::1", "--port", "0"]);
  } catch {
    return undefined; // a container without IPv6
  }
}

for (const content of ["--text=a", "--lab"]) {
  const name = `firstline --host localhost ${content} listens on both loopbacks, on one port`;
  test(name, WATCHED, async () => {
    await using other = await startOnIpv6();
    await using server = await ServerProcess.start(["--host=localhost", "--port=0", content]);
    const { port } = server;
    assertEquals(
      server.listening,
      `firstline: listening on localhost:${port}, http://localhost:${port}/`,
    );
    for (const host of ["127.0.0.1", "localhost", ...(other ? ["::1"] : [])]) {
      const { code, stderr } = await run(["--probe", "--host", host, "--port", `${port}`]);
      assertEquals(code, 0, stderr);
    }
    assertEquals(await server.stop(), 0);
  });
}

test(
  "firstline --host localhost needs no IPv6, but no other program on its port",
  WATCHED,
  async () => {
    const flags = ["--host", "localhost", "--port", "0"];
    const permissions = ["--allow-net=127.0.0.1"]; // as without ::1
    await using server = await ServerProcess.start(flags, { permissions });
    assertStringIncludes(await talk(server, "GET / HTTP/1.1\r\n"), "Hello, 127.0.0.1");
    await using other = await startOnIpv6();
    for (const more of other ? [[], ["--lab"]] : []) {
      const args = ["--host", "localhost", "--port", `${other!.port}`, ...more];
      const { code, stderr } = await run(args);
      assertEquals(code, 1);
      assertMatch(
        stderr,
        /^firstline: Cannot listen on localhost:\d+: the port is taken, port \d+/,
      );
    }
  },
);

writing(
  "firstline PATH prints the addresses for other devices, if it may look",
  WATCHED,
  async () => {
    using folder = new TemporaryFolder({ "index.html": "a" });
    const allowed = ["--allow-net", "--allow-read", "--allow-sys=networkInterfaces"];
    const said = async (flags: string[], permissions = allowed) => {
      await using server = await ServerProcess.start(["--port", "0", ...flags], { permissions });
      await server.stop();
      const [, urls] = /^firstline: other devices can try (.*)$/m.exec(server.stderr.text) ?? [];
      const hosts = urls?.split(" or ").map((url) => new URL(url));
      for (const { port } of hosts ?? []) assertEquals(port, `${server.port}`);
      return hosts?.map(({ hostname }) => hostname);
    };
    for (const host of await said([folder.path]) ?? []) {
      assertMatch(host, /^(?!127\.|169\.254\.)\d+\.\d+\.\d+\.\d+$/);
    }
    assertEquals(await said(["--text", "a"]), undefined);
    assertEquals(await said([folder.path, "--host", "127.0.0.1"]), undefined);
    assertEquals(await said([folder.path], ["--allow-net", "--allow-read"]), undefined);
  },
);

// ---------------------------------------------------------------- the end of standard input

test(
  "firstline --stop-on-eof stops when its stdin ends, and finishes replies",
  WATCHED,
  async () => {
    const flags = [...ANY_PORT, "--stop-on-eof", "--text", "made it"];
    await using server = await ServerProcess.start(flags, { stdin: "piped" });
    using half = await HalfLine.sendTo(server);
    await server.endInput();
    assertStringIncludes(await server.stderr.next(), "standard input has ended, finishing");
    assertStringIncludes(await half.finish(), "made it");
    assertEquals(await server.exitCode(), 0);
  },
);

test("firstline --stop-on-eof ends at once, with 0, if there is no stdin", WATCHED, async () => {
  for (const shell of [undefined, 'exec "$@" <&-']) {
    const { code, stderr } = await run([...ANY_PORT, "--stop-on-eof"], { shell });
    assertEquals(code, 0);
    assertMatch(stderr, /^firstline: standard input has ended[^\n]*\n$/m);
  }
});

test("firstline --stop-timeout 0 cuts off at once, and exits with 1", WATCHED, async () => {
  const flags = [...ANY_PORT, "--stop-timeout", "0", "--delay", "100"];
  await using server = await ServerProcess.start(flags);
  using half = await HalfLine.sendTo(server);
  server.kill("SIGTERM");
  assertEquals(await half.ended(), true);
  assertEquals(await server.exitCode(), 1);
});

/** A client that has sent half a request line, which the server has read. */
class HalfLine implements Disposable {
  constructor(readonly socket: Deno.TcpConn) {}

  static async sendTo(server: ServerProcess): Promise<HalfLine> {
    const socket = await connect(server);
    await send(socket, "GET /late HT");
    await talk(server, "GET HTTP/1.1\r\n"); // by now the half line has been read
    return new HalfLine(socket);
  }

  /** Waits for the end of the connection, by a FIN or a reset. True if no reply came. */
  ended(): Promise<boolean> {
    return readAll(this.socket).then((wire) => wire === "", isGone);
  }

  /** Sends the rest, and resolves to the reply. */
  async finish(): Promise<string> {
    await send(this.socket, "TP/1.1\r\nHost: x\r\n\r\n");
    return await readAll(this.socket);
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }
}
