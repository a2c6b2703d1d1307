/**
 * Connections that close, stall or are reset too early or too late.
 *
 * @module
 */

import {
  BYTES,
  type Catalog,
  chunked,
  digits,
  ok,
  OPEN_RESPONSE,
  openChunked,
  openResponse,
  STATUS_200,
  TIME_LIMIT,
} from "./entry.ts";
import { chunk, NEXT_REQUEST, STALL } from "../pieces.ts";

/** Connections that close, stall or are reset too early or too late. */
// deno-fmt-ignore: a table with three lines per entry
export const CLOSING: Catalog = {
  "Closing and stalling": [
    { name: "empty", section: "9112 §8", about: "closes without sending anything",
      client: "reports an error; may try again", expect: "report", level: "must", wrong: [] },
    { name: "cut-head", section: "9112 §8", about: "closes in the middle of the head",
      client: "reports that the response is incomplete", expect: "report", level: "must",
      wrong: [`${STATUS_200}Content-Le`] },
    { name: "hang", takes: TIME_LIMIT, section: "9112 §9.5", about: "answers nothing and stays open",
      client: "gives up after its timeout", expect: "report", level: "should", stalls: true, curl: "-im 5",
      wrong: [STALL], ending: "close" },
    { name: "hang-head", takes: TIME_LIMIT, section: "9112 §8", about: "stops in the middle of the head",
      client: "gives up after its timeout", expect: "report", level: "must", stalls: true, curl: "-im 5",
      wrong: [`${STATUS_200}Content-Le`, STALL], ending: "close" },
    { name: "hang-body", takes: TIME_LIMIT, section: "9112 §6.3", about: "stops in the middle of the content",
      client: "gives up after its timeout", expect: "report", level: "must", harm: ["content"], stalls: true,
      curl: "-im 5", wrong: [ok("Content-Length: 10", "01234"), STALL], ending: "close" },
    { name: "hang-chunk", takes: TIME_LIMIT, section: "9112 §8", about: "stops between two chunks",
      client: "gives up after its timeout", expect: "report", level: "must", harm: ["content"], stalls: true,
      curl: "-im 5", wrong: [chunked(chunk("01234")), STALL], ending: "close" },
    { name: "close-late", takes: TIME_LIMIT, section: "9112 §9.6", about: "announces that it closes, and stays open",
      client: "reads the response by its length, and closes", expect: "accept", level: "must", harm: ["time"],
      reuse: false, curl: "-im 5", wrong: [ok("Content-Length: 3", "ok\n"), STALL], ending: "close" },
    { name: "close-in-list", section: "9112 §9.6", about: "announces the close as CLOSE in a list, and stays open",
      client: "sends nothing more on the connection, and closes", expect: "accept", level: "must",
      reuse: false, wrong: [openResponse("200 OK", "Connection: x-tea, CLOSE|Content-Length: 3", "ok\n")], ending: "open" },
    { name: "close-unsaid", section: "9112 §9.6", about: "closes after the response without announcing it",
      client: "accepts the response, and sends its next request on a new connection",
      expect: "accept", level: "should", wrong: [OPEN_RESPONSE] },
    { name: "reset-idle", section: "9112 §9.5", about: "answers, and resets the open connection a moment later",
      client: "accepts the response, and sends its next request on a new connection",
      expect: "accept", level: "should", wrong: [OPEN_RESPONSE, 0.1], ending: "reset" },
    { name: "close-on-reuse", section: "9112 §9.3.1", about: "answers, and closes when the next request comes",
      client: "sends the next request again on a new connection, or reports an error",
      expect: "either", level: "may", wrong: [OPEN_RESPONSE, NEXT_REQUEST], ending: "close" },
    { name: "reset-on-reuse", section: "9112 §9.3.1", about: "answers, and resets when the next request comes",
      client: "sends the next request again on a new connection, or reports an error",
      expect: "either", level: "may", wrong: [OPEN_RESPONSE, NEXT_REQUEST], ending: "reset" },
    { name: "unread", section: "9112 §9.6", about: "answers, and closes with the request half read",
      client: "reads the response if it still can, or reports an error", expect: "either", level: "may",
      method: "PUT", sends: 8 << 20, curl: "-iT bigfile", wrong: [ok("Content-Length: 3", "ok\n")], ending: "close" },
    { name: "reset", section: "9112 §8", about: "resets the connection instead of answering",
      client: "reports a reset; may try again", expect: "report", level: "must", wrong: [], ending: "reset" },
    // without the wait, the reset would discard content that the client has not read yet
    { name: "reset-body", takes: { ...BYTES, fallback: 5 }, section: "9112 §8",
      about: "sends 5 bytes of content or N, announces 5 more, and resets the connection",
      client: "reports a reset, not a complete response", expect: "report", level: "must", harm: ["content"],
      wrong: (n) => [ok(`Content-Length: ${n + 5}`, ""), ...digits(n), 0.1], ending: "reset" },
    { name: "reset-chunk", section: "9112 §8", about: "resets the connection between two chunks",
      client: "reports a reset, not a complete response", expect: "report", level: "must", harm: ["content"],
      wrong: [openChunked(chunk("01234")), 0.1], ending: "reset" },
    { name: "reset-no-length", section: "9112 §8", about: "sends no length, and resets the connection instead of closing it",
      client: "reports a reset, not a complete response", expect: "report", level: "should",
      wrong: [`${STATUS_200}Content-Type: text/plain\r\n\r\n01234`, 0.1], ending: "reset" },
  ],
};
