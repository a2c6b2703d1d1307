import { assert, assertEquals } from "@std/assert";
import type { Responder } from "../server.ts";
import { CLIENT, requestOf } from "../tests/requests.ts";
import { delayed, randomDelay } from "./delay.ts";

Deno.test("randomDelay() is spread evenly over its span, and drawn anew each time", () => {
  const times = Array.from({ length: 10_000 }, () => randomDelay({ minMs: 200, maxMs: 1500 }));
  assert(times.every((time) => time >= 200 && time <= 1500));
  for (let tenth = 0; tenth < 10; tenth++) { // 1000 expected in each, with a deviation of 30
    const count = times.filter((time) => Math.floor((time - 200) / 130) === tenth).length;
    assert(count > 800 && count < 1200, `${count} in tenth ${tenth}`);
  }
  assertEquals(randomDelay({ minMs: 300, maxMs: 300 }), 300);
});

Deno.test("delayed() waits before a reply and before a responder", async () => {
  const request = requestOf("GET / HTTP/1.1");
  const reply = { body: "late" };
  for (const answer of [reply, () => reply]) {
    const start = performance.now();
    const responder = delayed(answer, { minMs: 30, maxMs: 30 }) as Responder;
    assertEquals(await responder(request, CLIENT), reply);
    assert(performance.now() - start >= 29);
    assertEquals(delayed(answer, undefined), answer);
  }
});
