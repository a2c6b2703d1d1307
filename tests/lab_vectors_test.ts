/** lab/vectors.json is what lab/replay/vectors.ts makes of the catalog. */

import { assert, assertEquals } from "@std/assert";
import { type Vectors, vectorsOf } from "../lab/replay/vectors.ts";
import { needing } from "./needs.ts";
import { ROOT } from "./process.ts";

const reading = needing("read");

const VECTORS = vectorsOf();
const { entries, others } = VECTORS;

reading(
  "lab/vectors.json has the entries of the catalog (`deno task vectors` writes it)",
  async () => {
    const written = JSON.parse(await Deno.readTextFile(`${ROOT}/lab/vectors.json`));
    assertEquals(written, JSON.parse(JSON.stringify(VECTORS)));
  },
);

/** The bytes of a response as text, one character per byte. */
function textOf({ pieces }: Vectors["others"][number]): string {
  return pieces.map((piece) => typeof piece === "string" ? atob(piece) : "").join("");
}

Deno.test("vectorsOf() has a response for each path that a redirect leads to", () => {
  const paths = new Set([...entries, ...others].map(({ path }) => path));
  const locations = [...entries, ...others].flatMap((response) =>
    [...textOf(response).matchAll(/\r\nLocation: (\/(?!\/)[^\r?#]*)/g)].map(([, path]) => path)
  );
  assert(locations.length > 100);
  assertEquals(locations.filter((path) => !paths.has(path)), ["/endless-redirects/102"]);
});

Deno.test("vectorsOf() repeats short units instead of long ones", () => {
  const at = (name: string) => entries.find(({ path }) => path === name)!.pieces;
  const [, repeated] = at("/long-field");
  assertEquals(repeated, { repeat: btoa("a".repeat(1024)), times: 1024 });
  assertEquals(at("/tiny-chunks")[1], { repeat: btoa("1\r\na\r\n".repeat(125)), times: 80 });
});

Deno.test("vectorsOf() leaves out Date, and the entry that depends on the client's port", () => {
  assert(entries.every((entry) => !/\r\nDate:/.test(textOf(entry))));
  assert(entries.every(({ path }) => !path.startsWith("/flaky")));
});
