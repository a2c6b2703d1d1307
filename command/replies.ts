/**
 * What the server answers, by the settings.
 *
 * @module
 */

import { type Reply, type Responder, serve, type Server } from "../server.ts";
import { urlOf } from "./address.ts";
import { delayed } from "./delay.ts";
import { DEFAULTS } from "./flags.ts";
import { type Folder, type Octets, read } from "./files.ts";
import { responsesOf, siteOf } from "./folder.ts";
import { withHealth } from "./health.ts";
import { plural, say } from "./log.ts";
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

/** How to serve what these settings ask for; files are read here. */
export function openerFrom(settings: Settings, embeddedRoot?: string): Open {
  const { content, health } = settings;
  if (content.kind === "lab") return (options) => openLab(options, health);
  const responder = responderFrom(settings, embeddedRoot);
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
 */
export function responderFrom(settings: Settings, embeddedRoot?: string): Responder | Reply {
  const { content, delay, health } = settings;
  const answer = content.kind === "raw"
    ? rawFrom(content.path, (octets) => rawResponder(octets, delay), embeddedRoot)
    : delayed(withTemplates(settings, contentFrom(settings, embeddedRoot)), delay);
  return withHealth(health, answer);
}

function rawFrom(path: string, answer: (octets: Octets) => Responder, root?: string): Responder {
  const held = read("raw", path, root);
  return held instanceof Uint8Array
    ? answer(held)
    : responsesOf(announce(held, "index.http").files, answer);
}

/** Header fields with placeholders are filled in last, whatever the content. */
function withTemplates({ headers }: Settings, answer: ReplyTo | Reply): ReplyTo | Reply {
  if (!headers.some(([, value]) => hasPlaceholders(value))) return answer;
  const fill = fieldsTemplateOf(headers);
  return (request, client) => {
    const reply = typeof answer === "function" ? answer(request, client) : answer;
    return { ...reply, headers: mergeFields(reply.headers, fill(request, client)) };
  };
}

/** The file, folder, text or page; a redirect, and a status that forbids it, have no content. */
function contentFrom({ content, status, headers }: Settings, root?: string): ReplyTo | Reply {
  const defaults = { status, headers };
  if (content.kind === "file") return fileFrom(content.path, defaults, root);
  if (content.kind === "text") return textFrom(content.text, defaults);
  if (content.kind === "page" && hasContent(status)) return pageFrom(content.link, defaults);
  return withDefaults({}, defaults);
}

function fileFrom(path: string, defaults: ReplyDefaults, root?: string): ReplyTo | Reply {
  const held = read("file", path, root);
  if (!(held instanceof Uint8Array)) {
    return siteOf(announce(held, "index.html", "200.html").files, defaults);
  }
  return withDefaults(
    { headers: [["Content-Type", contentTypeOf(path, held)]], body: held },
    defaults,
  );
}

/** Says what is held in memory from now on, and whether one of these files answers `/`. */
function announce(folder: Folder, ...roots: string[]): Folder {
  const { files, bytes, leftOut } = folder;
  const rest = leftOut > 0 ? `; ${leftOut} left out, hidden or a link that leads elsewhere` : "";
  const hasRoot = roots.some((name) => files.has(`/${name}`));
  const root = hasRoot ? "" : `; no ${roots[0]}, so / is not found`;
  say(`holding ${plural(files.size, "file")}, ${plural(bytes, "byte")}${rest}${root}`);
  return folder;
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
