/**
 * The path and query of a request target, and the encoding of URIs.
 *
 * @module
 */

/**
 * The path and query of a request target in any form (RFC 9112 §3.2): without scheme and authority
 * in absolute form, and `/` for `*`.
 */
export function pathAndQueryOf(target: string): string {
  if (target.startsWith("/")) return target;
  const rest = /^[^:/?#]+:\/\/[^/?#]*(.*)$/.exec(target)?.[1] ?? "";
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** The path of a request target, without decoding. A fragment, which some clients send, ends it. */
export function pathOf(target: string): string {
  const path = pathAndQueryOf(target);
  const query = path.indexOf("?");
  const fragment = path.indexOf("#");
  const end = query === -1 || fragment !== -1 && fragment < query ? fragment : query;
  return end === -1 ? path : path.slice(0, end);
}

/** The query of a request target with its question mark; empty if there is none. */
export function queryOf(target: string): string {
  const query = target.indexOf("?");
  const fragment = target.indexOf("#");
  return query === -1 || fragment !== -1 && fragment < query ? "" : target.slice(query);
}

/** Matches every path that normalization could change; most paths skip it. */
const NOT_NORMAL = /%|\/\/|\/\./;

/**
 * The normalized path of a target, as the key of a table: equivalent paths (RFC 3986 §6.2.2) have
 * the same key. It is percent-decoded once, `%2F` to a slash too; repeated slashes become one; dot
 * segments are removed. A path that cannot be decoded gives an empty string, which is no key.
 */
export function decodedPath(target: string): string {
  const path = pathOf(target);
  return NOT_NORMAL.test(path) ? normalizedPath(path) : path;
}

function normalizedPath(path: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return "";
  }
  const segments: string[] = [];
  for (const segment of decoded.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  const endsInSlash = /\/\.{0,2}$/.test(decoded) && segments.length > 0;
  return `/${segments.join("/")}${endsInSlash ? "/" : ""}`;
}

/** Characters that are neither reserved, unreserved nor percent-encoded (RFC 3986 §2). */
const NOT_IN_URI = /%(?![\dA-Fa-f]{2})|[^\w.~:/?#[\]@!$&'()*+,;=%-]/gu;
/** As above, and those that end a path and query (`#`) or belong to an authority (`[`, `]`). */
const NOT_IN_PATH_OR_QUERY = /%(?![\dA-Fa-f]{2})|[^\w.~:/?@!$&'()*+,;=%-]/gu;

/** Percent-encodes all characters that a URI cannot contain. Existing encoding stays. */
export function encodeUri(text: string): string {
  return text.replace(NOT_IN_URI, encodeURIComponent);
}

/** Percent-encodes all characters that a path and query cannot contain. Existing encoding stays. */
export function encodePathAndQuery(text: string): string {
  return text.replace(NOT_IN_PATH_OR_QUERY, encodeURIComponent);
}
