/**
 * The page on what clients make of the lab, from its data.
 *
 * @module
 */

/** What a client did with an entry that was not as expected. */
export interface Cell {
  readonly path: string;
  /** `must`, `should` or `may`; `varying` if its three judgments differ. */
  readonly grade: string;
  readonly did: string;
  /** What it has done harm to. */
  readonly harmed?: string;
  /** The exit code or the signal of its program; null if that was stopped. */
  readonly exit?: number | string | null;
  /** The error message of its program. */
  readonly complaint?: string;
}

/** A client that was judged. */
export interface ClientData {
  /** The name of its command. */
  readonly name: string;
  readonly title: string;
  readonly version: string;
  /** Its program, below the root of the repository. */
  readonly program: string;
  /** What its timeout of 3 s is for: the whole, each read, or what its documentation says. */
  readonly timeout: "total" | "read" | "own";
  /** What was not judged, or is worth knowing. */
  readonly remarks: readonly string[];
  readonly cells: readonly Cell[];
}

/** The rule of an entry. */
interface Rule {
  readonly path: string;
  /** What a sound client does. */
  readonly client: string;
  readonly section: string;
  readonly level: string;
}

/** All that was found. */
export interface Data {
  readonly version: 1;
  readonly date: string;
  readonly system: string;
  /** Clients that are not installed, or were not judged. */
  readonly missing: string[];
  /** Clients that could not be judged. */
  readonly failed: Array<{ title: string; version: string; reason: string }>;
  /** The number of entries that the lab had. */
  readonly responses: number;
  /** The rules of those at which a client deviates. */
  readonly rules: readonly Rule[];
  readonly clients: readonly ClientData[];
}

/** The whole page. */
export function clientsPage(data: Data): string {
  return [
    introduction(data),
    counts(data),
    findings(data),
    byClient(data),
    byEntry(data),
    again(),
  ].join("\n\n");
}

function introduction({ clients, responses, date, system }: Data): string {
  return `# What clients make of the lab

\`deno task lab\` judges HTTP clients by the responses of [the lab](lab.md), as
[\`--check\`](check.md) does. This page is what it found on ${date}: ${clients.length} clients,
${responses} responses. Nothing here is written by hand but what to set; the data is in
[clients.json](clients.json).

- Each response had a process and a pool of its own. Then came a pause on another port, and a request
  for \`/next\`, so that what is left on a connection shows.
- Each client has a [program](../faults/lab) of at most 25 lines, the defaults of its library, and a
  timeout of 3 seconds: in total where it has one, else of the kind that it has.
- Each was judged by all responses, and twice more by those at which it deviated. Where the three
  verdicts differ, there is none.
- **must**: an RFC says MUST to clients, or harm was done: content was changed, the next request got
  what is not its own, or memory or time was taken without a bound. **should**: an RFC says SHOULD, or
  a right response was refused. What the RFCs leave open is not listed (RFC 9110 §2.4 lets a client
  recover from much). A verdict is about one version with these settings, no more.
- All versions are in support: mostly the newest of their registries, or those of ${system}, which
  repairs its packages without a new version.`;
}

// ---------------------------------------------------------------- counts

/** A column of the first table. */
type Column = readonly [title: string, fits: (cell: Cell) => boolean];

const COLUMNS: readonly Column[] = [
  ["must", ({ grade }) => grade === "must"],
  ["should", ({ grade }) => grade === "should"],
  ["poisoned", isPoisoned],
  ["hung", (cell) => isFinding(cell) && cell.did === "hung"],
  ["crashed", ({ did }) => did === "crashed"],
  ["varying", ({ grade }) => grade === "varying"],
];

function isFinding({ grade }: Cell): boolean {
  return grade === "must" || grade === "should";
}

/** True if the next request got what is not its own. */
function isPoisoned({ harmed, grade }: Cell): boolean {
  return grade === "must" && harmed === "next";
}

const TIMEOUTS = { total: "in total", read: "each read", own: "its own" } as const;

