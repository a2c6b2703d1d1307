/**
 * Text in HTML.
 *
 * @module
 */

/**
 * Escapes text for HTML, between tags and in quoted attributes.
 *
 * @example
 * ```ts
 * import { escapeHtml } from "./html.ts";
 *
 * console.log(escapeHtml('<a href="x">')); // "&lt;a href=&quot;x&quot;&gt;"
 * ```
 */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => HTML_ENTITIES[character]);
}

const HTML_ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
