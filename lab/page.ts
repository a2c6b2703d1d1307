/**
 * The list of the lab as a page, as text, and as JSON.
 *
 * @module
 */

import type { Reply } from "../server.ts";
import type { Contract } from "./contract.ts";
import { escapeHtml, htmlPage, PAGE_HEADERS } from "../replies/page.ts";

/** The replies with the list, by path. */
export function indexOf(entries: readonly Contract[], origin: string): ReadonlyMap<string, Reply> {
  const text = entries.map(({ path, about }) => `${path}\t${about}\n`).join("");
  const json = JSON.stringify(entries, null, 2) + "\n";
  return new Map([
    ["/", Object.freeze({ headers: PAGE_HEADERS, body: pageOf(entries, origin) })],
    ["/list", Object.freeze({ body: text })],
    ["/lab.json", Object.freeze({ headers: JSON_HEADERS, body: json })],
  ]);
}

/** The header fields of what programs read. */
export const JSON_HEADERS: Reply["headers"] = Object.freeze([
  ["Content-Type", "application/json"] as const,
  ["Cache-Control", "no-store"] as const,
]);

const LAB_STYLE = `
  main { max-width: 48rem }
  nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem }
  section { margin-top: 3rem }
  article { margin: 0 0 1rem; padding: 1rem 1.25rem; border: 1px solid var(--line);
    border-radius: .5rem; background: var(--card) }
  h3 { display: flex; flex-wrap: wrap; gap: 0 1rem; justify-content: space-between;
    align-items: baseline; margin: 0 0 .25rem; font-size: 1.0625rem; overflow-wrap: anywhere }
  a { color: var(--accent) }
  h3 small a { color: var(--soft) }
  article p { margin: 0 }
  article pre { background: var(--paper); font-size: .875rem }
`;

function pageOf(entries: readonly Contract[], origin: string): string {
  const groups = Map.groupBy(entries, ({ group }) => group);
  const links = [...groups.keys()].map((group) => `<a href="#${idOf(group)}">${group}</a>`);
  const sections = [...groups].map(([group, some]) => sectionOf(group, some, origin));
  return htmlPage(
    "The lab of Firstline",
    `<h1>The lab</h1>
<p class="lead">${entries.length} responses by path, right ones and wrong ones. Point an HTTP client at
them and see what it does. The same request line always gets the same bytes, but for the date.</p>
<p>A wrong response has the same bytes for each method, HEAD too. What stalls or never ends is closed
after 60 seconds or 64 MiB. For scripts, <a href="/list">/list</a> has a line for each entry, and
<a href="/lab.json">/lab.json</a> all that stands here.</p>
<nav>${links.join("\n")}</nav>
${sections.join("\n")}
<footer>This page was written by Firstline, a server that reads one line and answers it.</footer>`,
    LAB_STYLE,
  );
}

function sectionOf(group: string, entries: readonly Contract[], origin: string): string {
  return `<section id="${idOf(group)}">
<h2>${group}</h2>
${entries.map((entry) => articleOf(entry, origin)).join("\n")}
</section>`;
}

function articleOf(
  { path, usage, about, section, broken, client, curl = "-i" }: Contract,
  origin: string,
): string {
  const [pattern, range] = usage.split(/, (.*)/);
  return `<article>
<h3><a href="${path}">${pattern}</a> <small>${broken ? "wrong" : "right"}, <a href="${
    rfcOf(section)
  }">${section}</a></small></h3>
<p>The server ${escapeHtml(about)}. A sound client ${escapeHtml(client)}.${
    range ? ` ${range}.` : ""
  }</p>
<pre>curl ${curl} ${escapeHtml(origin)}${path}</pre>
</article>`;
}

function idOf(group: string): string {
  return group.toLowerCase().replace(/[^a-z]+/g, "-");
}

function rfcOf(section: string): string {
  const [, rfc, number] = /^RFC (\d+) §([\d.]+)$/.exec(section) ?? [];
  return rfc === undefined
    ? "https://html.spec.whatwg.org/multipage/server-sent-events.html"
    : `https://www.rfc-editor.org/rfc/rfc${rfc}#section-${number}`;
}
