/**
 * Reads files and folders into memory, so that no request reaches the file system. A look finds all
 * files and reads none, which is enough to notice a change. One bad entry never refuses the rest.
 *
 * @module
 */

import { messageOf, quote } from "../replies/text.ts";
import { realPathOf, type Source, UnusableFile, useEmbedded } from "./source.ts";
import type { Steps } from "./steps.ts";

/** The content of a file. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** A file as it was when it was read. */
export interface FileSnapshot {
  /** The content. */
  readonly content: Bytes;
  /** When it was last modified; `null` if the file system does not know. */
  readonly modified: Date | null;
  /** Another string for each version of the file. */
  readonly version: string;
}

/** A folder as it was when it was read. */
export interface FolderSnapshot {
  /** The files by their paths in the folder, such as `/a/b.css`, in no order. */
  readonly files: ReadonlyMap<string, FileSnapshot>;
  /** The paths of all folders, such as `/` and `/a/`, in no order. */
  readonly folders: readonly string[];
  /** The size of all files together. */
  readonly bytes: number;
  /** How many entries were left out for each reason. */
  readonly leftOut: ReadonlyMap<Reason, number>;
}

/** A file or folder as it was when it was read. */
export type Snapshot = FileSnapshot | FolderSnapshot;

/** The reasons for leaving out entries of a folder, in the words of messages. */
const REASONS = [
  "hidden",
  "not readable",
  "vanished",
  "not named in UTF-8",
  "linked outside",
  "linked nowhere",
  "linked in a circle",
  "neither file nor folder",
] as const;

/** Why an entry of a folder is left out. */
export type Reason = typeof REASONS[number];

/** All content is in memory. A larger folder needs a server that reads from disk. */
const MAX_BYTES = 1024 ** 3;
/** An entry costs about 3.5 KiB besides its content, and links can multiply entries. */
const MAX_ENTRIES = 100_000;
/** The most that is read and compared in one step. */
const PIECE_BYTES = 1024 * 1024;
/** How often a file is read that changes meanwhile. After that it is taken as it is. */
const MAX_ATTEMPTS = 3;
/**
 * A file that changed just now can change again and keep its times: the clocks of file systems tick
 * every few milliseconds, and Deno rounds the time of a status change to seconds.
 */
const SETTLED_MS = 3000;
/** The system is short of something, which says nothing about a file. */
const SHORTAGES: readonly unknown[] = ["EMFILE", "ENFILE", "ENOMEM"];

const SEPARATOR = Deno.build.os === "windows" ? "\\" : "/";

// ---------------------------------------------------------------- looking

/** What is at a path now. */
interface Place {
  /** The path without links. */
  readonly real: string;
  readonly info: Deno.FileInfo;
  /** Another string for each version of the entry, or if a link leads elsewhere. */
  readonly version: string;
}

/** A file that was found. */
interface FoundFile extends Place {
  /** Its path in the folder; empty for a single file. */
  readonly path: string;
  /** Its path on the disk, which may be that of a link. */
  readonly diskPath: string;
}

/** A folder that was found. */
interface FoundFolder {
  /** The path without links. */
  readonly real: string;
  /** Its path in the folder that is read, with a slash at its end. */
  readonly path: string;
  readonly entries: Iterable<Deno.DirEntry>;
}

/** What a file or folder consists of. No file was read. */
export interface Look {
  /** False for a single file. */
  readonly isFolder: boolean;
  /** The real path of the file or folder. */
  readonly root: string;
  /** The files, in no order. */
  readonly files: readonly FoundFile[];
  /** The paths of all folders, in no order. */
  readonly folders: readonly string[];
  /** How many entries were left out for each reason. */
  readonly leftOut: ReadonlyMap<Reason, number>;
  /** A string for each file and folder by its path: another one if it is another, or has changed. */
  readonly versions: ReadonlyMap<string, string>;
}

/**
 * Looks at a file or folder without reading files.
 *
 * @throws {UnusableFile} If there is more in it than fits into memory.
 */
export function look({ diskPath }: Source): Steps<Look> {
  return new Looking(realPathOf(diskPath)).steps();
}

/** True if nothing has changed between two looks. */
export function* isSameLook(a: Look["versions"], b: Look["versions"]): Steps<boolean> {
  if (a.size !== b.size) return false;
  for (const [path, version] of a) {
    yield;
    if (b.get(path) !== version) return false;
  }
  return true;
}

/** One look. It follows links that stay in the folder. */
class Looking implements Look {
  isFolder = false;
  readonly files: FoundFile[] = [];
  readonly folders: string[] = [];
  readonly leftOut = new Map<Reason, number>();
  readonly versions = new Map<string, string>();
  #bytes = 0;
  #entries = 0;

  constructor(readonly root: string) {}

  *steps(): Steps<Look> {
    const info = Deno.statSync(this.root);
    this.isFolder = info.isDirectory;
    if (info.isDirectory) {
      const entries = Deno.readDirSync(this.root);
      yield* this.#list({ real: this.root, path: "/", entries }, []);
    } else if (info.isFile) this.#add("", this.root, placeOf(this.root, this.root) as Place);
    else throw new UnusableFile("expected a regular file or a folder");
    return this;
  }

