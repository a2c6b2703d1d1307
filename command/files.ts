/**
 * Files and folders, read whole: no request reaches the file system.
 *
 * @module
 */

import { messageOf } from "./log.ts";
import { mayRead, permissionHint, StartError } from "./start.ts";
import { quote, UsageError } from "./values.ts";

/** The content of a file. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** A file as it was when it was read. */
export interface HeldFile {
  /** Its content. */
  readonly content: Bytes;
  /** When it was last changed, if the file system says so. */
  readonly modified: Date | null;
  /** What another version of the file would differ in; empty if that may be missed. */
  readonly version: string;
}

/** A folder as it was when it was read. */
export interface Folder {
  /** Each file by its path in the folder, such as `/a/b.css`. */
  readonly files: ReadonlyMap<string, HeldFile>;
  /** The paths of all folders, such as `/` and `/a/`. */
  readonly folders: readonly string[];
  /** Bytes in all files. */
  readonly bytes: number;
  /** How many entries were left out, by the reason. */
  readonly leftOut: ReadonlyMap<Reason, number>;
  /** The folders on the disk that its files and folders lie in. */
  readonly places: readonly string[];
  /** Where each link in it leads, by its place; empty if nowhere. */
  readonly links: ReadonlyMap<string, string>;
}

/** What `--file` or `--raw` names, in memory. */
export type Held = HeldFile | Folder;

/** Why entries of a folder are left out, as messages say it. */
const REASONS = [
  "hidden",
  "linked outside",
  "linked nowhere",
  "linked in a circle",
  "neither file nor folder",
] as const;

/** Why an entry of a folder is left out. */
export type Reason = typeof REASONS[number];

/** All of it is held in memory; to serve more takes a server that reads from disk. */
const MAX_BYTES = 1024 ** 3;
/** Each costs about 3.5 KiB beside its content; links can make few files look like many. */
const MAX_ENTRIES = 100_000;
/** So much is read at once where others want to get on in between. */
const PIECE_BYTES = 4 * 1024 * 1024;
/**
 * File systems stamp changes with clocks that tick every few milliseconds, and Deno gives the time
 * of a change of status in seconds. A file that changed just now can change again and look the same.
 */
const SETTLED_MS = 3000;

const SEPARATOR = Deno.build.os === "windows" ? "\\" : "/";

/** Why something cannot be used, as messages say it after `Cannot use --file "PATH": `. */
export class UnusableFile extends Error {}

/** What a flag names: a file or a folder, on the disk or in an executable. */
export class Source {
  /** How messages name it, such as `--file "site"`. */
  readonly name: string;
  /** True if it is part of the executable, and cannot change. */
  readonly isEmbedded: boolean;
  /** Where it is. */
  readonly place: string;

  /**
   * @throws {StartError} If Deno does not permit to read it.
   */
  constructor(readonly flag: "file" | "raw", readonly path: string, embeddedRoot?: string) {
    this.name = `--${flag} ${quote(path)}`;
    this.place = locate(path, embeddedRoot);
    this.isEmbedded = this.place !== path;
    if (this.isEmbedded && !mayRead(this.place)) {
      throw new StartError(
        `Cannot use ${this.name}: Deno unpacks it to ${embeddedRoot}, which may not be ` +
          "read, set TMPDIR to a folder outside of /dev, /proc and /sys",
      );
    }
    this.#demand(mayRead(this.place), path);
    const real = this.use(() => realPathOf(this.place));
    this.#demand(mayRead(real), `${path},${real}`); // a link needs both
  }

  #demand(isGranted: boolean, paths: string): void {
    if (isGranted) return;
    const hint = permissionHint(`--allow-read=${paths}`);
    throw new StartError(`Cannot use ${this.name}: permission missing, ${hint}`);
  }

  /** Reads all of it now. */
  read(): Held {
    return this.use(() => {
      for (const steps = this.readInSteps();;) {
        const { done, value } = steps.next();
        if (done) return value;
      }
    });
  }

  /**
   * Reads all of it in steps, so that a server can answer in between.
   *
   * @param previous What it held before; files that have not changed since are not read again.
   */
  *readInSteps(previous?: Held): Generator<void, Held> {
    const reading = new Reading(this.place, realPathOf(this.place), this.isEmbedded);
    return yield* reading.steps(previous);
  }

  /**
   * Does what may fail for the sake of this file or folder.
   *
   * @throws {UsageError} If it does, in one sentence.
   */
  use<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw error; // a fault of ours
      throw new UsageError(`Cannot use ${this.name}: ${reasonFor(error)}`);
    }
  }
}

/** Why a file or folder could not be used. */
export function reasonFor(error: unknown): string {
  if (error instanceof UnusableFile) return error.message;
  return `expected a readable file or folder (${messageOf(error)})`;
}

/** The program itself is embedded under these names; nobody means to serve it. */
export const OWN_FILES: readonly string[] = ["main.ts", "server.ts", "command", "deno.json"];

/**
 * In an executable, a relative path means what was embedded on purpose under that name, if
 * anything was. Where that cannot be told, `Source` says why.
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

/** A file that was found, and is still to be read. */
interface Found {
  readonly place: string;
  readonly path: string;
  readonly real: string;
  readonly info: Deno.FileInfo;
}

