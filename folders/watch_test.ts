import { assert, assertEquals, assertMatch } from "@std/assert";
import { finish, TemporaryFolder } from "../tests/files.ts";
import { needing } from "../tests/needs.ts";
import { sleep, WATCHED } from "../tests/time.ts";
import { textOf } from "../tests/wire.ts";
import { type FileSnapshot, look, read, type Snapshot } from "./read.ts";
import { Source, UnusableFile } from "./source.ts";
import { usualIdle, Watch } from "./watch.ts";

const register = needing("read", "write");

/** A change that is never noticed fails the test. */
function test(name: string, fn: () => Promise<void>): void {
  register(name, { ...WATCHED, ignore: isWindows }, fn);
}

const isWindows = Deno.build.os === "windows"; // whose links and renames are others

/** The contents of the files in memory by their paths; a single file has an empty path. */
function textsOf(snapshot: Snapshot): Record<string, string> {
  const files: Array<readonly [string, FileSnapshot]> = "files" in snapshot
    ? [...snapshot.files]
    : [["", snapshot]];
  return Object.fromEntries(files.map(([path, { content }]) => [path, textOf(content)]));
}

/** Everything that a watch has applied, in order. */
class Watched implements AsyncDisposable {
  readonly applied: Array<Record<string, string>> = [];
  readonly reasons: string[] = [];
  readonly #watch: Watch;
  #next = Promise.withResolvers<void>();

  constructor(path: string, onApply: () => void = () => {}) {
    const source = new Source("--file ", path);
    const next = () => this.#next.resolve();
    const { applied, reasons } = this;
    const found = finish(look(source));
    const first = { snapshot: finish(read(source, found)), versions: found.versions };
    this.#watch = new Watch(source, first, {
      *apply(snapshot) {
        yield;
        onApply();
        applied.push(textsOf(snapshot));
        next();
      },
      report(reason) {
        reasons.push(reason);
        next();
      },
    });
  }

  /** Resolves to the content that is applied next. */
  async next(): Promise<Record<string, string>> {
    await this.#next.promise;
    this.#next = Promise.withResolvers();
    return this.applied.at(-1)!;
  }

  /** Resolves when what was applied last is as expected. */
  async until(holds: (texts: Record<string, string>) => boolean): Promise<void> {
    while (!holds(this.applied.at(-1) ?? {})) await this.next();
  }

  /** Resolves to the next reported reason. */
  async failure(): Promise<string> {
    await this.next();
    return this.reasons.at(-1)!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch[Symbol.dispose]();
    await this.#watch.finished;
  }
}

test("Watch sees files that are written, replaced, added and removed", async () => {
  using folder = new TemporaryFolder({ "a": "1", "b/c": "1" });
  await using watched = new Watched(folder.path);
  folder.write("a", "2");
  assertEquals(await watched.next(), { "/a": "2", "/b/c": "1" });
  folder.write(".b/c.tmp", "2");
  Deno.renameSync(folder.pathOf(".b/c.tmp"), folder.pathOf("b/c")); // as editors and rsync save
  assertEquals(await watched.next(), { "/a": "2", "/b/c": "2" });
  folder.write("d/e/f", "new");
  assertEquals(await watched.next(), { "/a": "2", "/b/c": "2", "/d/e/f": "new" });
  folder.write("d/e/f", "newer");
  assertEquals((await watched.next())["/d/e/f"], "newer");
  Deno.removeSync(folder.pathOf("d"), { recursive: true });
  assertEquals(await watched.next(), { "/a": "2", "/b/c": "2" });
});

test("Watch sees one file that is written, and another in its place", async () => {
  using folder = new TemporaryFolder({ "page.html": "1" });
  await using watched = new Watched(folder.pathOf("page.html"));
  folder.write("page.html", "2");
  assertEquals(await watched.next(), { "": "2" });
  folder.write("other", "3");
  Deno.renameSync(folder.pathOf("other"), folder.pathOf("page.html"));
  assertEquals(await watched.next(), { "": "3" });
});

