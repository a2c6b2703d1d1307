/**
 * What the server answers, as the flags have it.
 *
 * @module
 */

import { checkField, type Reply, type Responder } from "../server.ts";
import { DEFAULTS } from "./flags.ts";
import { messageOf } from "./messages.ts";
import { sleep } from "./sleep.ts";
import { page } from "./page.ts";
import { mayRead, StartError } from "./permissions.ts";
import { integerOf, quote, stringOf, stringsOf, UsageError, type Values } from "./values.ts";

/** What the server answers: the raw file, or the text, file or page in the shape asked for. */
export function responderFrom(values: Values, delayMs: number): Responder | Reply {
  const raw = stringOf(values, "raw");
  if (raw !== undefined) return sendRaw(readFile("raw", raw), delayMs);
  const status = integerOf(values, "status", 200, 599) ?? DEFAULTS.status;
  const fields = stringsOf(values, "header").map(headerField);

  const text = stringOf(values, "text");
  const file = stringOf(values, "file");
  const isBare = status === 204 || status === 205 || status === 304;
  if (text === undefined && file === undefined && !isBare) {
    return delayed(shapedPage(linkFrom(values), status, fields), delayMs);
  }
  const plain = file === undefined ? { body: text } : fileReply(file);
  const reply = { ...plain, status, headers: merge(isBare ? [] : plain.headers, fields) };
  return delayMs > 0 ? delayed(() => reply, delayMs) : reply;
}

function linkFrom(values: Values): string | undefined {
  const link = stringOf(values, "link");
  const isUrl = link && /^(https?|mailto):/i.test(link) && URL.canParse(link);
  if (link === undefined || link.startsWith("/") || isUrl) return link;
  throw new UsageError(
    `Cannot use --link ${quote(link)}: expected an http, https or mailto URL, or a path`,
  );
}

function headerField(text: string): readonly [string, string] {
  const [, name, value] = /^([^:]*):(.*)$/s.exec(text) ?? [];
  if (name === undefined) {
    throw new UsageError(`Cannot use --header ${quote(text)}: expected "Name: value"`);
  }
  try {
    checkField(name, value.trim());
  } catch (error) {
    throw new UsageError(`Cannot use --header ${quote(text)}: ${messageOf(error).split(": ")[1]}`);
  }
  return [name, value.trim()];
}

type Fields = NonNullable<Reply["headers"]>;

/** The fields given replace those of the same name; frozen, so that they are checked once. */
function merge(fields: Fields = [], given: Fields): Fields {
  const names = new Set(given.map(([name]) => name.toLowerCase()));
  return Object.freeze([...fields.filter(([name]) => !names.has(name.toLowerCase())), ...given]);
}

/** The page in the shape asked for; its own fields never change, so they are merged once. */
function shapedPage(link: string | undefined, status: number, fields: Fields): Responder {
  const greet = page(link);
  let headers: Fields | undefined;
  return (request, client) => {
    const reply = greet(request, client);
    headers ??= merge(reply.headers, fields);
    return { ...reply, status, headers };
  };
}

function delayed(responder: Responder, delayMs: number): Responder {
  if (delayMs === 0) return responder;
  return async (request, client) => {
    await sleep(delayMs);
    return responder(request, client);
  };
}

/** With a delay, the head leaves at once and the rest stalls. */
function sendRaw(octets: Uint8Array, delayMs: number): Responder {
  const head = /^[^]*?\r?\n\r?\n/.exec(new TextDecoder("latin1").decode(octets))?.[0].length;
  const cut = delayMs > 0 ? head ?? octets.length : octets.length;
  return () => ({
    raw: (async function* () {
      yield octets.subarray(0, cut);
      if (delayMs === 0) return;
      await sleep(delayMs);
      yield octets.subarray(cut);
    })(),
  });
}

/** Types of what is served as a single answer, by extension. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  avif: "image/avif",
  css: "text/css; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  gif: "image/gif",
  gz: "application/gzip",
  htm: "text/html; charset=utf-8",
  html: "text/html; charset=utf-8",
  ico: "image/x-icon",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  md: "text/markdown; charset=utf-8",
  mjs: "text/javascript; charset=utf-8",
  mp3: "audio/mpeg",
  mp4: "video/mp4",
  pdf: "application/pdf",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  wasm: "application/wasm",
  webp: "image/webp",
  woff2: "font/woff2",
  xml: "application/xml",
  yaml: "application/yaml",
  yml: "application/yaml",
  zip: "application/zip",
};

function fileReply(path: string): Reply {
  const extension = /\.([^./\\]+)$/.exec(path)?.[1].toLowerCase() ?? "";
  const type = CONTENT_TYPES[extension] ?? "application/octet-stream";
  return { headers: [["Content-Type", type]], body: readFile("file", path) };
}

/** Asks for no permission: it says which flag grants it. */
function readFile(flag: string, path: string): Uint8Array<ArrayBuffer> {
  if (!mayRead(path)) {
    throw new StartError(
      `Cannot use --${flag} ${quote(path)}: permission missing, add --allow-read=${path}`,
    );
  }
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    throw new UsageError(
      `Cannot use --${flag} ${quote(path)}: expected a readable file (${messageOf(error)})`,
    );
  }
}
