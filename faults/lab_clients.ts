/**
 * Asks HTTP clients for each entry of the lab, and prints what they make of it as a table.
 *
 * @module
 */

import type { Listed } from "../command/lab_page.ts";
import { HOST } from "../tests/clients.ts";
import { TemporaryFolder } from "../tests/files.ts";
import { ANY_PORT, ServerProcess } from "../tests/process.ts";

/** How long each client is told to wait. */
const TIMEOUT_MS = 2_000;
/** When it is ended by us: its own timeout did not do. */
const HARD_LIMIT_MS = 6_000;
/** What is sent to those that answer before they have read it. */
const SENT_BYTES = 8 * 1024 * 1024;
/** More would widen the table. */
const MAX_OUTCOME = 40;

/** One request. */
interface Ask {
  readonly path: string;
  readonly method: "GET" | "HEAD" | "PUT";
  readonly sentBytes: number;
}

/** What a client made of one entry. */
interface Outcome {
  readonly path: string;
  /** The status and the bytes of content, or the error in the words of the client. */
  readonly outcome: string;
}

/** A client that may be here. */
interface Client {
  readonly name: string;
  /** Prints its version; one that fails is skipped. */
  readonly version: readonly string[];
  /** Asks for everything. */
  readonly run: (origin: string, asks: readonly Ask[], folder: string) => Promise<Outcome[]>;
}

const SOURCES = `${import.meta.dirname}/lab`;

const CLIENTS: readonly Client[] = [
  { name: "curl", version: ["curl", "--version"], run: each(curl) },
  { name: "wget", version: ["wget", "--version"], run: each(wget) },
  script("Deno fetch", [Deno.execPath(), "--version"], [
    Deno.execPath(),
    "run",
    "--allow-net",
    `${SOURCES}/client_fetch.mjs`,
  ]),
  script("Node fetch", ["node", "--version"], ["node", `${SOURCES}/client_fetch.mjs`]),
  python("urllib3"),
  python("httpx"),
  script("Go net/http", ["go", "version"], ["go", "run", `${SOURCES}/client.go`]),
  script("Java HttpClient", ["java", "--version"], ["java", `${SOURCES}/Client.java`], linesOf),
];

function python(library: string): Client {
  const version = ["python3", "-c", `import ${library}; print(${library}.__version__)`];
  return script(library, version, ["python3", `${SOURCES}/client.py`, library]);
}

/** A client that gets all requests at once, and prints a line of JSON for each. */
function script(
  name: string,
  version: readonly string[],
  command: readonly string[],
  input = (origin: string, asks: readonly Ask[]) =>
    JSON.stringify({ origin, asks, timeoutMs: TIMEOUT_MS, hardLimitMs: HARD_LIMIT_MS }),
): Client {
  return {
    name,
    version,
    async run(origin, asks) {
      const { code, text, messages } = await outputOf(command, input(origin, asks));
      if (code !== 0) throw new Error(`${name} failed: ${messages}`);
      return text.trim().split("\n").map((line) => JSON.parse(line) as Outcome);
    },
  };
}

/** For a client that reads no JSON. */
function linesOf(origin: string, asks: readonly Ask[]): string {
  const lines = asks.map(({ method, sentBytes, path }) => `${method} ${sentBytes} ${path}\n`);
  return `${origin} ${TIMEOUT_MS}\n${lines.join("")}`;
}

/** A client that is a process for each request. */
function each(ask: (url: string, ask: Ask, folder: string) => Promise<string>): Client["run"] {
  return async (origin, asks, folder) => {
    const outcomes: Outcome[] = [];
    for (const one of asks) {
      outcomes.push({ path: one.path, outcome: await ask(origin + one.path, one, folder) });
    }
    return outcomes;
  };
}

async function curl(url: string, { method, sentBytes }: Ask, folder: string): Promise<string> {
  const how = method === "HEAD" ? ["--head"] : sentBytes ? ["-T", `${folder}/upload`] : [];
  const shown = ["--write-out", "%{http_code}", "--output", `${folder}/curl`];
  const { code, text } = await outputOf([
    ...["curl", "--silent", "--compressed", "--location", "--max-time", `${TIMEOUT_MS / 1000}`],
    ...[...shown, ...how, url],
  ]);
  if (code !== 0) return code === 124 ? "reads on" : `exit ${code}`;
  return `${text} ${method === "HEAD" ? 0 : sizeOf(`${folder}/curl`)}`;
}

