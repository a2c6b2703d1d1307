/**
 * Makes the replies that the settings ask for.
 *
 * @module
 */

import {
  type Listener,
  type Reply,
  type Responder,
  serve,
  type Server,
  type Socket,
} from "../server.ts";
import { delayed } from "../replies/delay.ts";
import {
  contentTypesIn,
  type Fields,
  hasContent,
  mergeFields,
  type ReplyOverrides,
  type ReplyTo,
  withOverrides,
} from "../replies/fields.ts";
import { withHealth } from "../replies/health.ts";
import { page } from "../replies/page.ts";
import { contentTemplateOf, hasPlaceholders, withTemplates } from "../replies/placeholders.ts";
import { urlOf } from "../replies/text.ts";
import { DEFAULTS } from "./flags.ts";
import { say } from "./output.ts";
import type { Settings } from "./settings.ts";
import { hasName, type ListenOptions, type Open } from "./start.ts";

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
    ? await (await import("../folders/answer.ts")).fileAnswer(
      { ...settings, ...content, embeddedRoot },
      say,
      signal,
    )
    : { answer: responderFrom(settings), path: "/" };
  const responder = withHealth(health, answer);
  const open = async (options: ListenOptions) => {
    if (options.hostname !== "localhost") return serve(options, responder);
    return serve(
      { ...options, listener: await listenOnLocalhost(options, listenInDeno) },
      responder,
    );
  };
  return { open, path };
}

async function openLab(options: ListenOptions, health: string | undefined): Promise<Server> {
  const { lab } = await import("../lab/lab.ts");
  const { listenWithReset } = await import("../lab/listener.ts");
  const { Traffic } = await import("../lab/traffic.ts");
  const isLocal = options.hostname === "localhost";
  const listener = isLocal
    ? await listenOnLocalhost(options, listenWithReset)
    : await listenWithReset(options);
  const { hostname, port } = listener.addr;
  if (isLocal || hostname === DEFAULTS.labHost) {
    say("the lab answers this machine alone; --host lets others in");
  }
  const traffic = new Traffic();
  const { origin } = new URL(urlOf(hostname, port));
  const responder = lab({ origin, canReset: true, traffic });
  const wrap = (socket: Socket) => traffic.wrap(options.wrap?.(socket) ?? socket);
  return serve({ ...options, listener, wrap }, withHealth(health, responder));
}

// ---------------------------------------------------------------- localhost

/** As many connections as `serve()` lets wait in the kernel. */
const TCP_BACKLOG = 2048;

function listenInDeno({ hostname, port, reusePort }: ListenOptions): Listener {
  return Deno.listen({ hostname, port, reusePort, tcpBacklog: TCP_BACKLOG });
}

/** A port that is free on 127.0.0.1 may be taken on ::1. So many are tried. */
const MAX_TRIES = 10;

/** Listens on one port of both loopback addresses, or of 127.0.0.1 where there is no other. */
async function listenOnLocalhost(
  options: ListenOptions,
  listen: (options: ListenOptions) => Listener | Promise<Listener>,
): Promise<Listener> {
  for (let tries = 1;; tries++) {
    const listeners = [await listen({ ...options, hostname: "127.0.0.1" })];
    const { port } = listeners[0].addr;
    try {
      listeners.push(await listen({ ...options, hostname: "::1", port }));
    } catch (error) {
      if (hasName(error, "AddrInUse")) {
        listeners[0].close();
        if (options.port !== 0 || tries === MAX_TRIES) throw error;
        continue;
      }
    }
    return joined(listeners, { hostname: "localhost", port });
  }
}

/** What has come from a listener. */
interface Arrival {
  readonly listener: Listener;
  readonly socket?: Socket;
  readonly error?: unknown;
}

/** One listener for the connections of several. */
export function joined(listeners: readonly Listener[], addr: Listener["addr"]): Listener {
  const awaited = new Map<Listener, Promise<Arrival>>();
  const arrivalAt = (listener: Listener): Promise<Arrival> => {
    const arrival: Promise<Arrival> = awaited.get(listener) ??
      listener.accept().then((socket) => ({ listener, socket }), (error) => ({ listener, error }));
    awaited.set(listener, arrival);
    return arrival;
  };
  return {
    addr,
    async accept() {
      const { listener, socket, error } = await Promise.race(listeners.map(arrivalAt));
      awaited.delete(listener);
      if (socket === undefined) throw error;
      return socket;
    },
    close() {
      for (const listener of listeners) listener.close();
      for (const arrival of awaited.values()) {
        arrival.then(({ listener, socket }) => awaited.has(listener) && socket?.[Symbol.dispose]());
      }
    },
  };
}

// ---------------------------------------------------------------- replies

/** Makes the responder for a text, the page or a redirect. */
export function responderFrom(settings: Settings): Responder | Reply {
  const { headers, cors, delay } = settings;
  const answer = withTemplates(headers, contentReplyTo(settings));
  return delayed(cors ? withPreflight(headers, answer) : answer, delay);
}

/** A browser asks by OPTIONS before it sends a request to another origin (Fetch §4.8). */
function withPreflight(headers: Fields, answer: ReplyTo | Reply): ReplyTo {
  const allowed = headers.filter(([name]) => !/^location$/i.test(name)); // it must not be led away
  const preflight = withTemplates(allowed, withOverrides({ status: 204 }, { headers: allowed }));
  return (request, client) => {
    const chosen = request.method === "OPTIONS" ? preflight : answer;
    return typeof chosen === "function" ? chosen(request, client) : chosen;
  };
}

/** A status that forbids content leaves the page out. */
function contentReplyTo({ content, status, headers }: Settings): ReplyTo | Reply {
  const overrides = { status, headers };
  if (content.kind === "text") return textReplyTo(content.text, overrides);
  if (content.kind === "page" && hasContent(status)) return pageReplyTo(content.link, overrides);
  return withOverrides({}, overrides);
}

function textReplyTo(text: string, overrides: ReplyOverrides): ReplyTo | Reply {
  const reply = withOverrides({ body: text }, overrides);
  if (!hasPlaceholders(text)) return reply;
  const [type = "text/plain"] = contentTypesIn(overrides.headers);
  const fill = contentTemplateOf(text, type);
  return (request, client) => ({ ...reply, body: fill(request, client) });
}

/** The page has the same header fields for everyone, so they are merged once. */
function pageReplyTo(link: string | undefined, { status, headers }: ReplyOverrides): ReplyTo {
  const replyTo = page(link);
  let merged: Fields | undefined;
  return (request, client) => {
    const reply = replyTo(request, client);
    merged ??= mergeFields(reply.headers, headers);
    return { ...reply, status, headers: merged };
  };
}
