import { assertEquals } from "@std/assert";
import type { Contract } from "../contract.ts";
import type { LabRequest } from "../traffic.ts";
import { type Habits, judge } from "./judge.ts";
import { OutputReader } from "./printed.ts";
import type { Run } from "./run.ts";

/** A client that does everything. */
const HABITS: Habits = {
  form: "bytes",
  asksNext: true,
  printsNext: true,
  stopsAtError: true,
  acceptsErrors: true,
  printsErrors: true,
  followsRedirects: true,
  acceptsPlain: true,
  pauses: false,
  readsEvents: false,
};

function contractOf(more: Partial<Contract>): Contract {
  const text = {
    usage: "/x",
    group: "Group",
    about: "does",
    section: "RFC 9112 §8",
    client: "does",
  };
  const path = "/x";
  return {
    ...{ path, ...text, broken: true, expect: "accept", level: "must", harm: [], method: "GET" },
    ...{ sends: 0, reuse: true, bounded: false, stalls: false, contents: ["ok\n"], ...more },
  };
}

function request(target: string, connection = 1, more: Partial<LabRequest> = {}): LabRequest {
  const head = "Host: 127.0.0.1:1\r\n";
  const line = { method: "GET", target, version: "HTTP/1.1" };
  return { at: 0, connection, ...line, head, isEarly: false, ...more };
}

const FIRST = request("/x");
const NEXT = request("/next", 2);

/** A run that printed this text, after these requests. */
function runOf(text: string, more: Partial<Run> = {}): Run {
  const reader = new OutputReader();
  reader.add(new TextEncoder().encode(text));
  return {
    path: "/x",
    exit: { code: 0 },
    milliseconds: 1,
    printed: reader.printed(),
    complaint: "",
    requests: [FIRST, NEXT],
    bytesTaken: 100,
    ...more,
  };
}

const FAILED = { exit: { code: 1 }, requests: [FIRST] };

/** The grade and what was done. */
function verdict(run: Run, contract: Partial<Contract> = {}, habits: Partial<Habits> = {}) {
  const { grade, did } = judge(run, contractOf(contract), { ...HABITS, ...habits });
  return `${grade}: ${did}`;
}

Deno.test("judge() expects a right response to be accepted", () => {
  assertEquals(verdict(runOf("ok\nnext\n")), "expected: accepted it");
  assertEquals(verdict(runOf("", FAILED)), "must: reported it");
  assertEquals(verdict(runOf("", FAILED), { level: "should" }), "should: reported it");
});

Deno.test("judge() expects an error where the contract does", () => {
  const wrong = { expect: "report", contents: undefined } as const;
  assertEquals(verdict(runOf("", FAILED), wrong), "expected: reported it");
  assertEquals(verdict(runOf("012next\n"), wrong), "must: accepted it");
  assertEquals(verdict(runOf("012next\n"), { ...wrong, level: "should" }), "should: accepted it");
});

Deno.test("judge() takes either where the contract does", () => {
  const either = { expect: "either", level: "may" } as const;
  assertEquals(verdict(runOf("", FAILED), either), "expected: reported it");
  assertEquals(verdict(runOf("ok\nnext\n"), either), "expected: accepted it");
});

Deno.test("judge() compares the content of what is accepted", () => {
  assertEquals(verdict(runOf("okok\nnext\n")), 'must: accepted other content: "okok\\n"');
  const either = { expect: "either", level: "may" } as const;
  assertEquals(verdict(runOf("no\nnext\n"), either), 'may: accepted other content: "no\\n"');
  const harmful = { ...either, harm: ["content"] } as const;
  assertEquals(verdict(runOf("no\nnext\n"), harmful), 'must: accepted other content: "no\\n"');
  assertEquals(verdict(runOf("no\nnext\n"), {}, { form: undefined }), "expected: accepted it");
  const retried = runOf("no\nok\nnext\n", { requests: [FIRST, FIRST, NEXT] });
  assertEquals(verdict(retried), "expected: accepted it");
  const silent = runOf("", { requests: [FIRST] });
  const alone = { asksNext: false, printsNext: false };
  assertEquals(verdict(silent, { contents: [""] }, alone), "expected: accepted it");
  assertEquals(verdict(silent, {}, alone), 'must: accepted other content: ""');
  const error = { status: 503 };
  assertEquals(verdict(runOf("next\n"), error, { printsErrors: false }), "expected: accepted it");
  assertEquals(verdict(runOf("next\n"), error), 'must: accepted other content: ""');
});

