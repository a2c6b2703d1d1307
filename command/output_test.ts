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

  /** Writes each line of a text. */
  writeLines(text: string): void {
    for (const line of text.split("\n").slice(0, -1)) this.output.write(line);
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
    trial.writeLines("a\nb\nc\n");
    unblock();
    await trial.output.finish();
    assertEquals(trial.writes, ["a\n", "b\nc\n"]);
    assertEquals(trial.losses, []);
  },
);

Deno.test("Output.write() gathers for as long as it is told", WATCHED, async () => {
  const trial = new Trial({ gatherMs: 1 });
  trial.writeLines("a\n");
  await Promise.resolve();
  trial.writeLines("b\n");
  await trial.output.finish();
  assertEquals(trial.writes, ["a\nb\n"]);
});

Deno.test("Output.write() goes on where a partial write has ended", WATCHED, async () => {
  const trial = new Trial({ gatherMs: 1 });
  trial.next = () => 2;
  trial.writeLines("four\nfive\n");
  await trial.output.finish();
  assertEquals(trial.writes.join(""), "four\nfive\n");
});

Deno.test("Output.write() escapes all but printable ASCII, and colors if it has some", async () => {
  const hostile = 'a\x1b]0;title\x07\nb\r\x1b[31m\x7f\x9bé€"\\';
  const [plain, colored] = [new Trial(), new Trial({ inColor: true })];
  for (const { output } of [plain, colored]) {
    output.write(hostile);
    await output.finish();
  }
  const escaped = String.raw`a\x1B]0;title\x07\x0Ab\x0D\x1B[31m\x7F\x9B\xE9\x20AC"` + "\\\n";
  assertEquals(plain.writes, [escaped]);
  assertEquals(colored.writes, [escaped.replace("\\x1B[31m", "\x1b[31m")]);
});

/** A line of this length with its end. */
const line = (length: number) => "x".repeat(length - 1) + "\n";

Deno.test(
  "Output.write() writes as many whole lines as a pipe takes at once, and cuts longer ones",
  WATCHED,
  async () => {
    const trial = new Trial({ gatherMs: 1, isFile: () => Promise.resolve(false) });
    trial.writeLines(line(1000).repeat(6) + line(9000) + line(536));
    await trial.output.finish();
    trial.writeLines(line(4096) + line(4097) + line(100));
    await trial.output.finish();
    assertEquals(trial.writes.map((piece) => piece.length), [
      ...[4000, 2000, 4096, 4096, 808 + 536],
      ...[4096, 4096, 1 + 100],
    ]);
    assertEquals(trial.losses, []);
  },
);

Deno.test("Output.write() writes larger pieces to a file, of which it asks once", async () => {
  let asked = 0;
  const trial = new Trial({ gatherMs: 1, isFile: () => Promise.resolve(++asked > 0) });
  trial.writeLines(line(4096));
  await trial.output.finish();
  assertEquals(asked, 0);
  trial.writeLines(line(1000).repeat(66));
  await trial.output.finish();
  trial.writeLines(line(537) + line(65_000) + line(65_536) + line(70_000) + line(100));
  await trial.output.finish();
  assertEquals(trial.writes.map((piece) => piece.length), [
    ...[4096, 65_000, 1000],
    ...[537, 65_000, 65_536, 65_536, 4464 + 100],
  ]);
  assertEquals(asked, 1);
});

Deno.test(
  "Output.write() drops whole lines when the queue is full, and reports it later",
  WATCHED,
  async () => {
    const trial = new Trial();
    const unblock = trial.block();
    trial.writeLines("first\n");
    await Promise.resolve(); // it is under way now
    const half = line(512 * 1024);
    trial.writeLines(half + half + "too\nmany\n");
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
    const trial = new Trial({ gatherMs: 1 });
    trial.next = () => (trial.next = FULL, 7);
    trial.writeLines("whole\ntorn\nlost\n");
    await trial.output.finish();
    assertEquals(trial.losses, ["2: No space"]);
    trial.writeLines("lost too\n");
    await trial.output.finish();
    trial.next = undefined;
    trial.writeLines("back\nagain\n");
    await trial.output.finish();
    assertEquals(trial.writes.join(""), "whole\nt\nback\nagain\n");
    assertEquals(trial.losses, ["2: No space", "3: No space"]);
  },
);

Deno.test("Output.write() reports losses at once, then not for each of many", WATCHED, async () => {
  const trial = new Trial();
  trial.next = FULL;
  for (let count = 0; count < 10; count++) {
    trial.writeLines("lost\n");
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
    const trial = new Trial({ gatherMs: 1 });
    let asked = 0;
    trial.next = (bytes) => {
      if (asked++ < 3) throw new Deno.errors.WouldBlock("Try again");
      return bytes.length;
    };
    const lines = line(1000).repeat(5);
    trial.writeLines(lines);
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
    const piece = line(4096);
    trial.writeLines(`${piece}next\n`);
    for (let turn = 0; turn < 3; turn++) await Promise.resolve();
    trial.writeLines("waiting\n");
    await trial.output.finish();
    assertEquals(trial.losses, ["3: nobody reads it"]);
    unblock();
    await trial.output.finish();
    assertEquals(trial.writes, [piece]); // it had been handed over
    assertEquals(trial.losses, ["3: nobody reads it"]);
  },
);

Deno.test("Output.finish() waits for a report that goes the same way", WATCHED, async () => {
  const trial: Trial = new Trial({ onLoss: (lines) => trial.output.write(`lost ${lines}`) });
  trial.next = FULL;
  trial.writeLines("a\nb\n");
  await sleep(0); // those are lost by now, and a first report behind them
  trial.next = (bytes) => sleep(0).then(() => bytes.length);
  await trial.output.finish();
  assertEquals(trial.writes, ["lost 3\n"]);
});

Deno.test("Output.finish() ends where even the report is lost", WATCHED, async () => {
  const trial: Trial = new Trial({ onLoss: (lines) => trial.output.write(`lost ${lines}`) });
  trial.next = FULL;
  trial.writeLines("a\n");
  await trial.output.finish();
  assertEquals(trial.writes, []);
});
