import { assert, assertEquals, assertMatch } from "@std/assert";
import { TemporaryFolder } from "../tests/files.ts";
import { needing } from "../tests/needs.ts";
import { sleep, WATCHED } from "../tests/time.ts";
import { textOf } from "../tests/wire.ts";
import { type Held, Source, UnusableFile } from "./read.ts";
import { Watch } from "./watch.ts";

const register = needing("read", "write");

/** A change that is never noticed fails the test. */
function test(name: string, fn: () => Promise<void>): void {
  register(name, { ...WATCHED, ignore: isWindows }, fn);
}

const isWindows = Deno.build.os === "windows"; // whose links and renames are others

/** The contents of the files in memory by their paths; a single file has an empty path. */
function textsOf(held: Held): Record<string, string> {
  const files = "files" in held ? [...held.files] : [["", held] as const];
  return Object.fromEntries(files.map(([path, { content }]) => [path, textOf(content)]));
}

/** Everything that a watch has applied, in order. */
class Watched implements AsyncDisposable {
  readonly applied: Array<Record<string, string>> = [];
  readonly reasons: string[] = [];
  readonly #watch: Watch;
  #next = Promise.withResolvers<void>();

  constructor(path: string, onApply: (held: Held) => void = () => {}) {
    const source = new Source("file", path);
    this.#watch = new Watch(source, source.read(), (held) => {
      onApply(held);
      this.applied.push(textsOf(held));
      this.#next.resolve();
    }, (reason) => {
      this.reasons.push(reason);
      this.#next.resolve();
    });
  }

  /** Resolves to the content that is applied next. */
  async next(): Promise<Record<string, string>> {
    await this.#next.promise;
    this.#next = Promise.withResolvers();
    return this.applied.at(-1)!;
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

test("Watch notices changes behind links in a folder, and watches nothing outside", async () => {
  using outside = new TemporaryFolder({ "secret": "1" });
  using folder = new TemporaryFolder({ ".store/1/a": "1", ".store/2/a": "2", "b": "1" });
  Deno.symlinkSync("1", folder.pathOf(".store/current"));
  Deno.symlinkSync(".store/current/a", folder.pathOf("a"));
  Deno.symlinkSync(outside.path, folder.pathOf("outside"));
  const original = Deno.watchFs;
  const places: string[] = [];
  Deno.watchFs = (paths, options) => {
    places.push(...[paths].flat());
    assertEquals(options, { recursive: false });
    return original(paths, options);
  };
  try {
    await using watched = new Watched(folder.path);
    Deno.symlinkSync("2", folder.pathOf(".store/new"));
    Deno.renameSync(folder.pathOf(".store/new"), folder.pathOf(".store/current"));
    assertEquals(await watched.next(), { "/a": "2", "/b": "1" });
    for (const content of ["3", "4"]) {
      folder.write(".store/2/a", content);
      assertEquals(await watched.next(), { "/a": content, "/b": "1" });
    }
  } finally {
    Deno.watchFs = original;
  }
  assert(places.length > 0 && places.every((path) => path.startsWith(folder.path)));
});

test("Watch notices that the folder was replaced, and changes in the new one", async () => {
  using folder = new TemporaryFolder({ "site/a": "1", "new/a": "2" });
  await using watched = new Watched(folder.pathOf("site"));
  Deno.renameSync(folder.pathOf("site"), folder.pathOf("old"));
  Deno.renameSync(folder.pathOf("new"), folder.pathOf("site"));
  assertEquals(await watched.next(), { "/a": "2" });
  for (const content of ["3", "4", "5"]) { // the first may be met by chance
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
  for (const content of ["3", "4", "5"]) {
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
  assertEquals(await all.next(), { "/a": whole, "/b/c": "" });
  assertEquals(await one.next(), { "": whole });
  assertEquals([all.applied.length, one.applied.length], [1, 1]);
  let isOver = false;
  all.next().then(() => isOver = true);
  for (let count = 0; !isOver; count++) {
    folder.write("b/c", String(count));
    await sleep(20);
  }
});

test("Watch reads again and again where the system has no watcher left", async () => {
  using folder = new TemporaryFolder({ "a": "1" });
  const original = Deno.watchFs;
  try {
    Deno.watchFs = () => {
      throw new Error("No space left on device (os error 28)");
    };
    await using watched = new Watched(folder.path);
    const start = performance.now();
    for (const content of ["2", "3", "4", "5"]) {
      folder.write("a", content);
      assertEquals(await watched.next(), { "/a": content });
    }
    assert(performance.now() - start < 8000); // no more than twice what is promised
  } finally {
    Deno.watchFs = original;
  }
});

test("Watch ends at once", async () => {
  using folder = new TemporaryFolder({ "a": "1" });
  const start = performance.now();
  for (let count = 0; count < 50; count++) {
    await using _ = new Watched(folder.path);
  }
  assertEquals(performance.now() - start < 2000, true);
});
