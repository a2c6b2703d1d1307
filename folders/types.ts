/**
 * The media type of a file, by its extension and, where that can mislead, by its content.
 *
 * @module
 */

import type { Fields } from "../replies/fields.ts";
import type { Steps } from "./steps.ts";

/**
 * Media types with their extensions. Text without a type that browsers display is plain text; other
 * types are as IANA, nginx and Apache have them.
 */
const TYPES = `
text/calendar ics ifb
text/css css
text/csv csv
text/html html htm shtml
text/javascript js mjs cjs
text/markdown md markdown
text/tab-separated-values tsv
text/turtle ttl
text/vcard vcf vcard
text/vtt vtt
text/plain txt text log adoc asc asm awk bash bat bib c cc cfg clj cmake cmd conf cpp cs cts cxx
text/plain dart diff dockerfile el env erl ex exs f90 fish go gradle graphql groovy h hh hpp hs http
text/plain hxx inc ini java jl jsonl jsx kt kts less lisp list lock lua m4 make mk mts nasm ndjson
text/plain nfo nim nix org out patch pem php pl pm po properties proto ps1 py pyi r rb rs rst s sass
text/plain scala scss sh sha1 sha256 sha512 sql srt ssa sub svelte swift tcl tex tf ts tsx v vb vim
text/plain vue zig zsh
application/appinstaller appinstaller
application/atom+xml atom
application/dash+xml mpd
application/epub+zip epub
application/geo+json geojson
application/gpx+xml gpx
application/gzip gz tgz
application/java-archive jar war ear
application/json json map topojson har ipynb
application/ld+json jsonld
application/manifest+json webmanifest
application/mathml+xml mml mathml
application/msix msix
application/msword doc dot
application/n-triples nt
application/pdf pdf
application/pgp-signature sig
application/pkcs12 p12 pfx
application/pkix-crl crl
application/postscript ps eps
application/rdf+xml rdf owl
application/rss+xml rss
application/rtf rtf
application/toml toml
application/vnd.android.package-archive apk
application/vnd.apple.installer+xml mpkg
application/vnd.apple.mpegurl m3u8 m3u
application/vnd.debian.binary-package deb udeb
application/vnd.google-earth.kml+xml kml
application/vnd.google-earth.kmz kmz
application/vnd.ms-excel xls
application/vnd.ms-fontobject eot
application/vnd.ms-powerpoint ppt
application/vnd.oasis.opendocument.presentation odp
application/vnd.oasis.opendocument.spreadsheet ods
application/vnd.oasis.opendocument.text odt
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/vnd.rar rar
application/vnd.sqlite3 sqlite sqlite3
application/vnd.tcpdump.pcap pcap
application/wasm wasm
application/wsdl+xml wsdl
application/x-7z-compressed 7z
application/x-apple-aspen-config mobileconfig
application/x-bittorrent torrent
application/x-bzip2 bz2
application/x-iso9660-image iso
application/x-ns-proxy-autoconfig pac
application/x-rpm rpm
application/x-tar tar
application/x-x509-ca-cert crt der
application/x-xpinstall xpi
application/x-xz xz
application/xhtml+xml xhtml xht
application/xml xml xsd rng opml plist
application/xml-dtd dtd
application/xslt+xml xsl xslt
application/yaml yaml yml
application/zip zip
application/zstd zst
audio/aac aac
audio/flac flac
audio/midi mid midi
audio/mp4 m4a
audio/mpeg mp3
audio/ogg ogg oga opus spx
audio/wav wav
audio/webm weba
font/collection ttc
font/otf otf
font/ttf ttf
font/woff woff
font/woff2 woff2
image/apng apng
image/avif avif
image/bmp bmp
image/gif gif
image/heic heic
image/heif heif
image/jpeg jpg jpeg jpe jfif
image/jxl jxl
image/png png
image/svg+xml svg
image/tiff tif tiff
image/vnd.adobe.photoshop psd
image/webp webp
image/x-icon ico cur
message/rfc822 eml mht mhtml
model/gltf+json gltf
model/gltf-binary glb
model/obj obj
model/stl stl
model/vnd.usdz+zip usdz
video/3gpp 3gp
video/matroska mkv
video/mp2t m2ts
video/mp4 mp4 m4v
video/mpeg mpeg mpg
video/ogg ogv
video/quicktime mov qt
video/webm webm
video/x-msvideo avi
`.replaceAll("\n", " \n"); // every extension stands between two spaces

/** Names without an extension that usually belong to text files. */
const TEXT_NAMES =
  /^(README|LICEN[CS]E|COPYING|NOTICE|AUTHORS|CHANGELOG|NEWS|TODO|Makefile|Dockerfile)$/i;

