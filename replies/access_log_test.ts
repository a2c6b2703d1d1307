import { assertEquals } from "@std/assert";
import { commonLogLine, jsonLogLine } from "./access_log.ts";

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
      String.raw`"requestLine":"GET /\\x0A\\xFF","status":null,"bytes":7,"milliseconds":0.123}`,
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
  assertEquals(line, '::1 - - [02/Jan/2026:03:04:05 +0000] "GET /\\x0A\\x22 \\xFF" 400 7');
});

Deno.test("commonLogLine() has the time of each exchange, and a dash for a raw reply", () => {
  const times = [[5, 999], [6, 0], [5, 0]].map(([second, millisecond]) =>
    Date.UTC(2026, 11, 31, 23, 59, second, millisecond)
  );
  const lines = times.map((time) =>
    commonLogLine({
      client: { hostname: "192.0.2.1", port: 1 },
      requestLine: "GET / HTTP/1.1",
      status: 0,
      bytes: 7,
      time,
      milliseconds: 0,
    })
  );
  const expected = ["05", "06", "05"].map((second) =>
    `192.0.2.1 - - [31/Dec/2026:23:59:${second} +0000] "GET / HTTP/1.1" - 7`
  );
  assertEquals(lines, expected);
});
