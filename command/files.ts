/**
 * Files and folders, read whole at start: afterwards no request reaches the file system.
 *
 * @module
 */

import { messageOf } from "./log.ts";
import { mayRead, permissionHint, StartError } from "./start.ts";
import { quote, UsageError } from "./values.ts";

/** The content of a file. */
export type Octets = Uint8Array<ArrayBuffer>;

/** A folder as it was at start. */
export interface Folder {
  /** The content of each file by its path in the folder, such as `/a/b.css`. */
  readonly files: ReadonlyMap<string, Octets>;
  /** Octets in all files. */
  readonly bytes: number;
  /** Entries left out: hidden names, and links that lead out of the folder or nowhere new. */
  readonly leftOut: number;
}

/** All of it is held in memory; who serves more wants a server that reads from disk. */
const MAX_BYTES = 1024 ** 3;
/** Each costs about 3.5 KiB beside its content; links can make few files look like many. */
const MAX_ENTRIES = 100_000;

const SEPARATOR = Deno.build.os === "windows" ? "\\" : "/";

/** Why something cannot be held, as messages say it after `Cannot use --file "PATH": `. */
class Unfit extends Error {}

/** Reads the file or folder that a flag names, or says in one sentence why not. */
export function read(flag: string, path: string, embeddedRoot?: string): Octets | Folder {
  const place = locate(path, embeddedRoot);
  if (place !== path && !mayRead(place)) {
    throw new StartError(
      `Cannot use --${flag} ${quote(path)}: Deno unpacks it to ${embeddedRoot}, which may not be ` +
        "read, set TMPDIR to a folder outside of /dev, /proc and /sys",
    );
  }
  const demand = (isGranted: boolean, paths: string) => {
    if (isGranted) return;
    const remedy = permissionHint(`--allow-read=${paths}`);
    throw new StartError(`Cannot use --${flag} ${quote(path)}: permission missing, ${remedy}`);
  };
  demand(mayRead(place), path);
  try {
    const real = Deno.realPathSync(place);
    demand(mayRead(real), `${path},${real}`); // a link needs both
    return new Reading(place, real, place !== path).all();
  } catch (error) {
    if (error instanceof StartError) throw error;
    const reason = error instanceof Unfit
      ? error.message
      : `expected a readable file or folder (${messageOf(error)})`;
    throw new UsageError(`Cannot use --${flag} ${quote(path)}: ${reason}`);
  }
}

/** The program itself is embedded under these names; nobody means to serve it. */
export const OWN_FILES: readonly string[] = ["main.ts", "server.ts", "command", "deno.json"];

/**
 * In an executable, a relative path means what was embedded on purpose under that name, if
 * anything was. Where that cannot be told, `read()` says why.
 */
export function locate(path: string, embeddedRoot: string | undefined): string {
  const isBelow = !/^([/\\]|[A-Za-z]:)|(^|[/\\])\.\.([/\\]|$)/.test(path);
  const [first] = path.split(/[/\\]/).filter((name) => name !== "" && name !== ".");
  const isOwn = first === undefined || OWN_FILES.includes(first.toLowerCase());
  if (embeddedRoot === undefined || !isBelow || isOwn) return path;
  const embedded = `${embeddedRoot}/${path}`;
  try {
    Deno.statSync(embedded);
    return embedded;
  } catch (error) {
    return error instanceof Deno.errors.NotCapable ? embedded : path;
  }
}

/** The state of one reading: where it is, and how much it holds. */
class Reading {
  readonly #root: string;
  readonly #realRoot: string;
  readonly #isEmbedded: boolean;
  readonly #files = new Map<string, Octets>();
  #bytes = 0;
  #entries = 0;
  #leftOut = 0;

  constructor(root: string, realRoot: string, isEmbedded: boolean) {
    this.#root = root;
    this.#realRoot = realRoot;
    this.#isEmbedded = isEmbedded;
  }

