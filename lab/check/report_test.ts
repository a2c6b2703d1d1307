import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Contract } from "../contract.ts";
import type { CheckReport, Result } from "./check.ts";
import { reportJunit } from "./junit.ts";
import { OutputReader } from "./printed.ts";
import { failures, reportJson, reportText } from "./report.ts";

function resultOf(path: string, more: Partial<Result>, exit = { code: 0 }): Result {
  const contract: Contract = {
    ...{ path, usage: path, group: 'Wrong: <"&">', about: "does", broken: true, method: "GET" },
    ...{ section: "RFC 9112 §8", client: "reports it", expect: "report", level: "must", harm: [] },
    ...{ sends: 0, reuse: true, bounded: false, stalls: false },
  };
  const reader = new OutputReader();
  reader.add(new TextEncoder().encode("01234"));
  const run = {
    ...{
      path,
      exit,
      milliseconds: 71.2,
      printed: reader.printed(),
      complaint: "curl: (8) \x1b \ufffe",
    },
    ...{ requests: [], bytesTaken: 0 },
  };
  return { contract, grade: "expected", did: "accepted it", run, ...more };
}

const REPORT: CheckReport = {
  command: ["curl", "{url}"],
  remarks: ["follows no redirects"],
  results: [
    resultOf("/one", { grade: "should" }),
    resultOf("/second", { grade: "must", did: 'poisoned the next request: "<\\n>"', harm: "next" }),
    resultOf("/third", { grade: "may", did: "reported it" }, { code: 8 }),
    resultOf("/fourth", { grade: "not judged", did: "not asked: it needs PUT", run: undefined }),
    resultOf("/fifth", { grade: "excepted" }),
    resultOf("/sixth", {}),
  ],
  milliseconds: 1234,
};

Deno.test("reportText() has a line for each finding, by level, and one that counts", () => {
  const sound = "a sound client reports it (RFC 9112 §8";
  assertEquals(reportText(REPORT, { level: "must" }).split("\n"), [
    `must    /second  poisoned the next request: "<\\n>" (exit 0, 5 bytes, 71 ms); ${sound}; harm: next)`,
    `should  /one     accepted it (exit 0, 5 bytes, 71 ms); ${sound})`,
    "6 responses in 1.2 s: 1 as expected, 1 must, 1 should, 1 may, 1 excepted, 1 not judged",
  ]);
  const all = reportText(REPORT, { level: "may", color: true });
  assertStringIncludes(all, "\x1b[31mmust  \x1b[0m  /second  ");
  assertStringIncludes(
    all,
    "/third   reported it (exit 8, 5 bytes, 71 ms: curl: (8) \\x1B \\xFFFE); a sound client",
  );
  assertEquals(
    reportText(REPORT, { level: "must", quiet: true }),
    "6 responses in 1.2 s: 1 as expected, 1 must, 1 should, 1 may, 1 excepted, 1 not judged",
  );
});

Deno.test("failures() are findings of the level and of those above", () => {
  const paths = (level: "must" | "should" | "may") =>
    failures(REPORT, level).map(({ contract }) => contract.path);
  assertEquals(paths("must"), ["/second"]);
  assertEquals(paths("should"), ["/one", "/second"]);
  assertEquals(paths("may"), ["/one", "/second", "/third"]);
});

Deno.test("reportJson() has all entries, with their contract and evidence", () => {
  const { version, command, seconds, remarks, entries } = JSON.parse(reportJson(REPORT));
  assertEquals([version, seconds, entries.length], [1, 1.234, 6]);
  assertEquals([command, remarks], [REPORT.command, REPORT.remarks]);
  const { path, expect, grade, did, harmed, exit, milliseconds, printed } = entries[1];
  assertEquals([path, expect, grade, harmed], ["/second", "report", "must", "next"]);
  assertEquals([did, exit, milliseconds], [REPORT.results[1].did, 0, 71]);
  assertEquals([printed.bytes, printed.start], [5, "01234"]);
  assertEquals(entries[3].exit, undefined);
});

Deno.test("reportJunit() fails what the level counts, and skips what was not judged", () => {
  const xml = reportJunit({ ...REPORT, command: ["a\0&\x1b", "{url}"] }, "should");
  assertStringIncludes(
    xml,
    '<testsuite name="a\ufffd&#38;\ufffd {url}" tests="6" failures="2" errors="0" skipped="2" time="1.234">',
  );
  const count = (pattern: RegExp) => xml.match(pattern)?.length ?? 0;
  assertEquals(count(/<testcase /g), 6);
  assertEquals(count(/<failure type="must"/g) + count(/<failure type="should"/g), 2);
  assertEquals([count(/<skipped /g), count(/<system-out>may: /g)], [2, 1]);
  assertStringIncludes(xml, '<skipped message="not judged: not asked: it needs PUT"/>');
  assertStringIncludes(xml, 'classname="Wrong: &#60;&#34;&#38;&#34;&#62;" name="/second"');
  // deno-lint-ignore no-control-regex
  assert(!/[\0-\x08\x0b-\x1f\ufffe]/.test(xml));
});
