/** The peer `node:http`. */
import { createServer } from "node:http";
import process from "node:process";

const server = createServer((_request, response) => {
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.end("Hello world!");
});
server.keepAliveTimeout = 0; // off: idle connections stay while their memory is measured
server.listen(Number(process.argv[2]), "127.0.0.1");
