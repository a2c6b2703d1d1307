import { assert, assertEquals } from "@std/assert";
import { octets } from "../tests/wire.ts";
import { endOfHead } from "./raw.ts";

Deno.test("endOfHead() finds the end of the first empty line, with or without CR", () => {
  const cases: Array<[string, number]> = [
    ["HTTP/1.1 200 OK\r\n\r\nab", 19],
    ["HTTP/1.1 200 OK\n\nab", 17],
    ["a\n\r\nb\r\n\r\n", 4],
    ["\r\n\r\n", 4],
    ["a\nb\r\nc\r\n\r\nd", 10],
    ["a\r\n\r", 4],
    ["a\n", 2],
    ["a\r\rb", 4],
    ["", 0],
  ];
  for (const [text, end] of cases) assertEquals(endOfHead(octets(text)), end, JSON.stringify(text));
});

Deno.test("endOfHead() takes a large file for the octets that it is", () => {
  const large = new Uint8Array(600_000_000); // a string of that length cannot exist
  const start = performance.now();
  assertEquals(endOfHead(large), large.length);
  assert(performance.now() - start < 3000);
});
