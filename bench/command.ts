/**
 * Commands that run to their end, and the one way to cut them short.
 */

/** Aborted by Ctrl-C: commands get SIGTERM, and the measuring unwinds. */
export const interruption = new AbortController();

/** Runs a command and returns all that it printed. Throws if it fails. */
export async function output(...[name, ...args]: string[]): Promise<string> {
  const { signal } = interruption;
  const { success, stdout, stderr } = await new Deno.Command(name, { args, signal }).output();
  signal.throwIfAborted();
  const text = decoder.decode(stdout) + decoder.decode(stderr);
  if (!success) throw new Error(`Cannot run ${name}: ${text.trim()}`);
  return text;
}

const decoder = new TextDecoder();

/** The version that a command prints; undefined if it is not in the PATH. */
export async function versionFrom(command: readonly string[]): Promise<string | undefined> {
  try {
    return /\d+(\.\d+)+/.exec(await output(...command))?.[0];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
