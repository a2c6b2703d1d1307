/** `node:http`. */
import { createServer } from "node:http";
import process from "node:process";

const [port, bytes] = process.argv.slice(2);
const content = bytes ? new Uint8Array(Number(bytes)) : "Hello world!";

const server = createServer((_request, response) => {
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.end(content);
});
server.keepAliveTimeout = 0; // off
server.listen(Number(port), "127.0.0.1");