function counts({ clients, missing, failed }: Data): string {
  const titles = COLUMNS.map(([title]) => title);
  const rows = clients.map((client) => {
    const { title, version, cells, timeout } = client;
    const numbers = COLUMNS.map(([, fits]) => cells.filter(fits).length || "");
    return row([`[${title}](#${anchorOf(client)})`, version, ...numbers, TIMEOUTS[timeout]]);
  });
  return [
    "## Counts",
    [
      row(["client", "version", ...titles, "timeout of 3 s"]),
      row(["---", "---", ...titles.map(() => "--:"), "---"]),
      ...rows,
    ].join("\n"),
    "*poisoned*, *hung* and *crashed* are counted among the others. *poisoned*: the next request got " +
    "what is not its own, or failed for what was left. *varying*: the three verdicts differ.",
    ...missing.length > 0 ? [`Not installed, or not judged then: ${missing.join(", ")}.`] : [],
    ...failed.map(({ title, version, reason }) => `Not judged: ${title} ${version}: ${reason}`),
  ].join("\n\n");
}

function row(cells: ReadonlyArray<string | number>): string {
  return `| ${cells.join(" | ")} |`;
}

/** As the headings of rendered Markdown have it. */
function anchorOf({ title, version }: ClientData): string {
  return `${title} ${version}`.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-");
}

// ---------------------------------------------------------------- what matters most

/** A finding, and what users can do about it. */
interface Finding {
  readonly title: string;
  readonly text: string;
  /** True for what clients do that it is about. */
  readonly fits: (cell: Cell) => boolean;
  readonly advice: string;
  /** Where it was reported before, if it was. */
  readonly reported?: string;
}

/** Responses that end too early. */
const INCOMPLETE = /^\/(truncated|cut-chunk|no-last-chunk|reset-body|hang-body|hang-chunk)$/;
/** Responses with a wrong length. */
const LENGTHS = /^\/(two|negative|plus|hex|word|empty|huge)-length/;

/** Each setting in the advice was tried, and ends what was seen. */
const FINDINGS: readonly Finding[] = [
  {
    title: "The next request gets an answer that is not its own",
    text:
      "What a server sends beyond a response, or later and unasked, is taken for the answer to " +
      "the next request, or fails it (RFC 9112 §9.2: it MUST NOT be taken for a response).",
    fits: isPoisoned,
    advice: "Where the server is not yours, use a connection for one request alone, which costs " +
      "the time to connect: `limits=httpx.Limits(max_keepalive_connections=0)`, " +
      "`aiohttp.TCPConnector(force_close=True)`, `ConnectionPool(0, 1, TimeUnit.SECONDS)` in " +
      "OkHttp, `setConnectionReuseStrategy((request, response, context) -> false)` in Apache " +
      "HttpClient, `keep_alive_timeout = 0` in Net::HTTP, `CURLOPT_FORBID_REUSE` in libcurl (8.23 " +
      "takes what is late within a second; 8.14 does not).",
    reported: "OkHttp issue 9726, httpx issue 1474, Bun pull request 42091",
  },
  {
    title: "A part passes for the whole",
    text: "Content that ends before its length or its last chunk is " +
      "accepted without an error (RFC 9112 §8: it MUST be recorded as incomplete).",
    fits: ({ path, did }) => did === "accepted it" && INCOMPLETE.test(path),
    advice: "Set `ignore_eof = false` in Net::HTTP, which then raises an error. With LWP and the " +
      "streams of PHP, compare the size with `Content-Length`, or take another client. " +
      "Whatever is stored deserves a checksum.",
    reported: "Ruby bug 14972",
  },
  {
    title: "A timeout does not end the wait",
    text:
      "With a timeout of 3 seconds, clients still waited after 10, because their timeout is for " +
      "each read, ends with the head, or does not count the wait that `Retry-After` asks for (Apache " +
      "HttpClient begins to wait for a date in the year 2100).",
    fits: ({ did }) => did === "hung",
    advice:
      "Set a timeout for the whole: `client.sendAsync(…).get(3, TimeUnit.SECONDS)` in Java, " +
      "`signal: AbortSignal.timeout(3000)` in axios; in Apache HttpClient, at least " +
      "`disableAutomaticRetries()`. Others have none: read piece by piece and look at the clock, or " +
      "put `timeout 60` before a command such as wget.",
    reported: "JDK-8258397, axios issue 5886",
  },
  {
    title: "Memory without a bound",
    text: "A head without an end was kept as long as it came, 64 MiB here.",
    fits: ({ harmed }) => harmed === "memory",
    advice:
      "We know of no setting for it. Bound the memory of the process that talks to strangers " +
      "(a container, `ulimit -v`).",
  },
  {
    title: "A length that is none",
    text:
      "Two lengths that differ, or a length that is no number, were taken for a length (RFC 9112 " +
      "§6.3: an unrecoverable error, the connection MUST be closed and the response discarded). " +
      "Two programs on one connection that read such a length in two ways disagree on where the " +
      "next response begins.",
    fits: ({ path, did }) => did.startsWith("accepted") && LENGTHS.test(path),
    advice: "No setting changes it. Newer versions do: libcurl 8.23 reports two lengths that " +
      "differ, where 8.14 reads one of them.",
    reported: "OkHttp issue 9726",
  },
];

