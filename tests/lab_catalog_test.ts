/** The catalog of the lab: the bytes and the ending of each entry, its contract, and `fetch`. */

import {
  brotliDecompressSync,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  zstdDecompressSync,
} from "node:zlib";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { CATALOG } from "../lab/catalog/catalog.ts";
import type { Entry } from "../lab/catalog/entry.ts";
import { contractsOf, entriesFor } from "../lab/entries.ts";
import { lab } from "../lab/lab.ts";
import { outcomeOf } from "../lab/outcome.ts";
import { type RunningLab, startLab } from "../lab/start.ts";
import type { RawReply } from "../server.ts";
import { connect, send } from "./clients.ts";
import { needing } from "./needs.ts";
import { CLIENT, requestOf } from "./requests.ts";
import { SkippableTime, WATCHED } from "./time.ts";
import { bytesOf, textOf } from "./wire.ts";

const test = needing("net");

/**
 * The bytes of each entry, with `|` for CRLF, how the connection ends, and the result of `fetch`: the
 * status and the number of bytes of content, `more` if there are too many, or `fails`. Long replies are
 * shortened, with their length and a hash.
 */
// deno-fmt-ignore: a line for each
const EXPECTED: Readonly<Record<string, readonly [wire: string, ending: string, fetched: string]>> = {
  "/status/503": ["HTTP/1.1 503 Service Unavailable|Date: DATE|Content-Type: text/plain|Content-Length: 4||503\n", "open", "503 4"],
  "/delay/0.1": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3||ok\n", "open", "200 3"],
  "/flaky/1": ["HTTP/1.1 503 Service Unavailable|Date: DATE|Content-Type: text/plain|Content-Length: 24|Connection: close||Not on this connection.\n", "linger", "503 24"],
  "/retry-after/2": ["HTTP/1.1 503 Service Unavailable|Date: DATE|Content-Type: text/plain|Content-Length: 9|Retry-After: 2||Not yet.\n", "open", "503 9"],
  "/retry-after-date": ["HTTP/1.1 503 Service Unavailable|Date: DATE|Content-Type: text/plain|Content-Length: 9|Retry-After: Fri, 01 Jan 2100 00:00:00 GMT||Not yet.\n", "open", "503 9"],
  "/retry-after-past": ["HTTP/1.1 503 Service Unavailable|Date: DATE|Content-Type: text/plain|Content-Length: 9|Retry-After: Wed, 21 Oct 2015 07:28:00 GMT||Not yet.\n", "open", "503 9"],
  "/retry-after-huge": ["HTTP/1.1 503 Service Unavailable|Date: DATE|Content-Type: text/plain|Content-Length: 9|Retry-After: 9999999999||Not yet.\n", "open", "503 9"],
  "/retry-after-junk": ["HTTP/1.1 503 Service Unavailable|Content-Type: text/plain|Retry-After: soon|Content-Length: 9|Connection: close||Not yet.\n", "linger", "503 9"],
  "/retry-after-413": ["HTTP/1.1 413 Content Too Large|Date: DATE|Content-Type: text/plain|Content-Length: 4|Retry-After: 1||413\n", "open", "413 4"],
  "/retry-after-429": ["HTTP/1.1 429 Too Many Requests|Date: DATE|Content-Type: text/plain|Content-Length: 4|Retry-After: 1||429\n", "open", "429 4"],
  "/408": ["HTTP/1.1 408 Request Timeout|Date: DATE|Content-Type: text/plain|Content-Length: 4|Connection: close||408\n", "linger", "408 4"],
  "/417": ["HTTP/1.1 417 Expectation Failed|Date: DATE|Content-Type: text/plain|Content-Length: 4|Connection: close||417\n", "linger", "417 4"],
  "/421": ["HTTP/1.1 421 Misdirected Request|Date: DATE|Content-Type: text/plain|Content-Length: 4||421\n", "open", "421 4"],
  "/425": ["HTTP/1.1 425 Too Early|Date: DATE|Content-Type: text/plain|Content-Length: 4||425\n", "open", "425 4"],
  "/early/413": ["HTTP/1.1 413 Content Too Large|Date: DATE|Content-Type: text/plain|Content-Length: 4|Connection: close||413\n", "linger", "413 4"],
  "/bytes/1000": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: application/octet… 1093 #ef76613f", "open", "200 1000"],
  "/stream/3": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Transfer-Encoding: chunked||7|line 1\n|7|line 2\n|7|line 3\n|0||", "open", "200 21"],
  "/tiny-chunks": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Trans… 60090 #327f3367", "open", "200 10000"],
  "/chunk-extensions": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Transfer-Encoding: chunked||7;mood=good;note=\"a ; b\"|line 1\n|7;mood=good;note=\"a ; b\"|line 2\n|7;mood=good;note=\"a ; b\"|line 3\n|0||", "open", "200 21"],
  "/trailers": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Trailer: X-Lines|Transfer-Encoding: chunked||7|line 1\n|7|line 2\n|7|line 3\n|0|X-Lines: 3||", "open", "200 21"],
  "/padded-length": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 010||0123456789", "open", "200 10"],
  "/padded-chunks": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Transfer-Encoding: chunked||000000000000000000000007|line 1\n|000000000000000000000007|line 2\n|000000000000000000000007|line 3\n|0||", "open", "200 21"],
  "/split-chunks": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Transfer-Encoding: chunked||5|01234|5|56789|0||", "open", "200 10"],
  "/throttled": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Conte… 1079 #16d47102", "open", "200 1000"],
  "/no-length": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Connection: close||01234", "linger", "200 5"],
  "/continue": ["HTTP/1.1 100 Continue||HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3||ok\n", "open", "200 3"],
  "/early-hints": ["HTTP/1.1 103 Early Hints|Link: </style.css>; rel=preload||HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3||ok\n", "open", "200 3"],
  "/interim": ["HTTP/1.1 100 Continue||HTTP/1.1 103 Early Hints|Link: </style.css>; rel=preload||HTTP/1.1 103 Early Hints|Link: </style.css>; rel=preload||HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3||ok\n", "open", "200 3"],
  "/split-continue": ["HTTP/1.1 100 Continue||HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3||ok\n", "open", "200 3"],
  "/unknown-interim": ["HTTP/1.1 199 Tea|X-Tea: ready||HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3||ok\n", "open", "200 3"],
  "/many-interim": ["HTTP/1.1 103 Early Hints|Link: </style.css>; rel=preload|\r… 6179 #864b70b9", "open", "200 3"],
  "/http-1.0": ["HTTP/1.0 200 OK|Date: DATE|Content-Type: text/plain|Connection: close||ok\n", "linger", "200 3"],
  "/http-1.0-keep-alive": ["HTTP/1.0 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3|Connection: keep-alive||ok\n", "open", "200 3"],
  "/http-1.2": ["HTTP/1.2 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3||ok\n", "open", "fails"],
  "/status-299": ["HTTP/1.1 299 Tea|Date: DATE|Content-Type: text/plain|Content-Length: 3||ok\n", "open", "299 3"],
  "/head": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3||ok\n", "open", "200 3"],
  "/head-chunked": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Transfer-Encoding: chunked||3|ok\n|0||", "open", "200 3"],
  "/304-length": ["HTTP/1.1 304 Not Modified|Date: DATE|Content-Length: 3||", "open", "304 0"],
  "/field": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Conte… 8089 #c6934fad", "open", "200 3"],
  "/mixed-case": ["HTTP/1.1 200 OK|Date: DATE|cONTENT-tYPE: text/plain|cONTENT-lENGTH: 3||ok\n", "open", "200 3"],
  "/whitespace": ["HTTP/1.1 200 OK|Date: DATE|Content-Type:text/plain|Content-Length:\t3\t \t|X-Empty:||ok\n", "open", "200 3"],
  "/empty-reason": ["HTTP/1.1 200 |Date: DATE|Content-Type: text/plain|Content-Length: 3||ok\n", "open", "200 3"],
  "/latin1": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3|X-Name: caf\xe9||ok\n", "open", "200 3"],
  "/slow-head/0.1": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3||ok\n", "open", "200 3"],
  "/slow-body/0.1": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 10||0123456789", "open", "200 10"],
  "/range-ignored": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 10|Accept-Ranges: bytes||0123456789", "open", "200 10"],
  "/range-wrong": ["HTTP/1.1 206 Partial Content|Date: DATE|Content-Type: text/plain|Content-Length: 5|Content-Range: bytes 0-4/10||01234", "open", "206 5"],
  "/range-invalid": ["HTTP/1.1 206 Partial Content|Content-Type: text/plain|Content-Range: bytes 9-5/10|Content-Length: 5|Connection: close||56789", "linger", "206 5"],
  "/keep-alive": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3|Keep-Alive: timeout=4, max=100||ok\n", "open", "200 3"],
  "/keep-alive-huge": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3|Keep-Alive: timeout=100000000000000000000||ok\n", "open", "200 3"],
  "/keep-alive-junk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Keep-Alive: timeout=soon|Content-Length: 3||ok\n", "open", "200 3"],
  "/many-cookies": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Conte… 1059 #31f58193", "open", "200 3"],
  "/long-cookie": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Conte… 4189 #0ceb8593", "open", "200 3"],
  "/expired-cookie": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 3|Set-Cookie: old=1; Max-Age=0||ok\n", "open", "200 3"],
  "/foreign-cookie": ["HTTP/1.1 200 OK|Content-Type: text/plain|Set-Cookie: foreign=1; Domain=other.example|Content-Length: 3||ok\n", "open", "200 3"],
  "/bad-cookie": ["HTTP/1.1 200 OK|Content-Type: text/plain|Set-Cookie: =nameless|Content-Length: 3||ok\n", "open", "200 3"],
  "/redirect/3": ["HTTP/1.1 302 Found|Date: DATE|Location: /redirect/2|Content-Length: 0||", "open", "302 0"],
  "/redirect-relative": ["HTTP/1.1 302 Found|Date: DATE|Content-Type: text/plain|Content-Length: 0|Location: ./x/../status/200||", "open", "302 0"],
  "/redirect-network": ["HTTP/1.1 302 Found|Date: DATE|Content-Type: text/plain|Content-Length: 0|Location: //127.0.0.1:PORT/status/200||", "open", "302 0"],
  "/redirect-fragment": ["HTTP/1.1 302 Found|Date: DATE|Content-Type: text/plain|Content-Length: 0|Location: /status/200#tea||", "open", "302 0"],
  "/redirect-encoded": ["HTTP/1.1 302 Found|Date: DATE|Content-Type: text/plain|Content-Length: 0|Location: /status/200?a%0d%0aX-Evil:%20b||", "open", "302 0"],
  "/redirect-long": ["HTTP/1.1 302 Found|Date: DATE|Content-Type: text/plain|Co… 4091 #53f8917b", "open", "302 0"],
  "/redirect-body": ["HTTP/1.1 302 Found|Date: DATE|Content-Type: text/plain|Co… 7105 #8396a1a2", "open", "302 7000"],
  "/created": ["HTTP/1.1 201 Created|Date: DATE|Content-Type: text/plain|Content-Length: 4|Location: /status/404||201\n", "open", "201 4"],
  "/loop": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: /loop||", "linger", "302 0"],
  "/endless-redirects": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: /endless-redirects/2||", "linger", "302 0"],
  "/redirect-nowhere": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close||", "linger", "302 0"],
  "/redirect-empty": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location:||", "linger", "302 0"],
  "/redirect-invalid": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: http://[::1/||", "linger", "302 0"],
  "/redirect-port": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: http://127.0.0.1:99999/||", "linger", "302 0"],
  "/redirect-space": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: /status/200?a b||", "linger", "302 0"],
  "/redirect-userinfo": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: http://user:secret@127.0.0.1:PORT/status/200||", "linger", "302 0"],
  "/redirect-latin1": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: /status/200?caf\xe9||", "linger", "302 0"],
  "/redirect-scheme": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: file:///etc/hostname||", "linger", "302 0"],
  "/redirect-data": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: data:text/plain,made%20up||", "linger", "302 0"],
  "/redirect-gzip": ["HTTP/1.1 302 Found|Content-Type: text/plain|Location: /status/200|Content-Encoding: gzip|Content-Length: 3|Connection: close||ok\n", "linger", "302 fails"],
  "/redirect-truncated": ["HTTP/1.1 302 Found|Content-Type: text/plain|Location: /status/200|Content-Length: 10|Connection: close||01234", "linger", "302 fails"],
  "/two-locations": ["HTTP/1.1 302 Found|Content-Length: 0|Connection: close|Location: /status/200|Location: /status/404||", "linger", "302 0"],
  "/redirect-away/302": ["HTTP/1.1 302 Found|Date: DATE|Location: http://localhost:PORT/arrived|Content-Length: 0||", "open", "302 0"],
  "/redirect-back/302": ["HTTP/1.1 302 Found|Date: DATE|Location: http://127.0.0.1:PORT/arrived|Content-Length: 0||", "open", "302 0"],
  "/empty": ["", "linger", "fails"],
  "/cut-head": ["HTTP/1.1 200 OK|Content-Le", "linger", "fails"],
  "/hang/0.1": ["", "close", "fails"],
  "/hang-head/0.1": ["HTTP/1.1 200 OK|Content-Le", "close", "fails"],
  "/hang-body/0.1": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 10|Connection: close||01234", "close", "200 fails"],
  "/hang-chunk/0.1": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5|01234|", "close", "200 fails"],
  "/close-late/0.1": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3|Connection: close||ok\n", "close", "200 3"],
  "/close-in-list": ["HTTP/1.1 200 OK|Content-Type: text/plain|Connection: x-tea, CLOSE|Content-Length: 3||ok\n", "open", "200 3"],
  "/close-unsaid": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3||ok\n", "linger", "200 3"],
  "/reset-idle": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3||ok\nRESET", "reset", "200 3"],
  "/close-on-reuse": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3||ok\n", "close", "200 3"],
  "/reset-on-reuse": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3||ok\nRESET", "reset", "200 3"],
  "/unread": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3|Connection: close||ok\n", "close", "200 3"],
  "/reset": ["RESET", "reset", "fails"],
  "/reset-body": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 10|Connection: close||01234RESET", "reset", "200 fails"],
  "/reset-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked||5|01234|RESET", "reset", "200 fails"],
  "/reset-no-length": ["HTTP/1.1 200 OK|Content-Type: text/plain||01234RESET", "reset", "200 fails"],
  "/truncated": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 10|Connection: close||01234", "linger", "200 fails"],
  "/too-long": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3||ok\n01234", "open", "200 3"],
  "/two-lengths": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 5|Content-Length: 10|Connection: close||0123456789", "linger", "fails"],
  "/lengths-list": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 5, 10|Connection: close||0123456789", "linger", "fails"],
  "/same-lengths": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 5|Content-Length: 5|Connection: close||01234", "linger", "200 5"],
  "/list-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 5, 5|Connection: close||01234", "linger", "200 5"],
  "/negative-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: -1|Connection: close||01234", "linger", "fails"],
  "/plus-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: +5|Connection: close||01234", "linger", "fails"],
  "/hex-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 0x5|Connection: close||01234", "linger", "fails"],
  "/word-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 5 five|Connection: close||01234", "linger", "fails"],
  "/underscore-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 1_0|Connection: close||0123456789", "linger", "fails"],
  "/superscript-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: \xb3|Connection: close||ok\n", "linger", "fails"],
  "/empty-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length:|Connection: close||01234", "linger", "fails"],
  "/huge-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 18446744073709551621|Connection: close||01234", "linger", "fails"],
  "/promised-length": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 9000000000000000000|Connection: close||01234", "linger", "200 fails"],
  "/204-length": ["HTTP/1.1 204 No Content|Content-Type: text/plain|Content-Length: 3||", "open", "204 0"],
  "/length-and-chunked": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3|Transfer-Encoding: chunked|Connection: close||5|01234|0||", "linger", "200 5"],
  "/not-chunked": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||zero one two|0||", "linger", "200 fails"],
  "/bad-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5|01234|xyz||5|56789|0||", "linger", "200 fails"],
  "/negative-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||-5|01234|0||", "linger", "200 fails"],
  "/prefixed-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||0x5|01234|0||", "linger", "200 fails"],
  "/huge-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||10000000000000005|01234|0||", "linger", "200 fails"],
  "/underscore-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||0_5|01234|0||", "linger", "200 fails"],
  "/promised-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||7f00000000000000|01234|0||", "linger", "200 fails"],
  "/chunk-space": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5 |01234|0||", "linger", "200 5"],
  "/chunk-lf": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5;a\n01234|0|||0||", "linger", "200 fails"],
  "/missing-crlf": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5|012345|56789|0||", "linger", "200 fails"],
  "/long-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5|0123456789|0||", "linger", "200 fails"],
  "/cut-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked||5|01234|5|56", "linger", "200 fails"],
  "/no-last-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5|01234|", "linger", "200 fails"],
  "/cut-last-chunk": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5|01234|0|", "linger", "200 fails"],
  "/chunk-after-last": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked||5|01234|0||5|56789|0||", "open", "200 5"],
  "/lf-chunks": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5\n01234\n0\n\n", "linger", "200 fails"],
  "/long-extension": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding… 1048686 #82623324", "linger", "200 fails"],
  "/endless-chunks/0.1": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5|01234|5|01234|", "close", "200 fails"],
  "/bad-trailers": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5|01234|0|Content-Length: 3||", "linger", "200 5"],
  "/nul-trailer": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|Connection: close||5|01234|0|X-Nul: a\u0000b||", "linger", "200 fails"],
  "/endless-trailers": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding… 2097152 #56794ed0", "linger", "200 fails"],
  "/chunked-twice": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked, chunked|Connection: close||5|01234|0||", "linger", "200 5"],
  "/unknown-coding": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: tea|Connection: close||01234", "linger", "200 5"],
  "/te-near": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: xchunked|Connection: close||5|01234|0||", "linger", "200 15"],
  "/te-case": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Transfer-Encoding: Chunked||5|01234|0||", "open", "200 5"],
  "/te-list": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Transfer-Encoding: , chunked,||5|01234|0||", "open", "200 15"],
  "/te-parameter": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked;a=b|Connection: close||5|01234|0||", "linger", "200 15"],
  "/te-empty": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding:|Connection: close||01234", "linger", "200 5"],
  "/te-identity": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: identity|Connection: close||01234", "linger", "200 5"],
  "/te-two-fields": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: identity|Transfer-Encoding: chunked|Connection: close||5|01234|0||", "linger", "200 5"],
  "/te-gzip": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: gzip, chunked|Connection: close||2e|\u001f\x8b\b\u0000\u0000\u0000\u0000\u0000\u0002\u0003\u000b\xc9\xc8,V(I\xad(Q(O,VH\xce\xcf-(J-.NM\xd1\xe3\u0002\u0000-\xa8\xf0\u0004\u001a\u0000\u0000\u0000|0||", "linger", "200 46"],
  "/te-chunked-first": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked, tea|Connection: close||5|01234|0||", "linger", "200 15"],
  "/http-1.0-chunked": ["HTTP/1.0 200 OK|Connection: keep-alive|Transfer-Encoding: chunked||5|01234|0||", "open", "fails"],
  "/endless-head": ["HTTP/1.1 200 OK|X-More: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… 2097152 #3badff3c", "linger", "fails"],
  "/long-field": ["HTTP/1.1 200 OK|X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… 1048646 #9f8078e9", "linger", "fails"],
  "/many-fields": ["HTTP/1.1 200 OK|X-More: a|X-More: a|X-More: a|X-More: a\r… 110060 #ab70aae4", "linger", "fails"],
  "/no-colon": ["HTTP/1.1 200 OK|This is no field|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/no-name": ["HTTP/1.1 200 OK|: value|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/bad-name": ["HTTP/1.1 200 OK|X Y: value|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/space-colon": ["HTTP/1.1 200 OK|Connection: close|Content-Length : 3||ok\n", "linger", "fails"],
  "/leading-space": ["HTTP/1.1 200 OK| X-First: a|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/folded": ["HTTP/1.1 200 OK|X-Folded: one| two|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/folded-length": ["HTTP/1.1 200 OK|Content-Length:| 3|Connection: close||ok\n", "linger", "fails"],
  "/nul": ["HTTP/1.1 200 OK|X-Nul: a\u0000b|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/nul-name": ["HTTP/1.1 200 OK|X-N\u0000ul: a|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/control": ["HTTP/1.1 200 OK|X-Control: a\u0001b|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/bare-cr": ["HTTP/1.1 200 OK|X-CR: a\rX-Sneaky: b|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/cr-length": ["HTTP/1.1 200 OK|X-CR: a\rContent-Length: 1|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/cr-lines": ["HTTP/1.1 200 OK\rContent-Length: 3\rConnection: close\r\rok\n", "linger", "fails"],
  "/cr-crlf": ["HTTP/1.1 200 OK|X-CR: a\r|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/lf": ["HTTP/1.1 200 OK\nContent-Length: 3\nConnection: close\n\nok\n", "linger", "200 3"],
  "/garbage": ["\u0016\u0003\u0001\u0000\u0002\u0001\u0000||", "linger", "fails"],
  "/http-0.9": ["<p>only this|", "linger", "fails"],
  "/http-2": ["HTTP/2.0 200 OK|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/no-minor-version": ["HTTP/1 200 OK|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/misspelled": ["HTT/1.1 200 OK|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/icy": ["ICY 200 OK|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/two-spaces": ["HTTP/1.1  200 OK|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/cr-reason": ["HTTP/1.1 200 O\rK|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/lower-case": ["http/1.1 200 OK|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/no-reason": ["HTTP/1.1 200|Content-Length: 3|Connection: close||ok\n", "linger", "200 3"],
  "/long-reason": ["HTTP/1.1 200 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… 1048634 #4075071c", "linger", "fails"],
  "/leading-lines": ["||HTTP/1.1 200 OK|Content-Length: 3|Connection: close||ok\n", "linger", "200 3"],
  "/status-word": ["HTTP/1.1 OK|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/status-20x": ["HTTP/1.1 20X Odd|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/status-hex": ["HTTP/1.1 0xc8 Odd|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/status-negative": ["HTTP/1.1 -200 Odd|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/status-000": ["HTTP/1.1 000 Nothing|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/status-99": ["HTTP/1.1 99 Small|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/status-600": ["HTTP/1.1 600 Beyond|Content-Length: 3|Connection: close||ok\n", "linger", "600 3"],
  "/status-1000": ["HTTP/1.1 1000 Grand|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/101": ["HTTP/1.1 101 Switching Protocols|Upgrade: tea|Connection: Upgrade||hello", "linger", "101 0"],
  "/interim-length": ["HTTP/1.1 103 Early Hints|Content-Type: text/plain|Content-Length: 3||HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3||ok\n", "open", "200 3"],
  "/interim-body": ["HTTP/1.1 103 Early Hints|Content-Type: text/plain|Content-Length: 3||hi\nHTTP/1.1 200 OK|Content-Length: 3|Connection: close||ok\n", "linger", "fails"],
  "/hang-continue/0.1": ["HTTP/1.1 100 Continue||", "close", "fails"],
  "/continue-only": ["HTTP/1.1 100 Continue||", "linger", "fails"],
  "/endless-1xx/0.1": ["HTTP/1.1 103 Early Hints|Link: </style.css>; rel=preload||HTTP/1.1 103 Early Hints|Link: </style.css>; rel=preload||", "close", "fails"],
  "/endless-continue/0.1": ["HTTP/1.1 100 Continue||HTTP/1.1 100 Continue||", "close", "fails"],
  "/204-body": ["HTTP/1.1 204 No Content|Content-Type: text/plain|Content-Length: 73||HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 9||LEFTOVER\n", "open", "204 0"],
  "/204-chunked": ["HTTP/1.1 204 No Content|Content-Type: text/plain|Transfer-Encoding: chunked||3|ok\n|0||", "open", "204 0"],
  "/205-body": ["HTTP/1.1 205 Reset Content|Content-Type: text/plain|Content-Length: 3||ok\n", "open", "205 0"],
  "/304-body": ["HTTP/1.1 304 Not Modified|Content-Type: text/plain|Content-Length: 73||HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 9||LEFTOVER\n", "open", "304 0"],
  "/head-body": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 73||HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 9||LEFTOVER\n", "open", "200 73"],
  "/two-responses": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3||ok\nHTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 9||LEFTOVER\n", "open", "200 3"],
  "/many-responses": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3… 146067 #ea8a0b0b", "open", "200 3"],
  "/extra-crlf": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3||ok\n|", "open", "200 3"],
  "/late-response": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3||ok\nHTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 9||LEFTOVER\n", "open", "200 3"],
  "/late-408": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 3||ok\nHTTP/1.1 408 Request Timeout|Content-Length: 4|Connection: close||408\n", "open", "200 3"],
  "/wrong-charset": ["HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8|Content-Length: 5|Connection: close||caf\xe9\n", "linger", "200 5"],
  "/cut-utf8": ["HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8|Content-Length: 5|Connection: close||tea \xe2", "linger", "200 5"],
  "/unknown-charset": ["HTTP/1.1 200 OK|Content-Type: text/plain; charset=tea|Content-Length: 3|Connection: close||ok\n", "linger", "200 3"],
  "/bad-type": ["HTTP/1.1 200 OK|Content-Type: text|Content-Length: 3|Connection: close||ok\n", "linger", "200 3"],
  "/two-types": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Type: application/json|Content-Length: 3|Connection: close||{}\n", "linger", "200 3"],
  "/bad-json": ["HTTP/1.1 200 OK|Content-Type: application/json|Content-Length: 7|Connection: close||[1, 2, ", "linger", "200 7"],
  "/gzip": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 46|Content-Encoding: gzip||\u001f\x8b\b\u0000\u0000\u0000\u0000\u0000\u0002\u0003\u000b\xc9\xc8,V(I\xad(Q(O,VH\xce\xcf-(J-.NM\xd1\xe3\u0002\u0000-\xa8\xf0\u0004\u001a\u0000\u0000\u0000", "open", "200 26"],
  "/x-gzip": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 46|Content-Encoding: x-gzip||\u001f\x8b\b\u0000\u0000\u0000\u0000\u0000\u0002\u0003\u000b\xc9\xc8,V(I\xad(Q(O,VH\xce\xcf-(J-.NM\xd1\xe3\u0002\u0000-\xa8\xf0\u0004\u001a\u0000\u0000\u0000", "open", "200 46"],
  "/gzip-members": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 66|Content-Encoding: gzip||\u001f\x8b\b\u0000\u0000\u0000\u0000\u0000\u0002\u0003\u000b\xc9\xc8,V(I\xad(Q\u0000\u0000\u0004\xfd3\x8b\n\u0000\u0000\u0000\u001f\x8b\b\u0000\u0000\u0000\u0000\u0000\u0002\u0003+O,VH\xce\xcf-(J-.NM\xd1\xe3\u0002\u0000jG\u0000\xf4\u0010\u0000\u0000\u0000", "open", "200 10"],
  "/gzip-chunks": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Conte… 390 #9fd236c9", "open", "200 26"],
  "/gzip-twice": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 63|Content-Encoding: gzip, gzip||\u001f\x8b\b\u0000\u0000\u0000\u0000\u0000\u0002\u0003\x93\xef\xe6`\u0000\u0001&f\xee\x93't\xc24<\xd7j\u0004j\xf8\xeb\x84y\x9c;\xaf\xab\xe1\xa5\xab\xe7\xe7{\xf11\u0013\x83\xee\x8a\u000f,R@U\u00008\xef\u0019Z.\u0000\u0000\u0000", "open", "200 63"],
  "/deflate": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 34|Content-Encoding: deflate||x\xda\u000b\xc9\xc8,V(I\xad(Q(O,VH\xce\xcf-(J-.NM\xd1\xe3\u0002\u0000\x83]\tv", "open", "200 34"],
  "/br": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 30|Content-Encoding: br||\x8f\u000c\x80This text was compressed.\n\u0003", "open", "200 26"],
  "/zstd": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 35|Content-Encoding: zstd||(\xb5/\xfd\u0000h\xd1\u0000\u0000This text was compressed.\n", "open", "200 35"],
  "/zstd-frames": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 44|Content-Encoding: zstd||(\xb5/\xfd\u0000hQ\u0000\u0000This text (\xb5/\xfd\u0000h\x81\u0000\u0000was compressed.\n", "open", "200 44"],
  "/raw-deflate": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: deflate|Content-Length: 28|Connection: close||\u000b\xc9\xc8,V(I\xad(Q(O,VH\xce\xcf-(J-.NM\xd1\xe3\u0002\u0000", "linger", "200 28"],
  "/gzip-identity": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: gzip, identity|Content-Length: 46|Connection: close||\u001f\x8b\b\u0000\u0000\u0000\u0000\u0000\u0002\u0003\u000b\xc9\xc8,V(I\xad(Q(O,VH\xce\xcf-(J-.NM\xd1\xe3\u0002\u0000-\xa8\xf0\u0004\u001a\u0000\u0000\u0000", "linger", "200 46"],
  "/gzip-empty": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: gzip|Content-Length: 0|Connection: close||", "linger", "200 0"],
  "/bad-gzip": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: gzip|Content-Length: 3|Connection: close||ok\n", "linger", "200 fails"],
  "/cut-gzip": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: gzip|Content-Length: 30|Connection: close||\u001f\x8b\b\u0000\u0000\u0000\u0000\u0000\u0002\u0003\u000b\xc9\xc8,V(I\xad(Q(O,VH\xce\xcf-(J", "linger", "200 fails"],
  "/gzip-crc": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: gzip|Content-Length: 46|Connection: close||\u001f\x8b\b\u0000\u0000\u0000\u0000\u0000\u0002\u0003\u000b\xc9\xc8,V(I\xad(Q(O,VH\xce\xcf-(J-.NM\xd1\xe3\u0002\u0000-\xa8\xf0\u0005\u001a\u0000\u0000\u0000", "linger", "200 fails"],
  "/gzip-garbage": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: gzip|Content-Length: 51|Connection: close||\u001f\x8b\b\u0000\u0000\u0000\u0000\u0000\u0002\u0003\u000b\xc9\xc8,V(I\xad(Q(O,VH\xce\xcf-(J-.NM\xd1\xe3\u0002\u0000-\xa8\xf0\u0004\u001a\u0000\u0000\u000001234", "linger", "200 26"],
  "/cut-deflate": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: deflate|Content-Length: 20|Connection: close||x\xda\u000b\xc9\xc8,V(I\xad(Q(O,VH\xce\xcf-", "linger", "200 20"],
  "/cut-br": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: br|Content-Length: 20|Connection: close||\x8f\u000c\x80This text was com", "linger", "200 fails"],
  "/cut-zstd": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: zstd|Content-Length: 20|Connection: close||(\xb5/\xfd\u0000h\xd1\u0000\u0000This text w", "linger", "200 20"],
  "/gzip-bomb": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding:… 422789 #12c54e49", "linger", "200 more"],
  "/br-bomb": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: br|Content-Length: 54|Connection: close||\xcf\xff\xff\x7f\xf8'\u0000\xe2\xb1@ \xf7\xfe\x9f\xff\xff\xff\xf0O\u0000\xc4a\u0001\x80\xee\xfd?\xff\xff\xff\xe1\x9f\u0000\x88\xc3\"\u0000\xdd\xfb\x7f\xfe\xff\xff\xc3?\u0001\u0010\x87\u0005\u0000\xba\xf7\xff\u0003", "linger", "200 more"],
  "/zstd-bomb": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding:… 2164 #e6a9760c", "linger", "200 2054"],
  "/empty-encoding": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding:|Content-Length: 3|Connection: close||ok\n", "linger", "200 3"],
  "/unknown-encoding": ["HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: tea|Content-Length: 3|Connection: close||ok\n", "linger", "200 3"],
  "/events/lf": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||1a|data: A\ndata: B\n\ndata: C\n\n|0||", "open", "200 26"],
  "/events/crlf": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||1f|data: A|data: B||data: C|||0||", "open", "200 31"],
  "/events/cr": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||1a|data: A\rdata: B\r\rdata: C\r\r|0||", "open", "200 26"],
  "/events/split-crlf": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||8|data: A\r|b|\ndata: B|\r|c|\ndata: C|||0||", "open", "200 31"],
  "/events/split-utf8": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||a|data: caf\xc3|3|\xa9\n\n|0||", "open", "200 13"],
  "/events/split-field": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||2|da|6|ta: A\n|1|\n|0||", "open", "200 9"],
  "/events/split-bytes": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||1|d|1|a|1|t|1|a|1|:|1| |1|\xc3|1|\xa9|1|\r|1|\n|1|\r|1|\n|1|d|1|a|1|t|1|a|1|:|1|B|1|\n|1|\n|0||", "open", "200 20"],
  "/events/no-space": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||12|data:A\n\ndata:  B\n\n|0||", "open", "200 18"],
  "/events/colon": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||c|data: a: b\n\n|0||", "open", "200 12"],
  "/events/bom": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||c|\xef\xbb\xbfdata: A\n\n|0||", "open", "200 12"],
  "/events/u2028": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||d|data: A\xe2\x80\xa8B\n\n|0||", "open", "200 13"],
  "/events/u0085": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||c|data: A\xc2\x85B\n\n|0||", "open", "200 12"],
  "/events/formfeed": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||b|data: A\u000cB\n\n|0||", "open", "200 11"],
  "/events/comment": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||8|: ping\n\n|c|data: A\n\n:\n\n|0||", "open", "200 20"],
  "/events/blank-lines": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||d|\n|\ndata: A\n\n|0||", "open", "200 13"],
  "/events/empty-data": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||f|data\n\ndata: A\n\n|0||", "open", "200 15"],
  "/events/empty-line": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||17|data: A\ndata:\ndata: B\n\n|0||", "open", "200 23"],
  "/events/no-data": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||15|event: tea\n\ndata: A\n\n|0||", "open", "200 21"],
  "/events/event": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||18|event: message\ndata: A\n\n|0||", "open", "200 24"],
  "/events/id": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||f|id: 1\ndata: A\n\n|f|id: \u0000\ndata: B\n\n|0||", "open", "200 30"],
  "/events/retry": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||15|retry: 1000\ndata: A\n\n|15|retry: soon\ndata: B\n\n|0||", "open", "200 42"],
  "/events/unknown-field": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||10|tea: x\ndata: A\n\n|0||", "open", "200 16"],
  "/events/case": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||11|Data: X\ndata: A\n\n|0||", "open", "200 17"],
  "/events/leading-space": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||12| data: X\ndata: A\n\n|0||", "open", "200 18"],
  "/events/long-line": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream… 9113 #730c24e0", "open", "200 9008"],
  "/events/done": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||9|data: A\n\n|e|data: [DONE]\n\n|0||", "open", "200 23"],
  "/events/cut-event": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Transfer-Encoding: chunked||11|data: A\n\ndata: B\n|0||", "open", "200 17"],
  "/events/no-length": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream|Connection: close||data: A\n\ndata: B\n\n", "linger", "200 18"],
  "/events/type-parameter": ["HTTP/1.1 200 OK|Date: DATE|Content-Type: text/event-stream; charset=utf-8|Transfer-Encoding: chunked||9|data: A\n\n|0||", "open", "200 9"],
  "/events/204": ["HTTP/1.1 204 No Content|Date: DATE||", "open", "204 0"],
  "/events/redirect": ["HTTP/1.1 301 Moved Permanently|Date: DATE|Location: /events/lf|Content-Length: 0||", "open", "301 0"],
  "/events/wrong-type": ["HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked||9|data: A\n\n|0||", "open", "200 9"],
  "/events/cut-chunk": ["HTTP/1.1 200 OK|Content-Type: text/event-stream|Transfer-Encoding: chunked||11|data: A\n\ndata: B\n|", "linger", "200 fails"],
  "/events/reset": ["HTTP/1.1 200 OK|Content-Type: text/event-stream|Transfer-Encoding: chunked||11|data: A\n\ndata: B\n|RESET", "reset", "200 fails"],
};

/** All entries. */
const ENTRIES: readonly Entry[] = Object.values(CATALOG).flat();
/** Some entries send more than a test needs to read. */
const MAX_READ_BYTES = 2 * 1024 * 1024;
/** A request whose response ends the connection, and that response. */
const LAST = "GET /status/200 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const LAST_RESPONSE =
  "HTTP/1.1 200 OK|Date: DATE|Content-Type: text/plain|Content-Length: 4||200\n";

/** The path of an entry, with a short time if it stalls, and independent of the port. */
function pathOf({ name, takes }: Entry): string {
  if (name === "flaky") return "/flaky/1";
  if (takes?.isDecimal) return `/${name}/0.1`;
  return takes !== undefined && takes.fallback === undefined
    ? `/${name}/${takes.example}`
    : `/${name}`;
}

function replyTo(path: string, port = CLIENT.port): RawReply {
  return lab({ canReset: true })(requestOf(`GET ${path} HTTP/1.1`), {
    ...CLIENT,
    port,
  }) as RawReply;
}

/** The head of a response, without its status line. */
function fieldsOf(path: string): string {
  const [head] = replyTo(path).raw as Iterable<Uint8Array>;
  return new TextDecoder().decode(head).replace(/^.*\r\n/, "");
}

/** The response to requests, one character per byte; `RESET` at the end for a TCP reset. */
async function wireOf({ url }: RunningLab, requests: string): Promise<string> {
  const { port } = new URL(url);
  using socket = await connect({ port: Number(port) });
  await send(socket, requests);
  const buffer = new Uint8Array(64 * 1024);
  let wire = "";
  try {
    for (let count; wire.length < MAX_READ_BYTES && (count = await socket.read(buffer)) !== null;) {
      wire += textOf(buffer.subarray(0, count));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    wire += "RESET";
  }
  return wire.slice(0, MAX_READ_BYTES).replace(
    /\r\nDate: \w{3}, [^\r]* GMT\r\n/g,
    "\r\nDate: DATE\r\n",
  ).replace(`:${port}/`, ":PORT/");
}

/** A request that asks for the close. */
function asking(line: string): string {
  return `${line}\r\nHost: x\r\nConnection: close\r\n\r\n`;
}

async function shortened(wire: string): Promise<string> {
  if (wire.length <= 300) return wire.replaceAll("\r\n", "|");
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(wire)));
  return `${wire.slice(0, 60).replaceAll("\r\n", "|")}… ${wire.length} #${
    hash.slice(0, 4).toHex()
  }`;
}

/** Handles sixteen entries at a time, because many of them wait. */
async function forEachConcurrently<T>(
  all: readonly T[],
  use: (one: T) => Promise<void>,
): Promise<void> {
  const rest = [...all];
  const lane = async () => {
    for (let one; (one = rest.shift()) !== undefined;) await use(one);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}

/** The same keys, with other values. */
function mapValues<T, U>(record: Readonly<Record<string, T>>, to: (value: T) => U) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, to(value)]));
}

/** The result of `fetch` on a connection of its own. */
async function fetchResult(url: string): Promise<string> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  let status = "";
  try {
    const response = await fetch(url, { redirect: "manual", client });
    status = `${response.status} `;
    let bytes = 0;
    for await (const piece of response.body ?? []) {
      if ((bytes += piece.length) > MAX_READ_BYTES) return `${status}more`;
    }
    return status + bytes;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return `${status}fails`;
  }
}

test("lab() sends the expected bytes for each entry", WATCHED, async () => {
  await using running = await startLab();
  const actual: Record<string, [string, string]> = {};
  await forEachConcurrently(ENTRIES.map(pathOf), async (path) => {
    const wire = await shortened(await wireOf(running, asking(`GET ${path} HTTP/1.1`)));
    actual[path] = [wire, replyTo(path).ending ?? "linger"];
  });
  assertEquals(actual, mapValues(EXPECTED, ([wire, ending]) => [wire, ending]));
});

test("fetch accepts entries or fails, as expected", WATCHED, async () => {
  await using running = await startLab();
  const actual: Record<string, string> = {};
  await forEachConcurrently(ENTRIES.map(pathOf), async (path) => {
    actual[path] = await fetchResult(running.url + path);
  });
  assertEquals(actual, mapValues(EXPECTED, ([, , fetched]) => fetched));
});

test(
  "lab() sends the same bytes without Connection: close, and answers the next request where it stays open",
  WATCHED,
  async () => {
    await using running = await startLab();
    const open = ENTRIES.map(pathOf).filter((path) =>
      EXPECTED[path][1] === "open" && !path.startsWith("/late-")
    );
    await forEachConcurrently(open, async (path) => {
      const wire = await wireOf(running, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n${LAST}`);
      const first = wire.slice(0, -LAST_RESPONSE.replaceAll("|", "..").length);
      assertEquals(await shortened(first), EXPECTED[path][0], path);
      assertEquals(wire.slice(first.length).replaceAll("\r\n", "|"), LAST_RESPONSE, path);
    });
  },
);

test(
  "lab() answers HEAD with the head of correct entries, and with all bytes of broken ones",
  WATCHED,
  async () => {
    await using running = await startLab();
    const ending = ENTRIES.filter(({ name }) => !name.startsWith("endless"));
    await forEachConcurrently(ending, async (entry) => {
      const whole = await wireOf(running, asking(`GET ${pathOf(entry)} HTTP/1.1`));
      const head = await wireOf(running, asking(`HEAD ${pathOf(entry)} HTTP/1.1`));
      if (entry.right === undefined) assertEquals(head, whole);
      else assert(whole.startsWith(head) && head.endsWith("\r\n\r\n"), head);
    });
  },
);

test(
  "lab() sends neither chunks nor interim responses to HTTP/1.0 clients",
  WATCHED,
  async () => {
    await using running = await startLab();
    await forEachConcurrently(ENTRIES.filter(({ right }) => right), async (entry) => {
      const wire = await wireOf(running, `GET ${pathOf(entry)} HTTP/1.0\r\n\r\n`);
      assertMatch(wire, /^HTTP\/1\.[012] [2-5]/);
      assertEquals(/Transfer-Encoding/.test(wire), false);
    });
    const stream = await wireOf(running, "GET /stream/2 HTTP/1.0\r\n\r\n");
    assertStringIncludes(stream, "\r\n\r\nline 1\nline 2\n");
  },
);

/** The waits of a raw reply in milliseconds and the sizes of its pieces. */
function piecesOf(path: string): { waits: number; bytes: number; largest: number } {
  using time = new SkippableTime(true);
  const found = { waits: 0, bytes: 0, largest: 0 };
  for (const piece of replyTo(path).raw as Iterable<Uint8Array | number>) {
    if (typeof piece === "number") {
      time.jump(piece);
      found.waits += piece;
    } else {
      found.bytes += piece.length;
      found.largest = Math.max(found.largest, piece.length);
    }
  }
  found.waits = Math.round(found.waits);
  return found;
}

Deno.test("lab() limits entries to 60 s and 64 MiB, in pieces of at most 64 KiB", () => {
  for (const { name, takes } of ENTRIES) {
    const path = takes && takes.fallback === undefined ? `/${name}/${takes.example}` : `/${name}`;
    const { waits, bytes, largest } = piecesOf(path);
    assert(waits <= 60_000 && bytes <= 64 * 1024 * 1024 && largest <= 64 * 1024, path);
  }
  for (const name of ["hang", "hang-head", "hang-body", "hang-chunk", "close-late"]) {
    assertEquals(piecesOf(`/${name}`).waits, 60_000);
    assertEquals(piecesOf(`/${name}/2.5`).waits, 2_500);
  }
  for (const name of ["endless-chunks", "endless-1xx", "endless-continue"]) {
    assertEquals(piecesOf(`/${name}`).waits, 60_000);
    assertEquals(piecesOf(`/${name}/0.1`).waits, 100);
  }
  for (const name of ["endless-head", "endless-trailers"]) {
    assertEquals(piecesOf(`/${name}`).bytes, 64 * 1024 * 1024);
  }
  for (const name of ["slow-head", "slow-body"]) {
    assertEquals(piecesOf(`/${name}`).waits, 1_000);
    assertEquals(piecesOf(`/${name}/60`).waits, 60_000);
  }
  assertEquals(piecesOf("/delay/1.5").waits, 1_500);
});

Deno.test("lab() ends endless entries after 60 s", () => {
  using time = new SkippableTime(true);
  const pieces = (replyTo("/endless-head").raw as Iterable<Uint8Array>)[Symbol.iterator]();
  assertEquals(pieces.next().done, false);
  time.jump(59_999);
  assertEquals(pieces.next().done, false);
  time.jump(1);
  assertEquals(pieces.next().done, true);
});

Deno.test("lab() sends the same N bytes for /bytes/N each time", () => {
  const large = piecesOf("/bytes/100000000");
  assert(large.bytes > 100_000_000 && large.largest <= 64 * 1024);
  const contentOf = (count: number) =>
    [...replyTo(`/bytes/${count}`).raw as Iterable<Uint8Array>].slice(1).flatMap((
      piece,
    ) => [...piece]);
  assertEquals(contentOf(0), []);
  assertEquals(contentOf(65_537).slice(0, 65_536), contentOf(65_536));
  assertEquals(contentOf(65_537).length, 65_537);
});

Deno.test("lab() sends as much as the path says", () => {
  const wireOf = (path: string) => {
    const pieces = [...replyTo(path).raw as Iterable<Uint8Array | number>];
    return pieces.map((piece) => typeof piece === "object" ? textOf(piece) : "").join("");
  };
  for (const name of ["truncated", "reset-body"]) {
    for (const count of [0, 5, 20_003]) {
      const [head, content] = wireOf(`/${name}/${count}`).split("\r\n\r\n");
      assertStringIncludes(head, `\r\nContent-Length: ${count + 5}\r\n`);
      assertEquals(content, "0123456789".repeat(2001).slice(0, count));
    }
  }
  assertMatch(wireOf("/field/9"), /\r\nX-Long: a{9}\r\n\r\nok\n$/);
  assertEquals(piecesOf("/throttled/2000").waits, 500);
  assertEquals(piecesOf("/throttled/20").waits, 50_000);
});

Deno.test("lab() sends the fields that a status requires", () => {
  const specialOf = (status: number) =>
    fieldsOf(`/status/${status}`).replace(/^Date: .*\r\n/, "").replace(
      "Content-Type: text/plain\r\n",
      "",
    );
  assertEquals(specialOf(200), "Content-Length: 4\r\n\r\n");
  assertEquals(specialOf(204), "\r\n");
  assertEquals(specialOf(205), "Content-Length: 0\r\n\r\n");
  assertEquals(specialOf(206), "Content-Length: 4\r\nContent-Range: bytes 0-3/4\r\n\r\n");
  assertEquals(specialOf(304), "\r\n");
  assertEquals(specialOf(405), "Content-Length: 4\r\nAllow:\r\n\r\n");
  assertEquals(specialOf(416), "Content-Length: 4\r\nContent-Range: bytes */4\r\n\r\n");
  for (const status of [301, 302, 303, 307, 308]) {
    assertEquals(specialOf(status), "Content-Length: 4\r\nLocation: /\r\n\r\n");
  }
});

Deno.test("lab() redirects N times on this host, then to /", () => {
  let path = "/redirect/3";
  const visited = [path];
  while (path !== "/") visited.push(path = /^Location: (.*)\r$/m.exec(fieldsOf(path))![1]);
  assertEquals(visited, ["/redirect/3", "/redirect/2", "/redirect/1", "/"]);
});

Deno.test("lab() answers 503 and closes on every Nth client port for /flaky/N", () => {
  const replies = Array.from({ length: 30 }, (_, at) => replyTo("/flaky/3", 40_000 + 2 * at));
  assertEquals(replies.filter(({ ending }) => ending === "linger").length, 10);
  assertEquals(replies.filter(({ ending }) => ending === "open").length, 20);
});

/** The sections that say MUST to a client, each with what it demands. */
const DEMANDS: Readonly<Record<string, string>> = {
  "9110 §5.6.1": "ignore empty elements of a list",
  "9110 §8.6": "prevent errors by integers that overflow",
  "9110 §15": "understand the class of a status code",
  "9110 §15.2": "parse one or more informational responses before the final one",
  "9112 §2.2": "take a bare CR for invalid, or for a space",
  "9112 §5.2": "replace each folding with spaces",
  "9112 §6.3":
    "treat invalid framing as an error, and a message without all its content as incomplete",
  "9112 §7.1": "parse and decode chunks, and prevent errors by integers that overflow",
  "9112 §7.1.1": "ignore chunk extensions that it does not know",
  "9112 §8": "record a response as incomplete if it is cut, or cannot be decoded",
  "9112 §9.2": "take nothing for a response that comes without a request",
  "HTML §9.2.3": "read no more after 204, and follow redirects",
  "HTML §9.2.5": "parse lines, fields and messages as the grammar says",
  "9112 §9.6": "send nothing more, and close, after a response that announces the close",
};

/** What the sentence about a sound client says to programs. */
function expectationOf(client: string): string {
  if (/, or /.test(client)) return "either";
  return /^(reports|gives up) /.test(client) ? "report" : "accept";
}

Deno.test("each entry says the same to people and to programs", () => {
  for (const { name, client, expect, level } of ENTRIES) {
    assertEquals([name, expectationOf(client)], [name, expect]);
    assertEquals([name, level === "may"], [name, expect === "either"]);
  }
});

Deno.test("each entry that is a must names the section that demands it, or the harm", () => {
  const bare = ENTRIES.filter(({ level, section, harm = [] }) =>
    level === "must" && !(section in DEMANDS) && harm.length === 0
  );
  assertEquals(bare.map(({ name }) => name), []);
  const unused = Object.keys(DEMANDS).filter((section) =>
    !ENTRIES.some((entry) => entry.level === "must" && entry.section === section)
  );
  assertEquals(unused, []);
});

Deno.test("each entry that may be accepted says what its content is then, or that any will do", () => {
  const contracts = contractsOf(entriesFor(true));
  const unknown = ENTRIES.filter(({ expect, contents }, at) =>
    expect !== "report" && contents !== "any" && contracts[at].contents === undefined
  );
  assertEquals(unknown.map(({ name }) => name), []);
});

Deno.test("each correct response that clients refuse is a should or a must", () => {
  const correct = ENTRIES.filter(({ right, expect }) => right && expect === "either");
  assertEquals(correct.map(({ name }) => name), [
    ...["flaky", "retry-after", "retry-after-date", "retry-after-past", "retry-after-huge"],
    ...[
      "retry-after-413",
      "retry-after-429",
      "408",
      "417",
      "421",
      "425",
      "many-interim",
      "range-wrong",
    ],
    ...["gzip-twice", "br", "zstd", "zstd-frames", "events/204"],
  ]);
});

/** Decoders by content coding. */
const DECODERS: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  "gzip": gunzipSync,
  "x-gzip": gunzipSync,
  "gzip, identity": gunzipSync,
  "gzip, gzip": (bytes) => gunzipSync(gunzipSync(bytes)),
  "deflate": (bytes) => (bytes[0] === 0x78 ? inflateSync : inflateRawSync)(bytes),
  "br": brotliDecompressSync,
  "zstd": zstdDecompressSync,
};

Deno.test("each content in a coding is what the table says it decodes to", () => {
  // the decoders here refuse garbage, and take the first of two frames for all
  const others = ["gzip-garbage", "zstd-frames"];
  const coded = ENTRIES.filter(({ name, decoded }) => decoded && !others.includes(name));
  assertEquals(coded.length, 10);
  for (const entry of coded) {
    const bytes = [...replyTo(`/${entry.name}`).raw as Iterable<Uint8Array>].map(textOf).join("");
    const { content } = outcomeOf([bytes], "GET")!;
    const coding = /^Content-Encoding: (.*)\r$/m.exec(bytes)![1];
    assertEquals(textOf(DECODERS[coding](bytesOf(content))), entry.decoded, entry.name);
  }
});

Deno.test("each event stream holds the messages of the table", () => {
  const streams = ENTRIES.filter(({ name, events, expect }) =>
    events && expect === "accept" && name !== "events/redirect"
  );
  for (const { name, events } of streams) {
    const pieces = [...replyTo(`/${name}`).raw as Iterable<Uint8Array | number>];
    const { content } = outcomeOf(pieces.filter((piece) => typeof piece === "object"), "GET")!;
    assertEquals(messagesOf(new TextDecoder().decode(bytesOf(content))), events, name);
  }
});

/** The data of the messages in a stream (WHATWG HTML §9.2.6); the decoder has dropped the BOM. */
function messagesOf(stream: string): string[] {
  const messages: string[] = [];
  let data: string[] = [];
  const lines = stream.split(/\r\n|\n|\r/).slice(0, -1);
  for (const line of lines) {
    if (line === "" && data.length > 0) messages.push(data.join("\n"));
    if (line === "") data = [];
    else if (/^data(:|$)/.test(line)) data.push(line.replace(/^data:? ?/, ""));
  }
  return messages;
}
