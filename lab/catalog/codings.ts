/**
 * Content codings, right and wrong ones. What the runtime cannot encode is here as bytes.
 *
 * @module
 */

import { type Catalog, COMPRESSED, type Entry, GZIP, hex, message, ok } from "./entry.ts";
import type { Message } from "../pieces.ts";

/** {@linkcode COMPRESSED} in gzip format as two members, one behind the other (RFC 1952 §2.2). */
const MEMBERS = hex(
  "1f8b08000000000002030bc9c82c562849ad2851000004fd338b0a000000" +
    "1f8b08000000000002032b4f2c5648cecf2d284a2d2e4e4dd1e302006a4700f410000000",
);
/** {@linkcode GZIP} in gzip format once more. */
const TWICE = hex(
  "1f8b080000000000020393efe66000012666ee932774c2343cd76a046af8eb84" +
    "799c3bafabe1a5abe7e77bf1311383ee8a0f2c5240550038ef195a2e000000",
);
/** {@linkcode GZIP} with another checksum. */
const WRONG_CRC = GZIP.replace(hex("2da8f004"), hex("2da8f005"));
/** {@linkcode COMPRESSED} in deflate format, without and with the wrapper of zlib around it. */
const DEFLATED = hex("0bc9c82c562849ad2851284f2c5648cecf2d284a2d2e4e4dd1e30200");
const ZLIB = hex("78da") + DEFLATED + hex("835d0976");
/** {@linkcode COMPRESSED} in Brotli format (RFC 7932). */
const BROTLI = hex("8f0c805468697320746578742077617320636f6d707265737365642e0a03");
/** {@linkcode COMPRESSED} in Zstandard format (RFC 8878), and as two frames. */
const ZSTD = hex("28b52ffd0068d100005468697320746578742077617320636f6d707265737365642e0a");
const FRAMES = hex(
  "28b52ffd006851000054686973207465787420" +
    "28b52ffd006881000077617320636f6d707265737365642e0a",
);
/** 64 MiB of zeros in Brotli format. */
const BROTLI_BOMB = hex(
  "cfffff7ff82700e2b14020f7fe9ffffffff04f00c4610180eefd3fffffffe19f00" +
    "88c32200ddfb7ffeffffc33f0110870500baf7ff03",
);
/** 64 MiB of zeros in Zstandard format: 512 blocks of one byte that is repeated 131072 times. */
const ZSTD_BOMB = hex(`28b52ffd0068${"02001000".repeat(511)}03001000`);
/** In gzip format, 13 bytes stand for 2064 zeros; they are repeated 32512 times. */
const BOMB_START = hex("1f8b08000000000000ff63");
const BOMB_REPEATS = hex("1805a360148c8251300a46c128").repeat(508);
const BOMB_END = hex("00008e3c3ff201f0ff03");

/** What entries whose content is a right text in some coding have in common. */
const READABLE = {
  client: "accepts the text, decompressed or as it is with its Content-Encoding",
  expect: "accept",
  level: "should",
  harm: ["content"],
  decoded: COMPRESSED,
} satisfies Partial<Entry>;
/** The same for codings that not every client knows. */
const OPTIONAL = {
  ...READABLE,
  client:
    "accepts the text, decompressed or as it is with its Content-Encoding, or reports an error",
  expect: "either",
  level: "may",
} satisfies Partial<Entry>;
/** What entries whose content is damaged have in common. */
const DAMAGED = {
  client: "reports invalid content, or passes on the bytes with their Content-Encoding",
  expect: "either",
  level: "may",
  harm: ["content"],
  curl: "-i --compressed",
} satisfies Partial<Entry>;
/** What entries with a large content in few bytes have in common. */
const BOMB = {
  client: "gives up after a limit of its own, or reads them piece by piece",
  expect: "either",
  level: "may",
  harm: ["memory"],
  contents: "any",
  curl: "-o /dev/null --compressed",
} satisfies Partial<Entry>;

