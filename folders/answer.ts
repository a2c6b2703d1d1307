/**
 * Replies that are made of files in memory, and what the start says about these files.
 *
 * @module
 */

import type { RawReply, Reply, Responder } from "../server.ts";
import { delayed, sleep, type Span } from "../replies/delay.ts";
import { type ReplyOverrides, type ReplyTo, withOverrides } from "../replies/fields.ts";
import { withTemplates } from "../replies/placeholders.ts";
import { decodedPath } from "../replies/target.ts";
import { plural, quote, UsageError } from "../replies/text.ts";
import {
  type Answer,
  folderAnswer,
  type FolderOptions,
  nothing,
  rawFolderAnswer,
  type ReplyCache,
} from "./folder.ts";
import { hasBareLf, rawReplyMaker } from "./http_files.ts";
import {
  type FileSnapshot,
  type FolderSnapshot,
  leftOutText,
  look,
  read,
  type Snapshot,
} from "./read.ts";
import { Source, UnusableFile } from "./source.ts";
import { inSlices, type Steps } from "./steps.ts";
import { mistakenMethods } from "./routes.ts";
import { contentFieldsOf } from "./types.ts";
import type { FirstReading } from "./watch.ts";

/** Files and folders to answer with, and how. */
export interface FileSettings extends ReplyOverrides {
  /** The flag that names the first: `raw` for whole responses. */
  readonly kind: "file" | "raw";
  /** The path of the file or folder for all requests that no prefix is for. */
  readonly path?: string;
  /** The paths of files and folders by the prefixes that they answer below, such as `/api`. */
  readonly prefixes?: ReadonlyMap<string, string>;
  /** True if a folder without an index.html is answered with a list of its entries. */
  readonly list: boolean;
  /** True if they are read again when they change. */
  readonly watch: boolean;
  /** How long to wait before each reply; `undefined` for no wait. */
  readonly delay: Span | undefined;
  /** Where an executable has its embedded files. */
  readonly embeddedRoot?: string;
}

/** What answers, and where to begin. */
export interface FileAnswer {
  /** The responder or reply for `serve()`. */
  readonly answer: Responder | Reply;
  /** The path to open first: for one file, with its name, so that programs that save it keep it. */
  readonly path: string;
}

/** Receives messages to the operator. */
export type Say = (message: string) => void;

/**
 * Answers with files and folders as they were read; with `watch`, as they were last read.
 *
 * @param say Receives how much is in memory, and what a later reading has changed.
 * @param signal Ends the watching.
 * @throws {UsageError} If one of them cannot be used.
 * @throws {StartError} If Deno does not permit to read it.
 */
export async function fileAnswer(
  settings: FileSettings,
  say: Say,
  signal?: AbortSignal,
): Promise<FileAnswer> {
  const { kind, path, prefixes = [] } = settings;
  const parts = path === undefined ? [] : [new Part("", `--${kind} `, path, settings, say)];
  for (const [prefix, path] of prefixes) {
    parts.push(new Part(prefix, `${prefix}=`, path, settings, say));
  }
  for (const part of parts) await part.read();
  if (settings.watch) { for (const part of parts) await part.watch(signal); }
  return { answer: answerWith(parts, settings), path: parts[0].path };
}

/** A single file that cannot change has the same reply for everyone. */
function answerWith(
  parts: readonly Part[],
  { kind, watch, headers, delay }: FileSettings,
): Responder | Reply {
  const [{ prefix, reply }] = parts;
  const isOnly = parts.length === 1 && prefix === "";
  const respond = isOnly ? respondWith(parts[0]) : respondBelow(parts, nothing(headers));
  if (kind === "raw") return respond;
  const answer = isOnly && !watch && reply !== undefined ? reply : respond as ReplyTo;
  return delayed(withTemplates(headers, answer), delay);
}

function respondWith(part: Part): Responder {
  return ({ method, target }) => part.answer(method, decodedPath(target), target);
}

