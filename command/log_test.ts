import { assertEquals } from "@std/assert";
import { commonLogLine, jsonLogLine } from "./log.ts";

Deno.test("jsonLogLine() is one line of printable ASCII", () => {
  const line = jsonLogLine({
    client: { hostname: "::1", port: 1 },
    requestLine: "GET /\n\xff",
    status: 0,
    bytes: 7,
    time: Date.UTC(2026, 0, 2, 3, 4, 5),
    milliseconds: 0.12345,
  });
  assertEquals(
    line,
    '{"time":"2026-01-02T03:04:05.000Z","client":"::1","port":1,' +
      String.raw`"requestLine":"GET /\\x0A\\xFF","status":null,"bytes":7,"milliseconds":0.123}` +
      "\n",
  );
});

Deno.test("commonLogLine() is one line of printable ASCII", () => {
  const line = commonLogLine({
    client: { hostname: "::1", port: 1 },
    requestLine: 'GET /\n" \xff',
    status: 400,
    bytes: 7,
    time: Date.UTC(2026, 0, 2, 3, 4, 5),
    milliseconds: 0.5,
  });
  assertEquals(line, '::1 - - [02/Jan/2026:03:04:05 +0000] "GET /\\x0A\\x22 \\xFF" 400 7\n');
});
