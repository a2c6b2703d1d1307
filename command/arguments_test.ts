import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseFlags } from "./arguments.ts";
import { ALL_FLAGS, HINTS } from "./flags.ts";
import { UsageError } from "../replies/text.ts";

/** The values of the flags in these arguments. */
function meaning(args: string[], lastWins = false): Record<string, unknown> {
  const values = Object.entries(parseFlags(args, lastWins));
  const isGiven = ([name, value]: [string, unknown]) =>
    name !== "_" && value !== false && value !== undefined && [value].flat().length > 0;
  return Object.fromEntries(values.filter(isGiven));
}

function mistake(...args: string[]): string {
  return assertThrows(() => parseFlags(args, false), UsageError, "", args.join(" ")).message;
}

Deno.test("parseFlags() accepts joined values, values in the next argument, and joined letters", () => {
  const same: string[][] = [
    ["--quiet", "--port", "80"],
    ["--quiet=true", "--port=80"],
    ["--quiet", "true", "-p", "80"],
    ["-q", "-p80"],
    ["-q", "-p=80"],
    ["-qp80"],
    ["-qp=80"],
    ["-qp", "80"],
    ["-qqp", "80"],
    ["-p", "80", "-q=true"],
    ["-p", "80", "-q"],
    ["-p80", "--quiet", "--quiet"],
  ];
  for (const args of same) assertEquals(meaning(args), { quiet: true, port: "80" }, args.join(" "));
  assertEquals(meaning(["--quiet=false", "-q", "false"]), {});
  assertEquals(meaning(["--lab=false", "--text", "a"]), { text: "a" });
  assertEquals(meaning(["-f./a=b", "-s404"]), { file: "./a=b", status: "404" });
  assertEquals(meaning(["-t==", "-H", "A: b=c", "--header=D:\n--e"]), {
    text: "=",
    header: ["A: b=c", "D:\n--e"],
  });
  assertEquals(meaning(["--text=-q", "--host=--quiet"]), { text: "-q", host: "--quiet" });
});

Deno.test("parseFlags() takes what reads like no flag for a value, and an empty text", () => {
  for (const value of ["-1", "-", "-x", "-ü", "-5s"]) {
    assertEquals(meaning(["--text", value]), { text: value });
    assertEquals(meaning(["-p", value, "-q"]), { port: value, quiet: true });
  }
  for (const args of [["--text", ""], ["--text="], ["-t", ""], ["-t="]]) {
    assertEquals(meaning(args), { text: "" }, args.join(" "));
  }
});

Deno.test("parseFlags() names the flag that may be meant", () => {
  const meant: Record<string, string> = {
    "--prot 8080": "did you mean --port?",
    "--Port 8080": "did you mean --port?",
    "--ports": "did you mean --port?",
    "--statsu 404": "did you mean --status?",
    "--hedaer": "did you mean --header?",
    "--headers": "did you mean --header?",
    "--redirct /": "did you mean --redirect?",
    "--request_timeout 1": "did you mean --request-timeout?",
    "-port 22101": "expected two dashes before a name, did you mean --port?",
    "-status=404": "expected two dashes before a name, did you mean --status?",
    "-prot 80": "expected two dashes before a name, did you mean --port?",
    "8080": "expected a path, did you mean --port 8080?",
    ":8080": "expected a path, did you mean --port 8080?",
    "localhost:8080": "expected a path, did you mean --host localhost --port 8080?",
    "[fe80::Af]:80": "expected a path, did you mean --host [fe80::Af] --port 80?",
    "https://a.example/?b": "expected a path, did you mean --redirect https://a.example/?b?",
    "help": "expected a path, did you mean --help?",
    "version": "expected a path, did you mean --version?",
    "--directory site": "use a path alone, as in firstline site",
    "-d site": "use a path alone, as in firstline site",
    "--bind 127.0.0.1": "use --host ADDR",
    "--open": "open the address that it prints",
    "-o": "open the address that it prints",
    "--allow-read": "flags of Deno go before main.ts",
    "-A": "flags of Deno go before main.ts",
    "--tls": "put a proxy in front for TLS",
    "-v": "use --wire to see each byte (-V is --version)",
  };
  for (const [args, hint] of Object.entries(meant)) {
    const message = mistake(...args.split(" "));
    assert(message.endsWith(`, ${hint}`) || message.endsWith(`: ${hint}`), message);
  }
  assertEquals(meaning(["--", "8080"]), { file: "8080" });
  assertEquals(meaning(["./help"]), { file: "./help" });
  assertEquals(meaning(["--file=8080", "-q"]), { file: "8080", quiet: true });
  assertEquals(meaning(["-help"]), { help: true }); // as -h
});