/** The state of one reading. It looks at everything first, and reads only what is not too much. */
class Reading {
  readonly #root: string;
  readonly #realRoot: string;
  readonly #isEmbedded: boolean;
  readonly #found: Found[] = [];
  readonly #folders: string[] = [];
  readonly #leftOut = new Map<Reason, number>();
  readonly #places = new Set<string>();
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
    if (!info.isDirectory) return yield* this.#only(info, previous);
    yield* this.#look(this.#root, "/", [this.#realRoot]);
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
      places: [...this.#places],
      links: this.#links,
    };
  }

  *#only(info: Deno.FileInfo, previous?: Held): Generator<void, HeldFile> {
    if (!info.isFile) throw new UnusableFile("expected a regular file or a folder");
    this.#add({ place: this.#root, path: "", real: this.#realRoot, info });
    const known = previous !== undefined && "content" in previous ? previous : undefined;
    return yield* this.#read(this.#found[0], known);
  }

  /** Looks through a folder; `above` are the real paths of those that it lies in. */
  *#look(place: string, path: string, above: string[]): Generator<void> {
    this.#folders.push(path);
    this.#places.add(above.at(-1)!);
    for (const { name, isSymlink } of [...Deno.readDirSync(place)].sort(byName)) {
      if (++this.#entries > MAX_ENTRIES) {
        throw new UnusableFile(`expected at most ${MAX_ENTRIES} files and folders`);
      }
      yield;
      const isHidden = name.startsWith(".") && name !== ".well-known";
      const inside = `${place}${SEPARATOR}${name}`;
      if (isSymlink && !isHidden) this.#links.set(inside, leadsTo(inside));
      const reason = isHidden ? "hidden" : yield* this.#lookAt(inside, path + name, above);
      if (reason !== undefined) this.#leftOut.set(reason, (this.#leftOut.get(reason) ?? 0) + 1);
    }
  }

  /** Takes a file or folder, or says why not. */
  *#lookAt(place: string, path: string, above: string[]): Generator<void, Reason | undefined> {
    try {
      const real = this.#leadsTo(place);
      if (real === undefined) return "linked nowhere";
      if (!isWithin(this.#realRoot, real)) return "linked outside";
      if (above.includes(real)) return "linked in a circle";
      const info = Deno.statSync(place);
      if (info.isDirectory) {
        yield* this.#look(place, `${path}/`, [...above, real]);
        if (this.#leadsTo(place) !== real) throw changed(path);
      } else if (info.isFile) {
        this.#places.add(real.slice(0, real.lastIndexOf(SEPARATOR)) || SEPARATOR);
        this.#add({ place, path, real, info });
      } else return "neither file nor folder";
    } catch (error) {
      throw unreadable(path, error);
    }
  }

  /**
   * Where an entry leads in the end. A link may lead nowhere, round in a circle, or where we may
   * not look. Embedded links fail in more ways, and cannot be mended any more.
   */
  #leadsTo(place: string): string | undefined {
    try {
      return Deno.realPathSync(place);
    } catch (error) {
      if (this.#isEmbedded || Deno.lstatSync(place).isSymlink) return undefined;
      throw error;
    }
  }

  #add(found: Found): void {
    this.#bytes += found.info.size;
    if (this.#bytes > MAX_BYTES) throw new UnusableFile("expected at most 1 GiB in all");
    this.#found.push(found);
  }

  /** Reads a file, unless it is as it was. */
  *#read({ place, path, real, info }: Found, known?: HeldFile): Generator<void, HeldFile> {
    yield;
    const version = versionOf(info);
    if (known !== undefined && known.version === version && version !== "") return known;
    try {
      const content = this.#isEmbedded
        ? Deno.readFileSync(place)
        : yield* readUnchanged(place, info);
      if (content === undefined || this.#leadsTo(place) !== real) throw changed(path);
      const isSame = known !== undefined && isEqual(known.content, content);
      return { content: isSame ? known.content : content, modified: info.mtime, version };
    } catch (error) {
      throw path === "" ? error : unreadable(path, error);
    }
  }
}

/** Where a link leads in the end; empty if nowhere. */
export function leadsTo(place: string): string {
  try {
    return Deno.realPathSync(place);
  } catch {
    return "";
  }
}

/** What was left out of a folder, as the end of a sentence. */
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

/** Names the file that cannot be read. Deno gives names that are not UTF-8 with U+FFFD in them. */
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

/** Where a path leads in the end. A pipe, as from `<(command)`, has no such place, or a secret one. */
function realPathOf(place: string): string {
  try {
    return Deno.realPathSync(place);
  } catch (error) {
    const isSpecial = error instanceof Deno.errors.NotCapable || exists(place);
    throw isSpecial ? new UnusableFile("expected a regular file or a folder") : error;
  }
}

function exists(place: string): boolean {
  try {
    return Boolean(Deno.statSync(place));
  } catch {
    return false;
  }
}

function isWithin(root: string, real: string): boolean {
  return real === root || real.startsWith(root.endsWith(SEPARATOR) ? root : root + SEPARATOR);
}

/** The content of a file, unless that is another by now, or grows, or shrinks. */
export function* readUnchanged(
  place: string,
  expected: Deno.FileInfo,
): Generator<void, Bytes | undefined> {
  using file = Deno.openSync(place);
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

/** What another version of a file would differ in, once it can; empty until then. */
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