test("Watch sees links that are swapped, above a folder and in it", async () => {
  using folder = new TemporaryFolder({ "v1/a": "1", "v2/a": "2" });
  const swap = (link: string, target: string) => {
    Deno.symlinkSync(target, folder.pathOf("swap"));
    Deno.renameSync(folder.pathOf("swap"), folder.pathOf(link));
  };
  swap("current", "v1");
  {
    await using watched = new Watched(folder.pathOf("current"));
    swap("current", "v2");
    assertEquals(await watched.next(), { "/a": "2" });
    folder.write("v2/a", "2a");
    assertEquals(await watched.next(), { "/a": "2a" });
  }
  // As Kubernetes mounts a ConfigMap.
  using mount = new TemporaryFolder({ "..1/a": "1", "..1/b": "1" });
  const swapData = (target: string) => {
    Deno.symlinkSync(target, mount.pathOf("..data_tmp"));
    Deno.renameSync(mount.pathOf("..data_tmp"), mount.pathOf("..data"));
  };
  swapData("..1");
  for (const name of ["a", "b"]) Deno.symlinkSync(`..data/${name}`, mount.pathOf(name));
  await using all = new Watched(mount.path);
  await using one = new Watched(mount.pathOf("a"));
  for (const name of ["a", "b"]) mount.write(`..2/${name}`, "2");
  swapData("..2");
  Deno.removeSync(mount.pathOf("..1"), { recursive: true });
  assertEquals(await all.next(), { "/a": "2", "/b": "2" });
  assertEquals(await one.next(), { "": "2" });
  assertEquals([all.applied.length, one.applied.length], [1, 1]);
});

test("Watch notices changes behind links in a folder", async () => {
  using folder = new TemporaryFolder({ ".store/1/a": "1", ".store/2/a": "2", "b": "1" });
  Deno.symlinkSync("1", folder.pathOf(".store/current"));
  Deno.symlinkSync(".store/current/a", folder.pathOf("a"));
  await using watched = new Watched(folder.path);
  Deno.symlinkSync("2", folder.pathOf(".store/new"));
  Deno.renameSync(folder.pathOf(".store/new"), folder.pathOf(".store/current"));
  assertEquals(await watched.next(), { "/a": "2", "/b": "1" });
  for (const content of ["3", "4"]) {
    folder.write(".store/2/a", content);
    assertEquals(await watched.next(), { "/a": content, "/b": "1" });
  }
});

async function makeFifo(path: string): Promise<void> {
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert(success);
}

needing("read", "run", "write")({
  name: "Watch sees changes beside a FIFO, hidden or not, and in the place of one",
  ...WATCHED,
  ignore: isWindows,
  fn: async () => {
    using folder = new TemporaryFolder({ "site/a": "1", "site/b/c": "1" });
    await using watched = new Watched(folder.pathOf("site"));
    for (const name of ["fifo", "b/fifo", ".fifo"]) await makeFifo(folder.pathOf(`site/${name}`));
    folder.write("site/a", "2");
    await watched.until((texts) => texts["/a"] === "2");
    await makeFifo(folder.pathOf("new"));
    Deno.renameSync(folder.pathOf("new"), folder.pathOf("site/b/c")); // where a file was
    await watched.until((texts) => !("/b/c" in texts));
    await makeFifo(folder.pathOf("new"));
    Deno.renameSync(folder.pathOf("site"), folder.pathOf("old"));
    Deno.renameSync(folder.pathOf("new"), folder.pathOf("site")); // where the folder was
    assertEquals(await watched.failure(), "expected a regular file or a folder");
    Deno.removeSync(folder.pathOf("site"));
    folder.write("site/a", "3");
    assertEquals(await watched.next(), { "/a": "3" });
  },
});

needing("read", "run", "write")({
  name: "Watch is not blocked by a FIFO that takes the place of a file before it is opened",
  ...WATCHED,
  ignore: isWindows,
  fn: async () => {
    using folder = new TemporaryFolder({ "a": "1", "b": "1" });
    await makeFifo(folder.pathOf(".fifo"));
    await using watched = new Watched(folder.path);
    const original = Deno.lstatSync;
    const changed = folder.pathOf("b");
    let looks = 0;
    Deno.lstatSync = (path) => { // swaps the file after the second look, when it is to be read
      const info = original(path);
      if (path === changed && info.size === 2 && ++looks === 2) {
        Deno.renameSync(folder.pathOf(".fifo"), changed);
      }
      return info;
    };
    try {
      folder.write("b", "22");
      await watched.until((texts) => "/a" in texts && !("/b" in texts));
      assertEquals(watched.applied.at(-1), { "/a": "1" });
    } finally {
      Deno.lstatSync = original;
    }
  },
});

