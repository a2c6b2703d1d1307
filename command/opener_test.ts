import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  escapeControls,
  type Listener,
  type Reply,
  type Responder,
  type Socket,
} from "../server.ts";
import { CLIENT, requestOf } from "../tests/requests.ts";
import { UsageError } from "../replies/text.ts";
import { joined, responderFrom } from "./opener.ts";
import { settingsFrom } from "./settings.ts";
import type { Values } from "./values.ts";

/** The reply with these flags. */
function answer(values: Values, line = "GET / HTTP/1.1"): Reply {
  const responder = responderFrom(settingsFrom(values));
  return typeof responder === "function"
    ? (responder as (...asked: Parameters<Responder>) => Reply)(requestOf(line), CLIENT)
    : responder;
}

function mistake(values: Values): string {
  return assertThrows(() => answer(values), UsageError).message;
}

Deno.test("responderFrom() returns a constant reply if nothing depends on the request", () => {
  const isConstant = (values: Values) => typeof responderFrom(settingsFrom(values)) !== "function";
  const constants: Values[] = [{ text: "a" }, { text: "{x}", header: ["A: {b}"] }];
  constants.push({ redirect: "/a" }, { status: "204" }, { text: "a", status: "404" });
  assertEquals(constants.filter((values) => !isConstant(values)), []);
  const others: Values[] = [{}, { text: "{port}" }, { text: "a", header: ["A: {method}"] }];
  others.push({ redirect: "/a{target}" }, { text: "a", delay: "1" });
  assertEquals(others.filter(isConstant), []);
});

Deno.test("responderFrom() links to http, https and mailto URLs, and to paths", () => {
  for (const link of ["http://a.example", "HTTPS://a.example/b?c#d", "mailto:a@b.example", "/a"]) {
    assertStringIncludes(String(answer({ link }).body), `href="${link}"`);
  }
  for (
    const link of ["a", "javascript:a", "http://", "https://[", "data:,a", " http://a.example"]
  ) {
    assertEquals(
      mistake({ link }),
      `Cannot use --link "${link}": expected an http, https or mailto URL, or a path`,
    );
  }
});

Deno.test("responderFrom() drops the page and its fields where the status forbids content", () => {
  for (const status of ["204", "205", "304"]) {
    assertEquals(answer({ status }), { status: Number(status), headers: [] });
    assertEquals(
      answer({ status, header: ["A: b"], text: "" }),
      { status: Number(status), headers: [["A", "b"]], body: "" },
    );
  }
});

Deno.test("responderFrom() accepts each status from 200 to 599, and with --redirect those that redirect", () => {
  assertEquals(["200", "599"].map((status) => answer({ status }).status), [200, 599]);
  for (const status of ["199", "600"]) assertStringIncludes(mistake({ status }), "from 200 to 599");
  const redirect = "/a";
  assertEquals(answer({ redirect }), { status: 308, headers: [["Location", "/a"]] });
  for (const status of ["301", "302", "303", "307", "308"]) {
    assertEquals(answer({ redirect, status }).status, Number(status));
  }
  for (const status of ["200", "300", "304", "305", "309", "404"]) {
    assertEquals(
      mistake({ redirect, status }),
      `Cannot use --status ${status} with --redirect: expected 301, 302, 303, 307, 308`,
    );
  }
});

Deno.test("responderFrom() adds header fields, or replaces those of the reply", () => {
  const header = ["content-type:  text/x ", "A: 1", "A:", "B: c:d"];
  assertEquals(answer({ text: "a", header }), {
    status: 200,
    headers: [["content-type", "text/x"], ["A", "1"], ["A", ""], ["B", "c:d"]],
    body: "a",
  });
  const page = answer({ header: ["X-Content-Type-Options: x"] });
  assertEquals(page.headers?.map(([name]) => name), [
    "Content-Type",
    "Content-Security-Policy",
    "Cache-Control",
    "X-Content-Type-Options",
  ]);
});

Deno.test("responderFrom() rejects header fields that would make a reply invalid", () => {
  const fields = {
    "no colon": 'expected "Name: value"',
    "A b: c": "expected a token for a name",
    ": c": "expected a token for a name",
    "A: ü": "expected a value of printable ASCII",
    "A: b\r\nC: d": "expected a value of printable ASCII",
    "content-length: 5": "the server sets it",
    "Transfer-Encoding: a": "the server sets it",
    "CONNECTION: close": "the server sets it",
  };
  for (const [field, reason] of Object.entries(fields)) {
    const message = mistake({ text: "a", header: [field] });
    assertEquals(message, `Cannot use --header "${escapeControls(field)}": ${reason}`);
  }
});

Deno.test("responderFrom() rejects a second type, and a location whose host the request would choose", () => {
  const twice = ["content-type: text/plain", "Content-Type: text/html"];
  assertEquals(
    mistake({ text: "{target}", header: twice }),
    "Cannot use --header with Content-Type twice: expected one type",
  );
  for (const location of ["//{target}", "https://a{method}.example/"]) {
    assertEquals(
      mistake({ text: "a", header: [`Location: ${location}`] }),
      `Cannot use --header "Location: ${location}": expected placeholders behind the host only`,
    );
  }
  const header = ["Location: https://a.example{target}"];
  const line = "GET //evil.example/ HTTP/1.1";
  assertEquals(answer({ text: "a", header }, line).headers, [
    ["Location", "https://a.example//evil.example/"],
  ]);
});

