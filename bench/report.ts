/**
 * Samples, their medians and ratios, and tables in Markdown.
 */

import { interruption, type Server } from "./process.ts";
import type { Group } from "./servers.ts";

/** All samples by round, and errors in place of missing ones. */
export class Results {
  readonly samples: Record<string, Record<string, number[]>> = {};
  readonly errors: Record<string, string[]> = {};

  /** Takes samples. An error is kept for the report, and their values are NaN. */
  async take(server: Server, metrics: string[], measure: () => Promise<number[]>): Promise<void> {
    let values: number[] = [];
    try {
      values = await measure();
    } catch (error) {
      interruption.signal.throwIfAborted();
      (this.errors[server.title] ??= []).push(error instanceof Error ? error.message : `${error}`);
    }
    const samples = this.samples[server.name] ??= {};
    metrics.forEach((metric, at) => (samples[metric] ??= []).push(values[at] ?? NaN));
  }

  /** The median, or NaN without samples. */
  median({ name }: Server, metric: string): number {
    return medianOf(this.samples[name]?.[metric] ?? []);
  }

  /** The median of the ratios within each round. */
  ratio(one: Server, other: Server, metric: string): number {
    return this.#compare(one, other, metric, (value, base) => value / base);
  }

  /** The median of the differences within each round. */
  difference(one: Server, other: Server, metric: string): number {
    return this.#compare(one, other, metric, (value, base) => value - base);
  }

  #compare(one: Server, other: Server, metric: string, by: (a: number, b: number) => number) {
    const others = this.samples[other.name]?.[metric] ?? [];
    const ones = this.samples[one.name]?.[metric] ?? [];
    return medianOf(ones.map((value, round) => by(value, others[round])));
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
  ["start to first reply, ms", "start"],
  ["memory at rest, MiB", "rest"],
  ["after load, MiB", "loaded"],
];

/** Below this share of its core, a server was waiting for the load. */
const BUSY = 0.9;

const LEGEND = "In brackets: the figure of the first row divided by that of this row, as the " +
  "median of the rounds. ≥: the load was the limit, not the server. –: not measured.";

/** All medians with their ratios to the first server, and the errors. */
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
  const errors = Object.entries(results.errors).map(([title, messages]) =>
    `${title}: ${messages.length} samples missing: ${messages[0]}`
  );
  return [...ownWork(group, results), ...parts, LEGEND, ...errors].join("\n\n");
}

/** CPU of the first row minus that of the bare loop, which writes the same bytes. */
function ownWork({ servers: [first, ...others], loads }: Group, results: Results): string[] {
  const bare = others.find(({ title }) => title.startsWith("bare"));
  if (bare === undefined) return [];
  const figures = loads.map(({ name, title }) =>
    `${title} ${results.difference(first, bare, `${name} cpu`).toFixed(2)} µs`
  );
  return [`Own work a request, beyond that of the bare loop: ${figures.join(", ")}.`];
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
