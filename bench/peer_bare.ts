/**
 * The least that a server on `Deno.listen` can do: it reads, writes and closes. It parses only what
 * this load needs: an empty line ends a request, and `C`, later `c`, means `Connection: close`. The
 * second argument is the size of its reply, if that is not to be the shortest.
 */
const [port, replyBytes = 0] = Deno.args.map(Number);
const HEAD = "HTTP/1.1 200 OK\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\n" +
  "Content-Type: text/plain; charset=utf-8\r\nContent-Length: ";
const CONTENT = "Hello world!".padStart(replyBytes - HEAD.length - "3000\r\n\r\n".length);
const REPLY = `${HEAD}${CONTENT.length}\r\n\r\n${CONTENT}`;
const encoder = new TextEncoder();
const LAST_REPLY = encoder.encode(REPLY.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
const REPLIES = Array.from({ length: 17 }, (_, count) => encoder.encode(REPLY.repeat(count)));

async function serve(connection: Deno.Conn): Promise<void> {
  using _ = connection;
  const bytes = new Uint8Array(2048);
  for (let count, closes = false; !closes && (count = await connection.read(bytes)) !== null;) {
    let requests = 0;
    for (let at = 2; at < count; at++) {
      if (bytes[at] === 10 && bytes[at - 2] === 10) requests++;
      if (bytes[at] === 67 && bytes[at + "onnection: ".length + 1] === 99) closes = true;
    }
    await connection.write(closes ? LAST_REPLY : REPLIES[requests]);
  }
}

const listener = Deno.listen({ hostname: "127.0.0.1", port });
for (;;) serve(await listener.accept()).catch(() => {}); // a reset ends its connection only
