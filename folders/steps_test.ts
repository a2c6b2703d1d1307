import { assert, assertEquals, assertRejects } from "@std/assert";
import { finish } from "../tests/files.ts";
import { SkippableTime } from "../tests/time.ts";
import { forEachInSteps, inSlices, sortInSteps, type Steps } from "./steps.ts";

/** Steps that take a time each by a stopped clock. */
function* stepsOf(count: number, milliseconds: number, time: SkippableTime): Steps<string> {
  for (; count > 0; count--) {
    time.jump(milliseconds);
    yield;
  }
  return "done";
}

/** The number of pauses that steps are run with. */
async function pausesFor(count: number, milliseconds: number, sliceMs?: number): Promise<number> {
  using time = new SkippableTime(true);
  let pauses = 0;
  const pause = () => {
    pauses++;
    time.jump(1000); // others work meanwhile
    return Promise.resolve();
  };
  const { value, busyMs } = await inSlices(stepsOf(count, milliseconds, time), pause, sliceMs);
  const expected = count * Math.min(milliseconds, sliceMs ?? 10);
  assert(value === "done" && Math.abs(busyMs - expected) <= count * milliseconds / 50, `${busyMs}`);
  return pauses;
}

Deno.test("inSlices() pauses after each slice, not after each step", async () => {
  assertEquals(await pausesFor(1000, 1.01), 100);
  assertEquals(await pausesFor(1000, 1.01, 50), 20);
  assertEquals(await pausesFor(9, 1.01), 0);
  assertEquals(await pausesFor(10_000, 0), 0);
});

Deno.test("inSlices() pauses after each step that is longer than a slice", async () => {
  assertEquals(await pausesFor(5, 25), 5);
});

Deno.test("inSlices() ends with the error of a step or a pause", async () => {
  using time = new SkippableTime(true);
  const stop = () => Promise.reject(new RangeError("stopped"));
  await assertRejects(() => inSlices(stepsOf(100, 1, time), stop), RangeError, "stopped");
  const failing = (function* (): Steps<void> {
    yield;
    throw new RangeError("failed");
  })();
  await assertRejects(() => inSlices(failing, stop), RangeError, "failed");
});

Deno.test("forEachInSteps() calls a function with each item in order, and pauses between them", () => {
  for (const length of [0, 1, 32, 33, 100]) {
    const items = Array.from({ length }, (_, at) => at);
    const seen: number[] = [];
    const lengths: number[] = [];
    for (const _ of forEachInSteps(items, (item) => seen.push(item))) lengths.push(seen.length);
    assertEquals([seen, lengths], [items, [32, 64, 96].filter((count) => count < length)]);
  }
});

Deno.test("sortInSteps() sorts like toSorted(), in steps, and keeps the order of equals", () => {
  const compare = (a: number, b: number) => (a >> 4) - (b >> 4);
  for (const length of [0, 1, 2, 255, 256, 257, 512, 1000, 5000]) {
    const items = Array.from({ length }, (_, at) => (at * 7919) % 5003);
    assertEquals(finish(sortInSteps(items, compare)), items.toSorted(compare), String(length));
  }
  let steps = 0;
  for (const _ of sortInSteps(Array.from({ length: 5000 }, Math.random), (a, b) => a - b)) steps++;
  assert(steps > 5000 / 256, String(steps));
});
