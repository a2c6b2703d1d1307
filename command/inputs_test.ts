/** What strangers type, and what each of it gets: the start, or one line that leads there. */

import { assertEquals } from "@std/assert";
import { TemporaryFolder } from "../tests/files.ts";
import { needing } from "../tests/needs.ts";
import { messageOf } from "../replies/text.ts";
import { parseFlags } from "./arguments.ts";
import { openerFrom } from "./opener.ts";
import { settingsFrom } from "./settings.ts";

const test = needing("read", "write");

/** The arguments that start a server. Those with a file or folder start if it can be used. */
const STARTS: ReadonlyArray<readonly string[]> = [
  [],
  ["--text", ""],
  ["--text", "", "--port", "22101"],
  ["--text", "-5"],
  ["--text", "{clinet}"],
  ["--text", "{ip}"],
  ["--host", "192.0.2.55"],
  ["--host", "nonexistent.invalid"],
  ["--host", "[::1]"],
  ["--host", "localhost"],
  ["--host", "localhost:8080"],
  ["--host", "*"],
  ["--log", "json", "--quiet"],
  ["--wire", "--log", "json"],
  ["--lab=false"],
  ["--cors"],
  ["--stop-timeout", "0"],
  ["--stop-on-eof"],
  ["--redirect", "https://login.example/?next={target}&v=1"],
  ["site"],
  ["nowhere"],
  ["empty"],
  ["--raw", "bad.http"],
];

const ONLY_FLAGS = "expected only the flags that --help lists";
const ONE_OF_TWO = "expected one of the two";
const WHOLE = "sends whole responses, with their own status and fields";
const URL_OR_PATH = "expected an http or https URL, or a path";
const BRACES = "expected no braces but {client}, {port}, {method} and {target}";
const SPAN = "expected seconds up to 999999, such as 2.5, or from the least to the most, " +
  "such as 0.2-1.5";

