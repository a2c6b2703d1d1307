import { assertEquals, assertStringIncludes } from "@std/assert";
import { serve } from "../server.ts";
import { connect, HOST, readAll, send } from "../tests/clients.ts";
import { needing } from "../tests/needs.ts";
import { CLIENT, requestOf } from "../tests/requests.ts";
import { WATCHED } from "../tests/time.ts";
import { undated } from "../tests/wire.ts";
import { DEFAULT_LINK, escapeHtml, page, PROJECT_URL } from "./page.ts";

const test = needing("net");

test("page() greets the client, offers the link and repeats the line", WATCHED, async () => {
  await using server = serve({ hostname: HOST, port: 0 }, page("/a?b&c"));
  using socket = await connect(server.addr);
  await send(socket, "GET /<script>\"&' HTTP/1.1\r\n");
  const [head, html] = (await readAll(socket)).split("\r\n\r\n");
  const { port } = socket.localAddr as Deno.NetAddr;
  assertEquals(
    undated(head),
    `HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Length: ${html.length}\r\n` +
      "Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: default-src 'none'; " +
      "img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n" +
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close",
  );
  assertStringIncludes(html, `<title>Hello, 127.0.0.1</title>`);
  assertStringIncludes(html, "<h1>Hello, 127.0.0.1</h1>");
  assertStringIncludes(html, `opened to this server, from port ${port} of that address.`);
  assertStringIncludes(
    html,
    '<a class="link" href="/a?b&amp;c">Follow this link to <b>/a?b&amp;c</b></a>',
  );
  assertStringIncludes(
    html,
    "the wording of your request:\n<pre>GET /&lt;script&gt;&quot;&amp;&#39; HTTP/1.1" +
      "&nbsp;<small>line end</small></pre>",
  );
});

function htmlFor(link?: string, line = "GET / HTTP/1.1"): string {
  return String(page(link)(requestOf(line), CLIENT).body);
}

Deno.test("page() lets IPv6 addresses break at colons only", () => {
  assertStringIncludes(htmlFor(), "<title>Hello, 2001:db8::1</title>");
  assertStringIncludes(htmlFor(), "<h1>Hello, 2001:<wbr>db8:<wbr>:<wbr>1</h1>");
});

Deno.test("page() shows on its link where it leads", () => {
  const labels = {
    "https://example.com/": "Follow this link to <b>example.com</b>",
    "HTTP://example.com/a/?b=<c>": "Follow this link to <b>example.com/a/?b=&lt;c&gt;</b>",
    "/": "Follow this link to <b>/</b>",
    "/tea": "Follow this link to <b>/tea</b>",
    "mailto:a@b.example?subject=c": "Write to <b>a@b.example</b>",
  };
  for (const [link, label] of Object.entries(labels)) {
    assertStringIncludes(htmlFor(link), `>${label}</a></p>`);
  }
  assertStringIncludes(
    htmlFor(),
    `href="${DEFAULT_LINK}">Follow this link to <b>www.rfc-editor.org/`,
  );
});

Deno.test("page() links to the program, and makes browsers ask for no second thing", () => {
  assertStringIncludes(htmlFor(), `<a href="${PROJECT_URL}">Firstline</a>`);
  const links = htmlFor().match(/(src|href)="[^"]*"/g);
  assertEquals(links, ['href="data:,"', `href="${DEFAULT_LINK}"`, `href="${PROJECT_URL}"`]);
});

Deno.test("escapeHtml() escapes characters with a meaning in HTML", () => {
  assertEquals(escapeHtml(`<a href="x">'&`), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
});
