import { assert, assertEquals } from "@std/assert";
import { withDefaults } from "./fields.ts";

Deno.test("withDefaults() replaces fields of the same name, in either case, and adds the others", () => {
  const reply = { status: 404, headers: [["A", "1"], ["B", "2"]], body: "c" } as const;
  const merged = withDefaults(reply, { headers: [["a", "3"], ["a", "4"], ["C", "5"]] });
  assertEquals(merged, {
    status: 404,
    headers: [["B", "2"], ["a", "3"], ["a", "4"], ["C", "5"]],
    body: "c",
  });
  assert(Object.isFrozen(merged) && Object.isFrozen(merged.headers)); // framed once a second
});

Deno.test("withDefaults() leaves fields about content out where the status forbids content", () => {
  const reply = { headers: [["Content-Type", "text/html"]], body: "a" } as const;
  for (const status of [204, 205, 304]) {
    assertEquals(withDefaults(reply, { status, headers: [["A", "1"]] }).headers, [["A", "1"]]);
  }
  assertEquals(withDefaults(reply, { status: 200, headers: [] }).headers, reply.headers);
});
