/**
 * From samples to Markdown: medians, tables with ratios, a chart, and the targets.
 */

import { IDLE_CONNECTIONS, type Mode, MODES } from "./load.ts";
import type { Server } from "./servers.ts";

/** What is measured; all but `busy` are columns. */
export type Metric =
  | `${Mode} cpu`
  | `${Mode} rate`
  | `${Mode} busy`
  | "start"
  | "rest"
  | "loaded"
  | "crowd"
  | "idle";

/** Every sample that was taken, and what went wrong with the others. */
export class Results {
  readonly samples: Record<string, Partial<Record<Metric, number[]>>> = {};
  readonly faults: Record<string, Partial<Record<Metric, string[]>>> = {};

  add(server: Server, metric: Metric, value: number): void {
    ((this.samples[server.name] ??= {})[metric] ??= []).push(value);
  }

  addFault(server: Server, metric: Metric, message: string): void {
    ((this.faults[server.name] ??= {})[metric] ??= []).push(message);
  }

  /** NaN if there is no sample. */
  median(name: string, metric: Metric): number {
    return medianOf(this.samples[name]?.[metric] ?? []);
  }

  isFaulty(name: string, metric: Metric): boolean {
    return this.faults[name]?.[metric] !== undefined;
  }
}

function medianOf(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

// ---------------------------------------------------------------- tables

type Column = readonly [title: string, metric: Metric];

const SPEED: readonly Column[] = (Object.keys(MODES) as Mode[]).flatMap((mode): Column[] => [
  [`${MODES[mode].title}: CPU µs`, `${mode} cpu`],
  ["requests/s", `${mode} rate`],
]);

const SIZE: readonly Column[] = [
  ["start to first answer, ms", "start"],
  ["memory at rest, MiB", "rest"],
  ["after load, MiB", "loaded"],
  [`with ${IDLE_CONNECTIONS} idle connections, MiB`, "crowd"],
  ["KiB each", "idle"],
];

/** Below this share of its core, a server was waiting for the load and could have done more. */
const BUSY = 0.9;

/** All medians, each with its ratio to the first server's, and what went wrong. */
export function tables(results: Results, servers: readonly Server[]): string {
  const parts = [table(results, servers, SPEED), table(results, servers, SIZE), LEGEND];
  return [...parts, faults(results)].filter((part) => part !== "").join("\n\n");
}

const LEGEND = "In brackets, the figure of the first row divided by the figure of the row. " +
  "≥: the load gave out before the server did, which also leaves it less to do at a time. " +
  "†: see below. –: not measured.";

function table(results: Results, servers: readonly Server[], columns: readonly Column[]): string {
  const rows = servers.map(({ name, title }) => [
    title,
    ...columns.map(([, metric]) => cell(results, servers[0].name, name, metric)),
  ]);
  return markdownTable([["", ...columns.map(([title]) => title)], ...rows]);
}

function cell(results: Results, baseline: string, name: string, metric: Metric): string {
  const flaw = results.isFaulty(name, metric) ? " †" : "";
  const value = results.median(name, metric);
  if (Number.isNaN(value)) return `–${flaw}`;
  const ratio = results.median(baseline, metric) / value;
  const comparison = name === baseline || Number.isNaN(ratio) ? "" : ` (${ratio.toFixed(2)})`;
  return atLeast(results, name, metric) + figure(value) + comparison + flaw;
}

function atLeast(results: Results, name: string, metric: Metric): string {
  const [mode, kind] = metric.split(" ") as [Mode, string];
  return kind === "rate" && results.median(name, `${mode} busy`) < BUSY ? "≥ " : "";
}

function figure(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

function faults(results: Results): string {
  return Object.entries(results.faults).flatMap(([name, metrics]) =>
    Object.entries(metrics).map(([metric, messages]) =>
      `† ${name}, ${metric}: samples left out: ${messages.length}, because ${messages[0]}`
    )
  ).join("\n");
}

function markdownTable([header, ...rows]: string[][]): string {
  const widths = header.map((_, at) => Math.max(...[header, ...rows].map((row) => row[at].length)));
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const padded = (cells: string[]) =>
    line(cells.map((cell, at) => at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at])));
  const rule = line(widths.map((width, at) => "-".repeat(width - 1) + (at === 0 ? "-" : ":")));
  return [padded(header), rule, ...rows.map(padded)].join("\n");
}

