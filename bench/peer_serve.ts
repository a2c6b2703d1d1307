/** The peer `Deno.serve`. Its own Content-Type for text is the one all send, at no cost. */
const [port, bytes] = Deno.args;
const content = bytes ? new Uint8Array(Number(bytes)) : "Hello world!";

Deno.serve(
  { hostname: "127.0.0.1", port: Number(port), onListen() {} },
  () => new Response(content),
);
