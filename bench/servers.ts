/**
 * The servers to compare: Firstline in its variants, an older Firstline, and the peers that this
 * machine has; and what they are asked for.
 */

import manifest from "../deno.json" with { type: "json" };
import { HOST } from "../tests/clients.ts";
import { firstline } from "../tests/process.ts";
import { output, versionFrom } from "./command.ts";
import { IDLE_CONNECTIONS, type Load } from "./load.ts";

const HERE = import.meta.dirname;
const TEXT = "Hello world!";
const TEXT_4K = filler(4 * 1024);
/** Longer than a run: idle connections are to stay while their memory is measured. */
const IDLE_SECONDS = "3600";
const MANY_FILES = 10_000;

/** A server to measure. */
export interface Server {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  /** What it is asked first, and how its answer ends, which shows that it is the right one. */
  readonly path: string;
  readonly ending: string;
  /** The one load that it can take; all by default. */
  readonly load?: string;
  /** True if another row stands for its start and its memory at rest. */
  readonly variant?: boolean;
  /** True if it answers in processes that end before their time could be read. */
  readonly forks?: boolean;
  readonly env?: Record<string, string>;
  /** What becomes of its standard output; a pipe is read and forgotten. */
  readonly stdout?: "null" | "piped";
  command(port: number): string[];
}

/** Servers that are compared with the first of them. */
export interface Group {
  readonly title: string;
  readonly loads: readonly Load[];
  /** True if idle connections are held as well. */
  readonly crowd?: boolean;
  readonly servers: readonly Server[];
}

// ---------------------------------------------------------------- Firstline

/** A Firstline: where its `main.ts` lies, and how a report calls it. */
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

/** Another checkout, to compare with. */
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
  const limits = ["--max-connections", `${2 * IDLE_CONNECTIONS}`, "--idle-timeout", IDLE_SECONDS];
  return {
    name: `${name} ${what}`,
    title: `${title}, ${what}`,
    version,
    path: "/",
    ending: TEXT,
    command: (port) => {
      const args = ["--host", HOST, "--port", `${port}`, ...limits, ...flags];
      return firstline(args, ["--allow-net", "--allow-read"], folder);
    },
    ...more,
  };
}

/** The fixed text without an access log: the one that all others are compared with. */
function textOf(version: Version): Server {
  return firstlineServer(version, "text", ["--quiet", "--text", TEXT]);
}

function variantsOf(version: Version): Server[] {
  const variant = (what: string, flags: string[], more: Partial<Server> = {}) =>
    firstlineServer(version, what, flags, { variant: true, ...more });
  const page = { ending: "</html>" };
  return [
    variant("text, access log", ["--text", TEXT]),
    variant("text, access log to a pipe", ["--text", TEXT], { stdout: "piped" }),
    variant("page", ["--quiet"], page),
    variant("page, access log", [], page),
  ];
}

function folderOf(version: Version, root: string, path: string): Server {
  const file = { path, ending: TEXT_4K.slice(-80) };
  return firstlineServer(version, "folder", ["--quiet", "--file", root], file);
}

function text4kOf(version: Version, path: string, load: string): Server {
  const more = { path, ending: TEXT_4K.slice(-80), load, variant: true };
  return firstlineServer(version, "text of 4 KB", ["--quiet", "--text", TEXT_4K], more);
}

// ---------------------------------------------------------------- the others

/** A server by others. */
interface Peer {
  readonly name: string;
  readonly title: string;
  readonly product: string;
  /** Prints the version of the product. */
  readonly versionCommand: readonly string[];
  /** Makes what it needs, in a folder that goes away afterwards. */
  prepare?(box: string): Promise<unknown>;
  /** To serve the files in `root`, or the text if that is undefined. */
  command(port: number, box: string, root?: string): string[];
  readonly forks?: boolean;
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
    prepare: (box) => output("go", "build", "-o", `${box}/go`, `${HERE}/peer.go`),
    command: (port, box) => [`${box}/go`, `${port}`],
    env: { GOMAXPROCS: "1" },
  },
  {
    name: "node",
    title: "node:http",
    product: "Node.js",
    versionCommand: ["node", "--version"],
    command: (port) => ["node", `${HERE}/peer_node.mjs`, `${port}`],
  },
  {
    name: "python",
    title: "Python http.server",
    product: "Python",
    versionCommand: ["python3", "--version"],
    command: (port) => ["python3", `${HERE}/peer.py`, `${port}`],
  },
];