Deno.test("no hint hides a flag, and no flag is far from its own name", () => {
  for (const { name, short } of ALL_FLAGS) {
    for (const [pattern] of HINTS) {
      assert(!pattern.test(name) && !(short && pattern.test(short)), `${pattern} hides ${name}`);
    }
    const doubled = name + name.slice(-1);
    if (doubled.length > 3) assertStringIncludes(mistake(`--${doubled}`), `--${name}?`);
  }
});

Deno.test("parseFlags() reads a path alone as --file", () => {
  assertEquals(meaning(["site"]), { file: "site" });
  assertEquals(meaning(["-q", "site", "--status", "503"]), {
    quiet: true,
    file: "site",
    status: "503",
  });
  assertEquals(meaning(["-q", "--", "-p"]), { quiet: true, file: "-p" });
  assertEquals(meaning(["--", "true"]), { file: "true" });
  assertEquals(meaning(["-q", "trueish"]), { quiet: true, file: "trueish" });
});

Deno.test("parseFlags() takes what stands behind --check -- for a command", () => {
  const command = ["curl", "-m", "3", "--", "{url}", "--help"];
  assertEquals(meaning(["--check", "-q", "--", ...command]), {
    check: true,
    quiet: true,
    "--": command,
  });
  assertEquals(meaning(["--check=false", "--", "a"]), { file: "a" });
  assertEquals(meaning(["--check", "--", "curl", "--help"], true), {
    check: true,
    "--": ["curl", "--help"],
  });
  const expected = "with --check: expected -- in front of the command";
  assertEquals(mistake("--check", "curl", "{url}"), `Cannot use "curl" ${expected}`);
  assertEquals(
    mistake("--port", "80", "--check", "--", "curl"),
    "Cannot use --port with --check: expected one of the two",
  );
});

