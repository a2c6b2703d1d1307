import { assertEquals } from "@std/assert";
import { sleep, WATCHED } from "../tests/time.ts";
import { textOf } from "../tests/wire.ts";
import { Output, type OutputOptions, type Sink } from "./output.ts";

/** A sink in memory, and the reports of lost lines. */
class Trial implements Sink {
  /** The text of each write. */
  readonly writes: string[] = [];
  readonly losses: string[] = [];
  readonly output: Output;
  /** The result of the next write; everything is written if this is undefined. */
  next: ((bytes: Uint8Array) => number | Promise<number>) | undefined;

  constructor(options: Partial<OutputOptions> = {}) {
    const onLoss = (lines: number, reason: unknown) =>
      void this.losses.push(`${lines}: ${reason instanceof Error ? reason.message : reason}`);
    this.output = new Output(this, { onLoss, ...options });
  }

  async write(bytes: Uint8Array): Promise<number> {
    const count = await (this.next?.(bytes) ?? bytes.length);
    this.writes.push(textOf(bytes.subarray(0, count)));
    return count;
  }

  /** Blocks writes until the returned function is called. */
  block(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.next = async (bytes) => (await promise, bytes.length);
    return () => {
      this.next = undefined;
      resolve();
    };
  }
}

const FULL = () => Promise.reject(new Error("No space"));

Deno.test(
  "Output.write() keeps the order, and collects lines during a write",
  WATCHED,
  async () => {
    const trial = new Trial();
    const unblock = trial.block();
    for (const line of ["a\n", "b\n", "c\n"]) trial.output.write(line);
    unblock();
    await trial.output.finish();
    assertEquals(trial.writes, ["a\n", "b\nc\n"]);
    assertEquals(trial.losses, []);
  },
);

Deno.test("Output.write() gathers for as long as it is told", WATCHED, async () => {
  const trial = new Trial({ gatherMs: 1 });
  trial.output.write("a\n");
  await Promise.resolve();
  trial.output.write("b\n");
  await trial.output.finish();
  assertEquals(trial.writes, ["a\nb\n"]);
});

Deno.test("Output.write() goes on where a partial write has ended", WATCHED, async () => {
  const trial = new Trial();
  trial.next = () => 2;
  trial.output.write("four\nü\n");
  await trial.output.finish();
  assertEquals(trial.writes.join(""), textOf(new TextEncoder().encode("four\nü\n")));
});

Deno.test(
  "Output.write() writes as many whole lines as fit into a pipe",
  WATCHED,
  async () => {
    const trial = new Trial();
    const line = (length: number) => "x".repeat(length - 1) + "\n";
    trial.output.write(line(1000).repeat(66) + line(70_000) + line(536) + line(65_000));
    await trial.output.finish();
    trial.output.write(line(537) + line(65_000) + line(65_536) + line(100));
    await trial.output.finish();
    assertEquals(trial.writes.map((piece) => piece.length), [
      65_000,
      1000,
      70_000,
      65_536,
      537,
      65_000,
      65_536,
      100,
    ]);
  },
);

Deno.test(
  "Output.write() drops whole lines when the queue is full, and reports it later",
  WATCHED,
  async () => {
    const trial = new Trial();
    const unblock = trial.block();
    trial.output.write("first\n");
    await Promise.resolve(); // it is under way now
    const half = "x".repeat(512 * 1024 - 1) + "\n";
    trial.output.write(half);
    trial.output.write(half);
    trial.output.write("too\nmany\n");
    assertEquals(trial.losses, []);
    unblock();
    await trial.output.finish();
    assertEquals(trial.writes.join(""), "first\n" + half + half);
    assertEquals(trial.losses, ["2: nobody reads it"]);
  },
);

Deno.test(
  "Output.write() drops and counts lines that cannot be written, and ends a torn line",
  WATCHED,
  async () => {
    const trial = new Trial();
    trial.next = () => (trial.next = FULL, 7);
    trial.output.write("whole\ntorn\nlost\n");
    await trial.output.finish();
    assertEquals(trial.losses, ["2: No space"]);
    trial.output.write("lost too\n");
    await trial.output.finish();
    trial.next = undefined;
    trial.output.write("back\n");
    trial.output.write("again\n");
    await trial.output.finish();
    assertEquals(trial.writes.join(""), "whole\nt\nback\nagain\n");
    assertEquals(trial.losses, ["2: No space", "3: No space"]);
  },
);

Deno.test("Output.write() reports losses at once, then not for each of many", WATCHED, async () => {
  const trial = new Trial();
  trial.next = FULL;
  for (let count = 0; count < 10; count++) {
    trial.output.write("lost\n");
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }
  assertEquals(trial.losses, ["1: No space"]);
  await trial.output.finish();
  assertEquals(trial.losses, ["1: No space", "10: No space"]);
});

Deno.test(
  "Output.write() asks a non-blocking pipe again until it has room for a little",
  WATCHED,
  async () => {
    const trial = new Trial();
    let asked = 0;
    trial.next = (bytes) => {
      if (asked++ < 3) throw new Deno.errors.WouldBlock("Try again");
      return bytes.length;
    };
    const lines = ("x".repeat(999) + "\n").repeat(5);
    trial.output.write(lines);
    await trial.output.finish();
    assertEquals(asked, 5);
    assertEquals(trial.writes, [lines.slice(0, 4000), lines.slice(4000)]);
    assertEquals(trial.losses, []);
  },
);

Deno.test(
  "Output.finish() gives up if nobody reads, and counts each line once",
  WATCHED,
  async () => {
    const trial = new Trial();
    const unblock = trial.block();
    const [piece, next] = ["x".repeat(65_535) + "\n", "next\n"];
    trial.output.write(piece + next);
    await Promise.resolve();
    trial.output.write("waiting\n");
    await trial.output.finish();
    assertEquals(trial.losses, ["3: nobody reads it"]);
    unblock();
    await trial.output.finish();
    assertEquals(trial.writes, [piece]); // it had been handed over
    assertEquals(trial.losses, ["3: nobody reads it"]);
  },
);

Deno.test("Output.finish() waits for a report that goes the same way", WATCHED, async () => {
  const trial: Trial = new Trial({ onLoss: (lines) => trial.output.write(`lost ${lines}\n`) });
  trial.next = FULL;
  trial.output.write("a\nb\n");
  await sleep(0); // those are lost by now, and a first report behind them
  trial.next = (bytes) => sleep(0).then(() => bytes.length);
  await trial.output.finish();
  assertEquals(trial.writes, ["lost 3\n"]);
});

Deno.test("Output.finish() ends where even the report is lost", WATCHED, async () => {
  const trial: Trial = new Trial({ onLoss: (lines) => trial.output.write(`lost ${lines}\n`) });
  trial.next = FULL;
  trial.output.write("a\n");
  await trial.output.finish();
  assertEquals(trial.writes, []);
});
