/**
 * Files and folders for a test.
 *
 * @module
 */

import type { Bytes, FolderSnapshot } from "../folders/read.ts";
import type { Steps } from "../folders/steps.ts";

/** The result of all steps. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** A folder in memory, as if it had been read. */
export function snapshotOf(
  files: Iterable<readonly [path: string, content: Bytes]>,
): FolderSnapshot {
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

// ---------------------------------------------------------------- another user

/** The user and group `nobody` on most systems. */
const NOBODY = 65534;

/**
 * A command line that runs as a user whom the permissions of files concern, so not as root;
 * `undefined` if that is not possible here. Needs the permission to run programs.
 *
 * @param readable A file that this user must be able to read.
 */
export function asAnotherUser(
  command: readonly string[],
  readable: string,
): string[] | undefined {
  if (!succeeds("sh", "-c", 'test "$(id -u)" = 0')) return [...command];
  const change = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
  const isPossible = succeeds("setpriv", ...change, "test", "-r", readable);
  return isPossible ? ["setpriv", ...change, ...command] : undefined;
}

function succeeds(program: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(program, { args, stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}
