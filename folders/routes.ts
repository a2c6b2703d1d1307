/**
 * Which answer belongs to a method and path: what the names of files say (`orders.POST.201.json`
 * answers `POST /orders` with 201), a table to look that up in, and the replies to other methods.
 *
 * @module
 */

import type { Reply } from "../server.ts";
import { UnusableFile } from "./read.ts";
import { quote } from "../replies/text.ts";
import { type Fields, mergeFields, withDefaults } from "../replies/fields.ts";

/** The methods that a file name may contain, in the order of `Allow`. */
export const METHODS: readonly string[] = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
];

// ---------------------------------------------------------------- names of files

/** What a file name with a method in it says. */
export interface Route {
  /** The method. */
  readonly method: string;
  /** The path up to the method; for an `index`, the path of its folder, such as `/a/`. */
  readonly path: string;
  /** The status code, if the name has one. */
  readonly status?: number;
  /** The extension without its dot; empty if there is none. */
  readonly extension: string;
}

const WITH_METHOD = new RegExp(`^(.*/[^/]+?)\\.(${METHODS.join("|")})((?:\\.[^/]*)?)$`, "s");
/** A status, an extension that is not a number, or both. */
const STATUS_AND_EXTENSION = /^(?:\.(\d+))?(?:\.([^.]*[^.\d][^.]*))?$/s;

/**
 * Reads the name of a file. A name without a method in it gives `undefined`.
 *
 * @param path The path of the file in its folder, such as `/orders.POST.201.json`.
 * @throws {UnusableFile} If what follows the method is neither a status nor an extension.
 */
export function routeOf(path: string): Route | undefined {
  const [, name, method, rest] = WITH_METHOD.exec(path) ?? [];
  if (name === undefined) return undefined;
  const [isRead, digits, extension = ""] = STATUS_AND_EXTENSION.exec(rest) ?? [];
  const status = digits === undefined ? undefined : Number(digits);
  if (isRead === undefined || status !== undefined && !(status >= 200 && status <= 599)) {
    throw new UnusableFile(
      "expected NAME.METHOD.EXT, or NAME.METHOD.STATUS.EXT with a status from 200 to 599, " +
        `not ${quote(path)}`,
    );
  }
  return { method, path: name.replace(/\/index$/, "/"), status, extension };
}

// ---------------------------------------------------------------- table

/** The method of answers to every method. */
export const ANY_METHOD = "*";

/** Replaces a segment in braces, such as `{id}`, in the keys of a table. */
const ANY_SEGMENT = "{}";

/** Answers by method and path. A segment in braces, as in `/orders/{id}`, matches any segment. */
export class Routes<T> {
  readonly #tables = new Map<string, Map<string, T>>();
  /** Every part of a key with braces that ends before a slash: where a search may go on. */
  readonly #prefixes = new Set<string>();
  #methods: readonly string[] | undefined;

  /** The answers to a method by their keys. Without braces in it, a path is its own key. */
  tableOf(method: string): Map<string, T> {
    let table = this.#tables.get(method);
    if (table === undefined) this.#tables.set(method, table = new Map());
    return table;
  }

  /** Adds an answer, or returns false if this method and path already have one, which stays. */
  add(method: string, path: string, answer: T): boolean {
    const key = keyOf(path);
    const table = this.tableOf(method);
    if (table.has(key)) return false;
    table.set(key, answer);
    this.#methods = undefined;
    if (key.includes(`/${ANY_SEGMENT}`)) {
      for (let at = 0; at !== -1; at = key.indexOf("/", at + 1)) {
        this.#prefixes.add(key.slice(0, at));
      }
    }
    return true;
  }

  /**
   * Finds the answer to a method and path. An exact path comes first; among paths with braces, the
   * one whose earlier segments are exact. GET answers HEAD where HEAD has no answer of its own.
   */
  find(method: string, path: string): T | undefined {
    const exact = this.#findKey(method, path);
    if (exact !== undefined || this.#prefixes.size === 0) return exact;
    for (const key of this.#matchingKeys("", path.slice(1).split("/"))) {
      const answer = this.#findKey(method, key);
      if (answer !== undefined) return answer;
    }
  }

  #findKey(method: string, key: string): T | undefined {
    return this.#tables.get(method)?.get(key) ??
      (method === "HEAD" ? this.#tables.get("GET")?.get(key) : undefined) ??
      this.#tables.get(ANY_METHOD)?.get(key);
  }

  /** The methods that have an answer at this path. */
  methodsOf(path: string): string[] {
    return this.methods().filter((method) => this.find(method, path) !== undefined);
  }

  /** The methods that have an answer at any path. */
  methods(): readonly string[] {
    return this.#methods ??= METHODS.filter((name) => {
      const isUsed = (method: string) => (this.#tables.get(method)?.size ?? 0) > 0;
      return isUsed(name) || name === "HEAD" && isUsed("GET");
    });
  }

