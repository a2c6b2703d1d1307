/**
 * Reads files and folders into memory, so that no request reaches the file system.
 *
 * @module
 */

import { sleep } from "../replies/delay.ts";
import { messageOf, quote, StartError, UsageError } from "../replies/text.ts";
import { BlockedFile, isRelative, locate, useEmbedded } from "./embedded.ts";
import { mayRead, permissionHint } from "./permissions.ts";

/** The content of a file. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** A file as it was when it was read. */
export interface HeldFile {
  /** The content. */
  readonly content: Bytes;
  /** When it was last modified; `null` if the file system does not know. */
  readonly modified: Date | null;
  /** Another string for each version of the file; empty if a change could be missed. */
  readonly version: string;
}

/** A folder as it was when it was read. */
export interface Folder {
  /** The files by their paths in the folder, such as `/a/b.css`. */
  readonly files: ReadonlyMap<string, HeldFile>;
  /** The paths of all folders, such as `/` and `/a/`. */
  readonly folders: readonly string[];
  /** The size of all files together. */
  readonly bytes: number;
  /** How many entries were left out for each reason. */
  readonly leftOut: ReadonlyMap<Reason, number>;
  /** The folders on the disk that contain its files and folders. */
  readonly diskFolders: readonly string[];
  /** The real path behind each link, by the path of the link; empty if there is none. */
  readonly links: ReadonlyMap<string, string>;
}

/** A file or folder in memory. */
export type Held = HeldFile | Folder;

/** The reasons for leaving out entries of a folder, in the words of messages. */
const REASONS = [
  "hidden",
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
/** The most that is read in one step. */
const PIECE_BYTES = 4 * 1024 * 1024;
/**
 * A file that changed just now can change again and keep its times: the clocks of file systems tick
 * every few milliseconds, and Deno rounds the time of a status change to seconds.
 */
const SETTLED_MS = 3000;

/** How long the first reading may keep signals waiting. */
const SLICE_MS = 50;

const SEPARATOR = Deno.build.os === "windows" ? "\\" : "/";

/** A file or folder that cannot be used. Its message follows `Cannot use --file "PATH": `. */
export class UnusableFile extends Error {}

/** What an executable says of a path that it neither contains nor may read from the disk. */
const NOT_EMBEDDED = "not embedded (deno compile --include PATH, with PATH beside main.ts)";

/** A file or folder that a flag names, on the disk or embedded in an executable. */
export class Source {
  /** What messages call it, such as `--file "site"`. */
  readonly name: string;
  /** True if it is embedded in the executable, and cannot change. */
  readonly isEmbedded: boolean;
  /** Its path on the disk or in the executable. */
  readonly diskPath: string;

  /**
   * @param path The value of the flag.
   * @param embeddedRoot Where an executable has its embedded files.
   * @throws {StartError} If Deno does not permit to read it.
   * @throws {UsageError} If it does not exist.
   */
  constructor(readonly flag: "file" | "raw", readonly path: string, embeddedRoot?: string) {
    this.name = `--${flag} ${quote(path)}`;
    this.diskPath = locate(path, embeddedRoot);
    this.isEmbedded = this.diskPath !== path;
    if (this.isEmbedded) this.use(() => useEmbedded(this.diskPath, Deno.statSync));
    this.#demandPermission(
      mayRead(this.diskPath),
      path,
      embeddedRoot !== undefined && isRelative(path),
    );
    const real = this.use(() => realPathOf(this.diskPath));
    this.#demandPermission(mayRead(real), `${path},${real}`); // a link needs both permissions
  }

  #demandPermission(isGranted: boolean, paths: string, isExpectedInside = false): void {
    if (isGranted) return;
    const hint = permissionHint(`--allow-read=${paths}`);
    const reason = isExpectedInside ? NOT_EMBEDDED : "permission missing";
    throw new StartError(`Cannot use ${this.name}: ${reason}, ${hint}`);
  }

  /**
   * Reads all of it now.
   *
   * @throws {UsageError} If it cannot be used.
   */
  read(): Held {
    return this.use(() => {
      for (const steps = this.readInSteps();;) {
        const { done, value } = steps.next();
        if (done) return value;
      }
    });
  }

  /**
   * Reads all of it, and lets signals arrive meanwhile: 60 000 files take seconds.
   *
   * @throws {UsageError} If it cannot be used.
   */
  async readInSlices(): Promise<Held> {
    const steps = this.readInSteps();
    for (let end = performance.now() + SLICE_MS;;) {
      const { done, value } = this.use(() => steps.next());
      if (done) return value;
      if (performance.now() < end) continue;
      await sleep(0);
      end = performance.now() + SLICE_MS;
    }
  }

  /**
   * Reads all of it in steps, so that a server can answer between them.
   *
   * @param previous The result of the last reading; unchanged files are taken from it.
   */
  *readInSteps(previous?: Held): Generator<void, Held> {
    const reading = new Reading(this.diskPath, realPathOf(this.diskPath), this.isEmbedded);
    return yield* reading.steps(previous);
  }

  /**
   * Runs an action that uses this file or folder.
   *
   * @throws {UsageError} If the action throws: the reason, with the name of the flag and the path.
   */
  use<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw error; // a bug
      if (error instanceof BlockedFile) {
        throw new StartError(`Cannot use ${this.name}: ${error.message}`);
      }
      throw new UsageError(`Cannot use ${this.name}: ${reasonFor(error)}`);
    }
  }
}

