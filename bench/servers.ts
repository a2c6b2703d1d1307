/**
 * The servers to compare and their loads: Firstline in its variants, another checkout of it, and
 * the peers that are installed.
 */

import manifest from "../deno.json" with { type: "json" };
import { page } from "../replies/page.ts";
import { serve } from "../server.ts";
import { connect, HOST, readReplies, send } from "../tests/clients.ts";
import { firstline } from "../tests/process.ts";
import { PLAIN_REQUEST } from "../tests/wire.ts";
import type { Load } from "./load.ts";
import { output, type Server, versionFrom } from "./process.ts";

const HERE = import.meta.dirname;
const TEXT = "Hello world!";
const TEXT_4K = filler(4 * 1024);
/** Longer than a run, so that no server closes idle connections. */
const IDLE_SECONDS = "3600";

/** Servers that are compared with the first of them. */
export interface Group {
  readonly title: string;
  readonly loads: readonly Load[];
  readonly servers: readonly Server[];
}

// ---------------------------------------------------------------- Firstline

/** A checkout of Firstline. */
interface Version {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  readonly folder?: string;
}

const PRESENT: Version = {
  name: "firstline",
  title: "Firstline",
  version: `Firstline ${manifest.version} on Deno ${Deno.version.deno}`,
};

async function versionIn(folder: string): Promise<Version> {
  const revision = (await output("git", "-C", folder, "rev-parse", "--short", "HEAD")).trim();
  return { name: "base", title: "the base", version: `the base ${revision}`, folder };
}

function firstlineServer(
  { name, title, version, folder }: Version,
  what: string,
  flags: string[],
  more: Partial<Server> = {},
): Server {
  return {
    name: `${name} ${what}`,
    title: `${title}, ${what}`,
    version,
    path: "/",
    ending: TEXT,
    command: (port) => {
      const where = ["--host", HOST, "--port", `${port}`, "--idle-timeout", IDLE_SECONDS];
      return firstline([...where, ...flags], ["--allow-net", "--allow-read"], folder);
    },
    ...more,
  };
}

/** A fixed text without an access log: the first row, which all others are compared with. */
function textOf(version: Version): Server {
  return firstlineServer(version, "text", ["--quiet", "--text", TEXT]);
}

function pageOf(version: Version): Server {
  return firstlineServer(version, "page", ["--quiet"], { ending: "</html>" });
}

function variantsOf(version: Version): Server[] {
  const variant = (what: string, flags: string[], more: Partial<Server> = {}) =>
    firstlineServer(version, what, flags, { isVariant: true, ...more });
  return [
    variant("text, access log", ["--text", TEXT]),
    variant("text, access log to a pipe", ["--text", TEXT], { stdout: "piped" }),
    { ...pageOf(version), isVariant: true },
    variant("page, access log", [], { ending: "</html>" }),
  ];
}

/** A bare loop whose replies have this size. */
function bareOf(peer: Server, replyBytes: number): Server {
  return { ...peer, isVariant: true, command: (port) => [...peer.command(port), `${replyBytes}`] };
}

/** The size of the page as a reply. */
async function pageBytes(): Promise<number> {
  await using server = serve({ hostname: HOST, port: 0 }, page());
  using socket = await connect(server.addr);
  await send(socket, PLAIN_REQUEST);
  return (await readReplies(socket, 1))[0].length;
}

function folderOf(version: Version, root: string): Server {
  return firstlineServer(version, "folder", ["--quiet", "--file", root], FIRST_FILE);
}

function text4kOf(version: Version): Server {
  const more = { ending: TEXT_4K.slice(-80), load: "4k", isVariant: true };
  return firstlineServer(version, "text of 4 KB", ["--quiet", "--text", TEXT_4K], more);
}

// ---------------------------------------------------------------- peers

/** Another server. */
interface Peer {
  readonly name: string;
  readonly title: string;
  readonly product: string;
  /** Prints the version of the product. */
  readonly versionCommand: readonly string[];
  /** Builds what it needs in a temporary folder. */
  prepare?(temporary: string): Promise<unknown>;
  /** Serves the files in `root`, or the text if that is undefined. */
  command(port: number, temporary: string, root?: string): string[];
  readonly env?: Record<string, string>;
}

const NGINX: Peer = {
  name: "nginx",
  title: "nginx",
  product: "nginx",
  versionCommand: ["nginx", "-v"],
  command: nginxCommand,
};

const TEXT_PEERS: readonly Peer[] = [
  denoPeer("serve", "Deno.serve"),
  denoPeer("bare", "bare `Deno.listen` loop"),
  NGINX,
  {
    name: "go",
    title: "Go net/http",
    product: "Go",
    versionCommand: ["go", "version"],
    prepare: (temporary) => output("go", "build", "-o", `${temporary}/go`, `${HERE}/peer.go`),
    command: (port, temporary) => [`${temporary}/go`, `${port}`],
    env: { GOMAXPROCS: "1" },
  },
  {
    name: "node",
    title: "node:http",
    product: "Node.js",
    versionCommand: ["node", "--version"],
    command: (port) => ["node", `${HERE}/peer_node.mjs`, `${port}`],
  },
];