Deno.test("parseFlags() says in one line what it expected, and ignores nothing", () => {
  const onlyFlags = "expected only the flags that --help lists";
  const alone = "expected one of the two, a path alone means --file PATH";
  const mistakes: Array<[string, string[]]> = [
    [`Cannot use "--bogus=1": ${onlyFlags}`, ["--bogus=1"]],
    [`Cannot use "--no-port": ${onlyFlags}`, ["--no-port"]],
    [`Cannot use "--no-quiet": ${onlyFlags}, did you mean --quiet=false?`, ["--no-quiet"]],
    [`Cannot use "--q": ${onlyFlags}, did you mean -q?`, ["--q"]],
    [
      'Cannot use "3600" after --header "Retry-After:": expected quotes around both, ' +
      'as in --header "Retry-After: 3600"',
      ["--header", "Retry-After:", "3600"],
    ],
    [`Cannot use "--=": ${onlyFlags}`, ["--="]],
    [`Cannot use "-": ${onlyFlags}`, ["-"]],
    [`Cannot use "-qz": ${onlyFlags}`, ["-qz"]],
    [`Cannot use "-1": ${onlyFlags}`, ["-1"]],
    [`Cannot use "---quiet": ${onlyFlags}, did you mean --quiet?`, ["---quiet"]],
    [`Cannot use "-pqr": expected a value after -p, as in -p=qr`, ["-pqr", "80"]],
    [`Cannot use "-tq": expected a value after -t, as in -t=q`, ["-tq", "a"]],
    ['Cannot use --quiet "no": expected true or false', ["--quiet=no"]],
    ['Cannot use --quiet "": expected true or false', ["--quiet="]],
    ['Cannot use --quiet "1": expected true or false', ["-q=1"]],
    ['Cannot use --wire "no": expected true or false', ["--wire=no"]],
    ["Cannot use --port without a value: expected N, as in --port=VALUE", ["--port"]],
    ["Cannot use --port without a value: expected N, as in --port=VALUE", ["--port="]],
    ["Cannot use --port without a value: expected N, as in --port=VALUE", ["-p="]],
    ["Cannot use --port without a value: expected N, as in --port=VALUE", ["-p", "-q"]],
    ["Cannot use --text without a value: expected TEXT, as in --text=VALUE", ["-t", "--a"]],
    ["Cannot use --host without a value: expected ADDR, as in --host=VALUE", ["--host", ""]],
    ["Cannot use --host without a value: expected ADDR, as in --host=VALUE", ["--host="]],
    ['Cannot use "": expected a path, as in --file PATH', [""]],
    ["Cannot use --port twice: expected one value", ["-p", "80", "--port", "80"]],
    ["Cannot use --quiet twice: expected one value", ["-q", "--quiet=false"]],
    [`Cannot use "a" with "b": ${alone}`, ["a", "b"]],
    [`Cannot use "a" with "a": ${alone}`, ["a", "a"]],
    [`Cannot use --file with "b": ${alone}`, ["--file", "a", "b"]],
    [`Cannot use "a" with --text: ${alone}`, ["a", "--text", "b"]],
    ["Cannot use --file with --raw: expected one of the two", ["--file", "a", "--raw", "b"]],
    ["Cannot use --lab with --raw: expected one of the two", ["--lab", "--raw", "b"]],
    ["Cannot use --wire with --quiet: expected one of the two", ["--wire", "-q"]],
    [
      "Cannot use --raw with --status: expected one of the two, " +
      "--raw sends whole responses, with their own status and fields",
      ["--raw", "a", "--status", "404"],
    ],
    [
      "Cannot use --header with --lab: expected one of the two, " +
      "--lab sends whole responses, with their own status and fields",
      ["--header", "A: b", "--lab"],
    ],
  ];
  for (const [message, args] of mistakes) assertEquals(mistake(...args), message);
});

Deno.test("parseFlags() rejects each pair of flags that exclude each other, and no other pair", () => {
  const flags = ALL_FLAGS.filter(({ wins }) => !wins);
  const written = ({ name, value }: typeof flags[0]) => `--${name}${value ? "=a" : ""}`;
  for (const one of flags) {
    for (const other of flags.filter((other) => other !== one)) {
      const args = [written(one), written(other)];
      const isExcluded = one.excludes?.includes(other.name) || other.excludes?.includes(one.name);
      if (!isExcluded) parseFlags(args, false);
      else {
        assertStringIncludes(mistake(...args), `Cannot use --${one.name} with --${other.name}: `);
      }
      if (one.isContent && other.isContent) assert(isExcluded, args.join(" "));
    }
  }
});

Deno.test("parseFlags() lets --help and --version win over mistakes", () => {
  for (const args of [["-z", "--help"], ["-qh"], ["--port", "-h", "a", "b"], ["-h", "--quiet="]]) {
    assertEquals(parseFlags(args, false), { help: true }, args.join(" "));
  }
  assertEquals(parseFlags(["-V", "a", "b"], false), { version: true });
  assertEquals(meaning(["--help=false", "-q"]), { quiet: true });
  assertEquals(mistake("--help=maybe"), 'Cannot use --help "maybe": expected true or false');
});

