/**
 * Redirects, right ones and wrong ones.
 *
 * @module
 */

import { REASONS } from "../../server.ts";
import { type Catalog, COUNT, type Entry, LOCATION, message, REDIRECT, response } from "./entry.ts";
import { type Message, PORT } from "../pieces.ts";

/** What correct redirects to one place have in common. */
const FOLLOWED = {
  client: "follows it",
  expect: "accept",
  level: "should",
  status: "any",
  contents: "any",
  curl: "-iL",
} satisfies Partial<Entry>;

/** Redirects, right ones and wrong ones. */
// deno-fmt-ignore: a table with three lines per entry
export const REDIRECTS: Catalog = {
  "Redirects": [
    { name: "redirect", takes: COUNT, section: "9110 §15.4", curl: "-iL",
      about: "redirects N times, the last time to the list", status: "any", contents: "any",
      client: "follows as many redirects as it allows", expect: "accept", level: "should",
      right: (n) => ({ statusLine: "HTTP/1.1 302 Found",
        fields: `Location: ${n > 1 ? `/redirect/${n - 1}` : "/"}|Content-Length: 0` }) },
    { ...FOLLOWED, name: "redirect-relative", section: "9110 §10.2.2", about: "redirects to a path relative to its own",
      right: found("./x/../status/200") },
    { ...FOLLOWED, name: "redirect-network", section: "9110 §10.2.2", about: "redirects to a URI that begins with //",
      right: found("//127.0.0.1:{port}/status/200") },
    { ...FOLLOWED, name: "redirect-fragment", section: "9110 §10.2.2", about: "redirects to a URI with a fragment",
      client: "follows it, and sends no fragment", right: found("/status/200#tea") },
    { ...FOLLOWED, name: "redirect-encoded", section: "9110 §10.2.2", about: "redirects to a URI with an encoded line end",
      client: "follows it, and decodes nothing", right: found("/status/200?a%0d%0aX-Evil:%20b") },
    { ...FOLLOWED, name: "redirect-long", section: "9110 §10.2.2", about: "redirects to a URI of 4000 bytes",
      right: found(`/status/200?${"a".repeat(3988)}`) },
    { ...FOLLOWED, name: "redirect-body", section: "9110 §15.4", about: "redirects with a response that has content",
      client: "follows it, and drops the content", right: found("/status/200", "Moved.\n".repeat(1000)) },
    { name: "created", section: "9110 §15.3.2", about: "answers 201 with a Location",
      client: "follows nothing", expect: "accept", level: "should", curl: "-iL",
      right: { ...message("201\n", "Location: /status/404"), statusLine: "HTTP/1.1 201 Created" } },
    { name: "loop", section: "9110 §15.4", about: "redirects to itself", curl: "-iL",
      client: "gives up after some redirects, or follows none", expect: "either", level: "may", harm: ["time"],
      wrong: [`${LOCATION}Location: /loop\r\n\r\n`] },
    { name: "endless-redirects", takes: { ...COUNT, max: 999_999_998, fallback: 1 },
      section: "9110 §15.4", about: "redirects to another path each time, without end", curl: "-iL",
      client: "counts redirects and gives up, or follows none", expect: "either", level: "may", harm: ["time"],
      wrong: (n) => [`${LOCATION}Location: /endless-redirects/${n + 1}\r\n\r\n`] },
    { name: "redirect-nowhere", section: "9110 §15.4", about: "redirects without Location", curl: "-iL",
      client: "treats it as a response without content, or reports an invalid redirect",
      expect: "either", level: "may", wrong: [`${LOCATION}\r\n`] },
    { name: "redirect-empty", section: "9110 §10.2.2", about: "redirects to an empty Location", curl: "-iL",
      client: "sees a reference to the same path and gives up, or sees no redirect",
      expect: "either", level: "may", harm: ["time"], status: "any", contents: "any",
      wrong: [`${LOCATION}Location:\r\n\r\n`] },
    { name: "redirect-invalid", section: "9110 §10.2.2", about: "redirects to an invalid URI", curl: "-iL",
      client: "reports an invalid redirect, or does not follow it", expect: "either", level: "may",
      wrong: [`${LOCATION}Location: http://[::1/\r\n\r\n`] },
    { name: "redirect-port", section: "9110 §10.2.2", about: "redirects to port 99999", curl: "-iL",
      client: "reports an invalid redirect, or does not follow it", expect: "either", level: "may",
      wrong: [`${LOCATION}Location: http://127.0.0.1:99999/\r\n\r\n`] },
    { name: "redirect-space", section: "9110 §10.2.2", about: "redirects to a URI with a space",
      client: "encodes the space as %20, or reports an invalid redirect", expect: "either", level: "may",
      status: "any", contents: "any", curl: "-iL", wrong: [`${LOCATION}Location: /status/200?a b\r\n\r\n`] },
    { name: "redirect-userinfo", section: "9110 §4.2.4", about: "redirects to a URI with a name and a password",
      client: "follows it, or reports an invalid redirect", expect: "either", level: "may", status: "any", contents: "any",
      curl: "-iL", wrong: [`${LOCATION}Location: http://user:secret@127.0.0.1:`, PORT, "/status/200\r\n\r\n"] },
    { name: "redirect-latin1", section: "9110 §10.2.2", about: "redirects to a URI with a byte beyond ASCII",
      client: "encodes the byte as %E9, or reports an invalid redirect", expect: "either", level: "may",
      status: "any", contents: "any", curl: "-iL", wrong: [`${LOCATION}Location: /status/200?caf\xe9\r\n\r\n`] },
    { name: "redirect-scheme", section: "9110 §15.4", about: "redirects to a file: URI", curl: "-iL",
      client: "reports an invalid redirect, or does not follow it: a server must not open local files",
      expect: "either", level: "may", harm: ["content"], wrong: [`${LOCATION}Location: file:///etc/hostname\r\n\r\n`] },
    { name: "redirect-data", section: "9110 §15.4", about: "redirects to a data: URI", curl: "-iL",
      client: "reports an invalid redirect, or does not follow it", expect: "either", level: "may", harm: ["content"],
      wrong: [`${LOCATION}Location: data:text/plain,made%20up\r\n\r\n`] },
    { name: "redirect-gzip", section: "9110 §15.4", about: "redirects, and announces gzip for content that is none",
      client: "follows it, or reports invalid content", expect: "either", level: "may", curl: "-iL --compressed",
      status: "any", contents: "any",
      wrong: [response("302 Found", "Location: /status/200|Content-Encoding: gzip|Content-Length: 3", "ok\n")] },
    { name: "redirect-truncated", section: "9110 §15.4", about: "redirects, and closes in the middle of the content",
      client: "follows it, or reports that the content is incomplete", expect: "either", level: "may", curl: "-iL",
      status: "any", contents: "any", wrong: [response("302 Found", "Location: /status/200|Content-Length: 10", "01234")] },
    { name: "two-locations", section: "9110 §5.3", about: "has two Location fields", curl: "-iL",
      client: "follows one of them, or reports an invalid redirect", expect: "either", level: "may",
      status: "any", contents: "any",
      wrong: [`${LOCATION}Location: /status/200\r\nLocation: /status/404\r\n\r\n`] },
    { name: "redirect-away", takes: REDIRECT, section: "9110 §15.4", about: "redirects to another origin: localhost",
      client: "sends no credentials and no cookies there, if it follows", expect: "accept", level: "should",
      status: "any", contents: ["", "arrived\n"], curl: "-iL", right: (code) => redirectTo("localhost", code) },
    { name: "redirect-back", takes: REDIRECT, section: "9110 §15.4", about: "redirects to the origin of 127.0.0.1",
      client: "sends no credentials and no cookies there, if it comes from another origin and follows",
      expect: "accept", level: "should", status: "any", contents: ["", "arrived\n"], curl: "-iL",
      right: (code) => redirectTo("127.0.0.1", code) },
  ],
};

function found(location: string, content = ""): Message {
  return { ...message(content, `Location: ${location}`), statusLine: "HTTP/1.1 302 Found" };
}

/**
 * A redirect to `/arrived` of the lab at a host, which may be another origin than that of the request.
 *
 * @param key Where `/arrived` notes the names of the fields that it gets.
 */
export function redirectTo(host: string, code: number, key?: string): Message {
  const path = key === undefined ? "/arrived" : `/arrived/${key}`;
  return {
    statusLine: `HTTP/1.1 ${code} ${REASONS.get(code)}`,
    fields: `Location: http://${host}:{port}${path}|Content-Length: 0`,
  };
}
