/**
 * The placeholders `{client}`, `{port}`, `{method}` and `{target}`, which each reply fills in from
 * its request. Other braces stay as they are.
 *
 * @module
 */

import type { Client, Reply, RequestLine } from "../server.ts";
import { type Fields, mergeFields, type ReplyTo } from "./fields.ts";
import { encodePathAndQuery, encodeUri, pathAndQueryOf } from "./target.ts";
import { escapeHtml } from "./text.ts";

/** A text that depends on the request. */
export type Template = (request: RequestLine, client: Client) => string;

const VALUES: Readonly<Record<string, Template>> = {
  client: (_, { hostname }) => hostname,
  port: (_, { port }) => String(port),
  method: ({ method }) => method,
  target: ({ target }) => pathAndQueryOf(target),
};

/** The placeholders, in the words of messages. */
export const PLACEHOLDERS = "{client}, {port}, {method} and {target}";

const PLACEHOLDER = new RegExp(`\\{(${Object.keys(VALUES).join("|")})\\}`);

/** True if this text has a placeholder in it. */
export function hasPlaceholders(text: string): boolean {
  return PLACEHOLDER.test(text);
}

/** The text around the placeholders, from the first to the last. */
export function aroundPlaceholders(text: string): string[] {
  return text.split(PLACEHOLDER).filter((_, at) => at % 2 === 0); // the others are names
}

/**
 * True if a placeholder stands in a `javascript:` or `data:` URL, or names the scheme of one. Browsers
 * decode these before they run them, so that no encoding keeps a value in its place.
 */
export function isInCodeUrl(text: string): boolean {
  const [first, ...others] = aroundPlaceholders(text);
  let before = first;
  return others.some((rest) => {
    const isInside = endsInCodeUrl(before) || /=\s*["']?\s*$/.test(before) && rest.startsWith(":");
    before += rest;
    return isInside;
  });
}

/** The start of such a URL, and the quote before it. */
const CODE_URL = /(["']?) *(?:javascript:|data:[^\s,<>]*,)/gi;

/** True if the URL goes on to the end of the text: to its quote, or without one to a space or tag. */
function endsInCodeUrl(text: string): boolean {
  const plain = asBrowsersRead(text);
  return [...plain.matchAll(CODE_URL)].some(({ 0: start, 1: quote, index }) => {
    const rest = plain.slice(index + start.length);
    return quote === "" ? !/[\s<>]/.test(rest) : !rest.includes(quote);
  });
}

/** Decodes the references that can hide a scheme, and removes what URLs drop (WHATWG URL §4.4). */
function asBrowsersRead(text: string): string {
  return text.replace(/&#(x?)([\da-f]{1,6});?/gi, (_, hex, digits) => {
    const code = parseInt(digits, hex ? 16 : 10);
    return code <= 0x10ffff ? String.fromCodePoint(code) : "";
  }).replace(/&colon;/gi, ":").replace(/&(Tab|NewLine);|[^ -~]/gi, "");
}

/** True if a browser may run what is in content of this type. A placeholder may become any type. */
export function mayRun(type: string): boolean {
  return /html|xml|javascript|ecmascript|jscript|\{/i.test(type) || isSniffed(type);
}

/** True if a browser looks at the content instead, and may find HTML (MIME Sniffing §7). */
function isSniffed(type: string): boolean {
  const isType = /^[^\s/;]+\/[^\s/;]+\s*(?:;|$)/.test(type);
  return !isType || /^(?:\*\/\*|(?:unknown|application)\/(?:x-)?unknown)/i.test(type);
}

/** Encodes a value, given the text before its placeholder. */
type EncodeValue = (value: string, before: string) => string;

/**
 * Fills in the placeholders. A value that looks like a placeholder is not filled in again.
 *
 * @param encodeValue Encodes what is filled in; nothing by default.
 * @param encodeRest Encodes the text around the placeholders; nothing by default.
 */
export function templateOf(
  text: string,
  encodeValue: EncodeValue = String,
  encodeRest: (rest: string) => string = String,
): Template {
  let before = "";
  const parts = text.split(PLACEHOLDER).map((part, at) => {
    const isPlaceholder = at % 2 === 1; // split() alternates text and names
    if (isPlaceholder) {
      const textBefore = before;
      return (...asked: Parameters<Template>) => encodeValue(VALUES[part](...asked), textBefore);
    }
    before += part;
    const rest = encodeRest(part);
    return () => rest;
  });
  return (request, client) => parts.map((part) => part(request, client)).join("");
}

/** Two slashes would name another host (RFC 3986 §4.2); a dot between them keeps it a path. */
function asPath(value: string): string {
  return value.replace(/^\/(?=\/)/, "/./");
}

/**
 * Fills in the placeholders of a `Location` so that it stays a URI and keeps its host. Slashes
 * before `{target}` are left out, because the target begins with one. In a query, a value is
 * encoded as one component, so that it adds no parameters.
 */
export function locationOf(text: string): Template {
  const single = text.replace(/(?:^\/|(?<=[^:/])\/+)(?=\{target\})/g, "");
  const encodeValue: EncodeValue = (value, before) =>
    /[?&]/.test(before) ? encodeURIComponent(value) : encodePathAndQuery(value);
  const fill = templateOf(single, encodeValue, encodeUri);
  if (!single.startsWith("{target}")) return fill;
  return (request, client) => asPath(fill(request, client));
}

/** What could end a string, an attribute or a tag, or begin an expression, in any quotes. */
const LEAVING = /[\\"'<>{}$`]/g;

/**
 * Percent-encodes what could leave its place in code, in HTML or in a header field, and keeps a
 * path on its host. Script decodes no percent-encoding, and URLs mean the same with it.
 */
function confine(value: string): string {
  return asPath(value).replace(LEAVING, (character) => `%${hexOf(character).toUpperCase()}`);
}

/** Fills in the placeholders of code, HTML or a field. A slash before `{target}` is left out. */
function confinedTemplateOf(text: string, encode: (value: string) => string = String): Template {
  const single = text.replace(/(?<![:/])\/(?=\{target\})/g, "");
  return templateOf(single, (value) => encode(confine(value)));
}

/** Fills in the placeholders of content of this type. In plain text a value stays as it was sent. */
export function contentTemplateOf(text: string, given: string): Template {
  // A type with a placeholder may become any type; text escaped for code is safe in HTML as well.
  if (/javascript|ecmascript|jscript|\{/i.test(given)) return confinedTemplateOf(text, escapeCode);
  const type = isSniffed(given) ? "text/html" : given;
  if (/json/i.test(type)) return templateOf(text, escapeCode);
  if (/html|xml/i.test(type)) return confinedTemplateOf(text, escapeHtml);
  if (/css/i.test(type)) return confinedTemplateOf(text, escapeCss);
  return templateOf(text);
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
    const fill = name.toLowerCase() === "location" ? locationOf(value) : confinedTemplateOf(value);
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