async function wget(url: string, { method, sentBytes }: Ask, folder: string): Promise<string> {
  const body = sentBytes ? [`--body-file=${folder}/upload`] : [];
  const { code, messages } = await outputOf([
    ...["wget", "--server-response", "--content-on-error", "--tries=1", "--compression=auto"],
    ...[`--timeout=${TIMEOUT_MS / 1000}`, `--method=${method}`, ...body],
    ...[`--output-document=${folder}/wget`, url],
  ]);
  if (code === 124) return "reads on";
  if (code !== 0 && code !== 8) return `exit ${code}`; // 8: a status of an error
  const status = [...messages.matchAll(/^ +HTTP\/\S+ (\d+)/gm)].at(-1)?.[1] ?? "no status,";
  return `${status} ${sizeOf(`${folder}/wget`)}`;
}

/** How much content was written, if any. */
function sizeOf(path: string): number {
  try {
    const { size } = Deno.statSync(path);
    Deno.removeSync(path);
    return size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** Runs a command to its end, or to the hard limit where it is asked for one thing only. */
async function outputOf(
  command: readonly string[],
  input?: string,
): Promise<{ code: number; text: string; messages: string }> {
  const limit = input === undefined ? ["timeout", `${HARD_LIMIT_MS / 1000}`] : [];
  const [program, ...args] = [...limit, ...command];
  const child = new Deno.Command(program, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input ?? "")).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const [text, messages] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, text, messages };
}

/** The first line of what it says of its version, or nothing if it is not here. */
async function versionOf({ version: [program, ...args] }: Client): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(program, { args, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).split("\n")[0] : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The requests: what fails by chance always fails, and large content is left out of the errors. */
function asksOf(entries: readonly Listed[]): Ask[] {
  return entries.map(({ path }) => {
    const takesContent = path === "/unread" || path.startsWith("/early/");
    return {
      path: path.startsWith("/flaky/") ? "/flaky/1" : path,
      method: path === "/head-body" ? "HEAD" : takesContent ? "PUT" : "GET",
      sentBytes: takesContent ? SENT_BYTES : 0,
    };
  });
}

/** The clients that are here; says which version of each, and which are not. */
async function present(): Promise<Client[]> {
  const found: Client[] = [];
  for (const client of CLIENTS) {
    const version = await versionOf(client);
    console.error(`${client.name}: ${version ?? "not here, skipped"}`);
    if (version !== undefined) found.push(client);
  }
  return found;
}

function cell(text: string): string {
  const short = text.length > MAX_OUTCOME ? `${text.slice(0, MAX_OUTCOME - 1)}…` : text;
  return short.replaceAll("|", "\\|").replace(/[<>]/g, (bracket) => `\\${bracket}`);
}

async function main(): Promise<void> {
  await using server = await ServerProcess.start([...ANY_PORT, "--lab", "--quiet"]);
  using folder = new TemporaryFolder();
  folder.write("upload", "\0".repeat(SENT_BYTES));
  const origin = `http://${HOST}:${server.port}`;
  const asks = asksOf(await (await fetch(`${origin}/lab.json`)).json());
  const columns = await Promise.all((await present()).map(async ({ name, run }) => {
    const outcomes = await run(origin, asks, folder.path);
    return { name, outcomes: new Map(outcomes.map((one) => [one.path, one.outcome])) };
  }));
  console.log(`| path | ${columns.map(({ name }) => name).join(" | ")} |`);
  console.log(`| --- |${" --- |".repeat(columns.length)}`);
  for (const { path } of asks) {
    const cells = columns.map(({ outcomes }) => cell(outcomes.get(path) ?? "?"));
    console.log(`| \`${path}\` | ${cells.join(" | ")} |`);
  }
}

if (import.meta.main) await main();