Deno.test("responderFrom() fills in the placeholders of fields for every kind of content", () => {
  const header = ["X-A: {method} {target}", "allow: {port}"];
  const fields: [string, string][] = [["X-A", "PUT /a?%7Bclient%7D"], ["allow", "7"]];
  const line = "PUT /a?{client} HTTP/1.1";
  assertEquals(answer({ text: "a", header }, line).headers, fields);
  assertEquals(answer({ header, status: "404" }, line).headers?.slice(4), fields);
  assertEquals(answer({ redirect: "/b{target}", header }, line).headers, [
    ["Location", "/b/a?%7Bclient%7D"],
    ...fields,
  ]);
});

Deno.test("responderFrom() escapes placeholders for the type of the text", () => {
  const line = 'GET /<a>"\\ HTTP/1.1';
  const text = "<i>{target}";
  assertEquals(answer({ text }, line).body, '<i>/<a>"\\');
  const html = ["content-TYPE: text/html"];
  assertEquals(answer({ text, header: html }, line).body, "<i>/%3Ca%3E%22%5C");
  const empty = ["Content-Type:"];
  assertEquals(answer({ text, header: empty }, line).body, "<i>/%3Ca%3E%22%5C");
  const chosen = ["Content-Type: {target}"];
  assertEquals(answer({ text, header: chosen }, line).body, "<i>/%3Ca%3E%22%5C");
  const json = ["Content-Type: application/json"];
  assertEquals(
    answer({ text: '{"a":"{target}"}', header: json }, line).body,
    '{"a":"/\\u003ca\\u003e\\u0022\\u005c"}',
  );
});

const CORS: Array<readonly [string, string]> = [
  ["Access-Control-Allow-Origin", "*"],
  ["Access-Control-Allow-Methods", "*"],
  ["Access-Control-Allow-Headers", "*, Authorization"],
];

Deno.test("responderFrom() with --cors lets pages of all origins read every reply", () => {
  const cors = true;
  assertEquals(answer({ text: "a", cors, status: "404" }).headers, CORS);
  assertEquals(answer({ redirect: "/a", cors }).headers, [["Location", "/a"], ...CORS]);
  assertEquals(answer({ cors }).headers?.slice(-3), CORS);
  const header = ["access-control-allow-origin: https://a.example", "A: {method}"];
  assertEquals(answer({ text: "a", cors, header }, "PUT / HTTP/1.1").headers, [
    ...CORS.slice(1),
    ["access-control-allow-origin", "https://a.example"],
    ["A", "PUT"],
  ]);
});

Deno.test("responderFrom() with --cors answers OPTIONS with 204, whatever else it answers", () => {
  const ask = (values: Values) => answer({ ...values, cors: true }, "OPTIONS /a HTTP/1.1");
  const permission = { status: 204, headers: CORS };
  assertEquals(ask({}), permission);
  assertEquals(ask({ text: "{port}", status: "503" }), permission);
  assertEquals(ask({ redirect: "/a{target}" }), permission); // it must not be redirected
  assertEquals(answer({ text: "a" }, "OPTIONS /a HTTP/1.1").status, 200);
});

// ---------------------------------------------------------------- listeners

/** A listener that accepts what a test gives it. */
class ScriptedListener implements Listener {
  readonly addr = { hostname: "a", port: 1 };
  isClosed = false;
  #next = this.#promise();

  /** A rejection that nobody waits for is no fault here. */
  #promise() {
    const next = Promise.withResolvers<Socket>();
    next.promise.catch(() => {});
    return next;
  }

  accept(): Promise<Socket> {
    return this.#next.promise;
  }

  give(socket: Socket): void {
    this.#next.resolve(socket);
    this.#next = this.#promise();
  }

  fail(name: string): void {
    this.#next.reject(Object.assign(new Error(name), { name }));
    this.#next = this.#promise();
  }

  close(): void {
    this.isClosed = true;
    this.fail("BadResource");
  }
}

/** A socket that only notes when it is disposed of. */
function socketOf(name: string, ended: string[]): Socket {
  return { name, [Symbol.dispose]: () => void ended.push(name) } as unknown as Socket;
}

const nameOf = (socket: Socket) => (socket as unknown as { name: string }).name;

Deno.test("joined() accepts from each listener, in the order of arrival, and loses none", async () => {
  const [one, two] = [new ScriptedListener(), new ScriptedListener()];
  const both = joined([one, two], { hostname: "localhost", port: 7 });
  assertEquals(both.addr, { hostname: "localhost", port: 7 });
  const ended: string[] = [];
  const first = both.accept();
  two.give(socketOf("a", ended));
  one.give(socketOf("b", ended));
  assertEquals(nameOf(await first), "a");
  assertEquals(nameOf(await both.accept()), "b");
  const failing = both.accept();
  one.fail("ConnectionReset");
  await assertRejects(() => failing, Error, "ConnectionReset");
  const next = both.accept();
  two.give(socketOf("c", ended));
  assertEquals(nameOf(await next), "c");
  assertEquals(ended, []);
});

Deno.test("joined() closes each listener, and what nobody accepts any more", async () => {
  const [one, two] = [new ScriptedListener(), new ScriptedListener()];
  const both = joined([one, two], { hostname: "localhost", port: 7 });
  const ended: string[] = [];
  const first = both.accept();
  one.give(socketOf("a", ended));
  two.give(socketOf("b", ended));
  assertEquals(nameOf(await first), "a");
  both.close();
  assertEquals([one.isClosed, two.isClosed], [true, true]);
  await Promise.resolve();
  await Promise.resolve();
  assertEquals(ended, ["b"]);
});
