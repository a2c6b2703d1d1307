/** `Deno.serve`. Its default Content-Type is the one that all peers send. */
const [port, bytes] = Deno.args;
const content = bytes ? new Uint8Array(Number(bytes)) : "Hello world!";

Deno.serve(
  { hostname: "127.0.0.1", port: Number(port), onListen() {} },
  () => new Response(content),
);