// ---------------------------------------------------------------- chart

/** CPU time per request on persistent connections, as a chart that GitHub draws. */
export function chart(results: Results, servers: readonly Server[]): string {
  const shown = servers.map(({ name, title }) => ({
    title: JSON.stringify(title.replaceAll("`", "")),
    value: results.median(name, "persistent cpu"),
  })).filter(({ value }) => !Number.isNaN(value));
  const top = Math.ceil(Math.max(...shown.map(({ value }) => value)));
  return [
    "```mermaid",
    '%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#0b63ce"}}}}%%',
    "xychart-beta horizontal",
    '  title "CPU time per request on persistent connections, µs (less is better)"',
    `  x-axis [${shown.map(({ title }) => title).join(", ")}]`,
    `  y-axis "µs" 0 --> ${top}`,
    `  bar [${shown.map(({ value }) => value.toFixed(1)).join(", ")}]`,
    "```",
  ].join("\n");
}

// ---------------------------------------------------------------- targets

/** What a figure of one server may be, as a multiple of the same figure of another. */
interface Target {
  readonly metric: Metric;
  readonly name?: string;
  /** Without another, the figure itself is judged. */
  readonly against?: string;
  readonly must: number;
  readonly aim?: number;
  readonly moreIsBetter?: true;
}

const TARGETS: readonly Target[] = [
  { metric: "persistent cpu", against: "nginx", must: 1.15, aim: 1 },
  { metric: "persistent cpu", against: "serve", must: 1.15, aim: 1 },
  { metric: "persistent cpu", against: "go", must: 0.75 },
  { metric: "closing cpu", against: "serve", must: 1.15, aim: 1 },
  { metric: "closing cpu", against: "go", must: 0.95 },
  { metric: "pipelined rate", against: "nginx", must: 3, aim: 5, moreIsBetter: true },
  { metric: "pipelined rate", against: "serve", must: 3, aim: 5, moreIsBetter: true },
  { metric: "persistent cpu", name: "firstline-page", against: "go", must: 1, aim: 0.8 },
  { metric: "persistent cpu", name: "firstline-log", against: "firstline", must: 1.35, aim: 1.2 },
  { metric: "rest", against: "serve", must: 1.25 },
  { metric: "idle", must: 12, aim: 8 },
  { metric: "start", against: "serve", must: 1.2, aim: 1.05 },
];

/** Each target with the median of what it was in each round. */
export function verdicts(results: Results): string {
  const rows = TARGETS.map((target) => {
    const { name = "firstline", metric, against, must, aim, moreIsBetter } = target;
    const names = against === undefined ? [name] : [name, against];
    const [figures, units] = names.map((name) => results.samples[name]?.[metric] ?? []);
    const quotients = figures.map((figure, round) => figure / (units ? units[round] : 1))
      .filter(Number.isFinite);
    const measured = medianOf(quotients);
    const bound = (limit?: number) => limit ? `${moreIsBetter ? "≥" : "≤"} ${limit}` : "";
    return [
      `${names.join(" / ")}: ${metric}`,
      bound(must),
      bound(aim),
      Number.isNaN(measured) ? "–" : measured.toFixed(2),
      rangeOf(quotients),
      names.some((name) => results.isFaulty(name, metric)) ? "flawed" : judge(measured, target),
    ];
  });
  return markdownTable([
    ["target", "must", "aim", "measured", "lowest to highest", "verdict"],
    ...rows,
  ]);
}

/** The least and the greatest: how far to trust the median. */
function rangeOf(quotients: readonly number[]): string {
  if (quotients.length === 0) return "–";
  return `${Math.min(...quotients).toFixed(2)} to ${Math.max(...quotients).toFixed(2)}`;
}

function judge(measured: number, { must, aim = NaN, moreIsBetter }: Target): string {
  if (Number.isNaN(measured)) return "not measured";
  const meets = (limit: number) => moreIsBetter ? measured >= limit : measured <= limit;
  if (meets(aim)) return "aim met";
  return meets(must) ? "pass" : "MISS";
}
