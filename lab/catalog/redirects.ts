/**
 * Redirects, right ones and wrong ones.
 *
 * @module
 */

import { type Catalog, COUNT, LOCATION } from "./entry.ts";

/** Redirects, right ones and wrong ones. */
// deno-fmt-ignore: a table with three lines per entry
export const REDIRECTS: Catalog = {
  "Redirects": [
    { name: "redirect", takes: COUNT, section: "9110 §15.4", curl: "-iL",
      about: "redirects N times, the last time to the list", status: "any", contents: "any",
      client: "follows as many redirects as it allows", expect: "accept", level: "should",
      right: (n) => ({ statusLine: "HTTP/1.1 302 Found",
        fields: `Location: ${n > 1 ? `/redirect/${n - 1}` : "/"}|Content-Length: 0` }) },
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
    { name: "redirect-latin1", section: "9110 §10.2.2", about: "redirects to a URI with a byte beyond ASCII",
      client: "encodes the byte as %E9, or reports an invalid redirect", expect: "either", level: "may",
      status: "any", contents: "any", curl: "-iL", wrong: [`${LOCATION}Location: /status/200?caf\xe9\r\n\r\n`] },
    { name: "redirect-scheme", section: "9110 §15.4", about: "redirects to a file: URI", curl: "-iL",
      client: "reports an invalid redirect, or does not follow it: a server must not open local files",
      expect: "either", level: "may", harm: ["content"], wrong: [`${LOCATION}Location: file:///etc/hostname\r\n\r\n`] },
    { name: "two-locations", section: "9110 §5.3", about: "has two Location fields", curl: "-iL",
      client: "follows one of them, or reports an invalid redirect", expect: "either", level: "may",
      status: "any", contents: "any",
      wrong: [`${LOCATION}Location: /status/200\r\nLocation: /status/404\r\n\r\n`] },
  ],
};
