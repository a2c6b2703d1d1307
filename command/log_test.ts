import { assertEquals } from "@std/assert";
import { bytesOf } from "../tests/wire.ts";
import { wireLines } from "./log.ts";

Deno.test("wireLines() adds colors for a terminal, and hides long content", () => {
  const client = { hostname: "::1", port: 9 };
  const event = { client, kind: "received", bytes: bytesOf("a\r\n\x1b[1m"), count: 7 } as const;
  const [dim, cyan, end] = ["\x1b[2m", "\x1b[36m", "\x1b[0m"];
  assertEquals(wireLines(event, true), [
    `${dim}[::1]:9${end} ${cyan}>>${end} a${dim}\\r\\n${end}`,
    `${dim}[::1]:9${end} ${cyan}>>${end} \\x1B[1m${dim}${end}`, // the client chooses no color
  ]);
  const bytes = new Uint8Array(20_000).fill(97);
  const long = { client, kind: "sent", bytes, count: 20_000 } as const;
  assertEquals(wireLines(long, false), [
    `[::1]:9 << ${"a".repeat(16 * 1024)}`,
    `[::1]:9 << ${20_000 - 16 * 1024} more bytes`,
  ]);
});

Deno.test("wireLines() shows each byte beyond ASCII by its own number", () => {
  const bytes = Uint8Array.from({ length: 128 }, (_, at) => 128 + at);
  const event = { client: { hostname: "h", port: 9 }, kind: "sent", bytes, count: 128 } as const;
  const shown = Array.from(bytes, (byte) => `\\x${byte.toString(16).toUpperCase()}`).join("");
  assertEquals(wireLines(event, false), [`h:9 << ${shown}`]);
});
