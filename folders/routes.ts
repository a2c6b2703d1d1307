/**
 * Which answer belongs to a method, path and query: what the names of files say
 * (`orders.POST.201.json` answers `POST /orders` with 201), and a table to look that up in.
 *
 * @module
 */

import { quote } from "../replies/text.ts";
import type { FileSnapshot } from "./read.ts";
import { UnusableFile } from "./source.ts";
import { forEachInSteps, type Steps } from "./steps.ts";

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

/** The method of answers to every method. */
export const ANY_METHOD = "*";

// ---------------------------------------------------------------- names of files

/** A name and value in a query, decoded. */
type Pair = readonly [name: string, value: string];

/** What the name of a file says. */
export interface Route {
  /** The method. */
  readonly method: string;
  /** The path up to the method; for an `index`, the path of its folder, such as `/a/`. */
  readonly path: string;
  /** What must be in the query: `page=2` in `orders@page=2.GET.json`. */
  readonly query: readonly Pair[];
  /** The status code, if the name has one. */
  readonly status?: number;
  /** The extension without its dot, empty if there is none, of a name with a method in it. */
  readonly extension?: string;
}

/** A name with a method has one of these in it. Most names have none, and need no pattern. */
const DOT_METHODS = METHODS.map((method) => `.${method}`);
const A_METHOD = `(?:${METHODS.join("|")})`;
/** `NAME.METHOD`, and after it a status, an extension with a letter in it, or both. */
const WITH_METHOD = new RegExp(
  `^(.*/[^/]+)\\.(${A_METHOD})(?:\\.(\\d{3}))?(?:\\.([\\w+-]*[A-Za-z][\\w+-]*))?$`,
  "s",
);
/** Text about methods, such as `HTTP.GET.and.POST.html`. */
const MORE_METHODS = new RegExp(`\\.${A_METHOD}(?:\\.[^/]*)?$`);
/** `NAME@QUERY`, where the query has at least one name with a value. */
const WITH_QUERY = /^(.*\/[^/]+)@([^/=&@]+=[^/&]*(?:&[^/=&@]+=[^/&]*)*)$/s;

/**
 * Reads the name of a file. A name that is not wholly `NAME.METHOD.STATUS.EXT`, of which status and
 * extension may be missing, is `undefined`: an ordinary name.
 *
 * @param file The path of the file in its folder, such as `/orders.POST.201.json`.
 * @throws {UnusableFile} If the status is impossible.
 */
function routeOf(file: string): Route | undefined {
  if (!DOT_METHODS.some((text) => file.includes(text))) return undefined;
  const [, name, method, digits, extension = ""] = WITH_METHOD.exec(file) ?? [];
  if (name === undefined || MORE_METHODS.test(name)) return undefined;
  const status = digits === undefined ? undefined : Number(digits);
  if (status !== undefined && !(status >= 200 && status <= 599)) {
    throw new UnusableFile(
      `expected NAME.METHOD.STATUS with a status from 200 to 599, not ${quote(file)}`,
    );
  }
  const [, path = name, query = ""] = WITH_QUERY.exec(name) ?? [];
  return { method, path: path.replace(/\/index$/, "/"), query: pairsIn(query), status, extension };
}

/** A segment in capitals where a method stands, in a name that goes on. */
const IN_PLACE_OF_METHOD = /[^/]\.([A-Z]{3,7})\.(?:\d{3}$|[^/.]+$|\d{3}\.[^/.]+$)/;

/**
 * The files that seem to name a method which there is not, such as `/orders.PSOT.json`: the letters
 * are those of a method, or other files of the folder have methods.
 */
export function mistakenMethods(files: Iterable<string>): string[] {
  const mistaken = new Map<string, boolean>();
  let hasMethods = false;
  for (const file of files) {
    const [, word] = IN_PLACE_OF_METHOD.exec(file) ?? [];
    if (word === undefined) continue;
    if (METHODS.includes(word)) hasMethods = true;
    else mistaken.set(file, METHODS.some((method) => sorted(method) === sorted(word)));
  }
  return [...mistaken].filter(([, isNear]) => hasMethods || isNear).map(([file]) => file);
}

function sorted(word: string): string {
  return [...word].sort().join("");
}

