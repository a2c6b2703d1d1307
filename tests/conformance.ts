/**
 * Requests of other conformance suites for HTTP/1.1 servers, in our own words, and the expected
 * outcomes. The table in `docs/SECURITY.md` lists them.
 *
 * @module
 */

/** Sent behind each request of a case, and answered only if the connection stays open. */
export const SECOND = "GET /second HTTP/1.1\r\nHost: x\r\n\r\n";
const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

/** The status of the first reply, if any, and whether the connection stays open. */
export type Outcome =
  | `${200 | 400 | 408 | 414 | 501 | 505}, closes`
  | "200, stays open"
  | "nothing, closes";

/** Similar requests with the same outcome. */
export interface Case {
  /** What the requests have in common. */
  readonly name: string;
  /** Suites with these requests, or similar ones. */
  readonly suites: string;
  /** The outcome that the suites expect. */
  readonly asked: string;
  readonly outcome: Outcome;
  /** Why the outcome differs from that: one of {@linkcode REASONS}. */
  readonly why?: keyof typeof REASONS;
  /** The requests, each for a connection of its own. */
  readonly sent: readonly string[];
  /** The rest is never sent, nor a second request. */
  readonly unfinished?: boolean;
}

/** Why outcomes differ from those that suites expect. */
export const REASONS = {
  "1": "The request line alone decides the reply; nothing after it causes an error response. But " +
    "the head is ambiguous, so the connection closes, and no later byte is interpreted as another " +
    "request, a length or a chunk. Suites ask for 400 because two recipients could read the same " +
    "bytes differently. Firstline looks for no second request in them.",
  "2": "The server does not wait for header fields. It replies at the first line end.",
  "3":
    "The responder decides what a method or a target means. The page, a text and a single file " +
    "are the same for all. A folder answers 405 with `Allow` if it lacks the method, and 404 if it " +
    "lacks the target. No reply repeats header fields, so TRACE reveals nothing.",
  "4": "A bare LF ends a line here (RFC 9112 §2.2 allows it), because people type into `nc`. The " +
    "connection closes.",
  "5": "A line that is too long is not parsed, so it gets 414 whatever it contains.",
} as const;

const get = (fields: string, content = "") =>
  `GET / HTTP/1.1\r\nHost: x\r\n${fields}\r\n${content}`;
const post = (fields: string, content = "") =>
  `POST / HTTP/1.1\r\nHost: x\r\n${fields}\r\n${content}`;
const line = (text: string) => `${text}\r\nHost: x\r\n\r\n`;
const host = (...values: string[]) =>
  `GET / HTTP/1.1\r\n${values.map((value) => `Host: ${value}\r\n`).join("")}\r\n`;
const chunked = (content: string) => post("Transfer-Encoding: chunked\r\n", content);
/** Requests with this `Content-Length`, once with content that is a request. */
const length = (value: string) => [
  post(`Content-Length:${value}\r\n`, "hello"),
  post(`Content-Length:${value}\r\n`, SMUGGLED),
];
/** Requests with this `Transfer-Encoding`, with and without a length that contradicts it. */
const coding = (value: string) => [
  post(`Transfer-Encoding:${value}\r\n`, "0\r\n\r\n"),
  post(`Content-Length: 5\r\nTransfer-Encoding:${value}\r\n`, `0\r\n\r\n${SMUGGLED}`),
  post(`Transfer-Encoding:${value}\r\nContent-Length: ${SMUGGLED.length}\r\n`, SMUGGLED),
];

