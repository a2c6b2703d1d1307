/**
 * Tests that need permissions. A plain `deno test` has none and ignores them; their names then say
 * what they need.
 *
 * @module
 */

/** The permissions that tests need: for the loopback, all files and all programs. */
export type Permission = "net" | "read" | "run" | "write";

/** The overloads of `Deno.test()` that are used here. */
export interface Register {
  (name: string, fn: (t: Deno.TestContext) => void | Promise<void>): void;
  (
    name: string,
    options: Omit<Deno.TestDefinition, "fn" | "name">,
    fn: (t: Deno.TestContext) => void | Promise<void>,
  ): void;
  (test: Deno.TestDefinition): void;
}

/** True if the permission is granted. */
export function isGranted(name: Permission): boolean {
  const descriptor = name === "net" ? { name, host: "127.0.0.1" } as const : { name };
  return Deno.permissions.querySync(descriptor).state === "granted";
}

/** Returns `Deno.test()`, or a function that ignores the test if a permission is missing. */
export function needing(...permissions: Permission[]): Register {
  const missing = permissions.filter((name) => !isGranted(name)).map((name) => `--allow-${name}`);
  if (missing.length === 0) return Deno.test;
  return (test: string | Deno.TestDefinition) => {
    const name = typeof test === "string" ? test : test.name;
    Deno.test.ignore(`${name} (needs ${missing.join(", ")})`, () => {});
  };
}