Deno.test("judge() sees a poisoned next request", () => {
  const run = runOf("ok\nLEFTOVER\n", { requests: [FIRST, request("/next")] });
  const contract = { reuse: false, harm: ["next"] } as const;
  assertEquals(verdict(run, contract), 'must: poisoned the next request: "ok\\nLEFTOVER\\n"');
  assertEquals(judge(run, contractOf(contract), HABITS).harm, "next");
  const unseen = runOf("ok\nLEFTOVER\n", { requests: [FIRST] });
  assertEquals(verdict(unseen, contract), 'must: poisoned the next request: "ok\\nLEFTOVER\\n"');
  assertEquals(
    verdict(run, contract, { printsNext: false, form: undefined }),
    "should: reused the connection",
  );
});

Deno.test("judge() sees a connection that must not be reused", () => {
  const reused = { requests: [FIRST, request("/next")] };
  const run = runOf("ok\nnext\n", reused);
  assertEquals(verdict(run, { reuse: false }), "must: reused the connection");
  assertEquals(verdict(run, { reuse: false, harm: ["next"] }), "should: reused the connection");
  assertEquals(verdict(run), "expected: accepted it");
  assertEquals(verdict(runOf("ok\nnext\n"), { reuse: false }), "expected: accepted it");
  const failed = runOf("ok\n", { ...reused, exit: { code: 1 } });
  assertEquals(
    verdict(failed, { reuse: false }),
    "must: reused the connection, and failed at the next request",
  );
});

Deno.test("judge() blames nobody for a next request that came before what is late", () => {
  const early = request("/next", 1, { isEarly: true });
  const run = runOf("ok\nnext\n", { requests: [FIRST, early] });
  assertEquals(verdict(run, { reuse: false }), "not judged: asked for the next too early");
});

Deno.test("judge() sees no poison where the next request was refused for its version", () => {
  const next = request("/next", 1, { version: "HTTP/2.0" });
  const run = runOf("ok\nrefused\n", { requests: [FIRST, next] });
  assertEquals(verdict(run), "not judged: made the next request in another version");
});

Deno.test("judge() sees which of the two requests failed", () => {
  const run = runOf("ok\n", { exit: { code: 1 } });
  assertEquals(verdict(run), "must: failed at the next request");
  assertEquals(
    verdict(run, { expect: "report" }),
    "must: accepted it, and failed at the next request",
  );
  // A command that goes on after an error asks for the next one in any case.
  const goesOn = { stopsAtError: false };
  assertEquals(verdict(run, {}, goesOn), "must: failed at the next request");
  assertEquals(verdict(run, { contents: undefined }, goesOn), "must: reported it");
  const report = { expect: "report", contents: undefined } as const;
  assertEquals(verdict(run, report, goesOn), "expected: reported it");
  const nothing = runOf("", { exit: { code: 1 } });
  assertEquals(verdict(nothing, { contents: [""] }, goesOn), "must: reported it");
  const first = runOf("ok\nnext\n", { exit: { code: 1 } });
  assertEquals(verdict(first, {}, goesOn), "must: reported it");
});

Deno.test("judge() leaves to chance what the next request meets without a pause", () => {
  for (const path of ["/close-unsaid", "/reset-idle"]) {
    const first = request(path);
    const failed = { path, exit: { code: 1 }, requests: [first] };
    assertEquals(
      verdict(runOf("ok\n", failed), { path }),
      "not judged: asked for the next too early",
    );
    assertEquals(verdict(runOf("", failed), { path }), "must: reported it");
    assertEquals(
      verdict(runOf("ok\n", failed), { path }, { pauses: true }),
      "must: failed at the next request",
    );
  }
});

