/**
 * What a request line asks for, as path and query, and how that is written in a URI.
 *
 * @module
 */

/**
 * The path and query of a request target in whatever form it was sent: of an
 * absolute one without its scheme and authority; `*` asks for no path, which is `/`.
 */
export function pathAndQueryOf(target: string): string {
  if (target.startsWith("/")) return target;
  const rest = /^[^:/?#]+:\/\/[^/?#]*(.*)$/.exec(target)?.[1] ?? "";
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** The path of a request target, as it was sent. */
export function pathOf(target: string): string {
  const path = pathAndQueryOf(target);
  const query = path.indexOf("?");
  return query === -1 ? path : path.slice(0, query);
}

/** The query of a request target with its question mark, or nothing. */
export function queryOf(target: string): string {
  const query = target.indexOf("?");
  return query === -1 ? "" : target.slice(query);
}

/** What is neither reserved, nor unreserved, nor percent-encoded (RFC 3986 §2). */
const NOT_IN_URI = /%(?![\dA-Fa-f]{2})|[^\w.~:/?#[\]@!$&'()*+,;=%-]/gu;
/** The same, and what ends a path and query or stands only in an authority. */
const NOT_IN_PATH_OR_QUERY = /%(?![\dA-Fa-f]{2})|[^\w.~:/?@!$&'()*+,;=%-]/gu;

/** Percent-encodes what no URI may contain; what is encoded already stays as it is. */
export function encodeUri(text: string): string {
  return text.replace(NOT_IN_URI, encodeURIComponent);
}

/** Percent-encodes what no path and query may contain. */
export function encodePathAndQuery(text: string): string {
  return text.replace(NOT_IN_PATH_OR_QUERY, encodeURIComponent);
}