test("Watch notices that the folder was replaced, and changes in the new one", async () => {
  using folder = new TemporaryFolder({ "site/a": "1", "new/a": "2" });
  await using watched = new Watched(folder.pathOf("site"));
  Deno.renameSync(folder.pathOf("site"), folder.pathOf("old"));
  Deno.renameSync(folder.pathOf("new"), folder.pathOf("site"));
  assertEquals(await watched.next(), { "/a": "2" });
  for (const content of ["3", "4"]) { // the first may be met by chance
    folder.write("site/a", content);
    assertEquals(await watched.next(), { "/a": content });
  }
});

test("Watch keeps the old content while reading fails, reports it once, and goes on", async () => {
  using folder = new TemporaryFolder({ "site/a": "1", "site/b": "1" });
  await using watched = new Watched(folder.pathOf("site"));
  Deno.renameSync(folder.pathOf("site"), folder.pathOf("away"));
  assertMatch(await watched.failure(), /^expected a readable file or folder \(No such file/);
  assertEquals(watched.applied, []);
  folder.write("site/a", "2");
  assertEquals(await watched.next(), { "/a": "2" });
  folder.write("site/large", "");
  Deno.truncateSync(folder.pathOf("site/large"), 1024 ** 3);
  assertEquals(await watched.failure(), "expected at most 1 GiB in all");
  Deno.removeSync(folder.pathOf("site/large"));
  folder.write("site/a", "3");
  assertEquals(await watched.next(), { "/a": "3" });
  assertEquals([watched.applied.length, watched.reasons.length], [2, 2]);
});

test("Watch applies only differences, and tries again what could not be applied", async () => {
  using folder = new TemporaryFolder({ "a": "1", ".hidden": "1" });
  let reason = "refused";
  await using watched = new Watched(folder.path, () => {
    if (reason !== "") throw new UnusableFile(reason);
  });
  folder.write(".hidden", "2");
  folder.write("a", "1");
  folder.write("b", "1");
  assertEquals(await watched.failure(), "refused");
  reason = "";
  folder.write("a", "2");
  assertEquals(await watched.next(), { "/a": "2", "/b": "1" });
  assertEquals([watched.applied.length, watched.reasons.length], [1, 1]);
});

test("Watch reports another reason, and applies old content that is right again", async () => {
  using folder = new TemporaryFolder({ "a": "1" });
  let reason = "one mistake";
  await using watched = new Watched(folder.path, () => {
    if (reason !== "") throw new UnusableFile(reason);
  });
  folder.write("b", "1");
  assertEquals(await watched.failure(), "one mistake");
  reason = "another";
  folder.write("b", "2");
  assertEquals(await watched.failure(), "another");
  reason = "";
  Deno.removeSync(folder.pathOf("b"));
  assertEquals(await watched.next(), { "/a": "1" });
  assertEquals([watched.applied.length, watched.reasons.length], [1, 2]);
});

test("Watch tries again some time after a failure, without a change", async () => {
  using folder = new TemporaryFolder({ "a": "1" });
  const original = { now: Date.now, performanceNow: performance.now };
  const now = Date.now();
  Date.now = () => now; // or the file would settle, which counts as a change
  try {
    let isRefused = true;
    await using watched = new Watched(folder.path, () => {
      if (isRefused) throw new UnusableFile("refused");
    });
    folder.write("a", "22");
    assertEquals(await watched.failure(), "refused");
    isRefused = false;
    performance.now = () => original.performanceNow.call(performance) + 6000;
    assertEquals(await watched.next(), { "/a": "22" });
  } finally {
    Date.now = original.now;
    performance.now = original.performanceNow;
  }
});

test("Watch sees a file in the place of a folder, and a folder in the place of that", async () => {
  using folder = new TemporaryFolder({ "site/a": "1", "file": "2", "new/b": "3" });
  await using watched = new Watched(folder.pathOf("site"));
  const replace = (name: string) => {
    Deno.renameSync(folder.pathOf("site"), folder.pathOf(`old-${name}`));
    Deno.renameSync(folder.pathOf(name), folder.pathOf("site"));
  };
  replace("file");
  assertEquals(await watched.next(), { "": "2" });
  replace("new");
  for (const content of ["3", "4"]) {
    folder.write("site/b", content);
    assertEquals(await watched.next(), { "/b": content });
  }
});

test("Watch waits until a file is written, and not for ever", async () => {
  using folder = new TemporaryFolder({ "a": "", "b/c": "" });
  await using all = new Watched(folder.path);
  await using one = new Watched(folder.pathOf("a"));
  for (let count = 0; count < 6; count++) {
    folder.write("a", "x".repeat(count));
    await sleep(50);
  }
  const whole = "x".repeat(5);
  await all.until((texts) => texts["/a"] === whole);
  await one.until((texts) => texts[""] === whole);
  let isOver = false;
  all.next().then(() => isOver = true);
  for (let count = 0; !isOver; count++) {
    folder.write("b/c", String(count));
    await sleep(20);
  }
});

test("Watch serves the rest of a folder with a log that grows all the time", async () => {
  using folder = new TemporaryFolder({ "a": "1", "log": "" });
  await using watched = new Watched(folder.path);
  let isOver = false;
  const growing = (async () => {
    while (!isOver) {
      Deno.writeTextFileSync(folder.pathOf("log"), "line\n", { append: true });
      await sleep(5);
    }
  })();
  for (const content of ["2", "3"]) {
    folder.write("a", content);
    await watched.until((texts) => texts["/a"] === content);
  }
  isOver = true;
  await growing;
  const text = Deno.readTextFileSync(folder.pathOf("log"));
  await watched.until((texts) => texts["/log"] === text);
  assertEquals(watched.reasons, []);
  for (const { "/log": log } of watched.applied) assert(text.startsWith(log));
});

test("Watch sees a change that keeps the size and all times of a file", async () => {
  using folder = new TemporaryFolder({ "a": "1", "b": "1" });
  const { atime, mtime } = Deno.statSync(folder.pathOf("a"));
  await using watched = new Watched(folder.path);
  folder.write("b", "2");
  assertEquals(await watched.next(), { "/a": "1", "/b": "2" });
  folder.write("a", "2");
  Deno.utimeSync(folder.pathOf("a"), atime!, mtime!);
  await watched.until((texts) => texts["/a"] === "2");
});

test("Watch sees what has changed between the first reading and the first look", async () => {
  using folder = new TemporaryFolder({ "a": "1" });
  const source = new Source("--file ", folder.path);
  const found = finish(look(source));
  const first = { snapshot: finish(read(source, found)), versions: found.versions };
  folder.write("a", "22");
  const { promise, resolve } = Promise.withResolvers<Snapshot>();
  using watch = new Watch(source, first, {
    *apply(snapshot) {
      yield;
      resolve(snapshot);
    },
    report() {},
  });
  assertEquals(textsOf(await promise), { "/a": "22" });
  watch[Symbol.dispose]();
  await watch.finished;
});

test("Watch ends at once", async () => {
  using folder = new TemporaryFolder({ "a": "1" });
  for (let count = 0; count < 50; count++) {
    await using _ = new Watched(folder.path);
  }
});

test("Watch ends at once while it reads", async () => {
  using folder = new TemporaryFolder({ "a": "1" });
  const source = new Source("--file ", folder.path);
  const found = finish(look(source));
  const first = { snapshot: finish(read(source, found)), versions: found.versions };
  const { promise, resolve } = Promise.withResolvers<void>();
  using watch = new Watch(source, first, {
    *apply() {
      resolve();
      for (;;) yield; // as if it took for ever
    },
    report() {},
  });
  folder.write("a", "2");
  await promise;
  watch[Symbol.dispose]();
  await watch.finished;
});

test("Watch lets sockets in between two slices: it waits for an answer of the file system", async () => {
  using folder = new TemporaryFolder({ "a": "1" });
  const source = new Source("--file ", folder.path);
  const found = finish(look(source));
  const first = { snapshot: finish(read(source, found)), versions: found.versions };
  const original = Deno.lstat;
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Deno.FileInfo>();
  let steps = 0;
  using watch = new Watch(source, first, {
    *apply() {
      Deno.lstat = () => (asked.resolve(), answer.promise);
      for (;; steps++) yield;
    },
    report() {},
  });
  try {
    folder.write("a", "2");
    await asked.promise;
    const before = steps;
    for (let turns = 0; turns < 10; turns++) await sleep(0);
    assertEquals(steps, before);
    answer.reject(new Error("gone")); // which is an answer
    while (steps === before) await sleep(0);
  } finally {
    Deno.lstat = original;
    watch[Symbol.dispose]();
    await watch.finished;
  }
});

Deno.test("usualIdle() keeps looks to a twentieth of one core", () => {
  assertEquals([1, 1000, 4000].map(usualIdle), [500, 500, 500]);
  assertEquals(usualIdle(60_000), 5700);
});
