/**
 * The page that greets each client by its address: a responder for `serve()`.
 *
 * @module
 */

import type { Client, Reply, RequestLine } from "../server.ts";
import { escapeHtml } from "./text.ts";

export { escapeHtml };

/** The default link of the page: the specification of what the page shows. */
export const DEFAULT_LINK = "https://www.rfc-editor.org/rfc/rfc9112";

/** The home of the program. */
export const PROJECT_URL = "https://jsr.io/@firstline/firstline";

/** Header fields of a page that runs no scripts, loads nothing and is not cached. */
export const PAGE_HEADERS: Reply["headers"] = Object.freeze<Array<readonly [string, string]>>([
  ["Content-Type", "text/html; charset=utf-8"],
  [
    "Content-Security-Policy",
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ],
  ["Cache-Control", "no-store"], // the page is for one client
  ["X-Content-Type-Options", "nosniff"],
]);

/** The style of all pages, for small screens and dark mode too. */
const PAGE_STYLE = `
  :root { color-scheme: light dark; --ink: #1c2127; --soft: #59636e; --paper: #fbfaf7;
    --card: #fff; --line: #dfdcd3; --accent: #0b63ce; --on-accent: #fff; --wire: #0a7a4b }
  @media (prefers-color-scheme: dark) { :root { --ink: #e8e6e1; --soft: #a2a9b1; --paper: #14171a;
    --card: #1d2125; --line: #343a40; --accent: #7ab4ff; --on-accent: #10151c; --wire: #6fd6a4 } }
  * { box-sizing: border-box }
  body { margin: 0; padding: clamp(1.5rem, 6vw, 5rem) 1.25rem; background: var(--paper);
    color: var(--ink); font: 1.0625rem/1.6 system-ui, sans-serif }
  main { max-width: 42rem; margin: auto }
  h1 { margin: 0 0 .75rem; font-size: clamp(1.625rem, 7vw, 3rem); line-height: 1.15;
    letter-spacing: -.02em; text-wrap: balance }
  h2 { margin: 3rem 0 .75rem; font-size: 1.125rem }
  p { margin: 0 0 1rem }
  .lead { color: var(--soft); font-size: 1.1875rem }
  .link { display: inline-block; margin-top: .5rem; padding: .6rem 1.2rem; border-radius: .5rem;
    background: var(--accent); color: var(--on-accent); font-weight: 600; text-decoration: none;
    overflow-wrap: anywhere }
  .link b { display: inline-block; font-weight: inherit }
  .link:hover { text-decoration: underline }
  .link:focus-visible { outline: 3px solid var(--ink); outline-offset: 3px }
  ol { margin: 0; padding: 0; list-style: none; counter-reset: step }
  li { position: relative; padding: 0 0 1.25rem 2.75rem; counter-increment: step }
  li::before { content: counter(step); position: absolute; left: 0; top: .05rem; width: 1.75rem;
    height: 1.75rem; border: 1px solid var(--line); border-radius: 50%; background: var(--card);
    color: var(--soft); font-size: .875rem; line-height: 1.65rem; text-align: center }
  pre { margin: .5rem 0 0; padding: .75rem 1rem; border: 1px solid var(--line);
    border-radius: .5rem; background: var(--card); color: var(--wire); white-space: pre-wrap;
    overflow-wrap: anywhere; font: .9375rem/1.5 ui-monospace, monospace }
  small { white-space: nowrap; color: var(--soft); font-size: .75rem; letter-spacing: .05em }
  footer { margin-top: 2rem; padding-top: 1rem; border-top: 1px solid var(--line);
    color: var(--soft); font-size: .9375rem }
  footer a { color: inherit }
`;

/**
 * Makes a responder that greets each client by its address with an HTML page. The page has a link,
 * shows the request line, and explains what has just happened on the wire.
 *
 * @param link The URL of the link; RFC 9112 by default.
 */
export function page(
  link: string = DEFAULT_LINK,
): (request: RequestLine, client: Client) => Reply {
  const href = escapeHtml(link);
  const label = labelOf(link);
  return (request, { hostname, port }) => ({
    headers: PAGE_HEADERS,
    body: htmlPage(
      `Hello, ${hostname}`,
      `<h1>Hello, ${hostname.replaceAll(":", ":<wbr>")}</h1>
<p class="lead">That is the address your request came from: your own, or that of the last machine
that passed it on. This page was written for it.</p>
<p><a class="link" href="${href}">${label}</a></p>
<h2>What just happened on the wire</h2>
<ol>
<li>A TCP connection was opened to this server, from port ${port} of that address.</li>
<li>One line came in, the wording of your request:
<pre>${escapeHtml(request.text)}&nbsp;<small>line end</small></pre></li>
<li>That line end was enough. The server knew its answer then, without waiting for header
fields: they could not have changed a word of this page.</li>
<li>The answer was a status line, a few header fields, an empty line, and text in HTML, which
your browser has turned into this page.</li>
</ol>
<footer>Change the path in the address bar, and the line in step 2 changes with it.<br>
This page was written by <a href="${PROJECT_URL}">Firstline</a>, a server that reads one line and
answers it.</footer>`,
    ),
  });
}

/** The label of a link, in HTML. Lines break inside of its target only if nowhere else. */
function labelOf(link: string): string {
  const [, mailbox] = /^mailto:([^?]*)/i.exec(link) ?? [];
  if (mailbox !== undefined) return `Write to <b>${escapeHtml(mailbox)}</b>`;
  const place = link.replace(/^https?:\/\//i, "").replace(/(?<=.)\/$/, "");
  return `Follow this link to <b>${escapeHtml(place)}</b>`;
}

/**
 * Makes an HTML page, to be sent with {@linkcode PAGE_HEADERS}.
 *
 * @param title The title, in HTML.
 * @param content The content of the page, in HTML.
 * @param style More rules of CSS, after those of all pages.
 */
export function htmlPage(title: string, content: string, style: string = ""): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${PAGE_STYLE}${style}</style>
</head>
<body>
<main>
${content}
</main>
</body>
</html>
`;
}
