/**
 * The placeholders `{client}`, `{port}`, `{method}` and `{target}`, which each reply fills in from
 * its request. Other braces stay as they are.
 *
 * @module
 */

import type { Client, Reply, RequestLine } from "../server.ts";
import { escapeHtml } from "./page.ts";
import { type Fields, mergeFields, type ReplyTo } from "./fields.ts";
import { encodePathAndQuery, encodeUri, pathAndQueryOf } from "./target.ts";

/** A text that depends on the request. */
export type Template = (request: RequestLine, client: Client) => string;

const VALUES: Readonly<Record<string, Template>> = {
  client: (_, { hostname }) => hostname,
  port: (_, { port }) => String(port),
  method: ({ method }) => method,
  target: ({ target }) => pathAndQueryOf(target),
};

const PLACEHOLDER = new RegExp(`\\{(${Object.keys(VALUES).join("|")})\\}`);

/** True if this text has a placeholder in it. */
export function hasPlaceholders(text: string): boolean {
  return PLACEHOLDER.test(text);
}

/**
 * Fills in the placeholders. A value that looks like a placeholder is not filled in again.
 *
 * @param encodeValue Encodes what is filled in; nothing by default.
 * @param encodeRest Encodes the text around the placeholders; nothing by default.
 */
export function templateOf(
  text: string,
  encodeValue: (value: string) => string = String,
  encodeRest: (rest: string) => string = String,
): Template {
  const parts = text.split(PLACEHOLDER).map((part, at) => {
    const isPlaceholder = at % 2 === 1; // split() alternates text and names
    if (isPlaceholder) {
      return (...asked: Parameters<Template>) => encodeValue(VALUES[part](...asked));
    }
    const rest = encodeRest(part);
    return () => rest;
  });
  return (request, client) => parts.map((part) => part(request, client)).join("");
}

/**
 * Fills in the placeholders of a `Location` so that it stays a URI and keeps its host. Two slashes
 * at the start would name another host (RFC 3986 §4.2); a dot between them keeps it a path.
 * Slashes before `{target}` are left out, because the target begins with one.
 */
export function locationOf(text: string): Template {
  const single = text.replace(/(?:^\/|(?<=[^:/])\/+)(?=\{target\})/g, "");
  const fill = templateOf(single, encodePathAndQuery, encodeUri);
  if (!single.startsWith("{target}")) return fill;
  return (request, client) => fill(request, client).replace(/^\/(?=\/)/, "/./");
}

/** A harmless request, and one whose values would change the host wherever they could. */
const REQUESTS: ReadonlyArray<Parameters<Template>> = [
  [
    { method: "GET", target: "/", minorVersion: 1, text: "" },
    { hostname: "192.0.2.1", port: 1 },
  ],
  [
    { method: "a#b", target: "//evil.invalid:1/?@#", minorVersion: 1, text: "" },
    { hostname: "2001:db8::1", port: 65535 },
  ],
];

/** Resolves paths, which keep the host of this server. */
const THIS_HOST = "http://here.invalid";

/**
 * The origin that a `Location` leads to for a harmless request, and for one that tries to change
 * it; `undefined` if the location is not a URI. Only where both are equal is the host fixed.
 */
export function originsOf(location: string): Array<string | undefined> {
  const fill = locationOf(location);
  return REQUESTS.map((asked) => URL.parse(fill(...asked), THIS_HOST)?.origin);
}

/** Fills in the placeholders of header fields. */
export function fieldsTemplateOf(fields: Fields): (...asked: Parameters<Template>) => Fields {
  const templates = fields.map(([name, value]) => {
    const fill = name.toLowerCase() === "location" ? locationOf(value) : templateOf(value);
    return [name, fill] as const;
  });
  return (...asked) => templates.map(([name, fill]) => [name, fill(...asked)]);
}

/** Fills in the placeholders of these header fields in each reply, whatever its content. */
export function withTemplates(fields: Fields, answer: ReplyTo | Reply): ReplyTo | Reply {
  if (!fields.some(([, value]) => hasPlaceholders(value))) return answer;
  const fill = fieldsTemplateOf(fields);
  return (request, client) => {
    const fillIn = (reply: Reply) => ({
      ...reply,
      headers: mergeFields(reply.headers, fill(request, client)),
    });
    const reply = typeof answer === "function" ? answer(request, client) : answer;
    return reply instanceof Promise ? reply.then(fillIn) : fillIn(reply);
  };
}

/** Returns the encoding that keeps a value text in content of this type. */
export function encoderFor(type: string): (value: string) => string {
  // A type with a placeholder may become any type; text escaped for code is safe in HTML as well.
  if (/javascript|ecmascript|jscript|json|\{/i.test(type)) return escapeCode;
  if (/html|xml/i.test(type)) return escapeHtml;
  if (/css/i.test(type)) return escapeCss;
  return String;
}

/** Characters that may have a meaning in JavaScript, JSON or CSS, inside quotes of any kind. */
const NOT_PLAIN = /[^\w .:/?#@!()+,;=%~-]/gu;

/** Escapes a value for strings of JavaScript and JSON; it cannot end a comment or script either. */
function escapeCode(value: string): string {
  return value.replace(NOT_PLAIN, (character) => `\\u${hexOf(character).padStart(4, "0")}`);
}

/** Escapes a value for strings of CSS (CSS Syntax §4.3.7). */
function escapeCss(value: string): string {
  return value.replace(NOT_PLAIN, (character) => `\\${hexOf(character).padStart(6, "0")}`);
}

/** One UTF-16 unit is enough: values come from a request line, which is ASCII. */
function hexOf(character: string): string {
  return character.charCodeAt(0).toString(16);
}
