/**
 * The links of the page.
 *
 * @module
 */

import { escapeHtml } from "./text.ts";

/** The default link of the page: the specification of what the page shows. */
export const DEFAULT_LINK = "https://www.rfc-editor.org/rfc/rfc9112";

/** The home of the program. */
export const PROJECT_URL = "https://jsr.io/@firstline/firstline";

/** The label of a link, in HTML. Lines break inside of its target only if nowhere else. */
export function labelOf(link: string): string {
  const [, mailbox] = /^mailto:([^?]*)/i.exec(link) ?? [];
  if (mailbox !== undefined) return `Write to <b>${escapeHtml(mailbox)}</b>`;
  const place = link.replace(/^https?:\/\//i, "").replace(/(?<=.)\/$/, "");
  return `Follow this link to <b>${escapeHtml(place)}</b>`;
}
