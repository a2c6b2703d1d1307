/**
 * Lets HTTP clients request each entry of the lab, and prints a table of the results.
 *
 * @module
 */

import type { Contract } from "../lab/contract.ts";
import { HOST } from "../tests/clients.ts";
import { TemporaryFolder } from "../tests/files.ts";
import { ANY_PORT, ServerProcess } from "../tests/process.ts";

/** The timeout of each client. */
const TIMEOUT_MS = 2_000;
/** Clients that ignore their timeout are ended after this time. */
const HARD_LIMIT_MS = 6_000;
/** Content for entries that reply before they have read it. */
const SENT_BYTES = 8 * 1024 * 1024;
/** Longer results are shortened in the table. */
const MAX_RESULT = 40;

/** A request. */
interface Task {
  readonly path: string;
  readonly method: "GET" | "HEAD" | "PUT";
  readonly sentBytes: number;
}

/** The result of a request. */
interface Result {
  readonly path: string;
  /** The status and the bytes of content, or the error message of the client. */
  readonly result: string;
}

/** An HTTP client. */
interface Client {
  readonly name: string;
  /** Prints its version. If that fails, the client is skipped. */
  readonly version: readonly string[];
  /** Sends all requests. */
  readonly run: (origin: string, tasks: readonly Task[], folder: string) => Promise<Result[]>;
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

/** A program that receives all requests at once, and prints a line of JSON for each. */
function script(
  name: string,
  version: readonly string[],
  command: readonly string[],
  input = (origin: string, tasks: readonly Task[]) =>
    JSON.stringify({ origin, tasks, timeoutMs: TIMEOUT_MS, hardLimitMs: HARD_LIMIT_MS }),
): Client {
  return {
    name,
    version,
    async run(origin, tasks) {
      const { code, text, messages } = await outputOf(command, input(origin, tasks));
      if (code !== 0) throw new Error(`${name} failed: ${messages}`);
      return text.trim().split("\n").map((line) => JSON.parse(line) as Result);
    },
  };
}

/** The input of a program that cannot parse JSON. */
function linesOf(origin: string, tasks: readonly Task[]): string {
  const lines = tasks.map(({ method, sentBytes, path }) => `${method} ${sentBytes} ${path}\n`);
  return `${origin} ${TIMEOUT_MS}\n${lines.join("")}`;
}

/** Runs a process for each request. */
function each(
  request: (url: string, task: Task, folder: string) => Promise<string>,
): Client["run"] {
  return async (origin, tasks, folder) => {
    const results: Result[] = [];
    for (const task of tasks) {
      results.push({ path: task.path, result: await request(origin + task.path, task, folder) });
    }
    return results;
  };
}

async function curl(url: string, { method, sentBytes }: Task, folder: string): Promise<string> {
  const how = method === "HEAD" ? ["--head"] : sentBytes ? ["-T", `${folder}/upload`] : [];
  const shown = ["--write-out", "%{http_code}", "--output", `${folder}/curl`];
  const { code, text } = await outputOf([
    ...["curl", "--silent", "--compressed", "--location", "--max-time", `${TIMEOUT_MS / 1000}`],
    ...[...shown, ...how, url],
  ]);
  if (code !== 0) return code === 124 ? "reads on" : `exit ${code}`;
  return `${text} ${method === "HEAD" ? 0 : sizeOf(`${folder}/curl`)}`;
}

async function wget(url: string, { method, sentBytes }: Task, folder: string): Promise<string> {
  const body = sentBytes ? [`--body-file=${folder}/upload`] : [];
  const { code, messages } = await outputOf([
    ...["wget", "--server-response", "--content-on-error", "--tries=1", "--compression=auto"],
    ...[`--timeout=${TIMEOUT_MS / 1000}`, `--method=${method}`, ...body],
    ...[`--output-document=${folder}/wget`, url],
  ]);
  if (code === 124) return "reads on";
  if (code !== 0 && code !== 8) return `exit ${code}`; // 8: an error status
  const status = [...messages.matchAll(/^ +HTTP\/\S+ (\d+)/gm)].at(-1)?.[1] ?? "no status,";
  return `${status} ${sizeOf(`${folder}/wget`)}`;
}

/** The size of a file, which is then removed; 0 if there is none. */
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

/** Runs a command until it exits; without input, at most until the hard limit. */
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

/** The first line of its version, or undefined if it is not installed. */
async function versionOf({ version: [program, ...args] }: Client): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(program, { args, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).split("\n")[0] : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** A request for each entry: `/flaky` always fails, and some entries need content. */
function tasksOf(entries: readonly Contract[]): Task[] {
  return entries.map(({ path }) => {
    const takesContent = path === "/unread" || path.startsWith("/early/");
    return {
      path: path.startsWith("/flaky/") ? "/flaky/1" : path,
      method: path === "/head-body" ? "HEAD" : takesContent ? "PUT" : "GET",
      sentBytes: takesContent ? SENT_BYTES : 0,
    };
  });
}

/** Finds the clients that are installed, and prints their versions. */
async function installedClients(): Promise<Client[]> {
  const found: Client[] = [];
  for (const client of CLIENTS) {
    const version = await versionOf(client);
    console.error(`${client.name}: ${version ?? "not installed, skipped"}`);
    if (version !== undefined) found.push(client);
  }
  return found;
}

function cell(text: string): string {
  const short = text.length > MAX_RESULT ? `${text.slice(0, MAX_RESULT - 1)}…` : text;
  return short.replaceAll("|", "\\|").replace(/[<>]/g, (bracket) => `\\${bracket}`);
}

async function main(): Promise<void> {
  await using server = await ServerProcess.start([...ANY_PORT, "--lab", "--quiet"]);
  using folder = new TemporaryFolder();
  folder.write("upload", "\0".repeat(SENT_BYTES));
  const origin = `http://${HOST}:${server.port}`;
  const tasks = tasksOf(await (await fetch(`${origin}/lab.json`)).json());
  const columns = await Promise.all((await installedClients()).map(async ({ name, run }) => {
    const results = await run(origin, tasks, folder.path);
    return { name, results: new Map(results.map((one) => [one.path, one.result])) };
  }));
  console.log(`| path | ${columns.map(({ name }) => name).join(" | ")} |`);
  console.log(`| --- |${" --- |".repeat(columns.length)}`);
  for (const { path } of tasks) {
    const cells = columns.map(({ results }) => cell(results.get(path) ?? "?"));
    console.log(`| \`${path}\` | ${cells.join(" | ")} |`);
  }
}

if (import.meta.main) await main();
