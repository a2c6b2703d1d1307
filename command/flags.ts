/**
 * The flags, their defaults and the exit codes, stated once: the parser and `--help` use them, and
 * a test compares the README with them.
 *
 * @module
 */

import { CHECK_TIMEOUT_MS, DEFAULT_LEVEL } from "../lab/check/settings.ts";
import { DEFAULT_LIMITS } from "../server.ts";
import { DEFAULT_LINK, PROJECT_URL } from "../replies/page.ts";

/** The values of flags that are not given. */
export const DEFAULTS = {
  port: 8080,
  host: "0.0.0.0",
  labHost: "127.0.0.1",
  status: 200,
  redirect: 308,
  log: "common",
  checkTimeoutMs: CHECK_TIMEOUT_MS,
  level: DEFAULT_LEVEL,
} as const;

/** A flag, as the parser, `--help` and the README know it. */
export interface Flag {
  /** The long name, without its dashes. */
  readonly name: string;
  /** Its letter, such as `p` for `-p`. */
  readonly short?: string;
  /** What `--help` writes for its value; a flag without a value is on or off. */
  readonly value?: string;
  /** True if its value may be empty. */
  readonly mayBeEmpty?: boolean;
  /** True if it may be repeated. */
  readonly repeats?: boolean;
  /** True if it wins over all other flags, even over mistakes. */
  readonly wins?: boolean;
  /** True if it says what the replies are made of: a later such flag replaces an earlier one. */
  readonly isContent?: boolean;
  /** True if its replies are whole responses, in which no other flag sets anything. */
  readonly isWhole?: boolean;
  /** True if it sets something in each reply. */
  readonly isSetting?: boolean;
  /** The names of flags that it excludes. */
  readonly excludes?: readonly string[];
  /** What it does, in one sentence without its full stop. */
  readonly help: string;
  /** Its default. */
  readonly default?: string | number;
}

const inSeconds = (milliseconds: number) => milliseconds / 1000;

