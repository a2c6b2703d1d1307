/**
 * Tests that need permissions. A plain `deno test` has none: there such a test is ignored, and its
 * name says what it needs.
 *
 * @module
 */

/** What a test can need: sockets on loopback, files to read, other programs, files to write. */
export type Permission = "net" | "read" | "run" | "write";

/** The ways to call `Deno.test()` that are used here. */
export interface Register {
  (name: string, fn: (t: Deno.TestContext) => void | Promise<void>): void;
  (
    name: string,
    options: Omit<Deno.TestDefinition, "fn" | "name">,
    fn: (t: Deno.TestContext) => void | Promise<void>,
  ): void;
  (test: Deno.TestDefinition): void;
}

/** True if this may be done without a question. */
export function isGranted(name: Permission): boolean {
  const descriptor = name === "net" ? { name, host: "127.0.0.1" } as const : { name };
  return Deno.permissions.querySync(descriptor).state === "granted";
}

/** Gives `Deno.test()` for tests that need these permissions. */
export function needing(...permissions: Permission[]): Register {
  const missing = permissions.filter((name) => !isGranted(name)).map((name) => `--allow-${name}`);
  if (missing.length === 0) return Deno.test;
  return (test: string | Deno.TestDefinition) => {
    const name = typeof test === "string" ? test : test.name;
    Deno.test.ignore(`${name} (needs ${missing.join(", ")})`, () => {});
  };
}
