// npm's build of the standard library has no types. These are the types that the tests use. If
// a test needs another assertion, add its line here.

type Comparison = <T>(actual: T, expected: T, message?: string) => void;
type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

export function assert(condition: unknown, message?: string): asserts condition;
export const assertEquals: Comparison;
export const assertNotEquals: Comparison;
export const assertGreater: Comparison;
export const assertLess: Comparison;
export function assertMatch(actual: string, expected: RegExp, message?: string): void;
export function assertStringIncludes(actual: string, expected: string, message?: string): void;

export function assertThrows(fn: () => unknown, message?: string): unknown;
export function assertThrows<E extends Error>(
  fn: () => unknown,
  expected: ErrorClass<E>,
  includes?: string,
  message?: string,
): E;

export function assertRejects(fn: () => PromiseLike<unknown>, message?: string): Promise<unknown>;
export function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  expected: ErrorClass<E>,
  includes?: string,
  message?: string,
): Promise<E>;
