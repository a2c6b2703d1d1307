import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../replies/text.ts";
import { HELP, requestFrom } from "./flags.ts";

Deno.test("requestFrom() reads the flags of the lab", () => {
  const lab = { host: undefined, port: 8080, log: "common", stopsOnEof: false };
  assertEquals(requestFrom([]), { lab } as ReturnType<typeof requestFrom>);
  const args = ["-p0", "--host=::1", "--log", "json", "--stop-on-eof"];
  const all = { host: "::1", port: 0, log: "json", stopsOnEof: true };
  assertEquals(requestFrom(args), { lab: all } as ReturnType<typeof requestFrom>);
  assertEquals(requestFrom([...args, "-q"]), { lab: { ...all, log: undefined } } as ReturnType<
    typeof requestFrom
  >);
  assertEquals(requestFrom(["--port", "1", "--port", "2"]), {
    lab: { ...lab, port: 2 },
  } as ReturnType<typeof requestFrom>);
});

Deno.test("requestFrom() reads the flags of the check, and leaves the command alone", () => {
  const args = ["--check", "--only", "gzip,reset", "--check-timeout", "2.5", "--level=may"];
  const request = requestFrom([...args, "--report", "a.xml", "--", "curl", "-q", "--", "{url}"]);
  assertEquals(request, {
    check: {
      command: ["curl", "-q", "--", "{url}"],
      only: ["gzip", "reset"],
      except: undefined,
      timeoutMs: 2500,
      level: "may",
      report: "a.xml",
      readsEvents: false,
      quiet: false,
    },
  });
});

Deno.test("requestFrom() lets --help and --version win over other flags", () => {
  assertEquals(requestFrom(["--version", "--port", "abc"]), "version");
  assertEquals(requestFrom(["-V", "-h"]), "help");
});

const WRONG: ReadonlyArray<readonly [args: string, message: string]> = [
  ["--prot 1", "Cannot use --prot: no such flag, --help lists all"],
  ["--toString", "Cannot use --toString: no such flag, --help lists all"],
  ["-x", "Cannot use -x: no such flag, --help lists all"],
  ["8080", 'Cannot use "8080": expected flags alone, --help lists them'],
  ["--port", "Cannot use --port: expected a value"],
  ["--port=", "Cannot use --port: expected a value"],
  ["--quiet=yes", "Cannot use --quiet: expected no value"],
  ["--port 65536", 'Cannot use --port "65536": expected an integer from 0 to 65535'],
  ["--port 0x50", 'Cannot use --port "0x50": expected an integer from 0 to 65535'],
  ["--log xml", 'Cannot use --log "xml": expected common or json'],
  ["--only gzip", "Cannot use --only without --check"],
  ["--check --port 1 -- curl", "Cannot use --port with --check"],
  ["-- curl", "Cannot use --: expected --check before it"],
  ["--check --level all -- curl", 'Cannot use --level "all": expected must, should, may'],
  [
    "--check --check-timeout 0 -- curl",
    'Cannot use --check-timeout "0": expected a positive number of seconds',
  ],
  [
    "--check --report a.txt -- curl",
    'Cannot use --report "a.txt": expected a name that ends in .json or .xml',
  ],
  [
    "--check",
    "Cannot use --check without a command: expected one, as in --check -- curl -sS '{url}'",
  ],
];

Deno.test("requestFrom() says in one line what it expected", () => {
  for (const [args, message] of WRONG) {
    const error = assertThrows(() => requestFrom(args.split(" ")), UsageError);
    assertEquals(error.message, message, args);
  }
});

Deno.test("HELP names each flag in lines that fit a terminal", () => {
  const lines = HELP.split("\n");
  assertEquals(lines.filter((line) => line.length > 100), []);
  const names = HELP.matchAll(/^ +(?:-\w, )? *--([a-z-]+)/gm);
  assertEquals(Array.from(names, ([, name]) => name).length, 14);
});