/** The type of files about which nothing is known. */
const OTHER = "application/octet-stream";

/** The extensions of web files that are often compressed beforehand. */
const COMPRESSIBLE = "html css js mjs json svg wasm data".split(" ");
/** The content codings of compressed files by their extensions. */
const CODINGS: ReadonlyMap<string, string> = new Map([["br", "br"], ["gz", "gzip"]]);

/** Header fields, of which the first is the type. */
type ContentFields = [Fields[number], ...Fields];

/**
 * The field `Content-Type` of a file, and `Content-Encoding` if it is a web file that was compressed
 * beforehand, such as `app.js.br`. Its type is then that of what is inside, whose charset nobody looks
 * for. Other types than those of text define their own encoding.
 */
export function* contentFieldsOf(path: string, content: Uint8Array): Steps<ContentFields> {
  const { name, extension } = nameOf(path);
  const coding = CODINGS.get(extension);
  if (coding !== undefined) {
    const { extension: inner } = nameOf(name);
    const type = registeredType(inner) ?? OTHER;
    if (COMPRESSIBLE.includes(inner)) return [["Content-Type", type], ["Content-Encoding", coding]];
  }
  const type = isTransportStream(extension, content)
    ? "video/mp2t"
    : registeredType(extension) ?? (TEXT_NAMES.test(name) ? "text/plain" : OTHER);
  const isText = type.startsWith("text/") && (yield* isUtf8(content));
  return [["Content-Type", isText ? `${type}; charset=utf-8` : type]];
}

/** The name of a file up to its last dot, and its extension in lower case. */
function nameOf(path: string): { name: string; extension: string } {
  const name = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  const dot = name.lastIndexOf(".");
  if (dot === -1) return { name, extension: "" };
  return { name: name.slice(0, dot), extension: name.slice(dot + 1).toLowerCase() };
}

/** The types that were found so far, by their extensions. */
const FOUND = new Map<string, string>();

/** The type of an extension in lower case. To put all of them into a table costs a start 0.3 ms. */
function registeredType(extension: string): string | undefined {
  const known = FOUND.get(extension);
  if (known !== undefined || extension.includes(" ")) return known;
  const at = TYPES.indexOf(` ${extension} `);
  if (at === -1) return undefined;
  const start = TYPES.lastIndexOf("\n", at) + 1;
  const type = TYPES.slice(start, TYPES.indexOf(" ", start));
  FOUND.set(extension, type);
  return type;
}

/** `.ts` is TypeScript or MPEG-2 video, whose packets of 188 bytes all begin with 0x47. */
function isTransportStream(extension: string, content: Uint8Array): boolean {
  return extension === "ts" && content.length >= 188 &&
    content[0] === 0x47 && (content[188] ?? 0x47) === 0x47;
}

const NUL = 0;
const ESC = 0x1b;
/** The most that is looked at in one step. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * True if content is text in UTF-8. Text in two other encodings can be valid UTF-8 by accident:
 * UTF-16 without a byte order mark, which has NUL bytes, and ISO-2022, which has escape sequences.
 */
export function* isUtf8(content: Uint8Array): Steps<boolean> {
  const known = CHECKED.get(content);
  if (known !== undefined) return known;
  let isText = true;
  const isOne = content.length <= CHUNK_BYTES;
  const decoding = isOne ? decoder : new TextDecoder("utf-8", { fatal: true });
  for (let at = 0; isText && at < content.length; at += CHUNK_BYTES) {
    const end = at + CHUNK_BYTES;
    const chunk = isOne ? content : content.subarray(at, end);
    isText = !chunk.includes(NUL) && !hasCharacterSets(content, at, end) &&
      decodes(decoding, chunk, end < content.length);
    if (!isOne) yield;
  }
  CHECKED.set(content, isText);
  return isText;
}

/** Earlier results: the page for missing paths is a file as well, and comes again at each reload. */
const CHECKED = new WeakMap<Uint8Array, boolean>();

/** Shared by the many files that fit into one chunk. */
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * True if an escape sequence that begins between these indexes selects a character set, such as
 * `ESC $ B` (ISO-2022-JP).
 */
function hasCharacterSets(content: Uint8Array, from: number, to: number): boolean {
  const chunk = content.subarray(from, to);
  for (let at = chunk.indexOf(ESC); at !== -1; at = chunk.indexOf(ESC, at + 1)) {
    if ("$()".includes(String.fromCharCode(content[from + at + 1]))) return true;
  }
  return false;
}

/** True if a chunk goes on in UTF-8. With `stream`, its last character may end in the next one. */
function decodes(decoding: TextDecoder, chunk: Uint8Array, stream: boolean): boolean {
  try {
    decoding.decode(chunk, { stream });
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false; // not UTF-8
    throw error;
  }
}