/** All flags by group, in the order of `--help`. */
export const FLAGS: Readonly<Record<string, readonly Flag[]>> = {
  LISTEN: [
    {
      name: "port",
      short: "p",
      value: "N",
      help: "port to listen on, or $PORT with --allow-env=PORT; 0 takes any free one",
      default: DEFAULTS.port,
    },
    {
      name: "host",
      value: "ADDR",
      help: "address to listen on; :: serves IPv6 and IPv4, localhost both on this machine alone",
      default: DEFAULTS.host,
    },
    { name: "reuse-port", help: "share the port among several processes (Linux)" },
  ],
  REPLY: [
    {
      name: "text",
      short: "t",
      value: "TEXT",
      mayBeEmpty: true,
      isContent: true,
      excludes: ["file", "redirect", "link"],
      help: "answer this text instead of the page; {client}, {port}, {method} and {target} are " +
        "filled in, also in --redirect and --header",
    },
    {
      name: "file",
      short: "f",
      value: "PATH",
      isContent: true,
      excludes: ["redirect", "link"],
      help: "answer this file, or by path the files of this folder, all read at start",
    },
    {
      name: "raw",
      value: "PATH",
      isContent: true,
      isWhole: true,
      excludes: ["text", "file", "redirect", "link", "status", "header", "cors"],
      help: "send this file, or by path one of this folder, byte for byte as the whole response",
    },
    {
      name: "redirect",
      value: "URL",
      isContent: true,
      excludes: ["link"],
      help: "redirect every request to this URL, such as https://example.com{target}",
    },
    {
      name: "link",
      value: "URL",
      isContent: true,
      help: "where the page's link leads",
      default: DEFAULT_LINK,
    },
    {
      name: "lab",
      isContent: true,
      isWhole: true,
      excludes: [
        ...["text", "file", "raw", "redirect", "link", "status", "header", "cors", "delay"],
        "reuse-port",
      ],
      help: "answer right and wrong responses by path, to test clients with; / lists them; " +
        `listens on ${DEFAULTS.labHost} unless --host is given`,
    },
    {
      name: "status",
      short: "s",
      value: "CODE",
      isSetting: true,
      help: "status code, 200 to 599; of a folder, that of its pages; " +
        `${DEFAULTS.redirect} with --redirect`,
      default: DEFAULTS.status,
    },
    {
      name: "header",
      short: "H",
      value: '"NAME: VALUE"',
      isSetting: true,
      repeats: true,
      help: "add a header field, or replace one; may be repeated",
    },
    {
      name: "cors",
      isSetting: true,
      help: "let pages of all origins read the replies, in a browser",
    },
    {
      name: "delay",
      value: "SECONDS",
      isSetting: true,
      help: "wait before each reply, such as 2.5, or 0.2-1.5 at random; with --raw, between " +
        "its head and the rest",
    },
    { name: "health", value: "PATH", help: "answer this path at once with 200 and ok, not logged" },
    {
      name: "list",
      excludes: ["text", "raw", "redirect", "link", "lab"],
      help: "with --file, answer a folder without an index.html with a list of it",
    },
    {
      name: "watch",
      excludes: ["text", "redirect", "link", "lab"],
      help: "with --file or --raw, read the file or folder again when it changes",
    },
  ],
  LIMITS: [
    {
      name: "request-timeout",
      value: "SECONDS",
      help: "how long a request line may take",
      default: inSeconds(DEFAULT_LIMITS.requestTimeoutMs),
    },
    {
      name: "idle-timeout",
      value: "SECONDS",
      help: "how long a connection may stay open between requests",
      default: inSeconds(DEFAULT_LIMITS.idleTimeoutMs),
    },
    {
      name: "write-timeout",
      value: "SECONDS",
      help: "how long a client may read nothing of its reply",
      default: inSeconds(DEFAULT_LIMITS.writeTimeoutMs),
    },
    {
      name: "stop-timeout",
      value: "SECONDS",
      help: "how long replies in flight may take at the stop; 0 cuts them off at once",
      default: inSeconds(DEFAULT_LIMITS.shutdownGraceMs),
    },
    { name: "stop-on-eof", help: "stop when standard input ends, as when its other end exits" },
    {
      name: "max-connections",
      value: "N",
      help: "connections at once; beyond it they wait in the kernel",
      default: DEFAULT_LIMITS.maxConnections,
    },
  ],
  LOG: [
    {
      name: "quiet",
      short: "q",
      excludes: ["wire"],
      help: "no access log; of --check, only the last line",
    },
    {
      name: "log",
      value: "FORMAT",
      help: "access log as common (log format) or json lines",
      default: DEFAULTS.log,
    },
    {
      name: "wire",
      help: "show conversations as they cross the wire, CR LF visible, instead of the access log",
    },
  ],
  CHECK: [
    {
      name: "check",
      isContent: true,
      excludes: [
        ...["port", "host", "reuse-port", "text", "file", "raw", "redirect", "link", "lab"],
        ...["status", "header", "delay", "health", "list", "watch", "request-timeout"],
        ...["idle-timeout", "write-timeout", "stop-timeout", "max-connections", "log", "wire"],
        ...["cors", "stop-on-eof"],
        "probe",
      ],
      help: "judge an HTTP client by the lab: run the command behind -- for each response, with " +
        "{url}, {pause} and {next} replaced",
    },
    {
      name: "check-timeout",
      value: "SECONDS",
      help: "how long the command may take for one response",
      default: inSeconds(DEFAULTS.checkTimeoutMs),
    },
    {
      name: "level",
      value: "LEVEL",
      help: "exit with 1 from this level of findings on: must, should or may",
      default: DEFAULTS.level,
    },
    { name: "only", value: "NAMES", help: "judge by these responses alone, such as gzip,reset" },
    { name: "except", value: "NAMES", help: "do not count findings about these responses" },
    {
      name: "events",
      help: "judge by event streams too: the command prints each message as a line of JSON",
    },
    {
      name: "report",
      value: "FILE",
      help: "write all results to FILE.json, or as JUnit to FILE.xml",
    },
  ],
  OTHER: [
    {
      name: "probe",
      help: "ask the server that these flags would start, once, by its --health path if it has " +
        "one; exit 0 if it answers 2xx or 3xx",
    },
    { name: "help", short: "h", wins: true, help: "show this help" },
    { name: "version", short: "V", wins: true, help: "show the version" },
  ],
};

/** What `/PREFIX=PATH` means, an argument without a name. Its value is all of it. */
export const PREFIX: Flag = {
  name: "prefix",
  value: "/PREFIX=PATH",
  repeats: true,
  isContent: true,
  excludes: ["text", "raw", "redirect", "link", "lab", "check"],
  help: "/PREFIX=PATH answers below a prefix with another PATH, such as /api=mocks.",
};

