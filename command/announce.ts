/**
 * What the start says of files that are held in memory.
 *
 * @module
 */

import { type Held, type HeldFile, leftOutText, type Source } from "./files.ts";
import { plural, say } from "./log.ts";
import { hasBareLf } from "./raw.ts";
import { quote } from "./values.ts";

/** Says what is held from now on, what a folder lacks, and which raw responses are risky. */
export function announce(held: Held, source: Source, isListed: boolean, prefix = ""): void {
  const { flag, path } = source;
  if ("files" in held) {
    const { files, bytes, leftOut } = held;
    const root = isListed ? "" : rootText([...files.keys()], flag);
    const counts = `${plural(files.size, "file")}, ${plural(bytes, "byte")}`;
    say(`${prefix}holding ${counts}${leftOutText(leftOut)}${root}`);
  } else if (prefix !== "") say(`${prefix}holding ${plural(held.content.length, "byte")}`);
  if (flag === "raw") announceBareLf(held, path);
}

/** The files that answer `/`, which most people ask for first. */
const ROOTS = {
  file: { name: "index.html", pattern: /^\/(index\.html?|200\.html|index\.GET(\..*)?)$/ },
  raw: { name: "index.http", pattern: /^\/index\.(.*\.)?http$/ },
};

function rootText(paths: readonly string[], flag: Source["flag"]): string {
  const { name, pattern } = ROOTS[flag];
  return paths.some((path) => pattern.test(path)) ? "" : `; no ${name}, so / is not found`;
}

/** How many file names a message repeats. */
const MAX_NAMES = 5;

function announceBareLf(held: Held, path: string): void {
  const files: Array<[string, HeldFile]> = "files" in held ? [...held.files] : [[path, held]];
  const names = files.filter(([, file]) => hasBareLf(file.content)).map(([name]) => quote(name));
  if (names.length === 0) return;
  const rest = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  say(
    "lines of the head end in LF alone, which some clients refuse, in " +
      names.slice(0, MAX_NAMES).join(", ") + rest,
  );
}