/** Content codings, right and wrong ones. */
// deno-fmt-ignore: a table with two or three lines per entry
export const CODINGS: Catalog = {
  "Right: content codings": [
    { ...READABLE, name: "gzip", section: "9110 §8.4.1", about: "sends a text compressed by gzip",
      curl: "-i --compressed", right: coded("gzip", GZIP) },
    { ...READABLE, name: "x-gzip", section: "9110 §8.4.1.3", about: "calls the coding x-gzip, its old name",
      curl: "-i --compressed", right: coded("x-gzip", GZIP) },
    { ...READABLE, name: "gzip-members", section: "1952 §2.2", about: "sends gzip data in two members",
      curl: "-i --compressed", right: coded("gzip", MEMBERS) },
    { ...READABLE, name: "gzip-chunks", section: "9112 §7.1", about: "sends gzip data in chunks of one byte",
      curl: "-i --compressed",
      right: { fields: "Content-Type: text/plain|Content-Encoding: gzip", chunks: [...GZIP] } },
    { ...OPTIONAL, name: "gzip-twice", section: "9110 §8.4", about: "applies gzip twice, and says so",
      curl: "-i --compressed", right: coded("gzip, gzip", TWICE) },
    { ...READABLE, name: "deflate", section: "9110 §8.4.1.2", about: "sends a text compressed by deflate",
      curl: "-i --compressed", right: coded("deflate", ZLIB) },
    { ...OPTIONAL, name: "br", section: "7932 §1", about: "sends a text compressed by Brotli",
      curl: "-i --compressed", right: coded("br", BROTLI) },
    { ...OPTIONAL, name: "zstd", section: "8878 §3", about: "sends a text compressed by Zstandard",
      curl: "-i --compressed", right: coded("zstd", ZSTD) },
    { ...OPTIONAL, name: "zstd-frames", section: "8878 §3", about: "sends Zstandard data in two frames", harm: ["content"],
      curl: "-i --compressed", right: coded("zstd", FRAMES) },
  ],
  "Content codings": [
    { ...OPTIONAL, name: "raw-deflate", section: "9110 §8.4.1.2", about: "sends deflate data without their zlib wrapper",
      curl: "-i --compressed", wrong: [ok(`Content-Encoding: deflate|Content-Length: ${DEFLATED.length}`, DEFLATED)] },
    { ...OPTIONAL, name: "gzip-identity", section: "9110 §8.4.1", about: "calls the coding gzip, identity",
      curl: "-i --compressed", wrong: [ok(`Content-Encoding: gzip, identity|Content-Length: ${GZIP.length}`, GZIP)] },
    { name: "gzip-empty", section: "9110 §8.4", about: "announces gzip, and sends no content", curl: "-i --compressed",
      client: "accepts it without content, or reports invalid content", expect: "either", level: "may",
      wrong: [ok("Content-Encoding: gzip|Content-Length: 0", "")] },
    { ...DAMAGED, name: "bad-gzip", section: "9110 §8.4", about: "announces gzip, and sends plain text",
      wrong: [ok("Content-Encoding: gzip|Content-Length: 3", "ok\n")] },
    { ...DAMAGED, name: "cut-gzip", section: "9110 §8.4", about: "ends in the middle of the gzip data",
      wrong: [ok("Content-Encoding: gzip|Content-Length: 30", GZIP.slice(0, 30))] },
    { ...DAMAGED, name: "gzip-crc", section: "1952 §2.3.1", about: "has a wrong checksum in its gzip data",
      contents: [WRONG_CRC], wrong: [ok(`Content-Encoding: gzip|Content-Length: ${WRONG_CRC.length}`, WRONG_CRC)] },
    { name: "gzip-garbage", section: "9110 §8.4", about: "has garbage after the gzip data", curl: "-i --compressed",
      client: "reports invalid content, drops the garbage, or passes on the bytes with their Content-Encoding",
      expect: "either", level: "may", decoded: COMPRESSED,
      wrong: [ok(`Content-Encoding: gzip|Content-Length: ${GZIP.length + 5}`, `${GZIP}01234`)] },
    { ...DAMAGED, name: "cut-deflate", section: "9110 §8.4", about: "ends in the middle of the deflate data",
      wrong: [ok("Content-Encoding: deflate|Content-Length: 20", ZLIB.slice(0, 20))] },
    { ...DAMAGED, name: "cut-br", section: "9110 §8.4", about: "ends in the middle of the Brotli data",
      wrong: [ok("Content-Encoding: br|Content-Length: 20", BROTLI.slice(0, 20))] },
    { ...DAMAGED, name: "cut-zstd", section: "9110 §8.4", about: "ends in the middle of the Zstandard data",
      wrong: [ok("Content-Encoding: zstd|Content-Length: 20", ZSTD.slice(0, 20))] },
    { ...BOMB, name: "gzip-bomb", section: "9110 §8.4", about: "sends 0.4 MiB that decompress to 64 MiB of zeros",
      wrong: [ok("Content-Encoding: gzip|Content-Length: 422677", BOMB_START),
        { repeat: BOMB_REPEATS, times: 64 }, BOMB_END] },
    { ...BOMB, name: "br-bomb", section: "7932 §11", about: "sends 54 bytes of Brotli that decompress to 64 MiB of zeros",
      wrong: [ok(`Content-Encoding: br|Content-Length: ${BROTLI_BOMB.length}`, BROTLI_BOMB)] },
    { ...BOMB, name: "zstd-bomb", section: "8878 §7", about: "sends 2 KiB of Zstandard that decompress to 64 MiB of zeros",
      wrong: [ok(`Content-Encoding: zstd|Content-Length: ${ZSTD_BOMB.length}`, ZSTD_BOMB)] },
    { name: "empty-encoding", section: "9110 §8.4", about: "has Content-Encoding without a value",
      client: "accepts the content as it is, or reports an error", expect: "either", level: "may",
      wrong: [ok("Content-Encoding:|Content-Length: 3", "ok\n")] },
    { name: "unknown-encoding", section: "9110 §8.4", about: "has an unknown content coding",
      client: "passes on the bytes with their Content-Encoding, or reports an error", expect: "either", level: "may",
      wrong: [ok("Content-Encoding: tea|Content-Length: 3", "ok\n")] },
  ],
};

/** A correct response in a coding. */
function coded(coding: string, content: string): Message {
  return message(content, `Content-Encoding: ${coding}`);
}
