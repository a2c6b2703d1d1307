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

/** What only a path has that is encoded, has a repeated slash, or may have a dot segment. */
const NOT_NORMAL = /%|\/\/|\/\./;

/**
 * The path of a target as a name to look up: what RFC 3986 §6.2.2 calls equal is the same name.
 * It is decoded once, `%2F` to a slash as well; repeated slashes are one; dot segments are removed.
 * Empty, which is nobody's name, if it does not decode.
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
