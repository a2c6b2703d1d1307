import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseField, withOverrides } from "./fields.ts";

Deno.test("withOverrides() replaces fields of the same name, in either case, and adds the others", () => {
  const reply = { status: 404, headers: [["A", "1"], ["B", "2"]], body: "c" } as const;
  const merged = withOverrides(reply, { headers: [["a", "3"], ["a", "4"], ["C", "5"]] });
  assertEquals(merged, {
    status: 404,
    headers: [["B", "2"], ["a", "3"], ["a", "4"], ["C", "5"]],
    body: "c",
  });
  for (const one of [merged, withOverrides(reply, { headers: [] })]) {
    assert(Object.isFrozen(one) && Object.isFrozen(one.headers)); // framed once a second
  }
});

Deno.test("withOverrides() leaves fields about content out where the status forbids content", () => {
  const reply = { headers: [["Content-Type", "text/html"]], body: "a" } as const;
  for (const status of [204, 205, 304]) {
    assertEquals(withOverrides(reply, { status, headers: [["A", "1"]] }).headers, [["A", "1"]]);
  }
  assertEquals(withOverrides(reply, { status: 200, headers: [] }).headers, reply.headers);
});

Deno.test("parseField() says what was expected, whatever the name is", () => {
  assertEquals(parseField("A: b: c "), ["A", "b: c"]);
  const mistakes = {
    "A": 'expected "Name: value"',
    ": b": "expected a token for a name",
    'Cannot send header "a": b': "expected a token for a name",
    "Connection: close": "the server sets it",
    "A: b\nC: d": "expected a value of printable ASCII",
  };
  for (const [line, reason] of Object.entries(mistakes)) {
    assertEquals(assertThrows(() => parseField(line), RangeError).message, reason, line);
  }
});
