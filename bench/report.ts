/**
 * From samples to Markdown: medians, tables with ratios, and a chart.
 */

import { interruption } from "./command.ts";
import { IDLE_CONNECTIONS } from "./load.ts";
import type { Group, Server } from "./servers.ts";

/** Every sample that was taken, in its round, and what went wrong with the others. */
export class Results {
  readonly samples: Record<string, Record<string, number[]>> = {};
  readonly faults: Record<string, string[]> = {};

  /** A failure costs its samples and is reported, but ends nothing else. */
  async take(server: Server, metrics: string[], measure: () => Promise<number[]>): Promise<void> {
    let values: number[] = [];
    try {
      values = await measure();
    } catch (error) {
      interruption.signal.throwIfAborted();
      (this.faults[server.title] ??= []).push(error instanceof Error ? error.message : `${error}`);
    }
    const samples = this.samples[server.name] ??= {};
    metrics.forEach((metric, at) => (samples[metric] ??= []).push(values[at] ?? NaN));
  }

  /** NaN if there is no sample. */
  median({ name }: Server, metric: string): number {
    return medianOf(this.samples[name]?.[metric] ?? []);
  }

  /** The median of how the one was to the other in the same round. */
  ratio(one: Server, other: Server, metric: string): number {
    const others = this.samples[other.name]?.[metric] ?? [];
    const ones = this.samples[one.name]?.[metric] ?? [];
    return medianOf(ones.map((value, round) => value / others[round]));
  }
}

function medianOf(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

// ---------------------------------------------------------------- tables

type Column = readonly [title: string, metric: string];

const SIZES: readonly Column[] = [
  ["start to first answer, ms", "start"],
  ["memory at rest, MiB", "rest"],
  ["after load, MiB", "loaded"],
  [`with ${IDLE_CONNECTIONS} idle connections, MiB`, "crowd"],
  ["KiB each", "idle"],
];

/** Below this share of its core, a server was waiting for the load and could have done more. */
const BUSY = 0.9;

const LEGEND = "In brackets, the figure of the first row divided by the figure of the row: the " +
  "median of the rounds. ≥: the load gave out before the server did, which also leaves it less " +
  "to do at a time. –: not measured.";

/** All medians, each with its ratio to the first server's, and what went wrong. */
export function tables(group: Group, results: Results): string {
  const speed = group.loads.flatMap(({ name, title }): Column[] => [
    [`${title}: CPU µs`, `${name} cpu`],
    ["requests/s", `${name} rate`],
  ]);
  const isTaken = ([, metric]: Column) =>
    group.servers.some((server) => !Number.isNaN(results.median(server, metric)));
  const parts = [speed, SIZES].map((columns) => columns.filter(isTaken))
    .filter((columns) => columns.length > 0)
    .map((columns) => table(group, results, columns));
  const faults = Object.entries(results.faults).map(([title, messages]) =>
    `${title}: ${messages.length} samples left out, because ${messages[0]}`
  );
  return [...parts, LEGEND, ...faults].join("\n\n");
}

function table({ servers }: Group, results: Results, columns: readonly Column[]): string {
  const rows = servers.map((server) => [
    server.title,
    ...columns.map(([, metric]) => cell(results, servers[0], server, metric)),
  ]).filter(([, ...cells]) => cells.some((cell) => cell !== NOTHING));
  return markdownTable([["", ...columns.map(([title]) => title)], ...rows]);
}

const NOTHING = "–";

function cell(results: Results, first: Server, server: Server, metric: string): string {
  const value = results.median(server, metric);
  if (Number.isNaN(value)) return NOTHING;
  const ratio = results.ratio(first, server, metric);
  const comparison = server === first || Number.isNaN(ratio) ? "" : ` (${ratio.toFixed(2)})`;
  return atLeast(results, server, metric) + figure(value) + comparison;
}

function atLeast(results: Results, server: Server, metric: string): string {
  const [load, kind] = metric.split(" ");
  return kind === "rate" && results.median(server, `${load} busy`) < BUSY ? "≥ " : "";
}

function figure(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

function markdownTable([head, ...rows]: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const rule = line(head.map((_, column) => column === 0 ? "---" : "---:"));
  return [line(head), rule, ...rows.map(line)].join("\n");
}

// ---------------------------------------------------------------- chart

/** CPU per request on persistent connections, as a chart that GitHub draws. */
export function chart({ servers }: Group, results: Results): string {
  const shown = servers.filter(({ title }) => !title.includes("log")).map((server) => ({
    title: JSON.stringify(server.title.replaceAll("`", "")),
    value: results.median(server, "persistent cpu"),
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
