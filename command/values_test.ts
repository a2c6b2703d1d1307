import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../replies/text.ts";
import { integerOf, millisecondsOf, spanOf } from "./values.ts";

function mistake(work: () => unknown): string {
  return assertThrows(work, UsageError).message;
}

Deno.test("integerOf() accepts the bounds, and nothing beyond", () => {
  const port = (value: string) => integerOf({ port: value }, "port", 1, 65535);
  assertEquals([port("1"), port("65535"), integerOf({}, "port", 0, 1)], [1, 65535, undefined]);
  for (const value of ["0", "65536", "-1", "0x50", "1e3", " 80", "80 ", "8.5", "1234567890"]) {
    assertEquals(
      mistake(() => port(value)),
      `Cannot use --port "${value}": expected an integer from 1 to 65535`,
    );
  }
});

Deno.test("millisecondsOf() accepts seconds above 0 with up to three decimals", () => {
  const delay = (value: string) => millisecondsOf({ delay: value }, "delay");
  assertEquals([delay("2.5"), delay("0.001"), delay("999999")], [2500, 1, 999_999_000]);
  for (const value of ["0", "0.0", "-1", ".5", "5.", "0.0001", "1000000", "1s", "1-2", "1e2"]) {
    assertStringIncludes(
      mistake(() => delay(value)),
      `--delay "${value}": expected seconds above 0 to 999999`,
    );
  }
});

Deno.test("millisecondsOf() accepts 0 where it has a meaning", () => {
  const grace = (value: string) => millisecondsOf({ grace: value }, "grace", "zero too");
  assertEquals([grace("0"), grace("0.0"), grace("0.5")], [0, 0, 500]);
  assertStringIncludes(mistake(() => grace("-0")), "expected seconds from 0 to 999999");
});

Deno.test("spanOf() accepts seconds, or two of them with a dash between", () => {
  const delay = (value: string) => spanOf({ delay: value }, "delay");
  assertEquals(delay("2.5"), { minMs: 2500, maxMs: 2500 });
  assertEquals(delay("0.2-1.5"), { minMs: 200, maxMs: 1500 });
  assertEquals(delay("0-1"), { minMs: 0, maxMs: 1000 });
  assertEquals(delay("1-1"), { minMs: 1000, maxMs: 1000 });
  assertEquals([delay("0"), delay("0.0"), delay("0-0")], [undefined, undefined, undefined]);
  for (const value of ["2-1", "1-2-3", "-1", "1-", "a-2", "1 - 2", "0.2-1.5s"]) {
    assertEquals(
      mistake(() => delay(value)),
      `Cannot use --delay "${value}": expected seconds up to 999999, such as 2.5, ` +
        "or from the least to the most, such as 0.2-1.5",
    );
  }
});
