import { assertEquals, assertStringIncludes } from "@std/assert";
import { parseRequestLine, type RequestLine, serve } from "../server.ts";
import { connect, HOST, readAll, send } from "../tests/clients.ts";
import { WATCHED } from "../tests/time.ts";
import { octets, undated } from "../tests/wire.ts";
import { escapeHtml, page } from "./page.ts";

Deno.test("page() greets the client, offers the link and repeats the line", WATCHED, async () => {
  await using server = serve({ hostname: HOST, port: 0 }, page("/a?b&c"));
  using socket = await connect(server.addr);
  await send(socket, "GET /<script>\"&' HTTP/1.1\r\n");
  const [head, html] = (await readAll(socket)).split("\r\n\r\n");
  const { port } = socket.localAddr as Deno.NetAddr;
  assertEquals(
    undated(head),
    `HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Length: ${html.length}\r\n` +
      "Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: default-src 'none'; " +
      "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n" +
      "X-Content-Type-Options: nosniff\r\nConnection: close",
  );
  assertStringIncludes(html, `<title>Hello, 127.0.0.1:${port}</title>`);
  assertStringIncludes(html, `<h1>Hello, 127.0.0.1:${port}</h1>`);
  assertStringIncludes(html, '<a class="link" href="/a?b&amp;c">');
  assertStringIncludes(html, "GET /&lt;script&gt;&quot;&amp;&#39; HTTP/1.1");
});

Deno.test("page() puts IPv6 addresses in brackets", WATCHED, async () => {
  const request = parseRequestLine(octets("GET / HTTP/1.1")) as RequestLine;
  const { body } = await page()(request, { hostname: "2001:db8::1", port: 5 });
  assertStringIncludes(String(body), "<h1>Hello, [2001:db8::1]:5</h1>");
});

Deno.test("escapeHtml() escapes what HTML gives a meaning", () => {
  assertEquals(escapeHtml(`<a href="x">'&`), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
});