/** Peers for files. All but the first are Debian packages. */
const FILE_PEERS: readonly Peer[] = [
  {
    ...denoPeer("bare", "bare `Deno.listen` loop"),
    command: (port, _temporary, root) => {
      const permissions = ["--allow-net", `--allow-read=${root}`];
      return [
        Deno.execPath(),
        "run",
        ...permissions,
        `${HERE}/peer_bare_files.ts`,
        `${port}`,
        root!,
      ];
    },
  },
  NGINX,
  {
    name: "lighttpd",
    title: "lighttpd",
    product: "lighttpd",
    versionCommand: ["lighttpd", "-v"],
    command: lighttpdCommand,
  },
  {
    name: "darkhttpd",
    title: "darkhttpd",
    product: "darkhttpd",
    versionCommand: ["darkhttpd", "--help"],
    command: (port, _temporary, root) => {
      const where = ["--addr", HOST, "--port", `${port}`];
      return ["darkhttpd", `${root}`, ...where, "--log", "/dev/null", "--timeout", IDLE_SECONDS];
    },
  },
  {
    name: "caddy",
    title: "Caddy",
    product: "Caddy",
    versionCommand: ["caddy", "version"],
    command: caddyCommand,
    env: { GOMAXPROCS: "1" },
  },
];

export const PEER_NAMES: readonly string[] = [
  ...new Set([...TEXT_PEERS, ...FILE_PEERS].map(({ name }) => name)),
];

function denoPeer(name: string, title: string): Peer {
  const command = [Deno.execPath(), "run", "--allow-net", `${HERE}/peer_${name}.ts`];
  return {
    name,
    title,
    product: "Deno",
    versionCommand: [Deno.execPath(), "--version"],
    command: (port) => [...command, `${port}`],
  };
}

/** nginx with one worker, for a text or for files with sendfile. */
function nginxCommand(port: number, temporary: string, root?: string): string[] {
  const temporaryPaths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${kind};`); // the default paths are writable for root only
  const content = root ? `root ${root};` : `location / { return 200 "${TEXT}"; }`;
  const folder = configure(temporary, "nginx", port, [
    "daemon off;",
    "worker_processes 1;",
    root ? "user root;" : "", // only the owner may read temporary folders
    "pid nginx.pid;",
    "error_log error.log;",
    "events { worker_connections 20000; }",
    "http {",
    ...temporaryPaths,
    "access_log off;",
    "sendfile on;",
    "keepalive_requests 1000000000;",
    `keepalive_timeout ${IDLE_SECONDS};`,
    'default_type "text/plain; charset=utf-8";',
    `server { listen ${HOST}:${port}; ${content} }`,
    "}",
  ]);
  return ["nginx", "-p", folder, "-c", "config", "-e", "error.log"];
}

function lighttpdCommand(port: number, temporary: string, root?: string): string[] {
  const folder = configure(temporary, "lighttpd", port, [
    `server.document-root = "${root}"`,
    `server.bind = "${HOST}"`,
    `server.port = ${port}`,
    "server.max-keep-alive-requests = 1000000000",
    `server.max-keep-alive-idle = ${IDLE_SECONDS}`,
    'mimetype.assign = (".txt" => "text/plain; charset=utf-8")',
  ]);
  return ["lighttpd", "-D", "-f", `${folder}/config`];
}

function caddyCommand(port: number, temporary: string, root?: string): string[] {
  const folder = configure(temporary, "caddy", port, [
    "{",
    "admin off",
    "auto_https off",
    "}",
    `http://:${port} {`,
    `bind ${HOST}`,
    `root * ${root}`,
    "file_server",
    "}",
  ]);
  const own = ["env", `XDG_DATA_HOME=${folder}`, `XDG_CONFIG_HOME=${folder}`];
  return [...own, "caddy", "run", "--adapter", "caddyfile", "--config", `${folder}/config`];
}

/** Writes the configuration of a process into a folder of its own. */
function configure(temporary: string, name: string, port: number, lines: string[]): string {
  const folder = `${temporary}/${name}-${port}`;
  Deno.mkdirSync(folder);
  Deno.writeTextFileSync(`${folder}/config`, lines.join("\n") + "\n");
  return folder;
}

// ---------------------------------------------------------------- loads

const TEXT_LOADS: readonly Load[] = [
  { name: "persistent", title: "persistent", path: "/" },
  { name: "closing", title: "one connection a request", path: "/", closing: true },
  { name: "pipelined", title: "16 pipelined", path: "/", depth: 16 },
];