  /** Looks at the entries of a folder; `above` has the real paths of the folders around it. */
  *#list({ real, path, entries }: FoundFolder, above: readonly string[]): Steps<void> {
    this.folders.push(path);
    const around = [...above, real];
    for (const { name } of entries) {
      if (++this.#entries > MAX_ENTRIES) {
        throw new UnusableFile(`expected at most ${MAX_ENTRIES} files and folders`);
      }
      yield;
      const isHidden = name.startsWith(".") && name !== ".well-known";
      const visited = isHidden ? "hidden" : this.#visit(joined(real, name), path + name, around);
      if (typeof visited === "string") count(this.leftOut, visited);
      else if (visited !== undefined) yield* this.#list(visited, around);
    }
  }

  /** Adds a file, or returns the folder to list, or the reason to leave an entry out. */
  #visit(
    diskPath: string,
    path: string,
    above: readonly string[],
  ): FoundFolder | Reason | undefined {
    try {
      const place = placeOf(diskPath, this.root);
      if (typeof place === "string") return place;
      const { real, info } = place;
      if (info.isFile) return this.#add(path, diskPath, place);
      if (!info.isDirectory) return "neither file nor folder";
      if (above.includes(real)) return "linked in a circle";
      const entries = Deno.readDirSync(real);
      if (Deno.realPathSync(real) !== real) return "vanished"; // a link in its place leads elsewhere
      this.versions.set(path, `${info.dev},${info.ino},${info.mode},${real}`);
      return { real, path: `${path}/`, entries };
    } catch (error) {
      return reasonToLeaveOut(path, error);
    }
  }

  #add(path: string, diskPath: string, place: Place): undefined {
    this.#bytes += place.info.size;
    checkSize(this.#bytes);
    this.files.push({ path, diskPath, ...place });
    this.versions.set(path, place.version);
  }
}

function checkSize(bytes: number): void {
  if (bytes > MAX_BYTES) throw new UnusableFile("expected at most 1 GiB in all");
}

function count(counts: Map<Reason, number>, reason: Reason): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}

function joined(folder: string, name: string): string {
  return folder.endsWith(SEPARATOR) ? folder + name : folder + SEPARATOR + name;
}

/** What is at a path whose folder is a real path, or the reason to leave it out. */
function placeOf(diskPath: string, root: string): Place | Reason {
  const info = Deno.lstatSync(diskPath);
  if (!info.isSymlink) return { real: diskPath, info, version: versionOf(info) };
  const real = linkTarget(diskPath);
  if (real === undefined) return "linked nowhere";
  if (!isWithin(root, real)) return "linked outside";
  const target = Deno.statSync(real);
  return { real, info: target, version: `${versionOf(target)},${real}` };
}

/** The real path behind a link; `undefined` if it is missing, not permitted, or a circle. */
function linkTarget(diskPath: string): string | undefined {
  try {
    return Deno.realPathSync(diskPath);
  } catch {
    return undefined;
  }
}

function isWithin(root: string, real: string): boolean {
  return real === root || real.startsWith(joined(root, ""));
}

/** Deno replaces what is not UTF-8 in names by U+FFFD, and then finds no such file. */
function reasonToLeaveOut(path: string, error: unknown): Reason {
  const { code } = error as { code?: unknown };
  if (error instanceof Deno.errors.NotCapable) return "not readable";
  if (typeof code !== "string") throw error; // not of the file system
  if (SHORTAGES.includes(code)) {
    throw new UnusableFile(`expected readable files, not ${quote(path)} (${messageOf(error)})`);
  }
  if (code !== "ENOENT" && code !== "ENOTDIR") return "not readable";
  return path.includes("\ufffd") ? "not named in UTF-8" : "vanished";
}

/** A string that differs for each version of an entry, and once more when it has settled. */
function versionOf({ dev, ino, size, mode, mtime, ctime }: Deno.FileInfo): string {
  const [modified, changed] = [mtime?.getTime() ?? NaN, ctime?.getTime() ?? NaN];
  const now = Date.now();
  const isSettled = mtime !== null &&
    !(Math.abs(now - modified) < SETTLED_MS || Math.abs(now - changed) < SETTLED_MS);
  const version = `${dev},${ino},${size},${mode},${modified},${changed}`;
  return isSettled ? version : UNSETTLED + version;
}

/** Begins the version of a file that can change again unnoticed. */
const UNSETTLED = "unsettled ";

// ---------------------------------------------------------------- reading

/** What is needed of an open file. */
interface OpenFile extends Disposable {
  readSync(into: Uint8Array): number | null;
  statSync(): Pick<Deno.FileInfo, "isFile" | "dev" | "ino" | "size" | "mtime">;
}

/** Opens a file to read it. */
export type OpenSync = (path: string) => OpenFile;

