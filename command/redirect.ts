/**
 * Where `--redirect` sends everyone.
 *
 * @module
 */

import { hasPlaceholders, locationOf, type Template } from "./placeholders.ts";
import { encodeUri } from "./target.ts";
import { quote, UsageError } from "./values.ts";

/** A base for paths. */
const HERE = "http://here.invalid";

/** What clients can make of the placeholders; the second would like to choose the host. */
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

/** A URL or a path; placeholders may stand in it where they cannot change the host. */
export function checkRedirect(url: string): string {
  const [origin] = originsOf(url);
  if (!/^([Hh][Tt][Tt][Pp][Ss]?:\/\/|\/|\{target\})/.test(url) || origin === undefined) {
    throw new UsageError(
      `Cannot use --redirect ${quote(url)}: expected an http or https URL, or a path`,
    );
  }
  demandOneHost("redirect", url, url);
  return hasPlaceholders(url) ? url : encodeUri(url);
}

/** Refuses the value of a flag if placeholders in its location let a client choose the host. */
export function demandOneHost(flag: string, value: string, location: string): void {
  const [origin, other] = originsOf(location);
  if (origin !== undefined && origin === other) return;
  throw new UsageError(
    `Cannot use --${flag} ${quote(value)}: expected placeholders behind the host only`,
  );
}

/** The origins that this location leads to, for the requests above. */
function originsOf(location: string): Array<string | undefined> {
  const fill = locationOf(location);
  return REQUESTS.map((asked) => URL.parse(fill(...asked), HERE)?.origin);
}