const UNAMBIGUOUS: Case[] = [
  {
    name: "A plain request; names in any case, a tab before a value, empty values",
    suites: "h1spec, Http11Probe",
    asked: "2xx",
    outcome: "200, stays open",
    sent: [
      get(""),
      "GET / HTTP/1.1\r\nhoSt:\tx\r\nempty:\r\n\r\n",
      get("X-Empty: \r\n"),
      get("Connection: keep-alive\r\n"),
      get("Accept-Encoding: gzip\r\n"),
    ],
  },
  {
    name: "Empty lines before the request",
    suites: "Http11Probe, CISPA",
    asked: "2xx, at least after one",
    outcome: "200, stays open",
    sent: [`\r\n${get("")}`, `\r\n\r\n${get("")}`],
  },
  {
    name: "Several requests at once",
    suites: "Http11Probe",
    asked: "as many replies, in order",
    outcome: "200, stays open",
    sent: [get("")], // the second request follows each
  },
  {
    name: "HTTP/1.2",
    suites: "Http11Probe",
    asked: "2xx or 505",
    outcome: "200, stays open",
    sent: [line("GET / HTTP/1.2"), line("GET / HTTP/1.9")],
  },
  {
    name: "HTTP/1.0, with a host and without; `Connection: close`",
    suites: "Http11Probe",
    asked: "2xx, closes",
    outcome: "200, closes",
    sent: [
      "GET / HTTP/1.0\r\n\r\n",
      line("GET / HTTP/1.0"),
      "GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
      get("Connection: close\r\n"),
      get("Connection: keep-alive, close\r\n"),
    ],
  },
  {
    name: "HEAD",
    suites: "Http11Probe, CISPA",
    asked: "no content",
    outcome: "200, stays open",
    sent: [line("HEAD / HTTP/1.1")],
  },
  {
    name: "An absolute URI as the target, with any `Host`; `OPTIONS *`",
    suites: "Http11Probe",
    asked: "2xx or 400",
    outcome: "200, stays open",
    sent: [
      line("GET http://x/tea HTTP/1.1"),
      line("GET http://other.example/tea HTTP/1.1"),
      line("OPTIONS * HTTP/1.1"),
    ],
  },
  {
    name: "Targets with `%00`, `%0d%0a`, overlong UTF-8, `\\`, `#`, 7900 bytes",
    suites: "Http11Probe",
    asked: "2xx or 4xx",
    outcome: "200, stays open",
    sent: ["/a%00b", "/%0d%0aX:%201", "/%c0%af", "/a\\b", "/a#b", "/" + "a".repeat(7900)]
      .map((target) => line(`GET ${target} HTTP/1.1`)),
  },
  {
    name: "`Accept`, `Range`, `If-None-Match` and cookies with nonsensical values",
    suites: "Http11Probe",
    asked: "2xx, 304, 4xx",
    outcome: "200, stays open",
    sent: [
      get("Accept: nonsense/*;q=9\r\n"),
      get("Range: bytes=9-1,0-\r\n"),
      get("If-None-Match: *\r\n"),
      get("Cookie: =;;a=;b\r\nCookie: \xff\r\n"),
    ],
  },
];

