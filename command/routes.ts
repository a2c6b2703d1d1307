/**
 * A table from method and path to an answer, with segments that stand for any other.
 *
 * @module
 */

import { METHODS } from "./methods.ts";

/** Stands for every method in a table. */
export const ANY_METHOD = "*";

/** Stands for a segment such as `{id}`, whatever its word. */
const ANY_SEGMENT = "{}";

/** Answers by method and path. A segment in braces, as in `/orders/{id}`, stands for any segment. */
export class Routes<T> {
  readonly #tables = new Map<string, Map<string, T>>();
  /** What comes before a segment of paths that have one for any in them. */
  readonly #prefixes = new Set<string>();
  #methods: readonly string[] | undefined;

  /** The answers for a method by their paths; what is found there needs no other look. */
  tableOf(method: string): Map<string, T> {
    let table = this.#tables.get(method);
    if (table === undefined) this.#tables.set(method, table = new Map());
    return table;
  }

  /** Adds an answer. False if this method and path have one already, which stays. */
  add(method: string, path: string, answer: T): boolean {
    const key = keyOf(path);
    const table = this.tableOf(method);
    if (table.has(key)) return false;
    table.set(key, answer);
    this.#methods = undefined;
    if (key.includes(`/${ANY_SEGMENT}`)) {
      for (let at = key.indexOf("/", 1); at !== -1; at = key.indexOf("/", at + 1)) {
        this.#prefixes.add(key.slice(0, at));
      }
    }
    return true;
  }

  /**
   * Finds the answer for a method and path: that of the path itself, else of the first that has a
   * segment for any where this one has another. HEAD is answered from GET.
   */
  find(method: string, path: string): T | undefined {
    const own = this.#findKey(method, path);
    if (own !== undefined || this.#prefixes.size === 0) return own;
    for (const key of this.#matches("", path.slice(1).split("/"))) {
      const answer = this.#findKey(method, key);
      if (answer !== undefined) return answer;
    }
  }

  #findKey(method: string, key: string): T | undefined {
    return this.#tables.get(method)?.get(key) ??
      (method === "HEAD" ? this.#tables.get("GET")?.get(key) : undefined) ??
      this.#tables.get(ANY_METHOD)?.get(key);
  }

  /** The methods that this path has answers for. */
  methodsOf(path: string): string[] {
    return this.methods().filter((method) => this.find(method, path) !== undefined);
  }

  /** All methods that any path has answers for. */
  methods(): readonly string[] {
    return this.#methods ??= METHODS.filter((name) => {
      const isUsed = (method: string) => (this.#tables.get(method)?.size ?? 0) > 0;
      return isUsed(name) || name === "HEAD" && isUsed("GET");
    });
  }

  /** The keys that a path matches, in which earlier segments of its own come first. */
  *#matches(prefix: string, [segment, ...rest]: string[]): Generator<string> {
    const names = segment === "" ? [segment] : [segment, ANY_SEGMENT];
    for (const key of names.map((name) => `${prefix}/${name}`)) {
      if (rest.length === 0) yield key;
      else if (this.#prefixes.has(key)) yield* this.#matches(key, rest);
    }
  }
}

/** A path in which the words of segments in braces make no difference. */
export function keyOf(path: string): string {
  return path.replace(/\/\{[\w-]+\}(?=\/|$)/g, `/${ANY_SEGMENT}`);
}

/** Names that are not in the form that browsers write (Unicode's NFC) are found in that, too. */
export function addComposedNames<T>(routes: Routes<T>, method: string): void {
  for (const [path, answer] of [...routes.tableOf(method)]) {
    routes.add(method, path.normalize(), answer);
  }
}

/** Lets `/about.html` answer `/about`, and `/index.html` answer `/`, unless a file is called so. */
export function addAliases<T>(routes: Routes<T>, method: string, extension: string): void {
  for (const [path, answer] of [...routes.tableOf(method)]) {
    for (const alias of aliasesOf(path, extension)) routes.add(method, alias, answer);
  }
}

/** The shorter names of a file with this extension. */
export function aliasesOf(path: string, extension: string): string[] {
  if (!path.endsWith(extension)) return [];
  const stem = path.slice(0, -extension.length);
  return stem.endsWith("/index") ? [stem, stem.slice(0, -5)] : [stem];
}