/** What a reading may use. */
export interface ReadOptions {
  /** The result of the last reading; unchanged files are taken from it. */
  readonly previous?: Snapshot;
  /** Opens files; `Deno.openSync()` by default, which waits for ever if it is given a FIFO. */
  readonly open?: OpenSync;
}

/**
 * Reads all files that a look has found.
 *
 * @throws {UnusableFile} If it is a folder without files that can be read.
 */
export function* read(source: Source, found: Look, options: ReadOptions = {}): Steps<Snapshot> {
  const reading = new Reading(source, found, options);
  return yield* found.isFolder ? reading.folder() : reading.single();
}

/** One reading. */
class Reading {
  readonly #isEmbedded: boolean;
  readonly #found: Look;
  readonly #previous: Snapshot | undefined;
  readonly #open: OpenSync;
  #bytes = 0;

  constructor(source: Source, found: Look, { previous, open = Deno.openSync }: ReadOptions) {
    this.#isEmbedded = source.isEmbedded;
    this.#found = found;
    this.#previous = previous;
    this.#open = open;
  }

  *single(): Steps<FileSnapshot> {
    const known = this.#previous !== undefined && "content" in this.#previous
      ? this.#previous
      : undefined;
    const file = yield* this.#read(this.#found.files[0], known);
    if (typeof file !== "string") return file;
    throw new UnusableFile(`expected a readable file, not one that is ${file}`);
  }

  *folder(): Steps<FolderSnapshot> {
    const files = new Map<string, FileSnapshot>();
    const leftOut = new Map(this.#found.leftOut);
    const known = this.#previous !== undefined && "files" in this.#previous
      ? this.#previous.files
      : undefined;
    for (const found of this.#found.files) {
      let file: FileSnapshot | Reason;
      try {
        file = yield* this.#read(found, known?.get(found.path));
      } catch (error) {
        file = reasonToLeaveOut(found.path, error);
      }
      if (typeof file === "string") count(leftOut, file);
      else files.set(found.path, file);
    }
    if (files.size === 0) {
      throw new UnusableFile(`expected a folder with files in it${leftOutText(leftOut)}`);
    }
    return { files, folders: this.#found.folders, bytes: this.#bytes, leftOut };
  }

  /** Reads a file, unless the last reading has this version of it; or returns why it is left out. */
  *#read(found: FoundFile, known?: FileSnapshot): Steps<FileSnapshot | Reason> {
    let place: Place = found;
    for (let attempt = 1;; attempt++) {
      yield;
      const { version } = place;
      checkSize(this.#bytes + place.info.size);
      const isKnown = known?.version === version && !version.startsWith(UNSETTLED);
      const result = isKnown
        ? { content: known.content, hasChanged: false }
        : this.#isEmbedded
        ? { content: useEmbedded(place.real, Deno.readFileSync), hasChanged: false }
        : yield* readContent(place, known?.content, this.#open);
      if (result !== undefined && (!result.hasChanged || attempt === MAX_ATTEMPTS)) {
        this.#bytes += result.content.length;
        return isKnown ? known : { content: result.content, modified: place.info.mtime, version };
      }
      if (attempt === MAX_ATTEMPTS) return "vanished";
      const now = placeOf(found.diskPath, this.#found.root);
      if (typeof now === "string") return now;
      if (!now.info.isFile) return "neither file nor folder";
      place = now;
    }
  }
}

/** What was read of a file. */
interface Content {
  /** The content; the known array if it is equal to that. */
  readonly content: Bytes;
  /** True if the file was changed meanwhile. One that grew was not: it is read up to its size. */
  readonly hasChanged: boolean;
}

/** Reads a file in steps. Without a result, another file or none is at this path now. */
function* readContent(
  { real, info }: Place,
  known: Bytes | undefined,
  open: OpenSync,
): Steps<Content | undefined> {
  using file = open(real);
  const content = new Uint8Array(info.size);
  let isKnown = known?.length === content.length;
  let length = 0;
  while (length < content.length) {
    const count = file.readSync(content.subarray(length, length + PIECE_BYTES)) ?? 0;
    if (count === 0) break;
    isKnown &&= isEqual(content, known!, length, length + count);
    length += count;
    if (length < content.length) yield;
  }
  const { isFile, dev, ino, size, mtime } = file.statSync();
  if (!isFile || ino !== info.ino || dev !== info.dev) return undefined;
  if (Deno.realPathSync(real) !== real) return undefined; // a link on the way leads elsewhere now
  const hasChanged = length < content.length ||
    size <= info.size && mtime?.getTime() !== info.mtime?.getTime();
  return { content: isKnown ? known! : content.subarray(0, length), hasChanged };
}

function isEqual(a: Bytes, b: Bytes, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** The end of a sentence about a folder: what was left out of it. */
export function leftOutText(leftOut: FolderSnapshot["leftOut"]): string {
  if (leftOut.size === 0) return "";
  const reasons = REASONS.filter((reason) => leftOut.has(reason));
  return `; left out: ${reasons.map((reason) => `${leftOut.get(reason)} ${reason}`).join(", ")}`;
}