  all(): Octets | Folder {
    const info = Deno.statSync(this.#root);
    if (!info.isDirectory) return this.#file(this.#root, "", info);
    this.#folder(this.#root, "/", [this.#realRoot]);
    if (this.#files.size === 0) throw new Unfit("expected a folder with files in it");
    return { files: this.#files, bytes: this.#bytes, leftOut: this.#leftOut };
  }

  /** Goes through a folder; `above` are the real paths of those that it lies in. */
  #folder(place: string, path: string, above: string[]): void {
    for (const { name } of [...Deno.readDirSync(place)].sort(byName)) {
      if (++this.#entries > MAX_ENTRIES) {
        throw new Unfit(`expected at most ${MAX_ENTRIES} files and folders`);
      }
      const isHidden = name.startsWith(".") && name !== ".well-known";
      const kept = !isHidden && this.#entry(`${place}${SEPARATOR}${name}`, path + name, above);
      if (!kept) this.#leftOut++;
    }
  }

  /** Takes a file or folder, unless a link leads from it where it should not. */
  #entry(place: string, path: string, above: string[]): boolean {
    try {
      const real = realPath(place, this.#isEmbedded);
      const leadsAway = real === undefined || !isWithin(this.#realRoot, real);
      if (leadsAway || above.includes(real)) return false;
      const info = Deno.statSync(place);
      if (info.isDirectory) this.#folder(place, `${path}/`, [...above, real]);
      else this.#files.set(path, this.#file(place, path, info));
      if (realPath(place, this.#isEmbedded) !== real) throw changed(path);
      return true;
    } catch (error) {
      if (error instanceof Unfit) throw error;
      throw new Unfit(`expected readable files, not ${quote(path)} (${messageOf(error)})`);
    }
  }

  #file(place: string, path: string, info: Deno.FileInfo): Octets {
    if (!info.isFile) {
      throw new Unfit(`expected a regular file or a folder${after(", not ", path)}`);
    }
    this.#bytes += info.size;
    if (this.#bytes > MAX_BYTES) throw new Unfit("expected at most 1 GiB in all");
    const octets = this.#isEmbedded ? Deno.readFileSync(place) : readUnchanged(place, info);
    if (octets === undefined) throw changed(path);
    return octets;
  }
}

function changed(path: string): Unfit {
  return new Unfit(`expected no change while it is read${after(": ", path)}`);
}

/** Which file of a folder is meant; a file on its own has been named. */
function after(words: string, path: string): string {
  return path === "" ? "" : words + quote(path);
}

function byName(a: Deno.DirEntry, b: Deno.DirEntry): number {
  return a.name < b.name ? -1 : 1;
}

/**
 * Where a path leads in the end; nowhere, if its links go round in a circle. Embedded links that
 * lead nowhere fail in several ways, and cannot be mended any more.
 */
function realPath(place: string, isEmbedded: boolean): string | undefined {
  try {
    return Deno.realPathSync(place);
  } catch (error) {
    if (isEmbedded || error instanceof Deno.errors.FilesystemLoop) return undefined;
    throw error;
  }
}

function isWithin(root: string, real: string): boolean {
  return real === root || real.startsWith(root.endsWith(SEPARATOR) ? root : root + SEPARATOR);
}

/** The content of a file, unless that is another by now, or grows, or shrinks. */
export function readUnchanged(place: string, expected: Deno.FileInfo): Octets | undefined {
  using file = Deno.openSync(place);
  const octets = new Uint8Array(expected.size);
  let length = 0;
  for (let count; (count = file.readSync(octets.subarray(length)) ?? 0) > 0;) length += count;
  const hasMore = file.readSync(new Uint8Array(1)) !== null;
  const info = file.statSync();
  const isSame = info.ino === expected.ino && info.dev === expected.dev &&
    info.mtime?.getTime() === expected.mtime?.getTime();
  return isSame && !hasMore && length === octets.length ? octets : undefined;
}