/** All from Debian's packages. */
const FILE_PEERS: readonly Peer[] = [
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
    command: (port, _box, root) => {
      const where = ["--addr", HOST, "--port", `${port}`];
      return ["darkhttpd", `${root}`, ...where, "--log", "/dev/null", "--timeout", IDLE_SECONDS];
    },
  },
  {
    name: "busybox",
    title: "busybox httpd, a process and a connection each",
    product: "BusyBox",
    versionCommand: ["busybox"],
    command: (port, _box, root) => ["busybox", "httpd", "-f", "-p", `${HOST}:${port}`, "-h", root!],
    forks: true,
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
  return {
    name,
    title,
    product: "Deno",
    versionCommand: [Deno.execPath(), "--version"],
    command: (
      port,
    ) => [Deno.execPath(), "run", "--allow-net", `${HERE}/peer_${name}.ts`, `${port}`],
  };
}

/** The same for text and for files: sendfile is what it is known for. */
function nginxCommand(port: number, box: string, root?: string): string[] {
  const temporaryPaths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${kind};`); // by default where only root may write
  const answer = root ? `root ${root};` : `location / { return 200 "${TEXT}"; }`;
  const folder = configure(box, "nginx", port, [
    "daemon off;",
    "worker_processes 1;",
    root ? "user root;" : "", // temporary folders are their owner's alone
    "pid nginx.pid;",
    "error_log error.log;",
    `events { worker_connections ${2 * IDLE_CONNECTIONS}; }`,
    "http {",
    ...temporaryPaths,
    "access_log off;",
    "sendfile on;",
    "keepalive_requests 1000000000;",
    `keepalive_timeout ${IDLE_SECONDS};`,
    'default_type "text/plain; charset=utf-8";',
    `server { listen ${HOST}:${port}; ${answer} }`,
    "}",
  ]);
  return ["nginx", "-p", folder, "-c", "config", "-e", "error.log"];
}

function lighttpdCommand(port: number, box: string, root?: string): string[] {
  const folder = configure(box, "lighttpd", port, [
    `server.document-root = "${root}"`,
    `server.bind = "${HOST}"`,
    `server.port = ${port}`,
    "server.max-keep-alive-requests = 1000000000",
    `server.max-keep-alive-idle = ${IDLE_SECONDS}`,
    'mimetype.assign = (".txt" => "text/plain; charset=utf-8")',
  ]);
  return ["lighttpd", "-D", "-f", `${folder}/config`];
}

function caddyCommand(port: number, box: string, root?: string): string[] {
  const folder = configure(box, "caddy", port, [
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

/** Writes a configuration of its own for each process. */
function configure(box: string, name: string, port: number, lines: string[]): string {
  const folder = `${box}/${name}-${port}`;
  Deno.mkdirSync(folder);
  Deno.writeTextFileSync(`${folder}/config`, lines.join("\n") + "\n");
  return folder;
}

// ---------------------------------------------------------------- what is asked

const TEXT_LOADS: readonly Load[] = [
  { name: "persistent", title: "persistent", paths: ["/"] },
  { name: "closing", title: "one connection a request", paths: ["/"], closing: true },
  { name: "pipelined", title: "16 pipelined", paths: ["/"], depth: 16 },
];

const FILES: Readonly<Record<string, number>> = { "4k": 4096, "100k": 100_000, "5m": 5_000_000 };

const FILE_LOADS: readonly Load[] = [
  { name: "4k", title: "4 KB", paths: ["/4k.txt"] },
  { name: "100k", title: "100 KB", paths: ["/100k.txt"] },
  { name: "5m", title: "5 MB", paths: ["/5m.txt"] },
  { name: "mix", title: "70 of 4 KB, 29 of 100 KB, 1 of 5 MB", paths: mix(70, 29, 1) },
];

const MANY_LOAD: Load = {
  name: "many",
  title: "each in turn",
  paths: Array.from({ length: MANY_FILES }, (_, index) => manyPath(index * 7919 % MANY_FILES)),
};

/** What `--only` may name. */
export const MEASURES: readonly string[] = [
  ...[...TEXT_LOADS, ...FILE_LOADS, MANY_LOAD].map(({ name }) => name),
  "start",
  "crowd",
];

/** Spread evenly, so that large files do not come together. */
function mix(...counts: number[]): string[] {
  const names = Object.keys(FILES);
  return counts.flatMap((count, kind) =>
    Array.from({ length: count }, (_, at) => ({ path: `/${names[kind]}.txt`, at: at / count }))
  ).sort((a, b) => a.at - b.at).map(({ path }) => path);
}

function manyPath(index: number): string {
  return `/f${index}.txt`;
}

function filler(length: number): string {
  return "This line of forty octets fills a file. ".repeat(length / 40 + 1).slice(0, length - 1) +
    ".";
}

function writeFiles(root: string): string {
  Deno.mkdirSync(root);
  for (const [name, length] of Object.entries(FILES)) {
    Deno.writeTextFileSync(`${root}/${name}.txt`, filler(length));
  }
  return root;
}

function writeManyFiles(root: string): string {
  Deno.mkdirSync(root);
  for (let index = 0; index < MANY_FILES; index++) {
    Deno.writeTextFileSync(root + manyPath(index), TEXT_4K);
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

/** The groups with something to measure, their servers ready; and the peers not found here. */
export async function prepare(
  { only, peers, base }: Choice,
  box: string,
): Promise<{ groups: Group[]; missing: string[] }> {
  const versions = [PRESENT, ...base ? [await versionIn(base)] : []];
  const chosen = (loads: readonly Load[]) => loads.filter(({ name }) => only.includes(name));
  const missing = new Set<string>();
  const found = async (list: readonly Peer[], root?: string) => {
    const servers: Server[] = [];
    for (const peer of list.filter(({ name }) => peers.includes(name))) {
      const version = await versionFrom(peer.versionCommand);
      if (version) servers.push(await ready(peer, version, box, root));
      else missing.add(peer.name);
    }
    return servers;
  };
  const groups: Group[] = [];
  const text = chosen(TEXT_LOADS);
  if (text.length > 0 || only.includes("crowd") || only.includes("start")) {
    const others = await found(TEXT_PEERS);
    const variants = versions.map(variantsOf);
    const pairs = variants[0].flatMap((_, at) => variants.map((list) => list[at]));
    const servers = [...versions.map(textOf), ...others, ...text.length > 0 ? pairs : []];
    groups.push({ title: "A text", loads: text, crowd: only.includes("crowd"), servers });
  }
  const files = chosen(FILE_LOADS);
  if (files.length > 0) {
    const root = writeFiles(`${box}/files`);
    const folders = versions.map((version) => folderOf(version, root, "/4k.txt"));
    const servers = [...folders, text4kOf(PRESENT, "/", "4k"), ...await found(FILE_PEERS, root)];
    groups.push({ title: "Files of a folder", loads: files, servers });
  }
  if (only.includes("many")) {
    const root = writeManyFiles(`${box}/many`);
    const folders = versions.map((version) => folderOf(version, root, manyPath(0)));
    const servers = [...folders, text4kOf(PRESENT, "/", "many"), ...await found(FILE_PEERS, root)];
    groups.push({ title: `A folder of ${MANY_FILES} files of 4 KB`, loads: [MANY_LOAD], servers });
  }
  return { groups, missing: [...missing] };
}

async function ready(peer: Peer, version: string, box: string, root?: string): Promise<Server> {
  await peer.prepare?.(box);
  const { name, title, product, env, forks } = peer;
  return {
    name,
    title,
    version: `${product} ${version}`,
    path: root === undefined ? "/" : root.endsWith("many") ? manyPath(0) : "/4k.txt",
    ending: root === undefined ? TEXT : TEXT_4K.slice(-80),
    forks,
    env,
    command: (port) => peer.command(port, box, root),
  };
}