/** The arguments that are mistakes, and what the message says of them. */
const MISTAKES: ReadonlyArray<readonly [args: readonly string[], message: string]> = [
  [["--prot", "8080"], `"--prot": ${ONLY_FLAGS}, did you mean --port?`],
  [["--Port", "8080"], `"--Port": ${ONLY_FLAGS}, did you mean --port?`],
  [["--statsu", "404"], `"--statsu": ${ONLY_FLAGS}, did you mean --status?`],
  [["--hedaer", "A: b"], `"--hedaer": ${ONLY_FLAGS}, did you mean --header?`],
  [["-port", "22101"], '"-port": expected two dashes before a name, did you mean --port?'],
  [["8080"], '"8080": expected a path, did you mean --port 8080?'],
  [["--port"], "--port without a value: expected N, as in --port=VALUE"],
  [["--port", "abc"], '--port "abc": expected an integer from 0 to 65535'],
  [["--port", "70000"], '--port "70000": expected an integer from 0 to 65535'],
  [["--port", "-1"], '--port "-1": expected an integer from 0 to 65535'],
  [["--port", "80.5"], '--port "80.5": expected an integer from 0 to 65535'],
  [["--port", "0x50"], '--port "0x50": expected an integer from 0 to 65535'],
  [["--port="], "--port without a value: expected N, as in --port=VALUE"],
  [["--text"], "--text without a value: expected TEXT, as in --text=VALUE"],
  [["--text", "--port", "80"], "--text without a value: expected TEXT, as in --text=VALUE"],
  [["--file"], "--file without a value: expected PATH, as in --file=VALUE"],
  [["site", "empty"], `"site" with "empty": ${ONE_OF_TWO}, a path alone means --file PATH`],
  [["--lab", "site"], `--lab with "site": ${ONE_OF_TWO}, a path alone means --file PATH`],
  [["--lab", "--text", "hi"], `--lab with --text: ${ONE_OF_TWO}`],
  [["--lab", "--status", "404"], `--lab with --status: ${ONE_OF_TWO}, --lab ${WHOLE}`],
  [["--raw", "a", "-s", "404"], `--raw with --status: ${ONE_OF_TWO}, --raw ${WHOLE}`],
  [["--list"], "--list without --file"],
  [["--watch"], "--watch without --file or --raw"],
  [["--status", "100"], '--status "100": expected an integer from 200 to 599'],
  [["--status", "999"], '--status "999": expected an integer from 200 to 599'],
  [["--status", "teapot"], '--status "teapot": expected an integer from 200 to 599'],
  [
    ["--status", "204", "--text", "hi"],
    "--status 204 with --text: expected a status with content",
  ],
  [["--header", "NoColon"], '--header "NoColon": expected "Name: value"'],
  [["--header", "Content-Length: 3"], '--header "Content-Length: 3": the server sets it'],
  [["--header", "X: a\nb"], '--header "X: a\\x0Ab": expected a value of printable ASCII'],
  [["--header", ": v"], '--header ": v": expected a token for a name'],
  [
    ["--header", "Location: /x", "--redirect", "/y"],
    "--redirect with --header Location: expected one of the two",
  ],
  [
    ["--header", "Location: https://{host}/x"],
    `--header "Location: https://{host}/x": ${BRACES}`,
  ],
  [["--redirect", "example.com"], `--redirect "example.com": ${URL_OR_PATH}`],
  [["--redirect", "javascript:alert(1)"], `--redirect "javascript:alert(1)": ${URL_OR_PATH}`],
  [
    ["--redirect", "{target}"],
    '--redirect "{target}": expected another place than the one asked for',
  ],
  [
    ["--redirect", "https://{host}{target}"],
    `--redirect "https://{host}{target}": ${BRACES}`,
  ],
  [["--redirect", "https://a{path}"], `--redirect "https://a{path}": ${BRACES}`],
  [["--redirect", "https://a{{target}}"], `--redirect "https://a{{target}}": ${BRACES}`],
  [["--redirect", "https://a%{target}"], `--redirect "https://a%{target}": ${BRACES}`],
  [
    ["--redirect", "https://a.example", "--status", "200"],
    "--status 200 with --redirect: expected 301, 302, 303, 307, 308",
  ],
  [["--delay", "5s"], `--delay "5s": ${SPAN}`],
  [["--delay", "2-1"], `--delay "2-1": ${SPAN}`],
  [["--delay", "-1"], `--delay "-1": ${SPAN}`],
  [["--log", "yaml"], '--log "yaml": expected common or json'],
  [["--wire", "--quiet"], `--wire with --quiet: ${ONE_OF_TWO}`],
  [["--max-connections", "0"], '--max-connections "0": expected an integer from 1 to 1000000'],
  [["--max-connections", "1e9"], '--max-connections "1e9": expected an integer from 1 to 1000000'],
  [
    ["--health", "healthz"],
    '--health "healthz": expected a path such as /healthz, without a query',
  ],
  [["--text", "hi", "--file", "site"], `--text with --file: ${ONE_OF_TWO}`],
  [["--text", "hi", "--text", "ho"], "--text twice: expected one value"],
  [["-x"], `"-x": ${ONLY_FLAGS}`],
  [["-pq", "8080"], '"-pq": expected a value after -p, as in -p=q'],
  [["--quiet=no"], '--quiet "no": expected true or false'],
  [
    ["--idle-timeout", "0"],
    '--idle-timeout "0": expected seconds above 0 to 999999, such as 2.5',
  ],
  [
    ["--request-timeout", "99999999999"],
    '--request-timeout "99999999999": expected seconds above 0 to 999999, such as 2.5',
  ],
  [["--tls", "--cert", "a.pem"], `"--tls": ${ONLY_FLAGS}, put a proxy in front for TLS`],
  [["--open"], `"--open": ${ONLY_FLAGS}, open the address that it prints`],
  [["-o"], `"-o": ${ONLY_FLAGS}, open the address that it prints`],
  [["--dir", "site"], `"--dir": ${ONLY_FLAGS}, use a path alone, as in firstline site`],
  [["--directory", "site"], `"--directory": ${ONLY_FLAGS}, use a path alone, as in firstline site`],
  [["--root", "site"], `"--root": ${ONLY_FLAGS}, use a path alone, as in firstline site`],
  [["-d", "site"], `"-d": ${ONLY_FLAGS}, use a path alone, as in firstline site`],
  [["--address", "127.0.0.1"], `"--address": ${ONLY_FLAGS}, use --host ADDR`],
  [["--bind", "127.0.0.1"], `"--bind": ${ONLY_FLAGS}, use --host ADDR`],
  [["--verbose"], `"--verbose": ${ONLY_FLAGS}, use --wire to see each byte (-V is --version)`],
  [["-v"], `"-v": ${ONLY_FLAGS}, use --wire to see each byte (-V is --version)`],
  [["--config", "x"], `"--config": ${ONLY_FLAGS}, there is no file of settings`],
  [
    ["--json", "{}"],
    `"--json": ${ONLY_FLAGS}, use --text '{}' --header 'Content-Type: application/json'`,
  ],
  [["help"], '"help": expected a path, did you mean --help?'],
  [
    ["http://example.com"],
    '"http://example.com": expected a path, did you mean --redirect http://example.com?',
  ],
  [["--allow-read"], `"--allow-read": ${ONLY_FLAGS}, flags of Deno go before main.ts`],
  [
    ["--link", "example.com"],
    '--link "example.com": expected an http, https or mailto URL, or a path',
  ],
];

function outcome(args: readonly string[]): string {
  try {
    settingsFrom(parseFlags(args, false));
    return "starts";
  } catch (error) {
    return messageOf(error);
  }
}

Deno.test("each input of a stranger starts, or gets one line that leads on", () => {
  for (const args of STARTS) assertEquals(outcome(args), "starts", args.join(" "));
  for (const [args, message] of MISTAKES) {
    assertEquals(outcome(args), `Cannot use ${message}`, args.join(" "));
  }
  assertEquals(parseFlags(["--version", "--prot"], false), { version: true });
});

test("each file or folder of a stranger is served, or gets one line that leads on", async () => {
  using folder = new TemporaryFolder({
    "site/index.html": "a",
    "apibad/orders.POST.999.json": "{}",
    "bad.http": "nonsense",
  });
  Deno.mkdirSync(folder.pathOf("empty"));
  const outcomeOf = async (flag: string, name: string) => {
    try {
      await openerFrom(settingsFrom(parseFlags([`--${flag}=${folder.pathOf(name)}`], false)));
      return "starts";
    } catch (error) {
      return messageOf(error).replaceAll(folder.path, ".");
    }
  };
  const outcomes: Array<[flag: string, name: string, message: RegExp]> = [
    ["file", "site", /^starts$/],
    ["raw", "bad.http", /^starts$/],
    ["file", "empty", /^Cannot use --file ".\/empty": expected a folder with files in it$/],
    ["file", "nowhere", /^Cannot use --file ".\/nowhere": expected a readable file or folder /],
    [
      "file",
      "apibad",
      /: expected NAME\.METHOD\.STATUS with a status from 200 to 599, not "\/orders\.POST\.999\.json"$/,
    ],
  ];
  for (const [flag, name, message] of outcomes) {
    const said = await outcomeOf(flag, name);
    assertEquals(message.test(said), true, said);
  }
});
