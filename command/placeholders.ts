/**
 * Words in braces that stand for what a request says: `{client}`, `{port}`,
 * `{method}` and `{target}`. Other braces stay as they are.
 *
 * @module
 */

import type { Client, RequestLine } from "../server.ts";
import { escapeHtml } from "./page.ts";
import type { Fields } from "./reply_defaults.ts";
import { encodePathAndQuery, encodeUri, pathAndQueryOf } from "./target.ts";

/** A text that depends on the request. */
export type Template = (request: RequestLine, client: Client) => string;

const MEANINGS: Readonly<Record<string, Template>> = {
  client: (_, { hostname }) => hostname,
  port: (_, { port }) => String(port),
  method: ({ method }) => method,
  target: ({ target }) => pathAndQueryOf(target),
};

const WORD = new RegExp(`\\{(${Object.keys(MEANINGS).join("|")})\\}`);

/** True if one of the words stands in this text. */
export function hasWords(text: string): boolean {
  return WORD.test(text);
}

/** Fills in the words; what stands for them is encoded, and never filled in again. */
export function templateOf(
  text: string,
  encodeValue: (value: string) => string = String,
  encodeRest: (rest: string) => string = String,
): Template {
  const parts = text.split(WORD).map((part, at) => {
    const isWord = at % 2 === 1; // one stands between each two of the other parts
    if (isWord) return (...asked: Parameters<Template>) => encodeValue(MEANINGS[part](...asked));
    const rest = encodeRest(part);
    return () => rest;
  });
  return (request, client) => parts.map((part) => part(request, client)).join("");
}

/**
 * Fills in the words of a `Location`, so that it stays a URI and keeps its host: what begins with
 * two slashes would name another (RFC 3986 §4.2), and with a dot between them is the same path.
 */
export function locationOf(text: string): Template {
  const fill = templateOf(text, encodePathAndQuery, encodeUri);
  if (!text.startsWith("{target}")) return fill;
  return (request, client) => fill(request, client).replace(/^\/(?=\/)/, "/./");
}

/** Fills in the words of header fields. */
export function fieldsTemplateOf(fields: Fields): (...asked: Parameters<Template>) => Fields {
  const templates = fields.map(([name, value]) => {
    const fill = name.toLowerCase() === "location" ? locationOf(value) : templateOf(value);
    return [name, fill] as const;
  });
  return (...asked) => templates.map(([name, fill]) => [name, fill(...asked)]);
}

/** How words are encoded in content of this type, so that they stay text. */
export function encoderFor(type: string): (value: string) => string {
  if (/html|xml|\{/i.test(type)) return escapeHtml; // a type with words in it may become any
  if (/json/i.test(type)) return (value) => JSON.stringify(value).slice(1, -1);
  return String;
}
