import { assertEquals } from "@std/assert";
import { bytesOf } from "../tests/wire.ts";
import { wireLines } from "./wire.ts";

Deno.test("wireLines() colours for a terminal and hides what is too much", () => {
  const client = { hostname: "::1", port: 9 };
  const event = { client, kind: "received", bytes: bytesOf("a\r\n"), count: 3 } as const;
  const esc = "\x1b[";
  assertEquals(
    wireLines(event, true),
    `${esc}2m[::1]:9${esc}0m ${esc}36m>>${esc}0m ${esc}36ma${esc}0m${esc}2m\\r\\n${esc}0m\n`
      .replace(`${esc}36ma${esc}0m`, "a"),
  );
  const long = {
    ...event,
    kind: "sent",
    bytes: new Uint8Array(20_000).fill(97),
    count: 20_000,
  } as const;
  const [shown, hidden] = wireLines(long, false).split("\n");
  assertEquals(shown, `[::1]:9 << ${"a".repeat(16 * 1024)}`);
  assertEquals(hidden, `[::1]:9 << ${20_000 - 16 * 1024} more bytes`);
});