/** Answers with the part whose prefix is the longest; a prefix consists of whole segments. */
export function respondBelow(
  parts: ReadonlyArray<Pick<Part, "prefix" | "answer">>,
  otherwise: Answer,
): Responder {
  const longestFirst = parts.toSorted((a, b) => b.prefix.length - a.prefix.length);
  return ({ method, target }) => {
    const path = decodedPath(target);
    for (const { answer, prefix } of longestFirst) {
      const isBelow = path.length === prefix.length || path[prefix.length] === "/";
      if (isBelow && path.startsWith(prefix)) {
        return answer(method, path.slice(prefix.length), target);
      }
    }
    return otherwise(method, path, target);
  };
}

// ---------------------------------------------------------------- one file or folder

/** How long a slice of the first reading may be: nobody but signals waits for it. */
const START_SLICE_MS = 50;
/** Changes are usually seen within this time. The start says if it will be more. */
const USUAL_MS = 1000;

/** A file or folder that answers below a prefix, which is empty for all other paths. */
class Part {
  /** Answers a request below the prefix. */
  answer: Answer<Reply | RawReply | Promise<Reply>> = nothing([]);
  /** The reply of a single file; `undefined` for a folder and for `--raw`. */
  reply: Reply | undefined;

  readonly #source: Source;
  readonly #path: string;
  readonly #settings: FileSettings;
  readonly #say: Say;
  readonly #cache: ReplyCache = new WeakMap();
  #first: FirstReading | undefined;
  #addListings: FolderOptions["addListings"];

  /** @param argument How the argument writes it, before its path. */
  constructor(
    readonly prefix: string,
    argument: string,
    path: string,
    settings: FileSettings,
    say: Say,
  ) {
    this.#source = new Source(argument, path, settings.embeddedRoot);
    this.#path = path;
    this.#settings = settings;
    this.#say = prefix === "" ? say : (message) => say(`${prefix}: ${message}`);
    if (settings.watch && this.#source.isEmbedded) {
      throw new UsageError(
        `Cannot use --watch with ${this.#source.name}: it is embedded in this executable, ` +
          "and cannot change",
      );
    }
  }

  /** The path to open first. */
  get path(): string {
    if (this.prefix !== "" || this.reply === undefined) return `${this.prefix}/`;
    const [name = ""] = this.#path.split(/[/\\]+/).slice(-1);
    return `/${encodeURIComponent(name)}`;
  }