function findings(data: Data): string {
  const parts = FINDINGS.map(({ title, text, fits, advice, reported }, at) => {
    const fitting = (cell: Cell) => isFinding(cell) && fits(cell);
    const named = data.clients.filter(({ cells }) => cells.some(fitting));
    const names = inWords(named.map((client) => client.title));
    const lines = [`### ${at + 1}. ${title}`, `${text} Seen in ${names}.`, advice];
    return [...lines, ...reported ? [`Reported before: ${reported}.`] : []].join("\n\n");
  });
  return ["## What matters most to users", ...parts].join("\n\n");
}

function nameOf({ title, version }: ClientData): string {
  return `${title} ${version}`;
}

function inWords(names: readonly string[]): string {
  if (names.length < 2) return names[0] ?? "no client";
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

// ---------------------------------------------------------------- by client

function byClient({ clients }: Data): string {
  return ["## By client", ...clients.map(sectionOf)].join("\n\n");
}

function sectionOf(client: ClientData): string {
  const lines = ["must", "should", "varying"].flatMap((grade) => {
    const paths = client.cells.filter((cell) => cell.grade === grade).map(({ path }) => code(path));
    return paths.length > 0 ? [`- ${grade}: ${paths.join(", ")}`] : [];
  });
  const program = `[${client.program.replace("faults/lab/", "")}](../${client.program})`;
  const remarks = client.remarks.map((remark) => `; ${remark}`).join("");
  return [
    `### ${nameOf(client)}`,
    [`- ${code(`clients/bin/${client.name}`)}, ${program}${remarks}`, ...lines].join("\n"),
  ].join("\n\n");
}

function code(text: string): string {
  return `\`${text}\``;
}

// ---------------------------------------------------------------- by entry

function byEntry(data: Data): string {
  const parts = data.rules.flatMap((rule) => {
    const groups = [...groupsOf(rule.path, data)];
    if (groups.length === 0) return [];
    return [`- **${code(rule.path)}**: a sound client ${escaped(rule.client)} (${rule.section})
${groups.map(([did, names]) => `  - ${did}: ${names.join(", ")}`).join("\n")}`];
  });
  return [
    "## By entry",
    "Clients that are not listed did what is expected, or were not judged by the entry.",
    parts.join("\n"),
  ].join("\n\n");
}

/** The clients that deviate at an entry, by what they did. */
function groupsOf(path: string, { clients }: Data): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const grade of ["must", "should"]) {
    for (const client of clients) {
      const cell = client.cells.find((one) => one.path === path && one.grade === grade);
      if (cell === undefined) continue;
      const did = `${grade}: ${escaped(cell.did)}`;
      groups.set(did, [...groups.get(did) ?? [], client.title]);
    }
  }
  return groups;
}

/** Text in Markdown; what a program has printed stands in backticks. */
function escaped(text: string): string {
  return text.replace(/"(.*)"/s, (_, quoted) => code(quoted.replaceAll("`", "'")));
}

// ---------------------------------------------------------------- again

function again(): string {
  return `## Do it again

On Debian, as root, in a clone:

\`\`\`sh
faults/lab/install.sh clients
deno task lab clients
\`\`\`

One client and one entry, with the verdict:

\`\`\`sh
deno run --allow-net --allow-run main.ts --check --only two-lengths -- clients/bin/curl '{url}' '{pause}' '{next}'
\`\`\`

The same, as it crosses the wire:

\`\`\`sh
deno run --allow-net main.ts --lab --wire &
clients/bin/curl http://127.0.0.1:8080/two-lengths
\`\`\`
`;
}
