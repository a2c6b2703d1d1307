/**
 * Makes the replies that the settings ask for.
 *
 * @module
 */

import { type Reply, type Responder, serve, type Server, type Socket } from "../server.ts";
import { delayed } from "../replies/delay.ts";
import { DEFAULTS } from "./flags.ts";
import { withHealth } from "../replies/health.ts";
import { urlOf } from "../replies/text.ts";
import { say } from "./output.ts";
import { page } from "../replies/page.ts";
import { contentTemplateOf, hasPlaceholders, withTemplates } from "../replies/placeholders.ts";
import {
  contentTypesIn,
  type Fields,
  hasContent,
  mergeFields,
  type ReplyDefaults,
  type ReplyTo,
  withDefaults,
} from "../replies/fields.ts";
import type { Settings } from "./settings.ts";
import type { ListenOptions, Open } from "./start.ts";

/** A server to start. */
export interface Opener {
  /** Starts it. */
  readonly open: Open;
  /** The path to open in a browser. */
  readonly path: string;
}

/**
 * Makes the function that serves what these settings ask for. Files are read here. The code for
 * files and for the lab is imported only when they are asked for, so that other starts are faster.
 *
 * @param embeddedRoot Where an executable has its embedded files.
 * @param signal Ends the watching of files.
 * @throws {UsageError} If a file or folder cannot be used.
 * @throws {StartError} If Deno does not permit to read it.
 */
export async function openerFrom(
  settings: Settings,
  embeddedRoot?: string,
  signal?: AbortSignal,
): Promise<Opener> {
  const { content, health } = settings;
  if (content.kind === "lab") return { open: (options) => openLab(options, health), path: "/" };
  const { answer, path } = content.kind === "file" || content.kind === "raw"
    ? await (await import("../folders/serve.ts")).fileAnswer(
      { ...settings, ...content, embeddedRoot },
      say,
      signal,
    )
    : { answer: responderFrom(settings), path: "/" };
  const responder = withHealth(health, answer);
  return { open: (options) => serve(options, responder), path };
}

async function openLab(options: ListenOptions, health: string | undefined): Promise<Server> {
  const { lab } = await import("../lab/lab.ts");
  const { listenWithReset } = await import("../lab/listener.ts");
  const { Traffic } = await import("../lab/traffic.ts");
  const listener = await listenWithReset(options);
  const { hostname, port } = listener.addr;
  if (hostname === DEFAULTS.labHost) {
    say("the lab answers this machine alone; --host lets others in");
  }
  const traffic = new Traffic();
  const { origin } = new URL(urlOf(hostname, port));
  const responder = lab({ origin, canReset: true, traffic });
  const wrap = (socket: Socket) => traffic.wrap(options.wrap?.(socket) ?? socket);
  return serve({ ...options, listener, wrap }, withHealth(health, responder));
}

/** Makes the responder for a text, the page or a redirect. */
export function responderFrom(settings: Settings): Responder | Reply {
  const { headers, delay } = settings;
  return delayed(withTemplates(headers, contentReplyTo(settings)), delay);
}

/** A status that forbids content leaves the page out. */
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
  const fill = contentTemplateOf(text, type);
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
