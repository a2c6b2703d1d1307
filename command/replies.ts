/**
 * Makes the replies that the settings ask for, and says which files they hold.
 *
 * @module
 */

import { type Reply, type Responder, serve, type Server } from "../server.ts";
import { delayed } from "./delay.ts";
import { type Held, type HeldFile, leftOutText, Source, UnusableFile } from "./files.ts";
import { DEFAULTS } from "./flags.ts";
import { folderResponder } from "./folder.ts";
import { withHealth } from "./health.ts";
import { hasBareLf, rawResponder } from "./http_files.ts";
import { plural, quote, say, urlOf, UsageError } from "./messages.ts";
import { page } from "./page.ts";
import { encoderFor, fieldsTemplateOf, hasPlaceholders, templateOf } from "./placeholders.ts";
import {
  contentTypesIn,
  type Fields,
  hasContent,
  mergeFields,
  type ReplyDefaults,
  type ReplyTo,
  withDefaults,
} from "./reply_defaults.ts";
import type { Settings } from "./settings.ts";
import type { ListenOptions, Open } from "./start.ts";
import { contentTypeOf } from "./types.ts";
import { Watch } from "./watch.ts";

/**
 * Makes the function that serves what these settings ask for. Files are read here.
 *
 * @param embeddedRoot Where an executable has its embedded files.
 * @param signal Ends the watching of files.
 * @throws {UsageError} If a file or folder cannot be used.
 * @throws {StartError} If Deno does not permit to read it.
 */
export function openerFrom(
  settings: Settings,
  embeddedRoot?: string,
  signal?: AbortSignal,
): Open {
  const { content, health } = settings;
  if (content.kind === "lab") return (options) => openLab(options, health);
  const responder = responderFrom(settings, embeddedRoot, signal);
  return (options) => serve(options, responder);
}

/** The lab is imported only when it is asked for, so that no other start gets slower by it. */
async function openLab(options: ListenOptions, health: string | undefined): Promise<Server> {
  const { lab, listenWithReset } = await import("./lab.ts");
  const listener = await listenWithReset(options);
  const { hostname, port } = listener.addr;
  if (hostname === DEFAULTS.labHost) {
    say("the lab answers this machine alone; --host lets others in");
  }
  const responder = lab({ origin: new URL(urlOf(hostname, port)).origin, canReset: true });
  return serve({ ...options, listener }, withHealth(health, responder));
}

/** Makes the responder of these settings, except for the lab, as {@linkcode openerFrom} does. */
export function responderFrom(
  settings: Settings,
  embeddedRoot?: string,
  signal?: AbortSignal,
): Responder | Reply {
  const { content, delay, health } = settings;
  const answer = content.kind === "file" || content.kind === "raw"
    ? heldResponder(settings, new Source(content.kind, content.path, embeddedRoot), signal)
    : delayed(withTemplates(settings, contentReplyTo(settings)), delay);
  return withHealth(health, answer);
}

/** The text, page or redirect. A status that forbids content leaves the page out. */
function contentReplyTo({ content, status, headers }: Settings): ReplyTo | Reply {
  const defaults = { status, headers };
  if (content.kind === "text") return textReplyTo(content.text, defaults);
  if (content.kind === "page" && hasContent(status)) return pageReplyTo(content.link, defaults);
  return withDefaults({}, defaults);
}

function textReplyTo(text: string, defaults: ReplyDefaults): ReplyTo | Reply {
  const reply = withDefaults({ body: text }, defaults);
  if (!hasPlaceholders(text)) return reply;
  const [type = ""] = contentTypesIn(defaults.headers);
  const fill = templateOf(text, encoderFor(type));
  return (request, client) => ({ ...reply, body: fill(request, client) });
}

/** The page has the same header fields for everyone, so they are merged once. */
function pageReplyTo(link: string | undefined, { status, headers }: ReplyDefaults): ReplyTo {
  const replyTo = page(link);
  let merged: Fields | undefined;
  return (request, client) => {
    const reply = replyTo(request, client);
    merged ??= mergeFields(reply.headers, headers);
    return { ...reply, status, headers: merged };
  };
}

/** Fills in the placeholders of header fields, whatever the content. */
function withTemplates({ headers }: Settings, answer: ReplyTo | Reply): ReplyTo | Reply {
  if (!headers.some(([, value]) => hasPlaceholders(value))) return answer;
  const fill = fieldsTemplateOf(headers);
  return (request, client) => {
    const fillIn = (reply: Reply) => ({
      ...reply,
      headers: mergeFields(reply.headers, fill(request, client)),
    });
    const reply = typeof answer === "function" ? answer(request, client) : answer;
    return reply instanceof Promise ? reply.then(fillIn) : fillIn(reply);
  };
}

// ---------------------------------------------------------------- files in memory

/** Answers with a file or folder as it was read; with `--watch`, as it was last read. */
function heldResponder(
  settings: Settings,
  source: Source,
  signal?: AbortSignal,
): Responder | Reply {
  if (settings.watch && source.isEmbedded) {
    throw new UsageError(
      `Cannot use --watch with ${source.name}: it is embedded in this executable, and cannot change`,
    );
  }
  const first = source.read();
  let answer = source.use(() => responderTo(first, source, settings));
  announce(first, source, settings.list);
  if (!settings.watch) return answer;
  const apply = (held: Held) => {
    answer = responderTo(held, source, settings);
    announce(held, source, settings.list, "reloaded, ");
  };
  const report = (reason: string) => say(`keeping the old content of ${source.name}: ${reason}`);
  const watch = new Watch(source, first, apply, report);
  signal?.addEventListener("abort", () => watch[Symbol.dispose]());
  return (request, client) => typeof answer === "function" ? answer(request, client) : answer;
}

function responderTo(held: Held, source: Source, settings: Settings): Responder | Reply {
  return source.flag === "raw"
    ? rawResponder(held, settings.delay)
    : delayed(withTemplates(settings, fileReplyTo(held, source, settings)), settings.delay);
}

function fileReplyTo(
  held: Held,
  { path }: Source,
  { status, headers, list }: Settings,
): ReplyTo | Reply {
  const defaults = { status, headers };
  if ("files" in held) return folderResponder(held, defaults, list);
  if (list) throw new UnusableFile("expected a folder with --list");
  const type = contentTypeOf(path, held.content);
  return withDefaults({ headers: [["Content-Type", type]], body: held.content }, defaults);
}

/** Says how much is held, whether `/` has an answer, and which raw responses are risky. */
function announce(held: Held, source: Source, isListed: boolean, prefix = ""): void {
  const { flag, path } = source;
  if ("files" in held) {
    const { files, bytes, leftOut } = held;
    const root = isListed ? "" : rootText([...files.keys()], flag);
    const counts = `${plural(files.size, "file")}, ${plural(bytes, "byte")}`;
    say(`${prefix}holding ${counts}${leftOutText(leftOut)}${root}`);
  } else if (prefix !== "") say(`${prefix}holding ${plural(held.content.length, "byte")}`);
  if (flag === "raw") announceBareLf(held, path);
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

function announceBareLf(held: Held, path: string): void {
  const files: Array<[string, HeldFile]> = "files" in held ? [...held.files] : [[path, held]];
  const names = files.filter(([, file]) => hasBareLf(file.content)).map(([name]) => quote(name));
  if (names.length === 0) return;
  const rest = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  say(
    "lines of the head end in LF alone, which some clients refuse, in " +
      names.slice(0, MAX_NAMES).join(", ") + rest,
  );
}
