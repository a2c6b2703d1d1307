/**
 * Replies that are made of files in memory, and what the start says about these files.
 *
 * @module
 */

import type { Reply, Responder } from "../server.ts";
import { delayed, type Span } from "../replies/delay.ts";
import { type Held, type HeldFile, leftOutText, Source, UnusableFile } from "./read.ts";
import { folderResponder } from "./folder.ts";
import { hasBareLf, rawResponder } from "./http_files.ts";
import { plural, quote, UsageError } from "../replies/text.ts";
import { withTemplates } from "../replies/placeholders.ts";
import { type ReplyDefaults, type ReplyTo, withDefaults } from "../replies/fields.ts";
import { contentTypeOf } from "./types.ts";
import { Watch } from "./watch.ts";

/** A file or folder to answer with, and how. */
export interface FileSettings extends ReplyDefaults {
  /** The flag that names it: `raw` for whole responses. */
  readonly kind: "file" | "raw";
  /** Its path. */
  readonly path: string;
  /** True if a folder without an index.html is answered with a list of its entries. */
  readonly list: boolean;
  /** True if it is read again when it changes. */
  readonly watch: boolean;
  /** How long to wait before each reply; `undefined` for no wait. */
  readonly delay: Span | undefined;
  /** Where an executable has its embedded files. */
  readonly embeddedRoot?: string;
}

/** Receives messages to the operator. */
export type Say = (message: string) => void;

/**
 * Answers with a file or folder as it was read; with `watch`, as it was last read.
 *
 * @param say Receives how much is in memory, and what a later reading has changed.
 * @param signal Ends the watching.
 * @throws {UsageError} If it cannot be used.
 * @throws {StartError} If Deno does not permit to read it.
 */
export async function heldResponder(
  settings: FileSettings,
  say: Say,
  signal?: AbortSignal,
): Promise<Responder | Reply> {
  const source = new Source(settings.kind, settings.path, settings.embeddedRoot);
  if (settings.watch && source.isEmbedded) {
    throw new UsageError(
      `Cannot use --watch with ${source.name}: it is embedded in this executable, and cannot change`,
    );
  }
  const first = await source.readInSlices();
  let answer = source.use(() => responderTo(first, source, settings));
  announce(first, source, settings.list, say);
  if (!settings.watch) return answer;
  const apply = (held: Held) => {
    answer = responderTo(held, source, settings);
    announce(held, source, settings.list, say, "reloaded, ");
  };
  const report = (reason: string) => say(`keeping the old content of ${source.name}: ${reason}`);
  const watch = new Watch(source, first, apply, report);
  signal?.addEventListener("abort", () => watch[Symbol.dispose]());
  return (request, client) => typeof answer === "function" ? answer(request, client) : answer;
}

function responderTo(held: Held, source: Source, settings: FileSettings): Responder | Reply {
  return source.flag === "raw"
    ? rawResponder(held, settings.delay)
    : delayed(withTemplates(settings.headers, fileReplyTo(held, source, settings)), settings.delay);
}

function fileReplyTo(
  held: Held,
  { path }: Source,
  { status, headers, list }: FileSettings,
): ReplyTo | Reply {
  const defaults = { status, headers };
  if ("files" in held) return folderResponder(held, defaults, list);
  if (list) throw new UnusableFile("expected a folder with --list");
  const type = contentTypeOf(path, held.content);
  return withDefaults({ headers: [["Content-Type", type]], body: held.content }, defaults);
}

/** Says how much is held, whether `/` has an answer, and which raw responses are risky. */
function announce(
  held: Held,
  source: Source,
  isListed: boolean,
  say: Say,
  prefix = "",
): void {
  const { flag, path } = source;
  if ("files" in held) {
    const { files, bytes, leftOut } = held;
    const root = isListed ? "" : rootText([...files.keys()], flag);
    const counts = `${plural(files.size, "file")}, ${plural(bytes, "byte")}`;
    say(`${prefix}holding ${counts}${leftOutText(leftOut)}${root}`);
  } else if (prefix !== "") say(`${prefix}holding ${plural(held.content.length, "byte")}`);
  if (flag === "raw") announceBareLf(held, path, say);
}

/** The file that people expect at `/`, and all those that answer it. */
const ROOTS = {
  file: { name: "index.html", pattern: /^\/(index\.html?|200\.html|index\.GET(\..*)?)$/ },
  raw: { name: "index.http", pattern: /^\/index\.(.*\.)?http$/ },
};

function rootText(paths: readonly string[], flag: Source["flag"]): string {
  const { name, pattern } = ROOTS[flag];
  return paths.some((path) => pattern.test(path)) ? "" : `; no ${name}, so / is not found`;
}

/** A message names at most this many files. */
const MAX_NAMES = 5;

function announceBareLf(held: Held, path: string, say: Say): void {
  const files: Array<[string, HeldFile]> = "files" in held ? [...held.files] : [[path, held]];
  const names = files.filter(([, file]) => hasBareLf(file.content)).map(([name]) => quote(name));
  if (names.length === 0) return;
  const rest = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  say(
    "lines of the head end in LF alone, which some clients refuse, in " +
      names.slice(0, MAX_NAMES).join(", ") + rest,
  );
}
