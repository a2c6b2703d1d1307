import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { StartError, UsageError } from "../replies/text.ts";
import { finish, TemporaryFolder } from "../tests/files.ts";
import { needing } from "../tests/needs.ts";
import { textOf } from "../tests/wire.ts";
import {
  type FolderSnapshot,
  isSameLook,
  leftOutText,
  type Look,
  look,
  read,
  type ReadOptions,
  type Snapshot,
} from "./read.ts";
import { Source, UnusableFile } from "./source.ts";

const test = needing("read", "write");

const isWindows = Deno.build.os === "windows";

function snapshotOf(source: Source, options?: ReadOptions): Snapshot {
  return source.use(() => finish(read(source, finish(look(source)), options)));
}

function folderOf(source: Source, options?: ReadOptions): FolderSnapshot {
  const snapshot = snapshotOf(source, options);
  if ("content" in snapshot) throw new TypeError(`Cannot use ${source.name}: expected a folder`);
  return snapshot;
}

function folderAt(path: string, embeddedRoot?: string): FolderSnapshot {
  return folderOf(new Source("--file ", path, embeddedRoot));
}

/** The contents of the files in a folder by their paths. */
function textsIn({ files }: FolderSnapshot): Record<string, string> {
  return Object.fromEntries([...files].map(([name, { content }]) => [name, textOf(content)]));
}

function textsAt(path: string): Record<string, string> {
  return textsIn(folderAt(path));
}

/** The content of a file. */
function contentAt(path: string, embeddedRoot?: string): string {
  const source = new Source("--file ", path, embeddedRoot);
  const snapshot = snapshotOf(source);
  if ("files" in snapshot) throw new TypeError(`Cannot use ${path}: expected a file`);
  return textOf(snapshot.content);
}

/** The part of a message about what was left out. */
function leftOutAt(path: string, embeddedRoot?: string): string {
  return leftOutText(folderAt(path, embeddedRoot).leftOut);
}

function isSame(a: Look, b: Look): boolean {
  return finish(isSameLook(a.versions, b.versions));
}

function reasonFor(path: string): string {
  const { message } = assertThrows(() => snapshotOf(new Source("--raw ", path)), UsageError);
  const start = `Cannot use --raw "${path}": `;
  assert(message.startsWith(start), message);
  return message.slice(start.length);
}

test("read() returns a file as its bytes, and a folder as its files", () => {
  using folder = new TemporaryFolder({
    "index.html": "a",
    "b/c.css": "bc",
    "b/d/e": "",
    "f": "\0",
  });
  assertEquals(contentAt(folder.pathOf("b/c.css")), "bc");
  const { bytes, folders, leftOut } = folderAt(folder.path);
  assertEquals({ bytes, folders: folders.toSorted() }, {
    bytes: 4,
    folders: ["/", "/b/", "/b/d/"],
  });
  assertEquals(leftOutText(leftOut), "");
  const texts = { "/b/c.css": "bc", "/b/d/e": "", "/f": "\0", "/index.html": "a" };
  assertEquals(textsAt(folder.path), texts);
  assertEquals(textsAt(`${folder.path}/`), texts);
});

test("read() keeps names that have a meaning elsewhere", () => {
  const names = [
    "a b",
    "#",
    "a?b",
    "100%",
    "%2e",
    "ü",
    "u\u0308",
    "😀",
    "__proto__",
    "constructor",
  ];
  if (!isWindows) names.push("a\\b", "a\nb", '"', "*");
  using folder = new TemporaryFolder(Object.fromEntries(names.map((name) => [`x/${name}`, "a"])));
  assertEquals([...folderAt(folder.path).files.keys()].sort(), names.map((n) => `/x/${n}`).sort());
});

test("read() leaves hidden names out, but .well-known, and counts them", () => {
  using folder = new TemporaryFolder({
    ".env": "secret",
    ".git/config": "secret",
    ".git/HEAD": "secret",
    "a/.b": "secret",
    "a/c": "c",
    ".well-known/acme": "d",
  });
  assertEquals(textsAt(folder.path), { "/.well-known/acme": "d", "/a/c": "c" });
  assertEquals(leftOutAt(folder.path), "; left out: 3 hidden");
});

