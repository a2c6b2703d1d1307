import { assertEquals } from "@std/assert";
import { needing } from "../../tests/needs.ts";
import { sleep } from "../../tests/time.ts";
import { bytesOf } from "../../tests/wire.ts";
import type { RunningCommand } from "./command.ts";
import { runFor } from "./run.ts";

const test = needing("net");

test("runFor() reads what a command has printed when it has ended", async () => {
  const killed = Promise.withResolvers<void>();
  let isReleased = false;
  const late = async function* (text: string) {
    await killed.promise;
    await sleep(0); // as a pipe, which takes a turn of the event loop
    if (!isReleased) yield bytesOf(text);
  };
  const running: RunningCommand = {
    stdout: late("0123\n"),
    stderr: late("error: none\n"),
    ended: Promise.resolve({ code: 0 }),
    kill: () => killed.resolve(),
    release: () => isReleased = true,
  };
  const client = { command: ["client", "{url}"], run: () => Promise.resolve(running) };
  const { exit, printed, complaint } = await runFor(client, "/empty", 60_000);
  assertEquals([exit, printed.head, complaint], [{ code: 0 }, "0123\n", "error: none"]);
});
