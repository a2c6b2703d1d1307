/**
 * The servers to compare: Firstline in its variants, and the peers that this machine has.
 */

import manifest from "../deno.json" with { type: "json" };
import { output } from "./command.ts";
import { HOST, IDLE_CONNECTIONS } from "./load.ts";
import type { Launch } from "./process.ts";

const HERE = import.meta.dirname;
const TEXT = "Hello world!";
/** Longer than a run: idle connections are to stay while their memory is measured. */
const IDLE_SECONDS = "3600";

/** A server to measure. */
export interface Server {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  /** True if another row stands for its memory at rest and its start. */
  readonly variant?: boolean;
  launch(port: number): Launch;
}

/** The fixed text without an access log comes first: the one that all others are compared to. */
export const FIRSTLINE: readonly Server[] = [
  firstline("firstline", "text", ["--quiet", "--text", TEXT], TEXT),
  firstline("firstline-log", "text, access log on", ["--text", TEXT], TEXT),
  firstline("firstline-log-pipe", "text, access log on, to a pipe", ["--text", TEXT], TEXT),
  firstline("firstline-page", "page", ["--quiet"], "</html>"),
  firstline("firstline-page-log", "page, access log on", [], "</html>"),
];

function firstline(name: string, what: string, flags: string[], ending: string): Server {
  const limits = ["--max-connections", `${2 * IDLE_CONNECTIONS}`, "--idle-timeout", IDLE_SECONDS];
  // The import map in use here is passed on; modules from npm resolve to a file once loaded.
  const withNpm = /^(npm|file):/.test(import.meta.resolve("@std/cli/parse-args"));
  const map = withNpm ? [`--import-map=${HERE}/../.ci/npm_imports.json`] : [];
  const run = [Deno.execPath(), "run", "--allow-net", ...map, `${HERE}/../main.ts`];
  return {
    name,
    title: `Firstline, ${what}`,
    version: `Firstline ${manifest.version} on Deno ${Deno.version.deno}`,
    variant: name !== "firstline",
    launch: (port) => ({
      command: [...run, "--host", HOST, "--port", `${port}`, ...limits, ...flags],
      ending,
      stdout: name.endsWith("pipe") ? "piped" : "null",
    }),
  };
}

/** A server by others. */
interface Peer {
  readonly name: string;
  readonly title: string;
  readonly product: string;
  /** Prints the version of the product. */
  readonly versionCommand: readonly string[];
  /** Makes what it needs, in a directory that goes away afterwards. */
  prepare?(directory: string): Promise<unknown>;
  command(port: number, directory: string): string[];
  readonly env?: Record<string, string>;
}

const PEERS: readonly Peer[] = [
  denoPeer("serve", "Deno.serve"),
  denoPeer("bare", "bare `Deno.listen` loop"),
  {
    name: "nginx",
    title: "nginx `return 200`",
    product: "nginx",
    versionCommand: ["nginx", "-v"],
    command: nginxCommand,
  },
  {
    name: "go",
    title: "Go net/http",
    product: "Go",
    versionCommand: ["go", "version"],
    prepare: (directory) => output("go", "build", "-o", `${directory}/go`, `${HERE}/peer.go`),
    command: (port, directory) => [`${directory}/go`, `${port}`],
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

function denoPeer(name: string, title: string): Peer {
  const run = [Deno.execPath(), "run", "--allow-net", `${HERE}/peer_${name}.ts`];
  return {
    name,
    title,
    product: "Deno",
    versionCommand: [Deno.execPath(), "--version"],
    command: (port) => [...run, `${port}`],
  };
}

export const PEER_NAMES: readonly string[] = PEERS.map(({ name }) => name);

/** Finds the named peers and makes them ready; `missing` are those that are not installed. */
export async function findPeers(
  names: readonly string[],
  directory: string,
): Promise<{ found: Server[]; missing: string[] }> {
  const found: Server[] = [];
  const missing: string[] = [];
  for (const peer of PEERS.filter(({ name }) => names.includes(name))) {
    const version = await versionFrom(peer.versionCommand);
    if (version === undefined) missing.push(peer.name);
    else found.push(await ready(peer, version, directory));
  }
  return { found, missing };
}

async function ready(peer: Peer, version: string, directory: string): Promise<Server> {
  await peer.prepare?.(directory);
  const { name, title, product, env } = peer;
  return {
    name,
    title,
    version: `${product} ${version}`,
    launch: (port) => ({
      command: peer.command(port, directory),
      env,
      ending: TEXT,
      stdout: "null",
    }),
  };
}

/** Undefined if the command is not in the PATH. */
export async function versionFrom(command: readonly string[]): Promise<string | undefined> {
  try {
    return /\d+(\.\d+)+/.exec(await output(...command))?.[0];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function nginxCommand(port: number, directory: string): string[] {
  const prefix = `${directory}/nginx-${port}`;
  Deno.mkdirSync(prefix);
  const temporaryPaths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${kind};`); // by default where only root may write
  Deno.writeTextFileSync(
    `${prefix}/nginx.conf`,
    `daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events { worker_connections ${2 * IDLE_CONNECTIONS}; }
http {
  ${temporaryPaths.join(" ")}
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout ${IDLE_SECONDS};
  default_type "text/plain; charset=utf-8";
  server { listen ${HOST}:${port}; location / { return 200 "${TEXT}"; } }
}
`,
  );
  return ["nginx", "-p", prefix, "-c", "nginx.conf", "-e", "error.log"];
}