test({
  name: "read() follows links that stay in the folder, and leaves out those that leave it",
  ignore: isWindows,
  fn: () => {
    using outside = new TemporaryFolder({ "secret": "secret" });
    using folder = new TemporaryFolder({ "a/b": "b", "..data/c": "c" });
    Deno.symlinkSync("a/b", folder.pathOf("file"));
    Deno.symlinkSync(folder.pathOf("a"), folder.pathOf("folder"));
    Deno.symlinkSync("..data/c", folder.pathOf("mounted")); // as Kubernetes mounts a ConfigMap
    Deno.symlinkSync(outside.pathOf("secret"), folder.pathOf("out"));
    Deno.symlinkSync(outside.path, folder.pathOf("outer"));
    Deno.symlinkSync("/", folder.pathOf("a/root"));
    Deno.symlinkSync(`${folder.path}x`, folder.pathOf("a/similar"));
    using _similar = new SimilarFolder(`${folder.path}x`);
    assertEquals(textsAt(folder.path), {
      "/a/b": "b",
      "/file": "b",
      "/folder/b": "b",
      "/mounted": "c",
    });
    assertEquals(leftOutAt(folder.path), "; left out: 1 hidden, 6 linked outside"); // two twice
  },
});

/** Two folders, the name of one of which begins with the name of the other. */
class SimilarFolder implements Disposable {
  constructor(readonly path: string) {
    Deno.mkdirSync(path);
    Deno.writeTextFileSync(`${path}/secret`, "secret");
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

test({
  name: "read() does not follow links in a circle",
  ignore: isWindows,
  fn: () => {
    using folder = new TemporaryFolder({ "a/b/c": "c" });
    Deno.symlinkSync("self", folder.pathOf("self"));
    Deno.symlinkSync("..", folder.pathOf("a/up"));
    Deno.symlinkSync(folder.path, folder.pathOf("a/b/top"));
    Deno.symlinkSync("two", folder.pathOf("one"));
    Deno.symlinkSync("one", folder.pathOf("two"));
    assertEquals(textsAt(folder.path), { "/a/b/c": "c" });
    assertEquals(leftOutAt(folder.path), "; left out: 3 linked nowhere, 2 linked in a circle");
  },
});

test("read() reads through a link to the folder itself", { ignore: isWindows }, () => {
  using folder = new TemporaryFolder({ "site/a": "a" });
  Deno.symlinkSync("site", folder.pathOf("current"));
  assertEquals(textsAt(folder.pathOf("current")), { "/a": "a" });
});

test("read() rejects a missing file, and a folder without files", () => {
  using folder = new TemporaryFolder({ "a/.hidden": "" });
  assertMatch(reasonFor(folder.pathOf("b")), /^expected a readable file or folder \(No such file/);
  assertEquals(reasonFor(folder.path), "expected a folder with files in it; left out: 1 hidden");
});

test("read() rejects what is neither a regular file nor a folder, without waiting", {
  ignore: isWindows,
}, () => {
  for (const path of ["/dev/zero", "/dev/stdin", "/dev/fd/0"]) {
    assertMatch(reasonFor(path), /^expected a regular file or a folder( outside of .*)?$/, path);
  }
});

test("read() says that Deno keeps folders of the system secret", () => {
  using _ = before("realPathSync", "/proc", () => {
    throw new Deno.errors.NotCapable(); // unless everything is permitted
  });
  const reason = "expected a regular file or a folder outside of /dev, /proc and /sys";
  assertEquals(reasonFor("/proc"), reason);
});

needing("read", "run", "write")({
  name: "read() leaves pipes, sockets and links out that lead nowhere or outside",
  ignore: isWindows,
  fn: async () => {
    using folder = new TemporaryFolder({ "a/b": "b" });
    const fifo = folder.pathOf("a/fifo");
    const { success } = await new Deno.Command("mkfifo", { args: [fifo] }).output();
    assert(success);
    assertEquals(reasonFor(fifo), "expected a regular file or a folder");
    Deno.symlinkSync("fifo", folder.pathOf("a/pipe"));
    Deno.symlinkSync("nowhere", folder.pathOf("a/broken"));
    Deno.symlinkSync("b/c", folder.pathOf("a/through"));
    Deno.symlinkSync("/dev/stdin", folder.pathOf("stdin"));
    assertEquals(textsAt(folder.path), { "/a/b": "b" });
    const expected = /(: 1 linked outside, 2|: 3) linked nowhere, 2 neither file nor folder$/;
    assertMatch(leftOutAt(folder.path), expected); // where standard input leads, if anywhere
    Deno.removeSync(folder.pathOf("a/b"));
    assertMatch(reasonFor(folder.path), /^expected a folder with files in it; left out: \d /);
  },
});

needing("read", "run", "write")({
  name: "read() leaves out what is not named in UTF-8",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    using folder = new TemporaryFolder({ "a/b": "b" });
    const script = `printf x > "$1/a/caf$(printf '\\351')"`;
    await new Deno.Command("sh", { args: ["-c", script, "sh", folder.path] }).output();
    assertEquals(textsAt(folder.path), { "/a/b": "b" });
    assertEquals(leftOutAt(folder.path), "; left out: 1 not named in UTF-8");
  },
});

test("read() rejects more than 1 GiB, in one file or in all, before it reads", () => {
  using folder = new TemporaryFolder({ "a": "1", "b": "" });
  const large = folder.pathOf("b");
  Deno.truncateSync(large, 1024 ** 3); // takes no room on the disk
  assertEquals(reasonFor(folder.path), "expected at most 1 GiB in all");
  Deno.truncateSync(large, 1024 ** 3 + 1);
  assertEquals(reasonFor(large), "expected at most 1 GiB in all");
});

test("read() rejects more files and folders than its limit", () => {
  using folder = new TemporaryFolder({ "a": "a" });
  const original = Deno.readDirSync;
  const entry = { isFile: true, isDirectory: false, isSymlink: false };
  try {
    Deno.readDirSync = function* () {
      for (let count = 0; count <= 100_000; count++) yield { ...entry, name: `.${count}` };
    };
    assertEquals(reasonFor(folder.path), "expected at most 100000 files and folders");
  } finally {
    Deno.readDirSync = original;
  }
});

/** Reads the folder again, as if at a later time. */
function readAgain(source: Source, previous: Snapshot, laterMs: number): FolderSnapshot {
  const now = Date.now;
  Date.now = () => now() + laterMs;
  try {
    return folderOf(source, { previous });
  } finally {
    Date.now = now;
  }
}

test("read() reads files again that have changed, or could have changed unnoticed", () => {
  using folder = new TemporaryFolder({ "a": "1", "b": "1" });
  const source = new Source("--file ", folder.path);
  const first = folderAt(folder.path);
  const open = Deno.openSync;
  const opened: string[] = [];
  Deno.openSync = (path, options) => {
    opened.push(String(path).slice(folder.path.length));
    return open(path, options);
  };
  try {
    readAgain(source, first, 0);
    assertEquals(opened.sort(), ["/a", "/b"]); // they are too new to trust their times
    opened.length = 0;
    const second = readAgain(source, first, 10_000);
    assertEquals(opened.sort(), ["/a", "/b"]); // they were new when they were read
    assert(second.files.get("/a")!.content === first.files.get("/a")!.content);
    opened.length = 0;
    assert(readAgain(source, second, 10_000).files.get("/a") === second.files.get("/a"));
    assertEquals(opened, []);
    folder.write("b", "2");
    const third = readAgain(source, second, 0);
    assertEquals(opened.sort(), ["/a", "/b"]); // the first, too, looks new at this time
    assertEquals(textOf(third.files.get("/b")!.content), "2");
  } finally {
    Deno.openSync = open;
  }
});

test("isSameLook() sees each change, and nothing where nothing has changed", () => {
  using folder = new TemporaryFolder({ "a": "1", "b/c": "1", ".hidden": "1" });
  const source = new Source("--file ", folder.path);
  const lookNow = () => finish(look(source));
  let before = lookNow();
  assert(isSame(before, lookNow()));
  folder.write(".hidden", "2");
  assert(isSame(before, lookNow()));
  const changes = [
    () => folder.write("a", "22"),
    () => Deno.chmodSync(folder.pathOf("a"), 0o600),
    () => Deno.utimeSync(folder.pathOf("a"), 1, 1),
    () => folder.write("d", ""),
    () => Deno.mkdirSync(folder.pathOf("e")),
    () => Deno.removeSync(folder.pathOf("e")),
    () => Deno.renameSync(folder.pathOf("b/c"), folder.pathOf("b/d")),
    () => Deno.symlinkSync("a", folder.pathOf("link")),
    () => {
      Deno.removeSync(folder.pathOf("link"));
      Deno.symlinkSync("b/d", folder.pathOf("link"));
    },
    () => {
      Deno.renameSync(folder.pathOf("b"), folder.pathOf("old"));
      folder.write("b/d", "1");
    },
  ];
  for (const change of isWindows ? [] : changes) {
    change();
    const now = lookNow();
    assert(!isSame(before, now), String(change));
    assert(isSame(lookNow(), now));
    before = now;
  }
});

test("isSameLook() sees once more that a new file has settled, because it could change before", () => {
  using folder = new TemporaryFolder({ "a": "1" });
  const source = new Source("--file ", folder.path);
  const first = finish(look(source));
  const now = Date.now;
  Date.now = () => now() + 10_000;
  try {
    const second = finish(look(source));
    assert(!isSame(first, second));
    assert(isSame(second, finish(look(source))));
  } finally {
    Date.now = now;
  }
});

test({
  name: "read() explains why Deno cannot read embedded files",
  permissions: { read: true, write: true },
  fn: () => {
    const message =
      /^Cannot use --file "site": Deno unpacks it to \S+, which may not be read, set TMPDIR /;
    const failing = () => assertThrows(() => folderAt("site", embedded.path), StartError).message;
    using embedded = new TemporaryFolder({ "site/a.txt": "a" });
    // In an executable Deno says that the permission is granted, and refuses all the same: in some
    // versions to look, in others only to read.
    for (const name of ["statSync", "readFileSync"] as const) {
      const own = Deno[name];
      Deno[name] = () => {
        throw new Deno.errors.NotCapable("Requires all access");
      };
      try {
        assertMatch(failing(), message);
      } finally {
        Object.assign(Deno, { [name]: own });
      }
    }
  },
});

test({
  name: "read() says that a path is not embedded, where the disk may not be read",
  permissions: { read: [import.meta.dirname!] },
  fn: () => {
    const messageOf = (path: string) =>
      assertThrows(() => folderAt(path, import.meta.dirname), StartError).message;
    assertStringIncludes(
      messageOf("no-site"),
      'Cannot use --file "no-site": not embedded (deno compile --include PATH, with PATH beside main.ts), ',
    );
    assertStringIncludes(
      messageOf("/no-site"),
      'Cannot use --file "/no-site": permission missing, ',
    );
  },
});

test({
  name: "read() leaves out embedded links without a target",
  ignore: isWindows,
  fn: () => {
    using embedded = new TemporaryFolder({ "site/a": "a" });
    Deno.symlinkSync("nothing", embedded.pathOf("site/b"));
    Deno.symlinkSync("c", embedded.pathOf("site/c"));
    assertEquals([...folderAt("site", embedded.path).files.keys()], ["/a"]);
    assertEquals(leftOutAt("site", embedded.path), "; left out: 2 linked nowhere");
  },
});

test("read() reads embedded files", () => {
  using embedded = new TemporaryFolder({ "site/a": "a" });
  assertEquals([...folderAt("site", embedded.path).files.keys()], ["/a"]);
  assertEquals(contentAt("site/a", embedded.path), "a");
});

/** Runs an action just before the first file system calls for this path. */
function before(call: Call, path: string, happen: () => void, times = 1): Disposable {
  const original = Deno[call] as (...args: unknown[]) => unknown;
  const restore = () => Object.assign(Deno, { [call]: original });
  const changed = (asked: string, ...rest: unknown[]) => {
    if (asked === path && times-- > 0) happen();
    return original(asked, ...rest);
  };
  Object.assign(Deno, { [call]: changed });
  return { [Symbol.dispose]: restore };
}

type Call = "lstatSync" | "openSync" | "readDirSync" | "realPathSync";
type Change = (folder: TemporaryFolder, secret: TemporaryFolder) => void;

/** What is read of a folder in which `/a/b` changes meanwhile, and what is left out. */
function readWhile(call: Call, name: string, change: Change, times?: number): unknown {
  using secret = new TemporaryFolder({ "b": "secret" });
  using folder = new TemporaryFolder({ "a/b": "public", "c": "c" });
  using _ = before(call, folder.pathOf(name), () => change(folder, secret), times);
  const snapshot = folderAt(folder.path);
  return [textsIn(snapshot)["/a/b"], textsIn(snapshot)["/c"], leftOutText(snapshot.leftOut)];
}

test({
  name: "read() leaves out what vanishes or turns into links, and reads the rest",
  ignore: isWindows,
  fn: () => {
    const vanish: Change = (folder) => Deno.removeSync(folder.pathOf("a"), { recursive: true });
    const fileToLink: Change = (folder, secret) => {
      Deno.removeSync(folder.pathOf("a/b"));
      Deno.symlinkSync(secret.pathOf("b"), folder.pathOf("a/b"));
    };
    const folderToLink: Change = (folder, secret) => {
      Deno.removeSync(folder.pathOf("a"), { recursive: true });
      Deno.symlinkSync(secret.path, folder.pathOf("a"));
    };
    const vanished = [undefined, "c", "; left out: 1 vanished"];
    assertEquals(readWhile("lstatSync", "a", vanish), vanished);
    assertEquals(readWhile("readDirSync", "a", vanish), vanished);
    assertEquals(readWhile("lstatSync", "a/b", vanish), vanished);
    assertEquals(readWhile("openSync", "a/b", vanish), vanished);
    const outside = [undefined, "c", "; left out: 1 linked outside"];
    assertEquals(readWhile("lstatSync", "a", folderToLink), outside);
    assertEquals(readWhile("lstatSync", "a/b", fileToLink), outside);
    assertEquals(readWhile("openSync", "a/b", fileToLink), outside);
    assertEquals(readWhile("readDirSync", "a", folderToLink), vanished);
    assertEquals(readWhile("lstatSync", "a/b", folderToLink), vanished);
    assertEquals(readWhile("openSync", "a/b", folderToLink), vanished);
  },
});

test("look() finds no folders behind a link that takes the place of one", {
  ignore: isWindows,
}, () => {
  using secret = new TemporaryFolder({ "inner/b": "secret" });
  using folder = new TemporaryFolder({ "a/b": "public", "c": "c" });
  using _ = before("readDirSync", folder.pathOf("a"), () => {
    Deno.removeSync(folder.pathOf("a"), { recursive: true });
    Deno.symlinkSync(secret.path, folder.pathOf("a"));
  });
  const { folders, leftOut } = finish(look(new Source("--file ", folder.path)));
  assertEquals([folders, [...leftOut]], [["/"], [["vanished", 1]]]);
});

test("read() takes of a growing file what its size said, and reads another change again", () => {
  const append: Change = (folder) => {
    Deno.writeTextFileSync(folder.pathOf("a/b"), "more", { append: true });
    Deno.utimeSync(folder.pathOf("a/b"), 1, 1);
  };
  assertEquals(readWhile("openSync", "a/b", append), ["public", "c", ""]);
  const write = (text: string): Change => (folder) => {
    Deno.writeTextFileSync(folder.pathOf("a/b"), text);
    Deno.utimeSync(folder.pathOf("a/b"), 1, 1);
  };
  assertEquals(readWhile("openSync", "a/b", write("PUBLIC")), ["PUBLIC", "c", ""]);
  assertEquals(readWhile("openSync", "a/b", write("short")), ["short", "c", ""]);
});

test("read() takes a file as it is that changes each time it is read", () => {
  let changes = 0;
  const change: Change = (folder) => {
    changes++;
    Deno.writeTextFileSync(folder.pathOf("a/b"), `${changes}23456`);
    Deno.utimeSync(folder.pathOf("a/b"), changes, changes);
  };
  assertEquals(readWhile("openSync", "a/b", change, Infinity), ["323456", "c", ""]);
  assertEquals(changes, 3);
});

test("read() fails where the system is short of descriptors, which says nothing of a file", () => {
  using folder = new TemporaryFolder({ "a": "a", "b": "b" });
  using _ = before("openSync", folder.pathOf("b"), () => {
    throw Object.assign(new Error("Too many open files"), { code: "EMFILE" });
  });
  assertEquals(reasonFor(folder.path), 'expected readable files, not "/b" (Too many open files)');
});

test("read() takes a change while it looks and reads for what it is, and never blocks", {
  ignore: isWindows,
}, () => {
  using folder = new TemporaryFolder({ "a": "a" });
  const source = new Source("--file ", folder.path);
  const found = finish(look(source));
  const notAFile = () => ({
    readSync: () => null,
    statSync: () => ({ isFile: false, dev: 0, ino: 0, size: 1, mtime: null }),
    [Symbol.dispose]: () => {},
  });
  assertThrows(
    () => finish(read(source, found, { open: notAFile })),
    UnusableFile,
    "expected a folder with files in it; left out: 1 vanished",
  );
});