Deno.test("parseFlags() in an executable lets later flags win over those compiled in", () => {
  const won: Array<[string[], string[], Record<string, unknown>]> = [
    [["--file", "site"], ["--text", "hi"], { text: "hi" }],
    [["--text", "hi"], ["other"], { file: "other" }],
    [["--file", "site"], ["other"], { file: "other" }],
    [["--text", "hi", "--status", "404"], ["--raw", "a"], { raw: "a" }],
    [["--link", "/a"], ["--redirect", "/b"], { redirect: "/b" }],
    [["-p", "1", "--delay", "5"], ["--port", "2", "--delay", "0"], { port: "2", delay: "0" }],
    [["--quiet", "--wire"], ["--quiet=false"], { wire: true }],
    [["site", "--list", "--watch"], ["--text", "hi"], { text: "hi" }],
    [["site", "--list", "--watch"], ["--raw", "a"], { raw: "a", watch: true }],
    [["--lab"], ["site"], { file: "site" }],
    [["site", "--delay", "1"], ["--lab"], { lab: true }],
    [
      ["-H", "Content-Type: text/html", "-H", "A: b"],
      ["-H", "content-type: text/css", "-H", "A: c"],
      { header: ["A: b", "content-type: text/css", "A: c"] },
    ],
  ];
  for (const [inside, given, expected] of won) {
    assertEquals(meaning([...inside, ...given], true), expected, given.join(" "));
    assertEquals(meaning([...inside, ...given, "-V"], true), { version: true });
  }
  // A status is not content, so it replaces no content flag.
  assertThrows(() => parseFlags(["--raw", "a", "--status", "404"], true), UsageError, "one of the");
  assertThrows(() => parseFlags(["--file", "a", "--bogus"], true), UsageError, "--bogus");
});

// ---------------------------------------------------------------- a second implementation

/** What begins with this is no value. */
const FLAG = "--|-[pftsqHhV]";

/** A flag with its value, or a path; each argument ends in a NUL. */
const ONE = new RegExp(
  [
    String.raw`--(?<on>quiet|wire|probe)(?:[=\0](?<state>true|false))?\0`,
    String
      .raw`--(?<name>port|text|file|raw|redirect|link|status|header)(?:=|\0(?!${FLAG}))(?<value>[^\0]+)\0`,
    String.raw`(?<empty>--text[=\0]|-q*t[=\0])\0`,
    String.raw`-(?<ons>q*)(?:(?<=q)[=\0](?<last>true|false)|(?<=q))\0`,
    String
      .raw`-(?<before>q*)(?<letter>[pftsH])(?:=|\0(?!${FLAG})|(?![=\p{L}\0]))(?<rest>[^\0]+)\0`,
    String.raw`--\0(?<path>[^\0]*)\0$`,
    String.raw`(?<alone>(?!-|\d+\0)[^\0]+)\0`,
    String.raw`--\0$`,
  ].join("|"),
  "uy",
);

const LETTERS: Record<string, string> = {
  p: "port",
  f: "file",
  t: "text",
  s: "status",
  H: "header",
};
const CONTENTS = ["text", "file", "raw", "redirect", "link"];

/** Parses arguments into pairs of name and value by the grammar; nothing if it rejects them. */
function pairsIn(args: string[]): Array<[string, string]> | undefined {
  const text = args.map((arg) => `${arg}\0`).join("");
  const pairs: Array<[string, string]> = [];
  for (ONE.lastIndex = 0; ONE.lastIndex < text.length;) {
    const found = ONE.exec(text)?.groups;
    if (!found) return undefined;
    const { on, state, name, value, ons, last, before, letter, rest, path, alone, empty } = found;
    if (on) pairs.push([on, state ?? "true"]);
    if (name) pairs.push([name, value]);
    for (const _ of ons?.slice(1) ?? "") pairs.push(["quiet", "true"]);
    if (ons) pairs.push(["quiet", last ?? "true"]);
    for (const _ of before ?? "") pairs.push(["quiet", "true"]);
    if (letter) pairs.push([LETTERS[letter], rest]);
    for (const _ of empty?.replace(/[^q]/g, "") ?? "") pairs.push(["quiet", "true"]);
    if (empty) pairs.push(["text", ""]);
    if (path === "") return undefined;
    if (path ?? alone) pairs.push(["file", path ?? alone]);
  }
  return pairs;
}

/** The values of the flags in these pairs; nothing if they contradict each other. */
function meaningOf(pairs: Array<[string, string]>): Record<string, unknown> | undefined {
  const values: Record<string, unknown> = {};
  for (const [name, value] of pairs) {
    if (name === "header") values.header = [...(values.header ?? []) as string[], value];
    else if (!["quiet", "wire", "probe"].includes(name)) {
      if (name in values) return undefined;
      values[name] = value;
    } else if (values[name] !== undefined && values[name] !== (value === "true")) return undefined;
    else values[name] = value === "true";
  }
  if (CONTENTS.filter((name) => name in values).length > 1) return undefined;
  if ("raw" in values && ("status" in values || "header" in values)) return undefined;
  if (values.quiet === true && values.wire === true) return undefined;
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== false));
}