/** A percent sign that begins no octet in UTF-8 stays as it is. */
function pairsIn(query: string): Pair[] {
  return query === "" ? [] : query.split("&").map((pair) => {
    const at = pair.indexOf("=");
    return [decoded(pair.slice(0, at)), decoded(pair.slice(at + 1))];
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// ---------------------------------------------------------------- table

/** Replaces a segment in braces, such as `{id}`, in the keys of a table. No file is called so. */
const ANY_SEGMENT = "\0";

const NO_PAIRS: readonly Pair[] = [];

/** An answer to those queries that have these pairs. */
interface Choice<T> {
  readonly pairs: readonly Pair[];
  readonly answer: T;
}

/**
 * Answers by method, path and query. A segment in braces, as in `/orders/{id}`, matches any segment.
 */
export class Routes<T> {
  /** True if some answers need a query. */
  hasQueries = false;

  /** The answers by method and key. An ordinary path is its own key. */
  readonly tables = new Map<string, Map<string, T>>();
  /** The answers that need a query, by method and key, those with the most pairs first. */
  readonly #choices = new Map<string, Choice<T>[]>();
  /** Every part of a key with braces that ends before a slash: where a search may go on. */
  readonly #prefixes = new Set<string>();
  #methods: readonly string[] | undefined;

  /** The answers to a method. */
  tableOf(method: string): Map<string, T> {
    let table = this.tables.get(method);
    if (table === undefined) this.tables.set(method, table = new Map());
    return table;
  }

  /** Adds an answer, or returns the one that has this method and path already, and stays. */
  add(method: string, path: string, answer: T): T | undefined {
    const table = this.tableOf(method);
    const other = table.get(path);
    if (other !== undefined) return other;
    table.set(path, answer);
    this.#methods = undefined;
  }

  /** Adds an answer to a route from the name of a file, in which segments may be in braces. */
  addRoute({ method, path, query }: Route, answer: T): T | undefined {
    const key = keyOf(path);
    if (key.includes(`/${ANY_SEGMENT}`)) this.#addPrefixes(key);
    return query.length === 0
      ? this.add(method, key, answer)
      : this.#addChoice(`${method} ${key}`, { pairs: query, answer });
  }

  #addPrefixes(key: string): void {
    for (let at = 0; at !== -1; at = key.indexOf("/", at + 1)) this.#prefixes.add(key.slice(0, at));
  }

  #addChoice(place: string, choice: Choice<T>): T | undefined {
    const choices = this.#choices.get(place) ?? [];
    const other = choices.find(({ pairs }) => haveSame(pairs, choice.pairs));
    if (other !== undefined) return other.answer;
    choices.push(choice);
    choices.sort(byPairs);
    this.#choices.set(place, choices);
    this.#methods = undefined;
    this.hasQueries = true;
  }

  /**
   * Finds the answer to a method, path and query. An exact path comes first; among paths with
   * braces, the one whose earlier segments are exact. At one path, the answer with the most matching
   * pairs comes first. GET answers HEAD where HEAD has no answer of its own.
   *
   * @param query The query with its question mark, or an empty string.
   */
  find(method: string, path: string, query: string): T | undefined {
    const pairs = this.hasQueries && query !== "" ? [...new URLSearchParams(query)] : NO_PAIRS;
    const exact = this.#findKey(method, path, pairs);
    if (exact !== undefined || this.#prefixes.size === 0) return exact;
    for (const key of this.#matchingKeys("", path.slice(1).split("/"))) {
      const answer = this.#findKey(method, key, pairs);
      if (answer !== undefined) return answer;
    }
  }

  #findKey(method: string, key: string, pairs: readonly Pair[]): T | undefined {
    return this.#findAt(method, key, pairs) ??
      (method === "HEAD" ? this.#findAt("GET", key, pairs) : undefined) ??
      this.#findAt(ANY_METHOD, key, pairs);
  }

  #findAt(method: string, key: string, pairs: readonly Pair[]): T | undefined {
    const choices = pairs.length > 0 ? this.#choices.get(`${method} ${key}`) : undefined;
    return choices?.find((choice) => haveAll(pairs, choice.pairs))?.answer ??
      this.tables.get(method)?.get(key);
  }

  /** The methods that have an answer at this path. */
  methodsOf(path: string, query: string): string[] {
    return this.methods().filter((method) => this.find(method, path, query) !== undefined);
  }

  /** The methods that have an answer at any path. */
  methods(): readonly string[] {
    return this.#methods ??= METHODS.filter((name) => {
      const isUsed = (method: string) =>
        (this.tables.get(method)?.size ?? 0) > 0 ||
        this.#choices.keys().some((place) => place.startsWith(`${method} `));
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

/** Sorts those with the most pairs first, and others by their pairs, so that the order is fixed. */
function byPairs({ pairs: a }: Choice<unknown>, { pairs: b }: Choice<unknown>): number {
  return b.length - a.length || (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
}

/** The key of a path: the words in braces make no difference. */
function keyOf(path: string): string {
  return path.replace(/\/\{[\w-]+\}(?=\/|$)/g, `/${ANY_SEGMENT}`);
}

function haveAll(pairs: readonly Pair[], wanted: readonly Pair[]): boolean {
  return wanted.every(([name, value]) => pairs.some(([n, v]) => n === name && v === value));
}

function haveSame(a: readonly Pair[], b: readonly Pair[]): boolean {
  return a.length === b.length && haveAll(a, b) && haveAll(b, a);
}

// ---------------------------------------------------------------- the files of a folder

/** How the files of a folder become answers. */
export interface Naming<T> {
  /** False if all names are ordinary, whatever is in them. */
  readonly hasMethods: boolean;
  /** True if the folder itself has a path without a slash, which is empty here. */
  readonly hasPrefix?: boolean;
  /** The method of files with an ordinary name. */
  readonly method: string;
  /** The shorter paths of a path, those of each function where no earlier one has an answer. */
  readonly aliases: ReadonlyArray<(path: string) => string[]>;
  /** Makes the answer of a file. No two files have the same object. */
  readonly answerOf: (file: string, snapshot: FileSnapshot, route: Route) => Steps<T>;
}

/**
 * Makes the table for the files of a folder, with their other names.
 *
 * @throws {UnusableFile} If two files have the same method and path, or a name is impossible.
 */
export function* routesOf<T>(
  files: ReadonlyMap<string, FileSnapshot>,
  naming: Naming<T>,
): Steps<Routes<T>> {
  const building = new Building(naming);
  yield* building.addFiles(files);
  yield* building.addComposedNames();
  yield* building.addAliases();
  yield* building.addSlashes();
  return building.routes;
}

/** A table in the making. */
class Building<T> {
  readonly routes = new Routes<T>();
  readonly #naming: Naming<T>;
  /** The file of each answer. */
  readonly #files = new Map<T, string>();
  /** The answers of files with a method in their names. */
  readonly #named = new Map<T, Route>();

  constructor(naming: Naming<T>) {
    this.#naming = naming;
  }

  *addFiles(files: ReadonlyMap<string, FileSnapshot>): Steps<void> {
    const { hasMethods, method, answerOf } = this.#naming;
    for (const [file, snapshot] of files) {
      yield;
      const named = hasMethods ? routeOf(file) : undefined;
      const route = named ?? { method, path: file, query: NO_PAIRS };
      const answer = yield* answerOf(file, snapshot, route);
      this.#files.set(answer, file);
      if (named !== undefined) this.#named.set(answer, named);
      const other = named === undefined
        ? this.routes.add(method, file, answer)
        : this.routes.addRoute(named, answer);
      if (other !== undefined) throw this.#conflict(other, answer);
    }
  }

  #conflict(...answers: T[]): UnusableFile {
    const [one, other] = answers.map((answer) => quote(this.#files.get(answer)!)).sort();
    return new UnusableFile(`expected one file for each method and path, not ${one} and ${other}`);
  }

  /** Adds the composed form (Unicode NFC) of paths: browsers send it, some disks decompose it. */
  *addComposedNames(): Steps<void> {
    for (const [method, table] of this.routes.tables) {
      yield* forEachInSteps([...table], ([path, answer]) => {
        this.routes.add(method, path.normalize(), answer);
      });
    }
  }

  /**
   * Adds the shorter paths of files, which have none of their own. That of a page must not be the path
   * of a file with a method as well.
   */
  *addAliases(): Steps<void> {
    const { method, aliases } = this.#naming;
    const paths = [...this.routes.tableOf(method)];
    for (const aliasesOf of aliases) {
      yield* forEachInSteps(paths, ([path, answer]) => {
        for (const alias of aliasesOf(path)) this.#addAlias(method, alias, answer);
      });
    }
  }

  #addAlias(method: string, alias: string, answer: T): void {
    const other = this.routes.add(method, alias, answer);
    const isOwnPath = other !== undefined && this.#named.get(other)?.path === alias;
    if (isOwnPath && !this.#named.has(answer)) throw this.#conflict(other, answer);
  }

  /**
   * Lets `/orders/` answer as `/orders`, and `/a` as `/a/index.GET.json`, unless another file does:
   * data has no relative links that would break.
   */
  *addSlashes(): Steps<void> {
    for (const [answer, route] of this.#named) {
      yield; // to add a query among many takes long
      const path = route.path.endsWith("/") ? route.path.slice(0, -1) : `${route.path}/`;
      if (path === "" && !this.#naming.hasPrefix) continue;
      this.routes.addRoute({ ...route, path }, answer);
    }
  }
}
