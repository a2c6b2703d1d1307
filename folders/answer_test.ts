import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { TemporaryFolder } from "../tests/files.ts";
import { needing } from "../tests/needs.ts";
import { CLIENT, requestOf } from "../tests/requests.ts";
import { sleep } from "../tests/time.ts";
import { textOf } from "../tests/wire.ts";
import { mistakenMethods } from "./routes.ts";
import { type FileAnswer, fileAnswer, type FileSettings } from "./answer.ts";
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
  const guide = new Map([["/guide", file]]);
  assertEquals(await pathOf({ file: "" }, { path: undefined, prefixes: guide }), "/guide/");
});

Deno.test("mistakenMethods() finds words in place of a method, and no ordinary names", () => {
  const found = (...files: string[]) => mistakenMethods(files);
  for (const file of ["/orders.PSOT.json", "/a/orders.DELTEE.204", "/o.EGT.201.json"]) {
    assertEquals(found(file, "/a.json"), [file]);
  }
  assertEquals(found("/orders.FETCH.json", "/orders.GET.json"), ["/orders.FETCH.json"]);
  const ordinary = ["/orders.FETCH.json", "/IMG_1.JPG", "/README.DE.md", "/a.POST", "/TOSP.json"];
  assertEquals(found(...ordinary, "/dump.SQL.gz", "/a.post.json", "/.PSOT.json/a"), []);
});

test("fileAnswer() says which files name no method", async () => {
  using folder = new TemporaryFolder({ "orders.PSOT.json": "{}", "orders.GET.json": "[]" });
  const said: string[] = [];
  await fileAnswer(settingsOf({ file: folder.path }), (text) => said.push(text));
  assertEquals(said.slice(1), ['no method is named in "/orders.PSOT.json"']);
});

test("fileAnswer() answers with the part whose prefix is the longest, each as if it were alone", async () => {
  using folder = new TemporaryFolder({
    "dist/index.html": "home",
    "dist/api.txt": "page",
    "dist/apix/index.html": "x",
    "dist/404.html": "none",
    "mocks/orders.GET.json": "[]",
    "mocks/404.json": "{}",
    "mocks/a/index.html": "a",
    "v2/index.POST.201.json": "v2",
    "guide.txt": "guide",
  });
  const prefixes = new Map([
    ["/api", folder.pathOf("mocks")],
    ["/api/v2", folder.pathOf("v2")],
    ["/guide", folder.pathOf("guide.txt")],
  ]);
  const messages: string[] = [];
  const settings = settingsOf({ file: folder.pathOf("dist"), cors: true }, { prefixes });
  const { answer: responder } = await fileAnswer(settings, (text) => messages.push(text));
  assert(typeof responder === "function");
  const ask = async (target: string, method = "GET") => {
    const reply = await responder(requestOf(`${method} ${target} HTTP/1.1`), CLIENT);
    assert(!("raw" in reply));
    const { status = 200, body = "", headers } = reply;
    const { Location } = Object.fromEntries(headers ?? []);
    return Location ?? `${status} ${typeof body === "string" ? body.trim() : textOf(body)}`;
  };
  const expected = {
    "/": "200 home",
    "/api.txt": "200 page",
    "/apix": "/apix/",
    "/apix/": "200 x",
    "/nothing": "404 none",
    "/%zz": "404 none",
    "/api": "/api/",
    "/api?q": "/api/?q",
    "/api/": "404 {}",
    "/api/orders": "200 []",
    "/%61pi//orders/": "200 []",
    "/api/nothing": "404 {}",
    "/api/index.html": "404 {}",
    "/api/a": "/api/a/",
    "/api/a/": "200 a",
    "/api/v2x": "404 {}",
    "/api/v2": "/api/v2/",
    "/api/../": "200 home",
    "/guide": "200 guide",
    "/guide/any/path": "200 guide",
  };
  for (const [target, reply] of Object.entries(expected)) assertEquals(await ask(target), reply);
  assertEquals(await ask("/api/v2", "POST"), "201 v2");
  assertEquals(await ask("/api/v2/", "POST"), "201 v2");
  assertEquals(await ask("/api/orders", "OPTIONS"), "204 ");
  assertEquals(messages, [
    "holding 4 files, 13 bytes",
    "/api: holding 3 files, 5 bytes",
    "/api/v2: holding 1 file, 2 bytes",
    "/guide: holding 5 bytes",
  ]);
  const only = await answer({ file: "" }, { path: undefined, prefixes });
  assert(typeof only === "function");
  const missing = await only(requestOf("GET / HTTP/1.1"), CLIENT);
  assertEquals("raw" in missing ? 0 : missing.status, 404);
});

test("fileAnswer() lists and watches each part", async () => {
  using folder = new TemporaryFolder({ "a/x.txt": "1", "b/y.txt": "1" });
  const end = new AbortController();
  const prefixes = new Map([["/b", folder.pathOf("b")]]);
  const values = { file: folder.pathOf("a"), list: true, watch: true };
  const { promise, resolve } = Promise.withResolvers<void>();
  const settings = settingsOf(values, { prefixes });
  const say = (text: string) => text.startsWith("/b: reloaded, holding 2 files") && resolve();
  const { answer: responder } = await fileAnswer(settings, say, end.signal);
  assert(typeof responder === "function");
  const page = async (target: string) => {
    const reply = await responder(requestOf(`GET ${target} HTTP/1.1`), CLIENT);
    return "raw" in reply ? "" : String(reply.body);
  };
  assertStringIncludes(await page("/"), '<a href="x.txt">');
  assertStringIncludes(await page("/b/"), "<title>Files in /b/</title>");
  assert(!(await page("/b/")).includes("../"));
  folder.write("b/z.txt", "1");
  await promise;
  assertStringIncludes(await page("/b/"), '<a href="z.txt">');
  end.abort();
  await sleep(0); // the watches end by themselves
});
