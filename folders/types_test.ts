import { assert, assertEquals } from "@std/assert";
import { finish } from "../tests/files.ts";
import { bytesOf } from "../tests/wire.ts";
import { contentFieldsOf, isUtf8 as stepsOfIsUtf8 } from "./types.ts";

const NONE = new Uint8Array();

function fieldsOf(name: string, content = ""): ReadonlyArray<readonly [string, string]> {
  return finish(contentFieldsOf(name, bytesOf(content)));
}

function typeOf(name: string, content?: string): string {
  const [[field, type], ...others] = fieldsOf(name, content);
  assertEquals([field, others], ["Content-Type", []]);
  return type;
}

function isUtf8(content: Uint8Array): boolean {
  return finish(stepsOfIsUtf8(content));
}

Deno.test("contentFieldsOf() knows the extensions of the web, of media, of archives and of feeds", () => {
  const types = {
    "a.xhtml": "application/xhtml+xml",
    "a.rss": "application/rss+xml",
    "a.atom": "application/atom+xml",
    "a.vtt": "text/vtt; charset=utf-8",
    "a.wav": "audio/wav",
    "a.flac": "audio/flac",
    "a.m4a": "audio/mp4",
    "a.opus": "audio/ogg",
    "a.ogv": "video/ogg",
    "a.mov": "video/quicktime",
    "a.m3u8": "application/vnd.apple.mpegurl",
    "a.bmp": "image/bmp",
    "a.jxl": "image/jxl",
    "a.ics": "text/calendar; charset=utf-8",
    "a.cjs": "text/javascript; charset=utf-8",
    "a.pac": "application/x-ns-proxy-autoconfig",
    "a.xsl": "application/xslt+xml",
    "a.jsonld": "application/ld+json",
    "a.apk": "application/vnd.android.package-archive",
    "a.toml": "application/toml",
    "a.JS": "text/javascript; charset=utf-8",
    "a.min.css": "text/css; charset=utf-8",
    "a.tar.gz": "application/gzip",
    "a.usdz": "model/vnd.usdz+zip",
    "a.msix": "application/msix",
    "a.appinstaller": "application/appinstaller",
  };
  for (const [name, type] of Object.entries(types)) assertEquals(typeOf(name), type, name);
  const others = ["a.constructor", "a.__proto__", "a.html/b", ".html/a", "a.txt text", "a.css "];
  for (const name of [...others, "a", "a.", ""]) {
    assertEquals(typeOf(name), "application/octet-stream", name);
  }
});

Deno.test("contentFieldsOf() treats source code as text, so that browsers show it", () => {
  const extensions = "log srt ts tsx diff patch sh py conf ini jsonl rs go c h rb sql csv.txt";
  const names = extensions.split(" ").map((extension) => `a.${extension}`);
  for (const name of [...names, "README", "docs/LICENSE", "Makefile", "a.Dockerfile"]) {
    assertEquals(typeOf(name), "text/plain; charset=utf-8", name);
  }
});

Deno.test("contentFieldsOf() claims UTF-8 only where it is true", () => {
  const others = {
    "windows-1252": "caf\xe9",
    "Shift_JIS": "\x93\xfa\x96{",
    "UTF-16 with its mark": "\xff\xfeh\0i\0",
    "UTF-16 without": "h\0i\0",
    "ISO-2022-JP": "\x1b$BF|K\\\x1b(B",
    "cut in the middle": "caf\xc3",
    "a surrogate": "\xed\xa0\x80",
  };
  for (const [encoding, content] of Object.entries(others)) {
    assertEquals(typeOf("a.html", content), "text/html", encoding);
    assertEquals(typeOf("a.txt", content), "text/plain", encoding);
    assertEquals(typeOf("a.json", content), "application/json", encoding);
  }
  for (const content of ["", "caf\xc3\xa9", "\xef\xbb\xbfa", "\x1b[31mred\x1b[0m", "\t\f\x7f"]) {
    assertEquals(typeOf("a.html", content), "text/html; charset=utf-8", content);
  }
});

Deno.test("isUtf8() looks at large content in pieces, and across them", () => {
  const content = new TextEncoder().encode("\u20ac".repeat(800_000)); // three bytes each
  assert(isUtf8(content));
  assert(!isUtf8(content.slice(0, -1)));
  const spoiled = content.slice();
  spoiled[2_000_001] = 0xff;
  assert(!isUtf8(spoiled));
  const text = new Uint8Array(2 ** 20 + 10).fill(97);
  assert(isUtf8(text));
  const escaped = text.slice();
  escaped.set(bytesOf("\x1b$B"), 2 ** 20 - 1);
  assert(!isUtf8(escaped));
  assert(isUtf8(NONE));
});

Deno.test("contentFieldsOf() sees what is inside a compressed web file", () => {
  const files = {
    "app.js.br": ["text/javascript", "br"],
    "a/game.wasm.gz": ["application/wasm", "gzip"],
    "Build.data.br": ["application/octet-stream", "br"],
    "A.HTML.GZ": ["text/html", "gzip"],
    "a.min.css.gz": ["text/css", "gzip"],
    "x.tar.gz": ["application/gzip", undefined],
    "x.js.zst": ["application/zstd", undefined],
    "js.gz": ["application/gzip", undefined],
    "a.js/b.gz": ["application/gzip", undefined],
  };
  for (const [name, [type, coding]] of Object.entries(files)) {
    const fields: Record<string, string> = { "Content-Type": type! };
    if (coding !== undefined) fields["Content-Encoding"] = coding;
    assertEquals(Object.fromEntries(fieldsOf(name, "\x1f\x8b")), fields, name);
  }
});

Deno.test("contentFieldsOf() distinguishes MPEG-2 video from TypeScript", () => {
  const packets = new Uint8Array(376);
  packets[0] = packets[188] = 0x47;
  for (const content of [packets, packets.subarray(0, 188)]) {
    assertEquals(finish(contentFieldsOf("a.ts", content)), [["Content-Type", "video/mp2t"]]);
  }
  assertEquals(typeOf("a.ts", "G"), "text/plain; charset=utf-8");
});
