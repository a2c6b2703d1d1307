/**
 * Permissions of Deno. They are looked up and never asked for: a service must not hang on a prompt.
 *
 * @module
 */

/** True if the read permission covers this path. */
export function mayRead(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

/**
 * How to get what Deno grants by a flag.
 *
 * @param isExecutable True in an executable, whose flags were fixed when it was compiled.
 */
export function permissionHint(
  flag: string,
  isExecutable: boolean = Deno.build.standalone,
): string {
  return isExecutable
    ? `this executable was compiled without ${flag}`
    : `add ${flag} before main.ts, or to deno install`;
}