/** What a browser sends with a request. */
const BROWSER_FIELDS = [
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "Accept-Language: en-US,en;q=0.5",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "DNT: 1",
  "Sec-GPC: 1",
  "Connection: keep-alive",
  "Upgrade-Insecure-Requests: 1",
  "Sec-Fetch-Dest: document",
  "Sec-Fetch-Mode: navigate",
  "Sec-Fetch-Site: none",
  "Sec-Fetch-User: ?1",
  "Priority: u=0, i",
];

const BROWSER_LOAD = { name: "browser", title: "persistent", path: "/", fields: BROWSER_FIELDS };
const PAGE_LOAD = { name: "page", title: "persistent", path: "/" };

const FILES: Readonly<Record<string, number>> = { "4k": 4096, "100k": 100_000, "5m": 5_000_000 };
const FIRST_FILE = { path: "/4k.txt", ending: TEXT_4K.slice(-80) };

const FILE_LOADS: readonly Load[] = [
  { name: "4k", title: "4 KB", path: "/4k.txt" },
  { name: "100k", title: "100 KB", path: "/100k.txt" },
  { name: "5m", title: "5 MB", path: "/5m.txt" },
];

/** The names for `--only`. */
export const MEASURES: readonly string[] = [
  ...[...TEXT_LOADS, BROWSER_LOAD, PAGE_LOAD, ...FILE_LOADS].map(({ name }) => name),
  "start",
];

function filler(length: number): string {
  return "This line has forty bytes with a space. ".repeat(length / 40 + 1)
    .slice(0, length - 1) + ".";
}

function writeFiles(root: string): string {
  Deno.mkdirSync(root);
  for (const [name, length] of Object.entries(FILES)) {
    Deno.writeTextFileSync(`${root}/${name}.txt`, filler(length));
  }
  return root;
}

// ---------------------------------------------------------------- groups

/** What is to be measured. */
export interface Choice {
  readonly only: readonly string[];
  readonly peers: readonly string[];
  /** The folder of another checkout. */
  readonly base?: string;
}

/** Prepares the groups, and returns the peers that are not installed too. */
export async function prepare(
  { only, peers, base }: Choice,
  temporary: string,
): Promise<{ groups: Group[]; missing: string[] }> {
  const versions = [PRESENT, ...base ? [await versionIn(base)] : []];
  const chosen = (loads: readonly Load[]) => loads.filter(({ name }) => only.includes(name));
  const missing = new Set<string>();
  const installed = async (list: readonly Peer[], root?: string) => {
    const servers: Server[] = [];
    for (const peer of list.filter(({ name }) => peers.includes(name))) {
      const version = await versionFrom(peer.versionCommand);
      if (version) servers.push(await serverOf(peer, version, temporary, root));
      else missing.add(peer.name);
    }
    return servers;
  };
  const groups: Group[] = [];
  const text = chosen(TEXT_LOADS);
  if (text.length > 0 || only.includes("start")) {
    const others = await installed(TEXT_PEERS);
    const variants = versions.map(variantsOf);
    const pairs = variants[0].flatMap((_, at) => variants.map((list) => list[at]));
    const servers = [...versions.map(textOf), ...others, ...text.length > 0 ? pairs : []];
    groups.push({ title: "A text", loads: text, servers });
  }
  const [bare] = await installed(TEXT_PEERS.filter(({ name }) => name === "bare"));
  if (bare && only.includes(BROWSER_LOAD.name)) {
    const servers = [{ ...textOf(PRESENT), isVariant: true }, bareOf(bare, 0)];
    groups.push({ title: "A text, asked for by a browser", loads: [BROWSER_LOAD], servers });
  }
  if (bare && only.includes(PAGE_LOAD.name)) {
    const servers = [{ ...pageOf(PRESENT), isVariant: true }, bareOf(bare, await pageBytes())];
    groups.push({ title: "The page", loads: [PAGE_LOAD], servers });
  }
  const files = chosen(FILE_LOADS);
  if (files.length > 0) {
    const root = writeFiles(`${temporary}/files`);
    const folders = versions.map((version) => folderOf(version, root));
    const servers = [...folders, text4kOf(PRESENT), ...await installed(FILE_PEERS, root)];
    groups.push({ title: "Files of a folder", loads: files, servers });
  }
  return { groups, missing: [...missing] };
}

async function serverOf(
  peer: Peer,
  version: string,
  temporary: string,
  root?: string,
): Promise<Server> {
  await peer.prepare?.(temporary);
  const { name, title, product, env } = peer;
  return {
    name,
    title,
    version: `${product} ${version}`,
    env,
    command: (port) => peer.command(port, temporary, root),
    ...root === undefined ? { path: "/", ending: TEXT } : FIRST_FILE,
  };
}
