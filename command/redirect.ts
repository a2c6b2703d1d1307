/**
 * Where `--redirect` sends everyone.
 *
 * @module
 */

import { hasWords, locationOf, type Template } from "./placeholders.ts";
import { encodeUri } from "./target.ts";
import { quote, UsageError } from "./values.ts";

/** A base for paths. */
const HERE = "http://here.invalid";

/** What a client can make of the words; the second one would like to choose the host. */
const REQUESTS: ReadonlyArray<Parameters<Template>> = [
  [
    { method: "GET", target: "/", minorVersion: 1, text: "" },
    { hostname: "192.0.2.1", port: 1 },
  ],
  [
    { method: "a#b", target: "//evil.invalid:1/?@#", minorVersion: 1, text: "" },
    { hostname: "2001:db8::1", port: 65535 },
  ],
];

/** A URL or a path; the words of a request may stand in it where they cannot change the host. */
export function checkRedirect(url: string): string {
  const [origin] = originsOf(url);
  if (!/^([Hh][Tt][Tt][Pp][Ss]?:\/\/|\/|\{target\})/.test(url) || origin === undefined) {
    throw new UsageError(
      `Cannot use --redirect ${quote(url)}: expected an http or https URL, or a path`,
    );
  }
  demandOneHost("redirect", url, url);
  return hasWords(url) ? url : encodeUri(url);
}

/** Refuses the value of a flag if the words in its location let a client choose the host. */
export function demandOneHost(flag: string, value: string, location: string): void {
  const [origin, other] = originsOf(location);
  if (origin !== undefined && origin === other) return;
  throw new UsageError(
    `Cannot use --${flag} ${quote(value)}: expected words in braces behind the host only`,
  );
}

/** Where this location leads, by the requests above. */
function originsOf(location: string): Array<string | undefined> {
  const fill = locationOf(location);
  return REQUESTS.map((asked) => URL.parse(fill(...asked), HERE)?.origin);
}
