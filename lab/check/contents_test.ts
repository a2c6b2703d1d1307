import { assertEquals } from "@std/assert";
import { type Form, formOf, isAmong } from "./contents.ts";
import { sha256 } from "../outcome.ts";
import { OutputReader } from "./printed.ts";

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

function printed(content: Uint8Array) {
  const reader = new OutputReader();
  reader.add(content);
  return reader.printed();
}

const utf8 = (text: string) => printed(new TextEncoder().encode(text));

Deno.test("isAmong() forgives a line end at the end, and nothing else", () => {
  const is = (text: string, contents: string[]) => isAmong(utf8(text), contents, "bytes");
  assertEquals(is("ok\n", ["ok\n"]), true);
  assertEquals(is("ok", ["ok\n"]), true);
  assertEquals(is("ok\r\n", ["ok\n"]), true);
  assertEquals(is("01234\n", ["01234"]), true);
  assertEquals(is("", ["", "ok\n"]), true);
  assertEquals(is("okay\n", ["ok\n"]), false);
  assertEquals(is("ok\n\n", ["ok\n"]), false);
  assertEquals(is("", ["ok\n"]), false);
  assertEquals(is("ok\n", []), false);
});

Deno.test("isAmong() knows text that was decoded in other ways", () => {
  for (const form of ["bytes", "text"] as const) {
    assertEquals(isAmong(utf8("caf\xe9"), ["caf\xe9\n"], form), true);
    assertEquals(isAmong(utf8("caf\xc3\xa9"), ["caf\xe9\n"], form), true); // as ISO 8859-1
    assertEquals(isAmong(utf8("tea"), ["\ufefftea\n"], form), true); // without the byte order mark
    assertEquals(isAmong(utf8("cafe"), ["caf\xe9\n"], form), false);
  }
});

Deno.test("isAmong() compares bytes by their hash, where bytes are printed", () => {
  const content = { bytes: 3, sha256: sha256(bytes("\xff\0\n")) };
  const is = (text: string, form: Form) => isAmong(printed(bytes(text)), [content], form);
  assertEquals(is("\xff\0\n", "bytes"), true);
  assertEquals(is("\xff\0\n\n", "bytes"), true);
  assertEquals(is("\xff\0", "bytes"), false);
  assertEquals(is("\xef\xbf\xbd\0\n", "text"), true); // decoded, and nobody knows from what
  assertEquals(is("ok\n", "text"), false); // not decoded
  assertEquals(is("b'\\xff\\0\\n'", "ASCII"), true);
});

Deno.test("isAmong() compares ASCII alone where other text is changed", () => {
  assertEquals(isAmong(utf8("caf?"), ["caf\xe9\n"], "ASCII"), true);
  assertEquals(isAmong(utf8("cafe"), ["coffee\n"], "ASCII"), false);
});

Deno.test("formOf() tells bytes from decoded text", () => {
  const content = bytes("\x89PNG\xff");
  assertEquals(formOf(printed(content), content), "bytes");
  assertEquals(formOf(utf8("\ufffdPNG\ufffd"), content), "text");
  assertEquals(formOf(utf8("\x89PNG\xff"), content), "text"); // ISO 8859-1
  assertEquals(formOf(utf8("\u2030PNG\xff"), content), "text"); // Windows-1252
  assertEquals(formOf(utf8("b'\\x89PNG\\xff'"), content), "ASCII");
});