/** The reason why a file or folder could not be used, for messages. */
export function reasonFor(error: unknown): string {
  if (error instanceof UnusableFile) return error.message;
  return `expected a readable file or folder (${messageOf(error)})`;
}

/** A file that was found, but not read yet. */
interface Found {
  readonly diskPath: string;
  readonly path: string;
  readonly real: string;
  readonly info: Deno.FileInfo;
}

/** One reading. It lists all entries before it reads any, so that it stops early at a limit. */
class Reading {
  readonly #root: string;
  readonly #realRoot: string;
  readonly #isEmbedded: boolean;
  readonly #found: Found[] = [];
  readonly #folders: string[] = [];
  readonly #leftOut = new Map<Reason, number>();
  readonly #diskFolders = new Set<string>();
  readonly #links = new Map<string, string>();
  #bytes = 0;
  #entries = 0;

  constructor(root: string, realRoot: string, isEmbedded: boolean) {
    this.#root = root;
    this.#realRoot = realRoot;
    this.#isEmbedded = isEmbedded;
  }

  *steps(previous?: Held): Generator<void, Held> {
    const info = Deno.statSync(this.#root);
    if (!info.isDirectory) return yield* this.#readSingle(info, previous);
    yield* this.#list(this.#root, "/", [this.#realRoot]);
    if (this.#found.length === 0) {
      throw new UnusableFile(`expected a folder with files in it${leftOutText(this.#leftOut)}`);
    }
    const files = new Map<string, HeldFile>();
    const known = previous !== undefined && "files" in previous ? previous.files : undefined;
    for (const found of this.#found) {
      files.set(found.path, yield* this.#read(found, known?.get(found.path)));
    }
    return {
      files,
      folders: this.#folders,
      bytes: this.#bytes,
      leftOut: this.#leftOut,
      diskFolders: [...this.#diskFolders],
      links: this.#links,
    };
  }

  *#readSingle(info: Deno.FileInfo, previous?: Held): Generator<void, HeldFile> {
    if (!info.isFile) throw new UnusableFile("expected a regular file or a folder");
    this.#add({ diskPath: this.#root, path: "", real: this.#realRoot, info });
    const known = previous !== undefined && "content" in previous ? previous : undefined;
    return yield* this.#read(this.#found[0], known);
  }

  /** Lists a folder; `above` has its real path, and before it those of the folders around it. */
  *#list(diskPath: string, path: string, above: string[]): Generator<void> {
    this.#folders.push(path);
    this.#diskFolders.add(above.at(-1)!);
    for (const { name, isSymlink } of [...Deno.readDirSync(diskPath)].sort(byName)) {
      if (++this.#entries > MAX_ENTRIES) {
        throw new UnusableFile(`expected at most ${MAX_ENTRIES} files and folders`);
      }
      yield;
      const isHidden = name.startsWith(".") && name !== ".well-known";
      const inside = `${diskPath}${SEPARATOR}${name}`;
      if (isSymlink && !isHidden) this.#links.set(inside, linkTarget(inside));
      const reason = isHidden ? "hidden" : yield* this.#visit(inside, path + name, above);
      if (reason !== undefined) this.#leftOut.set(reason, (this.#leftOut.get(reason) ?? 0) + 1);
    }
  }

  /** Adds a file or folder, or returns the reason to leave it out. */
  *#visit(diskPath: string, path: string, above: string[]): Generator<void, Reason | undefined> {
    try {
      const real = this.#realPathOf(diskPath);
      if (real === undefined) return "linked nowhere";
      if (!isWithin(this.#realRoot, real)) return "linked outside";
      if (above.includes(real)) return "linked in a circle";
      const info = Deno.statSync(diskPath);
      if (info.isDirectory) {
        yield* this.#list(diskPath, `${path}/`, [...above, real]);
        if (this.#realPathOf(diskPath) !== real) throw changed(path);
      } else if (info.isFile) {
        this.#diskFolders.add(real.slice(0, real.lastIndexOf(SEPARATOR)) || SEPARATOR);
        this.#add({ diskPath, path, real, info });
      } else return "neither file nor folder";
    } catch (error) {
      throw unreadable(path, error);
    }
  }

  /**
   * The real path of an entry, or `undefined` for a link without one: its target is missing, not
   * permitted, or a circle. Embedded links fail in more ways, and can no longer be repaired.
   */
  #realPathOf(diskPath: string): string | undefined {
    try {
      return Deno.realPathSync(diskPath);
    } catch (error) {
      if (this.#isEmbedded || Deno.lstatSync(diskPath).isSymlink) return undefined;
      throw error;
    }
  }

  #add(found: Found): void {
    this.#bytes += found.info.size;
    if (this.#bytes > MAX_BYTES) throw new UnusableFile("expected at most 1 GiB in all");
    this.#found.push(found);
  }

  /** Reads a file, unless it is unchanged. */
  *#read({ diskPath, path, real, info }: Found, known?: HeldFile): Generator<void, HeldFile> {
    yield;
    const version = versionOf(info);
    if (known !== undefined && known.version === version && version !== "") return known;
    try {
      const content = this.#isEmbedded
        ? useEmbedded(diskPath, Deno.readFileSync)
        : yield* readUnchanged(diskPath, info);
      if (content === undefined || this.#realPathOf(diskPath) !== real) throw changed(path);
      const isSame = known !== undefined && isEqual(known.content, content);
      return { content: isSame ? known.content : content, modified: info.mtime, version };
    } catch (error) {
      throw path === "" || error instanceof BlockedFile ? error : unreadable(path, error);
    }
  }
}

/** The real path behind a link; empty if there is none. */
export function linkTarget(diskPath: string): string {
  try {
    return Deno.realPathSync(diskPath);
  } catch {
    return "";
  }
}

/** The end of a sentence about a folder: what was left out of it. */
export function leftOutText(leftOut: Folder["leftOut"]): string {
  if (leftOut.size === 0) return "";
  const reasons = REASONS.filter((reason) => leftOut.has(reason));
  return `; left out: ${reasons.map((reason) => `${leftOut.get(reason)} ${reason}`).join(", ")}`;
}

function changed(path: string): UnusableFile {
  return new UnusableFile(
    `expected no change while it is read${path === "" ? "" : `: ${quote(path)}`}`,
  );
}

/** Adds the name of the file to an error. Deno replaces what is not UTF-8 in names by U+FFFD. */
function unreadable(path: string, error: unknown): UnusableFile {
  if (error instanceof UnusableFile) return error;
  if (error instanceof Deno.errors.NotFound && path.includes("\ufffd")) {
    return new UnusableFile(`expected names in UTF-8, not ${quote(path)}`);
  }
  return new UnusableFile(`expected readable files, not ${quote(path)} (${messageOf(error)})`);
}

function byName(a: Deno.DirEntry, b: Deno.DirEntry): number {
  return a.name < b.name ? -1 : 1;
}

/** The real path. A pipe, as from `<(command)`, has none, or one that Deno keeps secret. */
function realPathOf(diskPath: string): string {
  try {
    return Deno.realPathSync(diskPath);
  } catch (error) {
    const isSpecial = error instanceof Deno.errors.NotCapable || exists(diskPath);
    throw isSpecial ? new UnusableFile("expected a regular file or a folder") : error;
  }
}

function exists(diskPath: string): boolean {
  try {
    return Boolean(Deno.statSync(diskPath));
  } catch {
    return false;
  }
}

function isWithin(root: string, real: string): boolean {
  return real === root || real.startsWith(root.endsWith(SEPARATOR) ? root : root + SEPARATOR);
}

/**
 * Reads a file in steps.
 *
 * @param expected What was known of the file before.
 * @returns The content, or `undefined` if the file was replaced or modified meanwhile.
 */
export function* readUnchanged(
  diskPath: string,
  expected: Deno.FileInfo,
): Generator<void, Bytes | undefined> {
  using file = Deno.openSync(diskPath);
  const content = new Uint8Array(expected.size);
  let length = 0;
  for (;;) {
    const count = file.readSync(content.subarray(length, length + PIECE_BYTES)) ?? 0;
    if (count === 0) break;
    length += count;
    if (length < content.length) yield;
  }
  const hasMore = file.readSync(new Uint8Array(1)) !== null;
  const info = file.statSync();
  const isSame = info.ino === expected.ino && info.dev === expected.dev &&
    info.mtime?.getTime() === expected.mtime?.getTime();
  return isSame && !hasMore && length === content.length ? content : undefined;
}

/** A string that differs for each version of a file; empty while a change could be missed. */
export function versionOf({ dev, ino, size, mtime, ctime }: Deno.FileInfo): string {
  const times = [mtime?.getTime() ?? NaN, ctime?.getTime() ?? NaN];
  const isSettled = times.every((time) => !(time > Date.now() - SETTLED_MS)) && mtime !== null;
  return isSettled ? [dev, ino, size, ...times].join() : "";
}

function isEqual(a: Bytes, b: Bytes): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
