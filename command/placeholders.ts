/**
 * Placeholders for what a request says: `{client}`, `{port}`, `{method}` and `{target}`.
 * Other braces stay as they are.
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

const PLACEHOLDER = new RegExp(`\\{(${Object.keys(MEANINGS).join("|")})\\}`);

/** True if this text has a placeholder in it. */
export function hasPlaceholders(text: string): boolean {
  return PLACEHOLDER.test(text);
}

/** Fills in the placeholders; their values are encoded, and never filled in again. */
export function templateOf(
  text: string,
  encodeValue: (value: string) => string = String,
  encodeRest: (rest: string) => string = String,
): Template {
  const parts = text.split(PLACEHOLDER).map((part, at) => {
    const isPlaceholder = at % 2 === 1; // split() puts one between each two of the other parts
    if (isPlaceholder) {
      return (...asked: Parameters<Template>) => encodeValue(MEANINGS[part](...asked));
    }
    const rest = encodeRest(part);
    return () => rest;
  });
  return (request, client) => parts.map((part) => part(request, client)).join("");
}

/**
 * Fills in the placeholders of a `Location`, so that it stays a URI and keeps its host. What begins
 * with two slashes would name another host (RFC 3986 §4.2); with a dot between them it is the same
 * path. Slashes before `{target}`, which begins with one, are left out.
 */
export function locationOf(text: string): Template {
  const single = text.replace(/(?:^\/|(?<=[^:/])\/+)(?=\{target\})/g, "");
  const fill = templateOf(single, encodePathAndQuery, encodeUri);
  if (!single.startsWith("{target}")) return fill;
  return (request, client) => fill(request, client).replace(/^\/(?=\/)/, "/./");
}

/** Fills in the placeholders of header fields. */
export function fieldsTemplateOf(fields: Fields): (...asked: Parameters<Template>) => Fields {
  const templates = fields.map(([name, value]) => {
    const fill = name.toLowerCase() === "location" ? locationOf(value) : templateOf(value);
    return [name, fill] as const;
  });
  return (...asked) => templates.map(([name, fill]) => [name, fill(...asked)]);
}

/** How values are encoded in content of this type, so that they stay text. */
export function encoderFor(type: string): (value: string) => string {
  // A type with a placeholder in it may become any: what is escaped for code is safe in HTML, too.
  if (/javascript|ecmascript|jscript|json|\{/i.test(type)) return escapeCode;
  if (/html|xml/i.test(type)) return escapeHtml;
  if (/css/i.test(type)) return escapeCss;
  return String;
}

/** What means nothing in JavaScript, JSON or CSS, whichever quotes it stands in. */
const NOT_PLAIN = /[^\w .:/?#@!()+,;=%~-]/gu;

/** Escapes for a string of JavaScript or JSON, and so that it cannot end a comment or a script. */
function escapeCode(value: string): string {
  return value.replace(NOT_PLAIN, (character) => `\\u${hexOf(character).padStart(4, "0")}`);
}

/** Escapes for a string of CSS (CSS Syntax §4.3.7). */
function escapeCss(value: string): string {
  return value.replace(NOT_PLAIN, (character) => `\\${hexOf(character).padStart(6, "0")}`);
}

/** All that a request line can hold is ASCII. */
function hexOf(character: string): string {
  return character.charCodeAt(0).toString(16);
}