  /** Reads it for the first time, in slices, so that signals arrive meanwhile. */
  async read(): Promise<void> {
    if (this.#settings.list) ({ addListings: this.#addListings } = await import("./listing.ts"));
    const run = <T>(steps: Steps<T>) => inSlices(steps, () => sleep(0), START_SLICE_MS);
    try {
      const { value: found } = await run(look(this.#source));
      const { value: snapshot } = await run(read(this.#source, found));
      await run(this.#apply(snapshot));
      this.#first = { snapshot, versions: found.versions };
    } catch (error) {
      throw this.#source.unusable(error);
    }
  }

  /** Reads it again whenever it changes, until the signal is given. */
  async watch(signal: AbortSignal | undefined): Promise<void> {
    const { usualIdle, Watch } = await import("./watch.ts"); // most starts do without
    const first = this.#first!;
    const idleMs = usualIdle(first.versions.size);
    if (idleMs > USUAL_MS) {
      const seconds = Math.round(idleMs / 1000);
      this.#say(`looking for changes about every ${seconds} s, because there are many files`);
    }
    const watch = new Watch(this.#source, first, {
      apply: (snapshot) => this.#apply(snapshot, "reloaded, "),
      report: (reason) => this.#say(`keeping the old content of ${this.#source.name}: ${reason}`),
    });
    signal?.addEventListener("abort", () => watch[Symbol.dispose]());
    this.#first = undefined; // the watch has its own, later one soon
  }

  /** Makes the replies, and says how much is in memory. */
  *#apply(snapshot: Snapshot, beginning = ""): Steps<void> {
    const isFolder = "files" in snapshot;
    const reply = isFolder || this.#isRaw ? undefined : yield* this.#fileReply(snapshot);
    const answer = isFolder
      ? yield* this.#folderAnswer(snapshot)
      : reply === undefined
      ? yield* rawReplyMaker(snapshot.content, this.#settings.delay)
      : () => reply;
    const words = yield* this.#describe(snapshot, beginning);
    [this.reply, this.answer] = [reply, answer];
    for (const text of words) this.#say(text);
  }

  get #isRaw(): boolean {
    return this.#settings.kind === "raw";
  }

  *#fileReply({ content: body }: FileSnapshot): Steps<Reply> {
    const { list, status, headers, prefixes } = this.#settings;
    if (list && !prefixes?.size) throw new UnusableFile("expected a folder with --list");
    const own = yield* contentFieldsOf(this.#path, body);
    return withOverrides({ headers: own, body }, { status, headers });
  }

  #folderAnswer(snapshot: FolderSnapshot): Steps<Answer<Reply | RawReply | Promise<Reply>>> {
    const { delay, status, headers } = this.#settings;
    if (this.#isRaw) return rawFolderAnswer(snapshot, delay);
    const { prefix } = this;
    const [overrides, cache, addListings] = [{ status, headers }, this.#cache, this.#addListings];
    return folderAnswer(snapshot, { overrides, cache, addListings, prefix });
  }

  /** Says how much is held, whether `/` has an answer, and which raw responses are risky. */
  *#describe(snapshot: Snapshot, beginning: string): Steps<string[]> {
    const words: string[] = [];
    if ("files" in snapshot) {
      const { files, bytes, leftOut } = snapshot;
      const counts = `${plural(files.size, "file")}, ${plural(bytes, "byte")}`;
      words.push(`${beginning}holding ${counts}${leftOutText(leftOut)}${this.#rootText(files)}`);
    } else if (beginning !== "" || this.prefix !== "") {
      words.push(`${beginning}holding ${plural(snapshot.content.length, "byte")}`);
    }
    const names = this.#isRaw ? yield* namesWithBareLf(snapshot, this.#path) : [];
    if (names.length > 0) {
      words.push(`lines of the head end in LF alone, which some clients refuse, in ${some(names)}`);
    }
    const mistaken = "files" in snapshot ? mistakenMethods(snapshot.files.keys()) : [];
    if (mistaken.length > 0) words.push(`no method is named in ${some(mistaken.map(quote))}`);
    return words;
  }

  #rootText(files: ReadonlyMap<string, unknown>): string {
    if (this.#settings.list || this.prefix !== "") return "";
    const { name, pattern } = ROOTS[this.#settings.kind];
    const hasRoot = files.keys().some((path) => pattern.test(path));
    return hasRoot ? "" : `; no ${name}, so / is not found`;
  }
}

/** The file that people expect at `/`, and all those that answer it. */
const ROOTS = {
  file: { name: "index.html", pattern: /^\/(index\.html?|200\.(html|json)|index\.GET(\..*)?)$/ },
  raw: { name: "index.http", pattern: /^\/index\.(.*\.)?http$/ },
};

/** The raw responses with a line in their head that ends in LF alone, in quotes. */
function* namesWithBareLf(snapshot: Snapshot, path: string): Steps<string[]> {
  const files: Iterable<readonly [string, FileSnapshot]> = "files" in snapshot
    ? snapshot.files
    : [[path, snapshot]];
  const names: string[] = [];
  for (const [name, { content }] of files) if (yield* hasBareLf(content)) names.push(quote(name));
  return names;
}

/** A message names at most this many files. */
const MAX_NAMES = 5;

/** The first of these names, and how many more there are. */
function some(names: readonly string[]): string {
  const rest = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  return names.slice(0, MAX_NAMES).join(", ") + rest;
}