  /** The keys that match a path, those with exact earlier segments first. */
  *#matchingKeys(prefix: string, [segment, ...rest]: string[]): Generator<string> {
    const names = segment === "" ? [segment] : [segment, ANY_SEGMENT];
    for (const key of names.map((name) => `${prefix}/${name}`)) {
      if (rest.length === 0) yield key;
      else if (this.#prefixes.has(key)) yield* this.#matchingKeys(key, rest);
    }
  }
}

/** The key of a path: the words in braces make no difference. */
export function keyOf(path: string): string {
  return path.replace(/\/\{[\w-]+\}(?=\/|$)/g, `/${ANY_SEGMENT}`);
}

/** Adds the composed form (Unicode NFC) of each path: browsers send it, some disks decompose it. */
export function addComposedNames<T>(routes: Routes<T>, method: string): void {
  for (const [path, answer] of [...routes.tableOf(method)]) {
    routes.add(method, path.normalize(), answer);
  }
}

/** Lets `/about.html` answer `/about`, and `/index.html` answer `/`, unless another file does. */
export function addAliases<T>(routes: Routes<T>, method: string, extension: string): void {
  for (const [path, answer] of [...routes.tableOf(method)]) {
    for (const alias of aliasesOf(path, extension)) routes.add(method, alias, answer);
  }
}

/** The shorter paths of a file with this extension, such as `/index` and `/`. */
export function aliasesOf(path: string, extension: string): string[] {
  if (!path.endsWith(extension)) return [];
  const stem = path.slice(0, -extension.length);
  return stem.endsWith("/index") ? [stem, stem.slice(0, -5)] : [stem];
}

// ---------------------------------------------------------------- other methods

/** The reply to a path where there is nothing. */
export const NOT_FOUND: Reply = Object.freeze({ status: 404, body: "404 Not Found\n" });

/** The reply to a method without an answer, at a path that answers the allowed methods. */
export type OtherMethods = (method: string, allowed: readonly string[]) => Reply;

/**
 * OPTIONS gets 204 and the allowed methods (RFC 9110 §9.3.7), even where nothing is: before a page
 * of another origin sends a request, the browser asks, and the page should then see that request
 * fail. Other methods get 405 (§15.5.6).
 *
 * @param headers Header fields of all these replies.
 * @param missing The reply where no method is allowed.
 */
export function otherMethods(headers: Fields, missing: Reply): OtherMethods {
  const replies = new Map<string, Reply>();
  return (method, allowed) => {
    if (method !== "OPTIONS" && allowed.length === 0) return missing;
    const names = allowed.length === 0 ? ["GET", "HEAD"] : allowed;
    const list = METHODS.filter((name) => names.includes(name) || name === "OPTIONS");
    const key = `${method === "OPTIONS"} ${list}`;
    let reply = replies.get(key);
    if (reply === undefined) {
      reply = method === "OPTIONS" ? optionsReply(list, headers) : notAllowed(list, headers);
      replies.set(key, reply); // the server caches the encoding of a reply that is the same object
    }
    return reply;
  };
}

function optionsReply(allowed: readonly string[], headers: Fields): Reply {
  return withDefaults({ status: 204 }, { headers: mergeFields(allowField(allowed), headers) });
}

function notAllowed(allowed: readonly string[], headers: Fields): Reply {
  const expected = `${allowed.slice(0, -1).join(", ")} or ${allowed.at(-1)}`;
  return withDefaults({
    status: 405,
    headers: allowField(allowed),
    body: `405 Method Not Allowed\n\nExpected ${expected}.\n`,
  }, { headers });
}

function allowField(allowed: readonly string[]): Fields {
  return [["Allow", allowed.join(", ")]];
}
