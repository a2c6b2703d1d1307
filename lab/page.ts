/**
 * The list of the lab as a page, as text, and as JSON.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Reply } from "../server.ts";
import { htmlPage, PAGE_HEADERS } from "../replies/page.ts";
import { escapeHtml } from "../replies/text.ts";
import type { Contract } from "./contract.ts";

/** The replies with the list, by path. */
export function listReplies(
  entries: readonly Contract[],
  origin: string,
): ReadonlyMap<string, Reply> {
  const text = entries.map(({ path, about }) => `${path}\t${about}\n`).join("");
  const json = JSON.stringify(entries, null, 2) + "\n";
  return new Map([
    ["/", Object.freeze({ headers: headersOf(SCRIPT), body: pageOf(entries, origin) })],
    ["/list", Object.freeze({ body: text })],
    ["/lab.json", Object.freeze({ headers: JSON_HEADERS, body: json })],
  ]);
}

/** The header fields of what programs read. */
export const JSON_HEADERS: Reply["headers"] = Object.freeze([
  ["Content-Type", "application/json"] as const,
  ["Cache-Control", "no-store"] as const,
]);

/** The header fields of a page that runs this script and no other. */
function headersOf(script: string): Reply["headers"] {
  const hash = createHash("sha256").update(script).digest("base64");
  return PAGE_HEADERS!.map(([name, value]) =>
    name === "Content-Security-Policy"
      ? [name, `${value}; script-src 'sha256-${hash}'`] as const
      : [name, value] as const
  );
}

const LAB_STYLE = `
  main { max-width: 48rem }
  nav { display: flex; gap: 1rem; overflow-x: auto; white-space: nowrap; padding-bottom: .5rem }
  input { width: 100%; padding: .5rem .75rem; border: 1px solid var(--line); border-radius: .5rem;
    background: var(--card); color: inherit; font: inherit }
  label { display: block; position: sticky; top: 0; padding: .5rem 0; background: var(--paper) }
  section { margin-top: 1.5rem }
  h2 { margin: 0 0 .25rem }
  [hidden] { display: none }
  a { color: var(--accent) }
  details { border-top: 1px solid var(--line) }
  summary { display: flex; gap: 0 .75rem; align-items: baseline;
    padding: .25rem 0; font-size: .9375rem; line-height: 1.4; cursor: pointer }
  summary b { flex: 1; font-weight: 500; overflow-wrap: anywhere }
  summary::after { content: "+"; align-self: center; color: var(--soft) }
  details[open] > summary::after { content: "−" }
  .must { color: var(--ink); font-weight: 700 }
  details p { margin: .25rem 0; font-size: .9375rem; scroll-margin-top: 6rem }
  details pre { margin-bottom: .75rem; font-size: .875rem }
`;

/** Shows the filter, which needs a script, and opens the entry that a link leads to. */
const SCRIPT = `
const input = document.querySelector("input");
const groups = [...document.querySelectorAll("section")];
const filter = () => {
  const words = input.value.toLowerCase().split(/\\s+/);
  for (const group of groups) {
    const entries = [...group.querySelectorAll("details")];
    for (const entry of entries) {
      const text = entry.textContent.toLowerCase();
      entry.hidden = !words.every((word) => text.includes(word));
    }
    group.hidden = entries.every((entry) => entry.hidden);
  }
};
const open = () => {
  const entry = document.getElementById(location.hash.slice(1))?.closest("details");
  if (entry) entry.open = true;
};
input.closest("label").hidden = false;
input.addEventListener("input", filter);
addEventListener("hashchange", open);
filter();
open();
`;

function pageOf(entries: readonly Contract[], origin: string): string {
  const groups = Map.groupBy(entries, ({ group }) => group);
  const links = [...groups.keys()].map((group) => `<a href="#${idOf(group)}">${group}</a>`);
  const sections = [...groups].map(([group, some]) => sectionOf(group, some, origin));
  return htmlPage(
    "The lab of Firstline",
    `<h1>The lab</h1>
<p class="lead">${entries.length} responses by path, right ones and wrong ones. Point an HTTP client at
them and see what it does.</p>
<details><summary>How to use it</summary>
<p>The same request line always gets the same bytes, but for the date. A wrong response has the same
bytes for each method, HEAD too. What stalls or never ends is closed after 60 seconds or 64 MiB.</p>
<p><b>must</b>: an RFC says MUST to clients. <b>should</b>: it says SHOULD, or the response is right.
<b>may</b>: it leaves the choice. A client that loses content, takes what belongs to no request, or
takes memory or time without bound, is unsound in any case.</p>
<p><a href="/list">/list</a> has a line for each entry, <a href="/lab.json">/lab.json</a> all that a
program needs. <a href="/next">/next</a> is for the next request on a connection, /pause for a moment
between the two, /sequence/503,reset,200/KEY for several responses in turn, /seen/KEY for what was
asked, and /any/truncated/ for any path behind it.</p>
</details>
<label hidden><input type="search" placeholder="Filter, such as: must report chunk" aria-label="Filter"></label>
<nav>${links.join("\n")}</nav>
${sections.join("\n")}
<footer>This page was written by Firstline, a server that reads one line and answers it.</footer>
<script>${SCRIPT}</script>`,
    LAB_STYLE,
  );
}

function sectionOf(group: string, entries: readonly Contract[], origin: string): string {
  return `<section id="${idOf(group)}">
<h2>${group}</h2>
${entries.map((entry) => entryOf(entry, origin)).join("\n")}
</section>`;
}

/** An entry: a line that unfolds. Its anchor is inside, because a link to that unfolds it. */
function entryOf(entry: Contract, origin: string): string {
  const { path, usage, about, section, broken, client, level, expect, curl = "-i" } = entry;
  const [pattern, range] = usage.split(/, (.*)/);
  const id = path.slice(1).replaceAll("/", "-");
  return `<details><summary><b>${pattern}</b> <small class="${level}">${level} ${
    VERBS[expect]
  }</small></summary>
<p id="${id}">The server ${escapeHtml(about)}: ${broken ? "wrong" : "right"}. A sound client ${
    escapeHtml(client)
  } (<a href="${urlOf(section)}">${section}</a>).${range ? ` ${range}.` : ""}${harmOf(entry)}
<a href="${path}">Request it</a>, <a href="#${id}">link here</a>.</p>
<pre>curl ${curl} ${escapeHtml(origin)}${path}</pre></details>`;
}

const VERBS = { accept: "accept", report: "report", either: "do either" };

const HARMS = {
  content: "content is lost or altered",
  next: "the next request gets what is not its own",
  memory: "memory is taken without bound",
  time: "time is taken without bound",
};

function harmOf({ harm }: Contract): string {
  return harm.length === 0
    ? ""
    : ` What may go wrong: ${harm.map((one) => HARMS[one]).join("; ")}.`;
}

function idOf(group: string): string {
  return `group-${group.toLowerCase().replace(/[^a-z]+/g, "-")}`;
}

function urlOf(section: string): string {
  const [, rfc, number] = /^RFC (\d+) §([\d.]+)$/.exec(section) ?? [];
  return rfc === undefined
    ? "https://html.spec.whatwg.org/multipage/server-sent-events.html"
    : `https://www.rfc-editor.org/rfc/rfc${rfc}#section-${number}`;
}
