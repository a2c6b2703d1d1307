/** The peer `Deno.serve`. Its own Content-Type for text is the one all send, at no cost. */
Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.args[0]), onListen() {} },
  () => new Response("Hello world!"),
);
