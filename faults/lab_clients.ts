/**
 * Judges the HTTP clients that `faults/lab/install.sh` has installed by the responses of the lab, and
 * writes what they do to `docs/clients.json` and `docs/clients.md`.
 *
 * @module
 */

import { TemporaryFolder } from "../tests/files.ts";
import { firstline, ROOT } from "../tests/process.ts";
import { type Cell, type ClientData, clientsPage, type Data } from "./lab_page.ts";

/** How often a client is judged again by what it deviates at. If the rounds differ, it is not. */
const MORE_ROUNDS = 2;
/** The entry that tells whether a client has a timeout at all. */
const TIMEOUT_ENTRY = "/hang";
const DATA = `${ROOT}/docs/clients.json`;
const PAGE = `${ROOT}/docs/clients.md`;
const SOURCES = "faults/lab";
/** A check that could be made ends with 0 or 1. */
const MAX_CHECKED_CODE = 1;

/** A client: its command in the folder, what people call it, its program, what its 3 s are for. */
interface Client {
  readonly name: string;
  readonly title: string;
  readonly program: string;
  readonly timeout: ClientData["timeout"];
}

const CLIENTS: readonly Client[] = [
  client("curl", "curl", "install.sh", "total"),
  client("wget", "wget", "install.sh", "read"),
  client("aria2", "aria2", "aria2.sh", "read"),
  client("fetch_node", "fetch of Node.js", "javascript/fetch.mjs", "total"),
  client("fetch_deno", "fetch of Deno", "javascript/fetch.mjs", "total"),
  client("fetch_bun", "fetch of Bun", "javascript/fetch.mjs", "total"),
  client("undici", "undici", "javascript/undici.mjs", "total"),
  client("axios", "axios", "javascript/axios.mjs", "own"),
  client("got", "got", "javascript/got.mjs", "total"),
  client("chromium", "fetch of Chromium", "javascript/chromium.mjs", "total"),
  client("urllib", "urllib of Python", "python/with_urllib.py", "read"),
  client("urllib3", "urllib3", "python/with_urllib3.py", "read"),
  client("requests", "requests", "python/with_requests.py", "read"),
  client("httpx", "httpx", "python/with_httpx.py", "read"),
  client("aiohttp", "aiohttp", "python/with_aiohttp.py", "total"),
  client("pycurl", "libcurl (pycurl)", "python/with_pycurl.py", "total"),
  client("net_http", "net/http of Go", "net_http.go", "total"),
  client("java", "HttpClient of Java", "java/JavaHttpClient.java", "own"),
  client("okhttp", "OkHttp", "java/OkHttp.java", "total"),
  client("apache", "Apache HttpClient", "java/Apache.java", "read"),
  client("reqwest", "reqwest", "rust/reqwest.rs", "total"),
  client("ureq", "ureq", "rust/ureq.rs", "total"),
  client("net_http_ruby", "Net::HTTP of Ruby", "net_http.rb", "read"),
  client("streams", "streams of PHP", "streams.php", "read"),
  client("guzzle", "Guzzle", "guzzle.php", "total"),
  client("lwp", "LWP of Perl", "lwp.pl", "read"),
];

function client(
  name: string,
  title: string,
  program: string,
  timeout: ClientData["timeout"],
): Client {
  return { name, title, program: `${SOURCES}/${program}`, timeout };
}

/** What `--report` writes of an entry. */
interface Entry extends Cell {
  readonly client: string;
  readonly section: string;
  readonly level: string;
}

/** What `--report` writes. */
interface Report {
  readonly remarks: readonly string[];
  readonly entries: readonly Entry[];
}

