import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Reply, Responder } from "../server.ts";
import { TemporaryFolder } from "../tests/files.ts";
import { needing } from "../tests/needs.ts";
import { CLIENT, requestOf } from "../tests/requests.ts";
import { type FileSettings, heldResponder } from "./serve.ts";
import { UsageError } from "../replies/text.ts";
import { settingsFrom } from "../command/settings.ts";
import type { Values } from "../command/values.ts";

const test = needing("read", "write");

/** What answers with these flags. */
function answer(
  values: Values,
  embeddedRoot?: string,
  signal?: AbortSignal,
): Promise<Responder | Reply> {
  const settings = settingsFrom(values);
  const content = settings.content as Pick<FileSettings, "kind" | "path">;
  return heldResponder({ ...settings, ...content, embeddedRoot }, () => {}, signal);
}

test("heldResponder() fills in the placeholders of fields", async () => {
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

test("heldResponder() watches no longer than the signal lets it, and nothing that is embedded", async () => {
  using folder = new TemporaryFolder({ "site/a.txt": "a", "page.html": "b" });
  await assertRejects(
    () => answer({ file: "site", watch: true }, folder.path),
    UsageError,
    'Cannot use --watch with --file "site": it is embedded in this executable, and cannot change',
  );
  const end = new AbortController();
  const file = folder.pathOf("page.html");
  const responder = await answer({ file, watch: true }, undefined, end.signal);
  assert(typeof responder === "function");
  end.abort(); // or a timer would be left
});
