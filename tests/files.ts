/**
 * Files and folders for a test.
 *
 * @module
 */

import type { Bytes, Folder } from "../folders/read.ts";

/** A folder in memory, as if it had been read. */
export function heldFolder(files: Iterable<readonly [path: string, content: Bytes]>): Folder {
  const contents = new Map(files);
  const folders = new Set(["/"]);
  for (const path of contents.keys()) {
    for (let at = 0; (at = path.indexOf("/", at)) !== -1;) folders.add(path.slice(0, ++at));
  }
  return {
    files: new Map([...contents].map(([path, content]) => [
      path,
      { content, modified: new Date(Date.UTC(2026, 0, 2, 3, 4, 5)), version: "" },
    ])),
    folders: [...folders],
    bytes: [...contents.values()].reduce((sum, content) => sum + content.length, 0),
    leftOut: new Map(),
    diskFolders: [],
    links: new Map(),
  };
}

/** A temporary folder with files, by their relative paths. It is removed when disposed of. */
export class TemporaryFolder implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "firstline-" });

  constructor(files: Record<string, string | Uint8Array> = {}) {
    for (const [name, content] of Object.entries(files)) this.write(name, content);
  }

  /** Writes a file, creates its folders, and returns its full path. */
  write(name: string, content: string | Uint8Array): string {
    const path = this.pathOf(name);
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else Deno.writeFileSync(path, content);
    return path;
  }

  /** The full path of a name in the folder. */
  pathOf(name: string): string {
    return `${this.path}/${name}`;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}
