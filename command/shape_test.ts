import { assert, assertEquals } from "@std/assert";
import { shape } from "./shape.ts";

Deno.test("shape() replaces fields of the same name, in either case, and adds the others", () => {
  const reply = { status: 404, headers: [["A", "1"], ["B", "2"]], body: "c" } as const;
  const shaped = shape(reply, { fields: [["a", "3"], ["a", "4"], ["C", "5"]] });
  assertEquals(shaped, {
    status: 404,
    headers: [["B", "2"], ["a", "3"], ["a", "4"], ["C", "5"]],
    body: "c",
  });
  assert(Object.isFrozen(shaped) && Object.isFrozen(shaped.headers)); // framed once a second
});

Deno.test("shape() leaves fields about content out where the status forbids content", () => {
  const reply = { headers: [["Content-Type", "text/html"]], body: "a" } as const;
  for (const status of [204, 205, 304]) {
    assertEquals(shape(reply, { status, fields: [["A", "1"]] }).headers, [["A", "1"]]);
  }
  assertEquals(shape(reply, { status: 200, fields: [] }).headers, reply.headers);
});
