/**
 * Writes down what the check has found as JUnit XML, which CI systems read: in the form of the schema
 * `junit-10.xsd` of the xUnit plugin of Jenkins.
 *
 * @module
 */

import type { Level } from "../contract.ts";
import type { CheckReport, Result } from "./check.ts";
import { failures, sentence } from "./report.ts";

/** A test case for each entry. A failure is what the level counts; what was not judged is skipped. */
export function reportJunit(report: CheckReport, level: Level): string {
  const { results, milliseconds, command } = report;
  const failed = failures(report, level);
  const skipped = results.filter(isSkipped);
  const counts = `tests="${results.length}" failures="${failed.length}" errors="0" ` +
    `skipped="${skipped.length}" time="${seconds(milliseconds)}"`;
  const cases = results.map((result) => testCase(result, failed.includes(result)));
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
<testsuite name="${escaped(command.join(" "))}" ${counts}>
${cases.join("\n")}
</testsuite>
</testsuites>
`;
}

function isSkipped({ grade }: Result): boolean {
  return grade === "not judged" || grade === "excepted";
}

function testCase(result: Result, isFailure: boolean): string {
  const { contract, grade, did, run } = result;
  const time = seconds(run?.milliseconds ?? 0);
  const about = isFailure
    ? `<failure type="${grade}" message="${escaped(did)}">${escaped(sentence(result))}</failure>`
    : isSkipped(result)
    ? `<skipped message="${escaped(`${grade}: ${did}`)}"/>`
    : grade === "expected"
    ? ""
    : `<system-out>${escaped(`${grade}: ${sentence(result)}`)}</system-out>`;
  const name = `classname="${escaped(contract.group)}" name="${escaped(contract.path)}"`;
  return `<testcase ${name} time="${time}">${about}</testcase>`;
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}

/** What XML 1.0 cannot express at all, as most control characters. */
const INEXPRESSIBLE = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

function escaped(text: string): string {
  return text
    .replace(INEXPRESSIBLE, "\ufffd")
    .replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