const PIECES =
  ("--quiet --quiet --wire --probe --quiet=true --wire=false --quiet= --quiet=no --port --port=80 " +
    "--text --text=a=b --text= --text -1 - --file --file=-x --raw=r --redirect=/ --link /l --status 404 --header " +
    "--header=A:b A:b:c -q -qq -qp -pq -p80 -p=80 -qp8 -qp=8 -qs404 -t -tq -t=q -t -t- -f/a -H -H=A: -f/a=b truest " +
    "-q=true -q=no -q= -z -qz -- - true false 80 a b --no-quiet --bogus --quietly --por=80 --text.a=b")
    .split(" ").concat("", " ", "ü", "-tü", "a\nb", "--text=\n", "__proto__", "--__proto__=a");

Deno.test("parseFlags() accepts what the grammar accepts, and nothing else", () => {
  let state = 20261125;
  const random = (below: number) => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return (state >>> 1) % below;
  };
  let taken = 0;
  const rounds = 20_000;
  for (let round = 0; round < rounds; round++) {
    const args = Array.from({ length: 1 + random(4) }, () => PIECES[random(PIECES.length)]);
    const pairs = pairsIn(args);
    const expected = pairs && meaningOf(pairs);
    if (expected) {
      taken++;
      assertEquals(meaning(args), expected, JSON.stringify(args));
    } else {
      const message = assertThrows(
        () => parseFlags(args, false),
        UsageError,
        "expected",
        JSON.stringify(args),
      ).message;
      assert(!message.includes("\n") && message.startsWith("Cannot use "), message);
    }
  }
  assert(taken > rounds / 10 && taken < rounds / 2, `${taken} taken`);
});

Deno.test("parseFlags() takes /PREFIX=PATH for a file or folder below a prefix", () => {
  const parsed = (...args: string[]) => {
    const { file, prefix } = parseFlags(args);
    return [file, prefix];
  };
  assertEquals(parsed("dist", "/api=mocks", "/docs=a=b"), ["dist", ["/api=mocks", "/docs=a=b"]]);
  assertEquals(parsed("/=site"), [undefined, ["/=site"]]);
  assertEquals(parsed("--file", "/a=b"), ["/a=b", undefined]); // any path, whatever is in it
  assertEquals(parsed("./a=b"), ["./a=b", undefined]);
  const reasons: Array<[string[], string]> = [
    [
      ["/a=x", "/a=y"],
      '"/a=x" with "/a=y": expected one of the two, both answer at the same paths',
    ],
    [["/a=x", "/%61/=y"], "expected one of the two, both answer at the same paths"],
    [["site", "/=x"], '"site" with "/=x": expected one of the two, both answer at the same paths'],
    [["a=x"], '"a=x": expected a path, did you mean /a=x or --file a=x?'],
    [["/a="], '"/a=": expected a path for a prefix, such as /api=mocks'],
    [["/a?b=x"], '"/a?b=x": expected a path for a prefix, such as /api=mocks'],
    [["/%zz=x"], "expected a path for a prefix, such as /api=mocks"],
    [["--raw", "a", "/b=x"], 'Cannot use --raw with "/b=x": expected one of the two'],
    [["--text", "a", "/b=x"], 'Cannot use --text with "/b=x": expected one of the two'],
    [["/b=x", "--lab"], "with --lab: expected one of the two"],
  ];
  for (const [args, reason] of reasons) {
    assertThrows(() => parseFlags(args, false), UsageError, reason, args.join(" "));
  }
  // In an executable, a later argument replaces a compiled-in one at the same paths.
  const { prefix } = parseFlags(["/a=x", "/b=x", "/a=y"], true);
  assertEquals(prefix, ["/b=x", "/a=y"]);
  assertEquals(parseFlags(["site", "/=x"], true).file, undefined);
  assertEquals(parseFlags(["/a=x", "--text", "hi"], true).prefix, undefined);
});
