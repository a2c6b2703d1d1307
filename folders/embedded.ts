/**
 * Finds files that are embedded in an executable.
 *
 * @module
 */

/** Executables embed the program under these names. It is not meant to be served. */
export const OWN_FILES: readonly string[] = [
  "main.ts",
  "server.ts",
  "replies",
  "folders",
  "lab",
  "command",
  "deno.json",
];

/** The same of an executable that was compiled with packages of npm. */
const OWN_PACKAGES = /^(\.ci|\.deno_compile_node_modules|node_modules)$/;

/**
 * Finds a path. In an executable, a relative path means the embedded file or folder of that name if
 * there is one. If Deno does not permit to look, the embedded path is returned. The program's own
 * files are never found: such a path means the disk.
 *
 * @param embeddedRoot The folder of `main.ts` in an executable, beside which embedded files lie.
 */
export function locate(path: string, embeddedRoot: string | undefined): string {
  if (embeddedRoot === undefined) return path;
  const [first] = path.split(/[/\\]/).filter((name) => name !== "" && name !== ".");
  if (!isRelative(path) || first === undefined || isOwn(first.toLowerCase())) return path;
  const embedded = `${embeddedRoot}/${path}`;
  try {
    Deno.statSync(embedded);
    return embedded;
  } catch (error) {
    return error instanceof Deno.errors.NotCapable ? embedded : path;
  }
}

/** True if a path leads to something below the folder that it starts from. */
export function isRelative(path: string): boolean {
  return !/^([/\\]|[A-Za-z]:)|(^|[/\\])\.\.([/\\]|$)/.test(path);
}

function isOwn(name: string): boolean {
  return OWN_FILES.includes(name) || OWN_PACKAGES.test(name);
}

/** Deno may not read where it has unpacked the embedded files, whatever it says of the permission. */
export class BlockedFile extends Error {}

/**
 * Uses an embedded file or folder.
 *
 * @throws {BlockedFile} If it was unpacked to a place that Deno protects, such as `/proc`.
 */
export function useEmbedded<T>(diskPath: string, action: (diskPath: string) => T): T {
  try {
    return action(diskPath);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new BlockedFile(
      `Deno unpacks it to ${diskPath}, which may not be read, ` +
        "set TMPDIR to a folder outside of /dev, /proc and /sys",
    );
  }
}