/** All flags in one list. */
export const ALL_FLAGS: readonly Flag[] = Object.values(FLAGS).flat();

/** What other programs call it, and what to do here instead. */
export const HINTS: ReadonlyArray<readonly [name: RegExp, hint: string]> = [
  [/^(allow-|deny-|unstable|no-prompt|import-map|A$)/, "flags of Deno go before main.ts"],
  [/^(directory|dir|d|root|folder|path)$/, "use a path alone, as in firstline site"],
  [/^(bind|b|address|addr|a|listen|l|interface|i|hostname)$/, "use --host ADDR"],
  [/^(open|o|browse|browser)$/, "open the address that it prints"],
  [/^(body|content|c|response|r|data)$/, "use --text TEXT"],
  [/^(code|status-code)$/, "use --status CODE"],
  [/^(verbose|v|debug)$/, "use --wire to see each byte (-V is --version)"],
  [/^(silent|no-log|no-request-logging)$/, "use --quiet"],
  [/^json$/, "use --text '{}' --header 'Content-Type: application/json'"],
  [/^(spa|single|fallback)$/, "call the page that answers all other paths 200.html"],
  [/^(index|indexes|autoindex|listing)$/, "use --list"],
  [/^(reload|live|livereload)$/, "use --watch"],
  [/^(tls|ssl|https|cert|key|C|K|S)$/, "put a proxy in front for TLS"],
  [/^(gzip|g|brotli|compress|compression)$/, "put a proxy in front for compression"],
  [/^(auth|user|username|password|P)$/, "put a proxy in front for authentication"],
  [/^(upload|u|put)$/, "use another program: the content of requests is discarded"],
  [/^(proxy|forward)$/, "use a proxy: nothing is forwarded"],
  [/^(config|conf)$/, "there is no file of settings"],
];

/** The exit codes and their meanings, for `--help` and the README. */
export const EXIT_CODES: Readonly<Record<string, string>> = {
  "0":
    "stopped by a signal after finishing every reply, the probe found it healthy, or the check " +
    "found nothing that counts",
  "1":
    "could not start, cut off a connection when stopping, the probe failed, or the check found " +
    "something that counts",
  "2": "a mistake in the arguments, or a command that cannot be checked",
  "129, 130, 143": "stopped at once: by a second SIGINT or SIGTERM, the check by SIGHUP too",
};

const EXAMPLES = [
  ["firstline site", "serve a folder"],
  ["firstline -s 503 -t soon", "answer everything with 503 and a text"],
  ["firstline --lab", "test an HTTP client with right and wrong responses"],
] as const;

/** The text of `--help`, within 80 columns. */
export function helpText(): string {
  const flags = Object.entries(FLAGS).map(([group, flags]) =>
    `${group}\n${flags.map((flag) => entry(usageOf(flag), describe(flag))).join("")}\n`
  );
  const codes = Object.entries(EXIT_CODES).map(([code, meaning]) => entry(`  ${code}`, meaning));
  return `firstline: answer HTTP requests by their first line

Usage: firstline [FLAGS] [PATH] [/PREFIX=PATH]...
       firstline --check [FLAGS] -- COMMAND

Without flags it greets every client with an HTML page. PATH is --file PATH.
${PREFIX.help}

${flags.join("")}EXIT CODES
${codes.join("")}
EXAMPLES
${EXAMPLES.map(([left, right]) => entry(`  ${left}`, right)).join("")}
Everything else: ${PROJECT_URL}
`;
}

/** How a flag is written, such as `  -p, --port N`. */
export function usageOf({ name, short, value }: Flag): string {
  return `  ${short ? `-${short},` : "   "} --${name}${value ? ` ${value}` : ""}`;
}

function describe(flag: Flag): string {
  return flag.default === undefined ? flag.help : `${flag.help} [${flag.default}]`;
}

const COLUMNS = 80;
/** Where the second column begins. */
const INDENT = 30;

/** Lays out two columns, the second wrapped between words. */
function entry(left: string, right: string): string {
  const lines = [""];
  for (const word of right.split(" ")) {
    const line = `${lines[lines.length - 1]} ${word}`.trimStart();
    if (line.length <= COLUMNS - INDENT) lines[lines.length - 1] = line;
    else lines.push(word);
  }
  const newLine = `\n${" ".repeat(INDENT)}`;
  const gap = left.length < INDENT ? left.padEnd(INDENT) : left + newLine;
  return `${gap}${lines.join(newLine)}\n`;
}
