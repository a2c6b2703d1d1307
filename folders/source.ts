/**
 * The file or folder that an argument names: where it is, and whether it may be read. Permissions of
 * Deno are looked up and never asked for: a service must not hang on a prompt.
 *
 * @module
 */

import { messageOf, permissionHint, quote, StartError, UsageError } from "../replies/text.ts";

/** A file or folder that cannot be used. Its message follows `Cannot use --file "PATH": `. */
export class UnusableFile extends Error {}

/** What an executable says of a path that it neither contains nor may read from the disk. */
const NOT_EMBEDDED = "not embedded (deno compile --include PATH, with PATH beside main.ts)";

/** A file or folder on the disk, or embedded in an executable. */
export class Source {
  /** What messages call it, such as `--file "site"`. */
  readonly name: string;
  /** True if it is embedded in the executable, and cannot change. */
  readonly isEmbedded: boolean;
  /** Its path on the disk or in the executable. */
  readonly diskPath: string;

  /**
   * @param argument How the argument writes it, before its path: `--file `, `--raw ` or `/api=`.
   * @param path Its path in the argument.
   * @param embeddedRoot Where an executable has its embedded files.
   * @throws {StartError} If Deno does not permit to read it.
   * @throws {UsageError} If it does not exist.
   */
  constructor(argument: string, path: string, embeddedRoot?: string) {
    this.name = argument + quote(path);
    this.diskPath = locate(path, embeddedRoot);
    this.isEmbedded = this.diskPath !== path;
    if (this.isEmbedded) this.use(() => useEmbedded(this.diskPath, Deno.statSync));
    this.#demandPermission(
      mayRead(this.diskPath),
      path,
      embeddedRoot !== undefined && isRelative(path),
    );
    const real = this.use(() => realPathOf(this.diskPath));
    this.#demandPermission(mayRead(real), `${path},${real}`); // a link needs both permissions
  }

  #demandPermission(isGranted: boolean, paths: string, isExpectedInside = false): void {
    if (isGranted) return;
    const hint = permissionHint(`--allow-read=${paths}`, Deno.build.standalone);
    const reason = isExpectedInside ? NOT_EMBEDDED : "permission missing";
    throw new StartError(`Cannot use ${this.name}: ${reason}, ${hint}`);
  }

  /**
   * Runs an action that uses this file or folder.
   *
   * @throws {UsageError} If the action throws: the reason, with the name of this file or folder.
   */
  use<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw this.unusable(error);
    }
  }

  /** The error for the operator if this file or folder cannot be used. A bug stays what it is. */
  unusable(error: unknown): unknown {
    if (error instanceof TypeError || error instanceof RangeError) return error;
    if (error instanceof BlockedFile) {
      return new StartError(`Cannot use ${this.name}: ${error.message}`);
    }
    return new UsageError(`Cannot use ${this.name}: ${reasonFor(error)}`);
  }
}

/** The reason why a file or folder could not be used, for messages. */
export function reasonFor(error: unknown): string {
  if (error instanceof UnusableFile) return error.message;
  return `expected a readable file or folder (${messageOf(error)})`;
}

/** The real path. A pipe, as from `<(command)`, has none, or one that Deno keeps secret. */
export function realPathOf(diskPath: string): string {
  try {
    return Deno.realPathSync(diskPath);
  } catch (error) {
    const isSecret = error instanceof Deno.errors.NotCapable;
    if (!isSecret && !exists(diskPath)) throw error;
    const place = isSecret ? " outside of /dev, /proc and /sys" : "";
    throw new UnusableFile(`expected a regular file or a folder${place}`);
  }
}

function exists(diskPath: string): boolean {
  try {
    return Boolean(Deno.statSync(diskPath));
  } catch {
    return false;
  }
}

// ---------------------------------------------------------------- permissions

/** True if the read permission covers this path. */
function mayRead(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

// ---------------------------------------------------------------- embedded files

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
function isRelative(path: string): boolean {
  return !/^([/\\]|[A-Za-z]:)|(^|[/\\])\.\.([/\\]|$)/.test(path);
}

function isOwn(name: string): boolean {
  return OWN_FILES.includes(name) || OWN_PACKAGES.test(name);
}

/** Deno may not read where it has unpacked the embedded files, whatever it says of the permission. */
class BlockedFile extends Error {}

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