Deno.test("judge() sees crashes, by a signal and through a shell", () => {
  for (const exit of [{ code: 0, signal: "SIGSEGV" }, { code: 134 }, { code: 139 }]) {
    assertEquals(verdict(runOf("", { exit }), { expect: "either" }), "must: crashed");
  }
});

Deno.test("judge() sees hangs, and leaves clients alone that try again and again", () => {
  const hung = { exit: undefined, requests: [FIRST] };
  assertEquals(verdict(runOf("", hung), { level: "should" }), "must: hung");
  const stalls = { stalls: true, level: "should" } as const;
  assertEquals(verdict(runOf("", hung), stalls), "should: hung");
  assertEquals(verdict(runOf("", hung), { ...stalls, harm: ["time"] }), "must: hung");
  assertEquals(
    verdict(runOf("", { ...hung, requests: [FIRST, FIRST, FIRST] })),
    "not judged: still tried again, after 3 requests",
  );
});

Deno.test("judge() sees a client that takes what has no end", () => {
  const run = runOf("", { ...FAILED, bytesTaken: 64 * 1024 * 1024 });
  assertEquals(verdict(run, { bounded: true, expect: "report" }), "must: took 64 MiB");
  assertEquals(verdict(run, { expect: "report" }), "expected: reported it");
});

Deno.test("judge() does not judge what a client does not do at all", () => {
  const error = { status: 503 };
  assertEquals(verdict(runOf("", FAILED), error), "must: reported it");
  assertEquals(
    verdict(runOf("", FAILED), error, { acceptsErrors: false }),
    "expected: reported it",
  );
  const unknown = { status: 0 };
  assertEquals(
    verdict(runOf("", FAILED), unknown, { acceptsErrors: false }),
    "expected: reported it",
  );
  const redirect = { group: "Redirects" };
  const run = runOf("302\nnext\n");
  assertEquals(
    verdict(run, redirect, { followsRedirects: false }),
    "not judged: follows no redirects",
  );
  assertEquals(verdict(runOf("", { requests: [] })), "not judged: did not ask for it");
});

Deno.test("judge() sees credentials that another origin gets", () => {
  const authorized = "Host: 127.0.0.1:1\r\nAuthorization: Basic YTpi\r\n";
  const away = { head: "Host: localhost:1\r\n" };
  const carried = { head: "Host: localhost:1\r\nauthorization: Basic YTpi\r\n" };
  const run = (head: string, second: Partial<LabRequest>) =>
    runOf("next\nnext\n", { requests: [{ ...FIRST, head }, request("/next", 2, second), NEXT] });
  const contract = { contents: ["next\n"] };
  assertEquals(
    verdict(run(authorized, carried), contract),
    "must: sent Authorization to another origin",
  );
  assertEquals(verdict(run(authorized, away), contract), "expected: accepted it");
  assertEquals(
    verdict(run(FIRST.head, away), contract),
    "not judged: sent no Authorization to carry along",
  );
});

Deno.test("judge() compares the messages of event streams", () => {
  const contract = { events: ["A\nB", "caf\xe9"], contents: undefined };
  const habits = { readsEvents: true, form: undefined };
  assertEquals(
    verdict(runOf('"A\\nB"\n"caf\xe9"\nnext\n'), contract, habits),
    "expected: accepted it",
  );
  assertEquals(
    verdict(runOf('"A\\nB"\r\n"caf\\u00e9"\nnext'), contract, habits),
    "expected: accepted it",
  );
  for (const text of ['"A\\nB"\n', '"caf\xe9"\n"A\\nB"\n', "A\nB\ncaf\xe9\n", ""]) {
    assertEquals(
      judge(runOf(text + "next\n"), contractOf(contract), { ...HABITS, ...habits }).harm,
      "content",
    );
  }
  assertEquals(verdict(runOf("next\n"), contract, { form: undefined }), "expected: accepted it");
});
