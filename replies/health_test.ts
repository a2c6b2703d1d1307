import { assertEquals } from "@std/assert";
import type { Responder } from "../server.ts";
import { CLIENT, requestOf } from "../tests/requests.ts";
import { HEALTHY, withHealth } from "./health.ts";

Deno.test("withHealth() answers one path in front of a reply or a responder", () => {
  const other = { status: 404, body: "no" };
  for (const answer of [other, () => other]) {
    const responder = withHealth("/healthz", answer) as Responder;
    assertEquals(withHealth(undefined, answer), answer);
    for (const target of ["/healthz", "/healthz?a=b", "http://h/healthz"]) {
      for (const method of ["GET", "HEAD", "POST", "OPTIONS"]) {
        assertEquals(responder(requestOf(`${method} ${target} HTTP/1.1`), CLIENT), HEALTHY);
      }
    }
    for (const target of ["/", "/healthz/", "//healthz", "/HEALTHZ", "/a/healthz", "/?/healthz"]) {
      assertEquals(responder(requestOf(`GET ${target} HTTP/1.1`), CLIENT), other, target);
    }
  }
});
