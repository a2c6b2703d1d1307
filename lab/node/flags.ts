/**
 * The flags of the command `firstline-lab`, which has those of `firstline` that the lab needs.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { printable, quote, UsageError } from "../../replies/text.ts";
import {
  CHECK_TIMEOUT_MS,
  type CheckSettings,
  checkSettingsFrom,
  DEFAULT_LEVEL,
} from "../check/settings.ts";

const FLAGS = {
  port: { type: "string", short: "p" },
  host: { type: "string" },
  log: { type: "string" },
  quiet: { type: "boolean", short: "q" },
  "stop-on-eof": { type: "boolean" },
  check: { type: "boolean" },
  "check-timeout": { type: "string" },
  level: { type: "string" },
  only: { type: "string" },
  except: { type: "string" },
  events: { type: "boolean" },
  report: { type: "string" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "V" },
} as const;

const OF_LAB = ["port", "host", "log", "stop-on-eof"] as const;
const OF_CHECK = ["check-timeout", "level", "only", "except", "events", "report"] as const;

/** What `--help` prints. */
export const HELP = `Answers right and wrong HTTP/1.1 responses by path, for testing HTTP clients

Usage: firstline-lab [FLAGS]
       firstline-lab --check [FLAGS] -- COMMAND

  -p, --port N           the port to listen on; 0 takes any free one (default: 8080)
      --host ADDR        the address to listen on (default: 127.0.0.1)
      --log FORMAT       access log as common (log format) or json lines (default: common)
  -q, --quiet            no access log; of --check, only the last line
      --stop-on-eof      stop when standard input ends, as when its other end exits

      --check            judge an HTTP client: run the command behind -- for each response, with
                         {url}, {pause} and {next} replaced
      --check-timeout N  how long the command may take for one response, in seconds
                         (default: ${CHECK_TIMEOUT_MS / 1000})
      --level LEVEL      exit with 1 from this level of findings on: must, should or may
                         (default: ${DEFAULT_LEVEL})
      --only NAMES       judge by these responses alone, such as gzip,reset
      --except NAMES     do not count findings about these responses
      --events           judge by event streams too: the command prints each message as a line of
                         JSON
      --report FILE      write all results to a .json or .xml (JUnit) file

  -h, --help             show this help
  -V, --version          show the version`;

/** Where the lab listens, and what it logs. */
export interface LabSettings {
  readonly host?: string;
  readonly port: number;
  /** The format of the access log; without one if it is undefined. */
  readonly log?: "common" | "json";
  readonly stopsOnEof: boolean;
}

/** What the arguments ask for. */
export type Request = "help" | "version" | { lab: LabSettings } | { check: CheckSettings };

type Values = { readonly [name in keyof typeof FLAGS]?: string };

/**
 * Reads the arguments.
 *
 * @throws {UsageError} If one of them makes no sense.
 */
export function requestFrom(args: readonly string[]): Request {
  const end = args.indexOf("--");
  const values = valuesOf(end === -1 ? args : args.slice(0, end));
  if (values.help) return "help";
  if (values.version) return "version";
  for (const name of values.check ? OF_LAB : OF_CHECK) {
    if (values[name] === undefined) continue;
    throw new UsageError(`Cannot use --${name} ${values.check ? "with" : "without"} --check`);
  }
  if (values.check) return { check: checkFrom(values, end === -1 ? [] : args.slice(end + 1)) };
  if (end === -1) return { lab: labFrom(values) };
  throw new UsageError("Cannot use --: expected --check before it");
}

/** The values of flags by name, the last one counts; that of a flag that is on is empty. */
function valuesOf(args: readonly string[]): Values {
  const { tokens } = parseArgs({ args: [...args], options: FLAGS, strict: false, tokens: true });
  const values: Record<string, string> = {};
  for (const token of tokens) {
    if (token.kind !== "option") {
      const given = token.kind === "positional" ? quote(token.value) : "--";
      throw new UsageError(`Cannot use ${given}: expected flags alone, --help lists them`);
    }
    const { name, rawName, value } = token;
    const flag = Object.hasOwn(FLAGS, name) ? FLAGS[name as keyof typeof FLAGS] : undefined;
    if (flag === undefined) {
      throw new UsageError(`Cannot use ${printable(rawName)}: no such flag, --help lists all`);
    }
    if ((flag.type === "string") !== (value !== undefined && value !== "")) {
      const expected = flag.type === "string" ? "a value" : "no value";
      throw new UsageError(`Cannot use ${rawName}: expected ${expected}`);
    }
    values[name] = value ?? "on";
  }
  return values;
}

function labFrom({ port = "8080", host, log = "common", quiet, ...rest }: Values): LabSettings {
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) {
    throw new UsageError(`Cannot use --port ${quote(port)}: expected an integer from 0 to 65535`);
  }
  if (log !== "common" && log !== "json") {
    throw new UsageError(`Cannot use --log ${quote(log)}: expected common or json`);
  }
  const stopsOnEof = rest["stop-on-eof"] !== undefined;
  return { host, port: Number(port), log: quiet ? undefined : log, stopsOnEof };
}

function checkFrom(values: Values, command: readonly string[]): CheckSettings {
  const seconds = values["check-timeout"] ?? `${CHECK_TIMEOUT_MS / 1000}`;
  if (!/^\d{1,6}(\.\d+)?$/.test(seconds) || Number(seconds) === 0) {
    throw new UsageError(
      `Cannot use --check-timeout ${quote(seconds)}: expected a positive number of seconds`,
    );
  }
  return {
    ...checkSettingsFrom(command, values),
    timeoutMs: Number(seconds) * 1000,
    readsEvents: values.events !== undefined,
    quiet: values.quiet !== undefined,
  };
}
