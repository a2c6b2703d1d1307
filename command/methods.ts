/**
 * What the names of files say of the requests that they answer: `orders.POST.201.json`
 * answers `POST /orders` with 201.
 *
 * @module
 */

import { UnusableFile } from "./files.ts";
import { quote } from "./values.ts";

/** The methods that a name may have in it, in the order of `Allow`. */
export const METHODS: readonly string[] = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
];

/** What a name with a method in it says. */
export interface Route {
  /** The method. */
  readonly method: string;
  /** The path without what follows the name; of an `index`, that of its folder, such as `/a/`. */
  readonly path: string;
  /** The status code, if the name has one. */
  readonly status?: number;
  /** The extension without its dot; empty if there is none. */
  readonly extension: string;
}

const WITH_METHOD = new RegExp(`^(.*/[^/]+?)\\.(${METHODS.join("|")})((?:\\.[^/]*)?)$`, "s");
/** A status, an extension that is no number, or both. */
const STATUS_AND_EXTENSION = /^(?:\.(\d+))?(?:\.([^.]*[^.\d][^.]*))?$/s;

/**
 * Reads the name of a file by its path in the folder; nothing, if it has no method in it.
 *
 * @throws {UnusableFile} If it has one, and cannot mean anything.
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
