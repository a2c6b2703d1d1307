/**
 * What the server answers, as the flags have it.
 *
 * @module
 */

import { checkField, type Reply, type Responder } from "../server.ts";
import { DEFAULTS } from "./flags.ts";
import { delayed } from "./delay.ts";
import { type Folder, type Octets, read } from "./files.ts";
import { responsesOf, siteOf } from "./folder.ts";
import { withHealth } from "./health.ts";
import { messageOf, plural, say } from "./messages.ts";
import { page } from "./page.ts";
import { encoderFor, fieldsTemplateOf, hasWords, templateOf } from "./placeholders.ts";
import { rawResponder } from "./raw.ts";
import { demandOneHost, redirectFrom } from "./redirect.ts";
import type { Settings } from "./settings.ts";
import { type Fields, type Framed, hasContent, merge, type Shape, shape } from "./shape.ts";
import { contentTypeOf } from "./types.ts";
import { integerOf, quote, stringOf, stringsOf, UsageError, type Values } from "./values.ts";

/** What the flags answer with; `embeddedRoot` is where an executable keeps what was embedded. */
export function responderFrom(
  values: Values,
  { delay, health }: Settings,
  embeddedRoot?: string,
): Responder | Reply {
  const raw = stringOf(values, "raw");
  const answer = raw === undefined
    ? delayed(framedFrom(values, embeddedRoot), delay)
    : rawFrom(raw, (octets) => rawResponder(octets, delay), embeddedRoot);
  return withHealth(health, answer);
}

function rawFrom(path: string, answer: (octets: Octets) => Responder, root?: string): Responder {
  const held = read("raw", path, root);
  return held instanceof Uint8Array ? answer(held) : responsesOf(counted(held).files, answer);
}

/** What the server frames; header fields with words in them are filled in last. */
function framedFrom(values: Values, root?: string): Framed | Reply {
  const status = statusFrom(values);
  const fields = fieldsFrom(values);
  const content = contentFrom(values, { status, fields }, root);
  if (!fields.some(([, value]) => hasWords(value))) return content;
  const fill = fieldsTemplateOf(fields);
  return (request, client) => {
    const reply = typeof content === "function" ? content(request, client) : content;
    return { ...reply, headers: merge(reply.headers, fill(request, client)) };
  };
}

/** The file, folder, text or page; a redirect, and a status that forbids it, have no content. */
function contentFrom(values: Values, wanted: Shape, root?: string): Framed | Reply {
  const file = stringOf(values, "file");
  if (file !== undefined) return fileFrom(file, wanted, root);
  const text = stringOf(values, "text");
  if (text !== undefined) return textFrom(text, wanted);
  const isEmpty = stringOf(values, "redirect") !== undefined || !hasContent(wanted.status);
  return isEmpty ? shape({}, wanted) : pageFrom(values, wanted);
}

function fileFrom(path: string, wanted: Shape, root?: string): Framed | Reply {
  const held = read("file", path, root);
  if (!(held instanceof Uint8Array)) return siteOf(counted(held).files, wanted);
  return shape({ headers: [["Content-Type", contentTypeOf(path)]], body: held }, wanted);
}

/** Says what is held in memory from now on. */
function counted(folder: Folder): Folder {
  const { files, bytes, leftOut } = folder;
  const rest = leftOut > 0 ? `; ${leftOut} left out, hidden or a link that leads elsewhere` : "";
  say(`holding ${plural(files.size, "file")}, ${plural(bytes, "byte")}${rest}`);
  return folder;
}

function textFrom(text: string, wanted: Shape): Framed | Reply {
  const reply = shape({ body: text }, wanted);
  if (!hasWords(text)) return reply;
  const type = wanted.fields.find(([name]) => /^content-type$/i.test(name))?.[1] ?? "";
  const fill = templateOf(text, encoderFor(type));
  return (request, client) => ({ ...reply, body: fill(request, client) });
}

/** The page's own fields never change, so they are merged once. */
function pageFrom(values: Values, wanted: Shape): Framed {
  const greet = page(linkFrom(values));
  let headers: Fields | undefined;
  return (request, client) => {
    const reply = greet(request, client);
    headers ??= merge(reply.headers, wanted.fields);
    return { ...reply, status: wanted.status, headers };
  };
}

function linkFrom(values: Values): string | undefined {
  const link = stringOf(values, "link");
  const isUrl = link && /^(https?|mailto):/i.test(link) && URL.canParse(link);
  if (link === undefined || link.startsWith("/") || isUrl) return link;
  throw new UsageError(
    `Cannot use --link ${quote(link)}: expected an http, https or mailto URL, or a path`,
  );
}

/** Statuses whose `Location` clients follow (RFC 9110 §15.4). */
const REDIRECTS = [301, 302, 303, 307, 308];

function statusFrom(values: Values): number {
  const isRedirect = stringOf(values, "redirect") !== undefined;
  const status = integerOf(values, "status", 200, 599);
  if (!isRedirect) return status ?? DEFAULTS.status;
  if (status === undefined || REDIRECTS.includes(status)) return status ?? DEFAULTS.redirect;
  throw new UsageError(
    `Cannot use --status ${status} with --redirect: expected ${REDIRECTS.join(", ")}`,
  );
}

/** The fields of all replies; a redirect is one more. */
function fieldsFrom(values: Values): Fields {
  const location = redirectFrom(values);
  const own: Fields = location === undefined ? [] : [["Location", location]];
  const fields = stringsOf(values, "header").map(headerField);
  if (fields.filter(([name]) => /^content-type$/i.test(name)).length > 1) {
    throw new UsageError("Cannot use --header with Content-Type twice: expected one type");
  }
  return merge(own, fields);
}

function headerField(text: string): readonly [string, string] {
  const [, name, padded] = /^([^:]*):(.*)$/s.exec(text) ?? [];
  if (name === undefined) {
    throw new UsageError(`Cannot use --header ${quote(text)}: expected "Name: value"`);
  }
  const value = padded.trim();
  try {
    checkField(name, value);
  } catch (error) {
    throw new UsageError(`Cannot use --header ${quote(text)}: ${messageOf(error).split(": ")[1]}`);
  }
  if (/^location$/i.test(name) && hasWords(value)) demandOneHost("header", text, value);
  return [name, value];
}
