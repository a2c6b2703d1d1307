/**
 * Pages that list what is in a folder.
 *
 * @module
 */

import type { Reply } from "../server.ts";
import { type ReplyOverrides, withOverrides } from "../replies/fields.ts";
import { htmlPage, PAGE_HEADERS } from "../replies/page.ts";
import { escapeHtml, plural } from "../replies/text.ts";
import type { FolderSnapshot } from "./read.ts";
import type { Routes } from "./routes.ts";
import { sortInSteps, type Steps } from "./steps.ts";

/** A row of a listing. */
interface Entry {
  /** The name; with a slash at the end for a folder. */
  readonly name: string;
  /** The size of a file; `undefined` for a folder. */
  readonly bytes?: number;
  /** When a file was last modified, if that is known. */
  readonly modified?: Date | null;
}

const LISTING_STYLE = `
  h1 { font-size: clamp(1.375rem, 5vw, 2rem); overflow-wrap: anywhere }
  table { width: 100%; border-collapse: collapse }
  td { padding: .4rem 0; border-top: 1px solid var(--line); vertical-align: top }
  td:first-child { overflow-wrap: anywhere; white-space: pre-wrap }
  td + td { padding-left: 1rem; color: var(--soft); font-size: .875rem; line-height: 1.9;
    white-space: nowrap; text-align: right; font-variant-numeric: tabular-nums }
  a { color: var(--accent); text-decoration: none }
  a:hover, a:focus { text-decoration: underline }
  @media (max-width: 32rem) { td:nth-child(3) { display: none } }
`;

/** Adds a page for each folder that has no page of its own. */
export function* addListings(
  routes: Routes<Reply>,
  folder: FolderSnapshot,
  { overrides, prefix = "" }: { readonly overrides: ReplyOverrides; readonly prefix?: string },
): Steps<void> {
  const entries = yield* entriesOf(folder);
  const order = byKindAndName();
  for (const path of folder.folders) {
    yield;
    if (routes.tableOf("GET").has(path)) continue;
    const sorted = yield* sortInSteps(entries.get(path) ?? [], order);
    const body = yield* listingOf(prefix + path, path === "/", sorted);
    routes.add("GET", path, withOverrides({ headers: PAGE_HEADERS, body }, overrides));
  }
}

/** The entries of each folder by its path. */
function* entriesOf({ files, folders }: FolderSnapshot): Steps<Map<string, Entry[]>> {
  const entries = new Map<string, Entry[]>(folders.map((path) => [path, []]));
  const add = (path: string, entry: Omit<Entry, "name">) => {
    const at = path.lastIndexOf("/", path.length - 2) + 1;
    entries.get(path.slice(0, at))?.push({ ...entry, name: path.slice(at) });
  };
  for (const path of folders) {
    yield;
    if (path !== "/") add(path, {});
  }
  for (const [path, { content, modified }] of files) {
    yield;
    add(path, { bytes: content.length, modified });
  }
  return entries;
}

/** Sorts folders first, and numbers in names by their values. The order depends on no locale. */
function byKindAndName(): (a: Entry, b: Entry) => number {
  const { compare } = new Intl.Collator("en", { numeric: true });
  return (a, b) => {
    const kinds = Number(a.bytes !== undefined) - Number(b.bytes !== undefined);
    return kinds || compare(a.name, b.name) || (a.name < b.name ? -1 : 1);
  };
}

function* listingOf(path: string, isTop: boolean, entries: readonly Entry[]): Steps<string> {
  const title = escapeHtml(visible(path));
  const rows = isTop ? [] : ['<tr><td><a href="../">../</a></td><td></td><td></td></tr>\n'];
  for (const entry of entries) {
    rows.push(rowOf(entry));
    yield;
  }
  const files = entries.filter(({ bytes }) => bytes !== undefined).length;
  return htmlPage(
    `Files in ${title}`,
    `<h1>Files in <bdi>${title}</bdi></h1>
<table>
${rows.join("")}</table>
<footer>Firstline lists ${plural(files, "file")} in this folder.</footer>`,
    LISTING_STYLE,
  );
}

/** The name is encoded for the URL and escaped for HTML, so that any name is only a name. */
function rowOf({ name, bytes, modified }: Entry): string {
  const isFolder = bytes === undefined;
  const href = encodeURIComponent(isFolder ? name.slice(0, -1) : name) + (isFolder ? "/" : "");
  const size = isFolder ? "" : sizeOf(bytes);
  const link = `<a href="${href}"><bdi>${escapeHtml(visible(name))}</bdi></a>`;
  return `<tr><td>${link}</td><td>${size}</td><td>${timeOf(modified)}</td></tr>\n`;
}

/**
 * Replaces control characters by their Unicode pictures or, where there is none, by U+FFFD, as well
 * as characters that change the direction of text: with those, a name could look like another one.
 */
function visible(name: string): string {
  return name.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (character) => {
    const code = character.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === DELETE ? "\u2421" : "\ufffd";
  });
}

const DELETE = 0x7f;

const UNITS = ["kB", "MB", "GB"];

/** Formats a size with two digits or more, in units of 1000. */
function sizeOf(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let [size, unit] = [bytes / 1000, 0];
  for (; size >= 999.5; unit++) size /= 1000;
  return `${size < 9.95 ? size.toFixed(1) : Math.round(size)} ${UNITS[unit]}`;
}

/** Formats a time to the minute, in UTC like all times that the server shows. */
function timeOf(modified: Date | null | undefined): string {
  if (!modified) return "";
  const time = modified.toISOString().slice(0, 16);
  return `<time datetime="${time}Z">${time.replace("T", " ")}</time>`;
}
