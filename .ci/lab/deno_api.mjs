// What tests use of `Deno`, for Node and Bun: it registers them, and grants no permission, so that only
// those that need none run. It has no `Deno.listen` and no class of errors; the server does without.
const tests = [];

function test(name, ...rest) {
  tests.push(typeof name === "string" ? { name, fn: rest.at(-1) } : name);
}
test.ignore = () => {};

globalThis.Deno = { test, permissions: { querySync: () => ({ state: "denied" }) } };

/** Runs these tests, or all, in order, prints `ok` and the name of each that passes, and ends the process. */
export async function runTests(names) {
  setInterval(() => {}, 60_000); // timers of `AbortSignal.timeout()` do not keep Node alive
  for (const { name, fn } of tests) {
    if (names.length > 0 && !names.includes(name)) continue;
    try {
      await fn({});
      console.log(`ok ${name}`);
    } catch (error) {
      console.error(name, error);
    }
  }
  process.exit();
}
