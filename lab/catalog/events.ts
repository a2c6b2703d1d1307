/**
 * Event streams (WHATWG HTML §9.2): each string is a chunk of its own, a moment after the one before.
 *
 * @module
 */

import type { Catalog, Entry } from "./entry.ts";
import { chunk, type Message } from "../pieces.ts";

/** The wait between two chunks, in seconds: long enough for each to be read alone. */
const PAUSE = 0.15;
const TYPE = "Content-Type: text/event-stream";
/** The start of a stream whose end is not right. */
const START = `HTTP/1.1 200 OK\r\n${TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n`;
const A_B = utf8("data: A\n\ndata: B\n");

/** Event streams, each with its messages. */
// deno-fmt-ignore: a table with two or three lines per entry
export const EVENTS: Catalog = {
  "Event streams": [
    stream("lf", "ends lines with LF", ["A\nB", "C"], "data: A\ndata: B\n\ndata: C\n\n"),
    stream("crlf", "ends lines with CRLF", ["A\nB", "C"], "data: A\r\ndata: B\r\n\r\ndata: C\r\n\r\n"),
    stream("cr", "ends lines with CR", ["A\nB", "C"], "data: A\rdata: B\r\rdata: C\r\r"),
    stream("split-crlf", "sends CR and LF apart", ["A\nB", "C"],
      "data: A\r", "\ndata: B\r\n\r", "\ndata: C\r\n\r\n"),
    stream("split-utf8", "sends the two bytes of a character apart", ["caf\xe9"],
      utf8("data: caf\xe9").slice(0, -1), utf8("\xe9\n\n").slice(1)),
    stream("split-field", "sends a field name in two parts", ["A"], "da", "ta: A\n", "\n"),
    { ...stream("split-bytes", "sends each byte in a chunk of its own", ["\xe9", "B"]),
      right: { fields: TYPE, chunks: [...utf8("data: \xe9\r\n\r\ndata:B\n\n")], chunkPause: 0.01 } },
    stream("no-space", "has no space behind a colon, and two behind another", ["A", " B"], "data:A\n\ndata:  B\n\n"),
    stream("colon", "has a colon in its data", ["a: b"], "data: a: b\n\n"),
    stream("bom", "begins with a byte order mark", ["A"], utf8("\ufeffdata: A\n\n")),
    stream("u2028", "has U+2028 in its data, which is no line end", ["A\u2028B"], utf8("data: A\u2028B\n\n")),
    stream("u0085", "has U+0085 in its data, which is no line end", ["A\x85B"], utf8("data: A\x85B\n\n")),
    stream("formfeed", "has a form feed in its data, which is no line end", ["A\fB"], "data: A\fB\n\n"),
    stream("comment", "has comments before and after a message", ["A"], ": ping\n\n", "data: A\n\n:\n\n"),
    stream("blank-lines", "begins with empty lines", ["A"], "\n\r\n\ndata: A\n\n"),
    stream("empty-data", "has a message of nothing", ["", "A"], "data\n\ndata: A\n\n"),
    stream("empty-line", "has an empty line within a message", ["A\n\nB"], "data: A\ndata:\ndata: B\n\n"),
    stream("no-data", "has an event without data, which is no message", ["A"], "event: tea\n\ndata: A\n\n"),
    stream("event", "names the type of a message", ["A"], "event: message\ndata: A\n\n"),
    stream("id", "has an id, and one with NUL, which is ignored", ["A", "B"],
      "id: 1\ndata: A\n\n", "id: \0\ndata: B\n\n"),
    stream("retry", "has a retry time, and one that is no number", ["A", "B"],
      "retry: 1000\ndata: A\n\n", "retry: soon\ndata: B\n\n"),
    stream("unknown-field", "has a field that is not defined", ["A"], "tea: x\ndata: A\n\n"),
    stream("case", "has Data in upper case, which is another field", ["A"], "Data: X\ndata: A\n\n"),
    stream("leading-space", "has a space before data, which is another field", ["A"], " data: X\ndata: A\n\n"),
    { ...stream("long-line", "has a line of 9000 bytes", ["a".repeat(9000)], `data: ${"a".repeat(9000)}\n\n`),
      client: "reads a message of 9000 characters" },
    stream("done", "ends with the message [DONE], which some services send last", ["A", "[DONE]"],
      "data: A\n\n", "data: [DONE]\n\n"),
    stream("cut-event", "ends before the empty line of a message", ["A"], A_B),
    { ...stream("no-length", "has no chunks: the close ends the stream", ["A", "B"]),
      right: { fields: TYPE, content: ["data: A\n\n", PAUSE, "data: B\n\n"], close: true } },
    { ...stream("type-parameter", "has a parameter in its Content-Type", ["A"]),
      right: { fields: `${TYPE}; charset=utf-8`, chunks: ["data: A\n\n"] } },
    { ...stream("204", "answers 204: there is nothing to read", []), section: "HTML §9.2.3",
      client: "reads no message, or reports that there is no stream; does not connect again",
      expect: "either", level: "may", right: { statusLine: "HTTP/1.1 204 No Content", fields: "" } },
    { ...stream("redirect", "redirects to /events/lf", ["A\nB", "C"]), section: "HTML §9.2.3",
      status: "any", contents: "any",
      right: { statusLine: "HTTP/1.1 301 Moved Permanently", fields: "Location: /events/lf|Content-Length: 0" } },
    { ...stream("wrong-type", "calls it text/plain", []), section: "HTML §9.2.3",
      client: "reports that this is no event stream, or reads it all the same", expect: "either", level: "may",
      right: undefined, ending: "open", events: undefined,
      wrong: [START.replace("event-stream", "plain"), chunk("data: A\n\n"), "0\r\n\r\n"] },
    { ...stream("cut-chunk", "closes without the last chunk", ["A"]), section: "9112 §8",
      client: 'reports that the stream is incomplete, after "A"', expect: "report",
      right: undefined, wrong: [START, chunk(A_B)] },
    { ...stream("reset", "resets the connection after a message", ["A"]), section: "9112 §8",
      client: 'reports a reset, after "A"', expect: "report",
      right: undefined, wrong: [START, chunk(A_B), PAUSE], ending: "reset" },
  ],
};

/** A correct stream with the messages that these chunks hold. */
function stream(name: string, about: string, events: string[], ...chunks: string[]): Entry {
  const right: Message = { fields: TYPE, chunks, chunkPause: PAUSE };
  const client = `reads ${events.map(quoted).join(", ")}`;
  const verdict = { expect: "accept", level: "must", harm: ["content"] } as const;
  return {
    name: `events/${name}`,
    section: "HTML §9.2.5",
    about,
    client,
    ...verdict,
    curl: "-iN",
    events,
    right,
  };
}

/** A text in quotes, with line ends that nobody sees as escapes. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\x85\u2028]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The bytes of a text in UTF-8, one character per byte. */
function utf8(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}