const METHODS: Case[] = [
  {
    name: "Methods in lower case, and unknown methods",
    suites: "Http11Probe, CISPA",
    asked: "400, 405, 501",
    outcome: "200, stays open",
    why: "3",
    sent: [line("get / HTTP/1.1"), line("ABC / HTTP/1.1"), line("!#$%&'*+-.^_`|~ / HTTP/1.1")],
  },
  {
    name: "Methods of more than 32 bytes",
    suites: "Http11Probe",
    asked: "400, 501",
    outcome: "501, closes",
    sent: [line(`${"A".repeat(33)} / HTTP/1.1`)],
  },
  {
    name: "TRACE",
    suites: "Http11Probe, CISPA",
    asked: "405, 501, or the request",
    outcome: "200, stays open",
    why: "3",
    sent: ["TRACE / HTTP/1.1\r\nHost: x\r\nAuthorization: secret\r\n\r\n"],
  },
  {
    name: "TRACE, HEAD, OPTIONS and GET with content that is a request",
    suites: "Http11Probe",
    asked: "400, or one reply",
    outcome: "200, closes",
    sent: ["TRACE", "HEAD", "OPTIONS", "GET"].map((method) =>
      `${method} / HTTP/1.1\r\nHost: x\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`
    ),
  },
  {
    name: "CONNECT, also with a path",
    suites: "Http11Probe, CISPA",
    asked: "400, 405, 501",
    outcome: "501, closes",
    sent: [line("CONNECT x:443 HTTP/1.1"), line("CONNECT / HTTP/1.1")],
  },
  {
    name: "`Upgrade` by GET and by POST, to WebSocket, to nonsense",
    suites: "Http11Probe, CISPA",
    asked: "anything but 101",
    outcome: "200, stays open",
    sent: [
      get("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 99\r\n"),
      get("Upgrade: websocket\r\n"),
      post("Connection: Upgrade\r\nUpgrade: websocket\r\n"),
      get("Connection: Upgrade\r\nUpgrade: nonsense\r\n"),
    ],
  },
  {
    name: "`Upgrade` with `Expect`, and by HTTP/1.0",
    suites: "Http11Probe, CISPA",
    asked: "anything but 101",
    outcome: "200, closes",
    sent: [
      get("Connection: upgrade\r\nUpgrade: https\r\nExpect: 100-continue\r\n"),
      "GET / HTTP/1.0\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
  },
  {
    name: "`Expect: 100-continue`, with content and without; an unknown expectation",
    suites: "h1spec, Http11Probe, CISPA",
    asked: "100 or the final reply; 417",
    outcome: "200, closes",
    sent: [
      get("Expect: 100-continue\r\n"),
      post(`Expect: 100-continue\r\nContent-Length: ${SMUGGLED.length}\r\n`, SMUGGLED),
      post("Expect: 200-ok\r\nContent-Length: 5\r\n", "hello"),
    ],
  },
];

const LINES: Case[] = [
  {
    name: "A bare LF after the request line or a field",
    suites: "Http11Probe, HTTP Garden",
    asked: "400, or 2xx",
    outcome: "200, closes",
    why: "4",
    sent: [
      "GET / HTTP/1.1\nHost: x\r\n\r\n",
      "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\nX-A: 1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\n\n",
      `GET / HTTP/1.1\r\nHost: x\r\nX-A:\n\n${SMUGGLED}`,
    ],
  },
  {
    name: "CR alone after the request line",
    suites: "Http11Probe",
    asked: "400",
    outcome: "400, closes",
    sent: ["GET / HTTP/1.1\rHost: x\r\n\r\n", "GET /\rHTTP/1.1\r\n\r\n", "GET /\nHTTP/1.1\r\n\r\n"],
  },
  {
    name: "Two spaces, a tab, a leading space, no target, no version, spaces only",
    suites: "h1spec, Http11Probe",
    asked: "400",
    outcome: "400, closes",
    sent: [
      line("GET  / HTTP/1.1"),
      line("GET /  HTTP/1.1"),
      line("GET / HTTP/1.1 "),
      line("GET\t/ HTTP/1.1"),
      line(" GET / HTTP/1.1"),
      line("GET HTTP/1.1"),
      line("GET  HTTP/1.1"),
      line("GET /a b HTTP/1.1"),
      "GET / \r\n\r\n",
      "GET /\r\n",
      "   \r\n\r\n",
      line("Extra lineGET / HTTP/1.1"),
    ],
  },
  {
    name: "Versions such as `http/1.1`, `HTTP/01.1`, `HTTP/1`, `HTTP/ 1.1`, `HTTP/1.32`",
    suites: "Http11Probe, HTTP Garden",
    asked: "400, 505",
    outcome: "400, closes",
    sent: [
      "http/1.1",
      "HTTP/01.1",
      "HTTP/1.01",
      "HTTP/1",
      "HTTP/ 1.1",
      "HTTP/1 .1",
      "HTTP/1.32",
      "HTTP/\r\r1.1",
      "HTTP/4294967295.255",
      "HTTP/1.1\0",
    ].map((version) => line(`GET / ${version}`)),
  },
  {
    name: "Versions 0.9, 2.0 and 9.9; the preface of HTTP/2",
    suites: "h1spec, Http11Probe",
    asked: "400, 505",
    outcome: "505, closes",
    sent: [
      line("GET / HTTP/0.9"),
      line("GET / HTTP/2.0"),
      line("GET / HTTP/9.9"),
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
  },
  {
    name: "Methods and targets with invalid bytes; `GET *`; random bytes",
    suites: "Http11Probe, HTTP Garden",
    asked: "400",
    outcome: "400, closes",
    sent: [
      line('G=":<>(e),[T];?" / HTTP/1.1'),
      line("\0 / HTTP/1.1"),
      line("GET ! HTTP/1.1"),
      line("GET /a\0b HTTP/1.1"),
      line("GET /caf\xc3\xa9 HTTP/1.1"),
      line("GET * HTTP/1.1"),
      line("GET http://[ HTTP/1.1"),
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x8f\xff\x00\r\n",
      "\x81\x42\x9d\x00\xe5\x7f\x1b\x99 \xba\xd0\n",
    ],
  },
  {
    name: "A target or a method of 100 000 bytes",
    suites: "Http11Probe",
    asked: "414, 431; 400",
    outcome: "414, closes",
    why: "5",
    sent: [line(`GET /${"a".repeat(100_000)} HTTP/1.1`), line(`${"A".repeat(100_000)} / HTTP/1.1`)],
  },
];

const PIECES: Case[] = [
  {
    name: "Part of the request line, then silence",
    suites: "h1spec",
    asked: "waits",
    outcome: "408, closes",
    unfinished: true,
    sent: [
      "G",
      "GET ",
      "GET /hello",
      "GET /hello ",
      "GET /hello HTTP",
      "GET /hello HTTP/1.1",
      "GET /hello HTTP/1.1\r",
    ],
  },
  {
    name: "The request line and part of the head, then silence",
    suites: "h1spec, Http11Probe",
    asked: "waits",
    outcome: "200, closes",
    why: "2",
    unfinished: true,
    sent: [
      "GET /hello HTTP/1.1\r\n",
      "GET /hello HTTP/1.1\r\nHos",
      "GET /hello HTTP/1.1\r\nHost:",
      "GET /hello HTTP/1.1\r\nHost: ",
      "GET /hello HTTP/1.1\r\nHost: x",
      "GET /hello HTTP/1.1\r\nHost: x\r",
      "GET /hello HTTP/1.1\r\nHost: x\r\n",
      "GET /hello HTTP/1.1\r\nHost: x\r\n\r",
    ],
  },
  {
    name: "Nothing, or empty lines only",
    suites: "Http11Probe",
    asked: "closes",
    outcome: "nothing, closes",
    unfinished: true,
    sent: ["", "\r\n", "\r\n\r\n"],
  },
];

const FIELDS: Case[] = [
  {
    name: "No `Host`, two, or an invalid one: `user@x`, `x/path`, `x, y`, empty, `###`",
    suites: "h1spec, Http11Probe, CISPA",
    asked: "400",
    outcome: "200, closes",
    why: "1",
    sent: [
      host(),
      host("x", "y"),
      host("x", "x"),
      host("user@x"),
      host("x/path"),
      host("x, y"),
      host(""),
      host("###"),
    ],
  },
  {
    name: "Spaces before the first field, folded lines, a name split by a line end",
    suites: "Http11Probe, CISPA, HTTP Garden",
    asked: "400",
    outcome: "200, closes",
    why: "1",
    sent: [
      "GET / HTTP/1.1\r\n \r\nHost: x\r\n\r\n",
      "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
      "GET / HTTP/1.1\r\n\tContent-Length: 1\r\nHost: x\r\n\r\nX",
      get("X-A: 1\r\n 2\r\n"),
      get("X-A: 1\r\n\t2\r\n"),
      post("Transfer-\r\nEncoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
    ],
  },
  {
    name: "Names with a space before the colon or inside, without a colon, empty",
    suites: "Http11Probe, HTTP Garden",
    asked: "400",
    outcome: "200, closes",
    why: "1",
    sent: [
      "X-A : 1",
      "X-A\t: 1",
      "X A: 1",
      "Content\t-Length: 5",
      "Content-Length : 34",
      "Transfer-Encoding : chunked",
      "X-A",
      "Content-Length 10",
      ": 1",
      ":",
    ].map((field) => get(`${field}\r\n`, SMUGGLED)),
  },
  {
    name: "Names with brackets, control bytes, bytes above 127, framing names with underscores",
    suites: "h1spec, Http11Probe, HTTP Garden",
    asked: "400",
    outcome: "200, closes",
    why: "1",
    sent: [
      "X-A[]: 1",
      "X-\0A: 1",
      "\x01: 1",
      "X-T\xc3\xabst: 1",
      "\xefoo: 1",
      "Content-Length\x85: 5",
      "Content-Length\xa0: 5",
      "Content_Length: 5",
      "Transfer_Encoding: chunked",
    ].map((field) => get(`${field}\r\n`, SMUGGLED)),
  },
  {
    name: "Values with NUL, CR, BEL and other control bytes",
    suites: "h1spec, Http11Probe, CISPA, HTTP Garden",
    asked: "400",
    outcome: "200, closes",
    why: "1",
    sent: [
      "a\0b",
      "a\rb",
      "a\r\rb",
      "\0\ralue",
      "a\x07",
      "abc\x07\x08\x0bdef",
      "a\x7f",
      ":/\rSmuggled: 1",
    ].map((value) => get(`X-A: ${value}\r\n`)),
  },
  {
    name: "CR and another byte instead of the end of the head",
    suites: "h1spec, HTTP Garden",
    asked: "400",
    outcome: "200, closes",
    why: "1",
    sent: [
      get("\rSome-Header: Test\r\n"),
      `GET / HTTP/1.1\r\nHost: x\r\n\rZ${SMUGGLED}`,
    ],
  },
  {
    name: "A name or a value of 100 000 bytes, 10 000 fields",
    suites: "Http11Probe",
    asked: "400, 431",
    outcome: "200, closes",
    why: "1",
    sent: [
      get(`X-A: ${"b".repeat(100_000)}\r\n`),
      get(`${"A".repeat(100_000)}: 1\r\n`),
      get("X-A: 1\r\n".repeat(10_000)),
    ],
  },
];

const CONTENT: Case[] = [
  {
    name: "POST without content and without a length",
    suites: "Http11Probe",
    asked: "2xx, 411",
    outcome: "200, stays open",
    sent: [post("")],
  },
  {
    name: "POST with `Content-Length: 0`, a name with an underscore",
    suites: "h1spec, Http11Probe, HTTP Garden",
    asked: "2xx, 4xx",
    outcome: "200, stays open",
    sent: [post("Content-Length: 0\r\n"), get("X_A: 1\r\n")],
  },
  {
    name: "POST with content that is complete, incomplete or missing",
    suites: "h1spec, Http11Probe",
    asked: "2xx, 4xx",
    outcome: "200, closes",
    sent: [
      post("Content-Length: 5\r\n", "hello"),
      post("Content-Length: 10\r\n", "hello"),
      post("Content-Length: 999999999\r\n"),
      post("Content-Length: 5\r\nContent-Type: no/such\r\nContent-Type: two\r\n", "hello"),
    ],
  },
  {
    name: "An invalid length: `-1`, `+5`, `abc`, `0x5`, `5_0`, `1 0`, `5,5`, empty, 27 digits, …",
    suites: "h1spec, Http11Probe, HTTP Garden",
    asked: "400",
    outcome: "200, closes",
    why: "1",
    sent: [
      " -1",
      " -0",
      " -123456789123456789123456789",
      " 99999999999999999999",
      " +5",
      " +1_0",
      " abc",
      " 1Z",
      " 0x5",
      " 0o5",
      " 5_0",
      " 1 0",
      " 5,5",
      " 5, 5, 5",
      " 5, 10",
      "",
      " ",
    ].flatMap(length),
  },
  {
    name: "A length with leading zeros or spaces around it: `005`, `00`, `0200`, two spaces, a tab",
    suites: "Http11Probe, HTTP Garden",
    asked: "400, or 2xx",
    outcome: "200, closes",
    sent: [" 005", " 010", " 00", " 0200", "  5", "\t5", " 5 "].flatMap(length),
  },
  {
    name: "Two lengths that differ",
    suites: "Http11Probe, HTTP Garden",
    asked: "400",
    outcome: "200, closes",
    why: "1",
    sent: [
      post("Content-Length: 5\r\nContent-Length: 10\r\n", "helloworld"),
      post("Content-Length: 1\r\nContent-Length: 0\r\n", SMUGGLED),
      post("Content-Length: 0\r\nContent-Length: 1\r\n", SMUGGLED),
      post(`Content-Length: 0\r\nContent-Length: ${SMUGGLED.length}\r\n`, SMUGGLED),
      post(`Content-Length: \r\nContent-Length: ${SMUGGLED.length}\r\n`, SMUGGLED),
    ],
  },
];

const CHUNKS: Case[] = [
  {
    name: "A length and `chunked`, in both orders, with a request behind the shorter content",
    suites: "h1spec, Http11Probe",
    asked: "400, or one reply",
    outcome: "200, closes",
    sent: [
      ...coding(" chunked"),
      get("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
      post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
      post("Transfer-Encoding: chunked\r\nContent-Length: 30\r\n", "0\r\n\r\n"),
      post(
        `Content-Length: ${SMUGGLED.length + 5}\r\nTransfer-Encoding: chunked\r\n`,
        `0\r\n\r\n${SMUGGLED}`,
      ),
      post(
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`,
      ),
      post(
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "0\r\n\r\nHEAD /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
      ),
    ],
  },
  {
    name:
      "Codings such as `xchunked`, `chunked, chunked`, `,chunked`, `identity`, with VT, FF, NUL, " +
      "a parameter, folded, empty, twice, in capitals",
    suites: "Http11Probe, HTTP Garden",
    asked: "400, 501",
    outcome: "200, closes",
    why: "1",
    sent: [
      " xchunked",
      " chunked, chunked",
      " ,chunked",
      " chunked,",
      " chunked, gzip",
      " identity",
      " gzip",
      " \x0bchunked",
      " \x0cchunked",
      " chunked\0",
      " \xa0chunked\xa0",
      ' chunked;a="b"',
      "\r\n chunked",
      "",
      " ",
      " Chunked",
      " CHUNKED",
      " chunked ",
      "\tchunked",
      " chunked\r\nTransfer-Encoding: chunked",
      " chunked\r\nTransfer-Encoding: identity",
    ].flatMap(coding),
  },
  {
    name: "`Transfer-Encoding` in HTTP/1.0, by OPTIONS, in capitals",
    suites: "Http11Probe",
    asked: "400, or closes",
    outcome: "200, closes",
    sent: [
      `POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
      `OPTIONS / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
      post("TRANSFER-ENCODING: chunked\r\n", `0\r\n\r\n${SMUGGLED}`),
    ],
  },
  {
    name: "Valid chunks: one, several, none, extensions, trailers, capitals; or no last chunk",
    suites: "Http11Probe",
    asked: "2xx",
    outcome: "200, closes",
    sent: [
      "5\r\nhello\r\n0\r\n\r\n",
      "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
      "0\r\n\r\n",
      '5;a=b;c="d"\r\nhello\r\n0\r\n\r\n',
      "A\r\nhelloworld\r\n0\r\nX-A: 1\r\n\r\n",
      "5\r\nhello\r\n",
    ].map(chunked),
  },
  {
    name: "Invalid chunks: signs, `0x`, `_`, spaces, bare CR or LF, too long, too short, " +
      "a size of 64 bits and more, control bytes in an extension or one of 64 KiB",
    suites: "Http11Probe, HTTP Garden",
    asked: "400",
    outcome: "200, closes",
    why: "1",
    sent: [
      "-1\r\nhello\r\n0\r\n\r\n",
      "+5\r\nhello\r\n0\r\n\r\n",
      "0x5\r\nhello\r\n0\r\n\r\n",
      `0_2e\r\n\r\n${SMUGGLED}`,
      " 5\r\nhello\r\n0\r\n\r\n",
      "5 \r\nhello\r\n0\r\n\r\n",
      "5;\r\nhello\r\n0\r\n\r\n",
      "5;a[=b\r\nhello\r\n0\r\n\r\n",
      `5;a\nhello\r\n0\r\n\r\n${SMUGGLED}`,
      `5;a\rb\r\nhello\r\n0\r\n\r\n${SMUGGLED}`,
      `5\r\r;ABCD\r\n34\r\nE\r\n0\r\n\r\n${SMUGGLED}`,
      "5;a\0\r\nhello\r\n0\r\n\r\n",
      "5\rhello\r\n0\r\n\r\n",
      "5\r\nhello\n0\r\n\r\n",
      "5\r\nhello0\r\n\r\n",
      "5\r\nhello!!\r\n0\r\n\r\n",
      "5\r\nhello\r\n0\n\n",
      `\r\n\r\n${SMUGGLED}`,
      `0\r\nX:${SMUGGLED}`,
      "XYZ\r\nhello\r\n0\r\n\r\n",
      "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
      `5;a=${"b".repeat(65_536)}\r\nhello\r\n0\r\n\r\n`,
    ].map(chunked),
  },
  {
    name: "Trailer fields that belong in the header section",
    suites: "Http11Probe",
    asked: "2xx, or 400",
    outcome: "200, closes",
    sent: [
      "Content-Length: 50",
      "Transfer-Encoding: chunked",
      "Host: evil",
      "Authorization: evil",
      "Content-Type: evil/x",
    ].map((field) => chunked(`5\r\nhello\r\n0\r\n${field}\r\n\r\n${SMUGGLED}`)),
  },
];

/** All cases, in the order of the table. */
export const CASES: readonly Case[] = [
  ...UNAMBIGUOUS,
  ...METHODS,
  ...LINES,
  ...PIECES,
  ...FIELDS,
  ...CONTENT,
  ...CHUNKS,
];

/** The rows of the table, without padding. */
export function tableRows(): string[] {
  return CASES.map(({ name, suites, sent, outcome, asked, why = "" }) => {
    const cells = [name, String(sent.length), suites, asked, outcome, why && `[${why}]`];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
}