/** The version of a client; `undefined` if it is not installed. */
async function versionOf({ name }: Client, folder: string): Promise<string | undefined> {
  try {
    const command = new Deno.Command(`${folder}/bin/${name}`, { args: ["--version"] });
    const { success, stdout } = await command.output();
    return success ? new TextDecoder().decode(stdout).trim().replace(/^v/, "") : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Runs `--check` for a client, with all entries or these. */
async function report(
  { name }: Client,
  folder: string,
  box: TemporaryFolder,
  paths?: readonly string[],
): Promise<Report> {
  const file = box.pathOf("report.json");
  const only = paths ? ["--only", paths.map((path) => path.slice(1)).join(",")] : [];
  const flags = ["--check", "--quiet", "--report", file, ...only, "--"];
  const permissions = ["--no-prompt", "--allow-net", "--allow-run", `--allow-write=${file}`];
  const urls = ["{url}", "{pause}", "{next}"];
  const command = firstline([...flags, `${folder}/bin/${name}`, ...urls], permissions);
  const [program, ...args] = command;
  const { code, stderr } = await new Deno.Command(program, { args, cwd: box.path }).output();
  if (code > MAX_CHECKED_CODE) throw new Error(new TextDecoder().decode(stderr).trim());
  return JSON.parse(await Deno.readTextFile(file));
}

/** Judges a client by all entries, and again by those it deviates at. */
async function judge(
  client: Client,
  version: string,
  folder: string,
): Promise<[ClientData, Report]> {
  using box = new TemporaryFolder();
  const first = await report(client, folder, box);
  const paths = first.entries.filter(isFinding).map(({ path }) => path);
  const rounds = [first];
  for (let round = 0; round < MORE_ROUNDS && paths.length > 0; round++) {
    rounds.push(await report(client, folder, box, [...new Set([TIMEOUT_ENTRY, ...paths])]));
  }
  const cells = first.entries.filter(isFinding).map(({ path }) =>
    cellOf(rounds.map(({ entries }) => entries.find((entry) => entry.path === path)!))
  );
  return [{ ...client, version, remarks: first.remarks, cells }, first];
}

function isFinding({ grade }: Entry): boolean {
  return grade === "must" || grade === "should" || grade === "may";
}

/** What a client does with an entry, if all rounds agree. */
function cellOf(rounds: readonly Entry[]): Cell {
  const [{ path, grade, did, harmed, exit, complaint }] = rounds;
  const verdicts = [...new Set(rounds.map((one) => `${one.grade}: ${one.did}`))];
  const isSame = new Set(rounds.map(({ grade, harmed }) => `${grade} ${harmed}`)).size === 1;
  if (!isSame) return { path, grade: "varying", did: verdicts.join("; ") };
  return { path, grade, did, harmed, exit, complaint: complaint || undefined };
}

/** Judges the clients that are installed, or those of them with these names, one after the other. */
async function judgeAll(folder: string, names: readonly string[]): Promise<Data> {
  const clients: ClientData[] = [];
  const missing: string[] = [];
  const failed: Data["failed"] = [];
  let entries: readonly Entry[] = [];
  for (const client of CLIENTS.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const version = await versionOf(client, folder);
    console.error(`${client.title} ${version ?? "is not installed: skipped"}`);
    if (version === undefined) {
      missing.push(client.title);
      continue;
    }
    try {
      const [data, report] = await judge(client, version, folder);
      clients.push(data);
      entries = report.entries;
    } catch (error) {
      failed.push({ title: client.title, version, reason: String(error) });
    }
  }
  const rules = entries.map(({ path, client, section, level }) => ({
    path,
    client,
    section,
    level,
  }));
  const when = { date: today(), system: await system(), responses: entries.length };
  return { version: 1, ...when, missing, failed, rules, clients };
}

/** Newer data with the clients of older data that were not judged again. */
function withOthers({ clients, ...rest }: Data, old: Data): Data {
  const judged = [...clients, ...old.clients];
  const all = CLIENTS.flatMap(({ name }) => judged.find((client) => client.name === name) ?? []);
  const { rules, responses } = rest.rules.length > 0 ? rest : old;
  const known = [...all, ...rest.failed].map(({ title }) => title);
  const missing = CLIENTS.map(({ title }) => title).filter((title) => !known.includes(title));
  return { ...rest, rules, responses, missing, clients: all };
}

/** Without the rules of entries at which no client deviates. */
function withoutIdleRules(data: Data): Data {
  const paths = new Set(data.clients.flatMap(({ cells }) => cells.map(({ path }) => path)));
  return { ...data, rules: data.rules.filter(({ path }) => paths.has(path)) };
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}

/** The name of this system. */
async function system(): Promise<string> {
  const text = await Deno.readTextFile("/etc/os-release");
  return /^PRETTY_NAME="(.*)"$/m.exec(text)?.[1] ?? Deno.build.os;
}

/** Writes a file, formatted as the project's files are. */
async function write(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(path, text);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", path],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error(`Cannot format ${path}`);
}

async function readData(): Promise<Data> {
  return JSON.parse(await Deno.readTextFile(DATA));
}

if (import.meta.main) {
  const [folder, ...names] = Deno.args;
  if (!folder) {
    console.error(
      "Usage: deno task lab FOLDER [NAME...] (FOLDER: what faults/lab/install.sh made)",
    );
    Deno.exit(2);
  }
  // With names, the other clients stay as they are; with --page, all of them.
  if (folder !== "--page") {
    const data = await judgeAll(await Deno.realPath(folder), names);
    const written = names.length > 0 ? withOthers(data, await readData()) : data;
    await write(DATA, JSON.stringify(withoutIdleRules(written), null, 2));
  }
  await write(PAGE, clientsPage(await readData()));
}
