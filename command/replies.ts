/**
 * What the server answers, by the settings.
 *
 * @module
 */

import { type Reply, type Responder, serve, type Server } from "../server.ts";
import { urlOf } from "./address.ts";
import { announce } from "./announce.ts";
import { delayed } from "./delay.ts";
import { type Held, Source, UnusableFile } from "./files.ts";
import { DEFAULTS } from "./flags.ts";
import { folderResponder } from "./folder.ts";
import { withHealth } from "./health.ts";
import { say } from "./log.ts";
import { page } from "./page.ts";
import { encoderFor, fieldsTemplateOf, hasPlaceholders, templateOf } from "./placeholders.ts";
import { rawResponder } from "./raw.ts";
import {
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
import { UsageError } from "./values.ts";
import { Watch } from "./watch.ts";

/** How to serve what these settings ask for; files are read here, and watched until the signal. */
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

/** The lab is loaded when it is asked for: the start of everything else pays nothing for it. */
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

/**
 * Makes the responder that these settings ask for; files are read here.
 *
 * @param embeddedRoot Where an executable keeps what was embedded in it.
 * @param signal Ends what `--watch` watches.
 * @throws {UsageError} If a file or folder cannot be used.
 * @throws {StartError} If Deno does not permit to read it.
 */
export function responderFrom(
  settings: Settings,
  embeddedRoot?: string,
  signal?: AbortSignal,
): Responder | Reply {
  const { content, delay, health } = settings;
  const answer = content.kind === "file" || content.kind === "raw"
    ? heldResponder(settings, new Source(content.kind, content.path, embeddedRoot), signal)
    : delayed(withTemplates(settings, contentFrom(settings)), delay);
  return withHealth(health, answer);
}

/** Answers what a file or folder holds; with `--watch`, what it holds at the time. */
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
    : delayed(withTemplates(settings, fileResponder(held, source, settings)), settings.delay);
}

/** Header fields with placeholders are filled in last, whatever the content. */
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

/** The text or page; a redirect, and a status that forbids it, have no content. */
function contentFrom({ content, status, headers }: Settings): ReplyTo | Reply {
  const defaults = { status, headers };
  if (content.kind === "text") return textFrom(content.text, defaults);
  if (content.kind === "page" && hasContent(status)) return pageFrom(content.link, defaults);
  return withDefaults({}, defaults);
}

function fileResponder(
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

function textFrom(text: string, defaults: ReplyDefaults): ReplyTo | Reply {
  const reply = withDefaults({ body: text }, defaults);
  if (!hasPlaceholders(text)) return reply;
  const type = defaults.headers.find(([name]) => /^content-type$/i.test(name))?.[1] ?? "";
  const fill = templateOf(text, encoderFor(type));
  return (request, client) => ({ ...reply, body: fill(request, client) });
}

/** The page's own fields never change, so they are merged once. */
function pageFrom(link: string | undefined, { status, headers }: ReplyDefaults): ReplyTo {
  const greet = page(link);
  let merged: Fields | undefined;
  return (request, client) => {
    const reply = greet(request, client);
    merged ??= mergeFields(reply.headers, headers);
    return { ...reply, status, headers: merged };
  };
}
