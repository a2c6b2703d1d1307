import { assert, assertEquals, assertRejects } from "@std/assert";
import { TemporaryFolder } from "../tests/files.ts";
import { needing } from "../tests/needs.ts";
import { CLIENT, requestOf } from "../tests/requests.ts";
import { type FileAnswer, fileAnswer, type FileSettings } from "./serve.ts";
import { UsageError } from "../replies/text.ts";
import { settingsFrom } from "../command/settings.ts";
import type { Values } from "../command/values.ts";

const test = needing("read", "write");

/** What answers with these flags and prefixes. */
async function answer(
  values: Values,
  more: Partial<FileSettings> = {},
  signal?: AbortSignal,
): Promise<FileAnswer["answer"]> {
  return (await fileAnswer(settingsOf(values, more), () => {}, signal)).answer;
}

function settingsOf(values: Values, more: Partial<FileSettings> = {}): FileSettings {
  const settings = settingsFrom(values);
  return { ...settings, ...settings.content as Pick<FileSettings, "kind" | "path">, ...more };
}

test("fileAnswer() fills in the placeholders of fields", async () => {
  using folder = new TemporaryFolder({ "a.css": "a" });
  const responder = await answer({
    file: folder.path,
    header: ["X-A: {method} {target}", "allow: {port}"],
  });
  assert(typeof responder === "function");
  assertEquals(responder(requestOf("PUT /a?{client} HTTP/1.1"), CLIENT), {
    status: 404,
    headers: [["X-A", "PUT /a?%7Bclient%7D"], ["allow", "7"]],
    body: "404 Not Found\n",
  });
});

test("fileAnswer() watches no longer than the signal lets it, and nothing that is embedded", async () => {
  using folder = new TemporaryFolder({ "site/a.txt": "a", "page.html": "b" });
  await assertRejects(
    () => answer({ file: "site", watch: true }, { embeddedRoot: folder.path }),
    UsageError,
    'Cannot use --watch with --file "site": it is embedded in this executable, and cannot change',
  );
  const end = new AbortController();
  const file = folder.pathOf("page.html");
  const responder = await answer({ file, watch: true }, {}, end.signal);
  assert(typeof responder === "function");
  end.abort(); // or a timer would be left
});

test("fileAnswer() names the path to open, for one file with its name", async () => {
  using folder = new TemporaryFolder({ "my backup.zip": "a", "site/a": "b" });
  const pathOf = async (values: Values, more?: Partial<FileSettings>) =>
    (await fileAnswer(settingsOf(values, more), () => {})).path;
  const file = folder.pathOf("my backup.zip");
  assertEquals(await pathOf({ file }), "/my%20backup.zip");
  assertEquals(await pathOf({ raw: file }), "/");
  assertEquals(await pathOf({ file: folder.pathOf("site") }), "/");
  const prefixes = new Map([["/api", folder.pathOf("site")]]);
  assertEquals(await pathOf({ file: folder.path }, { prefixes }), "/");
  assertEquals(await pathOf({ file: "" }, { path: undefined, prefixes }), "/api/");
});
