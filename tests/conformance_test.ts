/** Runs the cases of other conformance suites and compares the table in docs/SECURITY.md. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { serve } from "../server.ts";
import { connect, pieces, send } from "./clients.ts";
import { type Case, CASES, REASONS, SECOND, tableRows } from "./conformance.ts";
import { needing } from "./needs.ts";
import { ROOT } from "./process.ts";
import { WATCHED } from "./time.ts";

const test = needing("net");

/** The first reply in the bytes that a client received. */
interface ParsedReply {
  status: number;
  fields: Array<[name: string, value: string]>;
  content: string;
  rest: string;
}

/** Parses the first reply, or returns undefined if it is incomplete. */
function parseReply(wire: string, isHead: boolean): ParsedReply | undefined {
  const [head] = wire.split("\r\n\r\n", 1);
  const [statusLine, ...lines] = head.split("\r\n");
  if (wire.length < head.length + 4) return undefined;
  assertMatch(statusLine, /^HTTP\/1\.1 [2-5]\d\d [ -~]+$/);
  const fields = lines.map((line): [string, string] => {
    const [, name, value] = /^([!-9;-~]+): ([ -~]*)$/.exec(line)!;
    return [name.toLowerCase(), value];
  });
  const length = fields.find(([name]) => name === "content-length")?.[1];
  const end = head.length + 4 + (isHead ? 0 : Number(length));
  if (wire.length < end) return undefined;
  return {
    status: Number(statusLine.slice(9, 12)),
    fields,
    content: wire.slice(head.length + 4, end),
    rest: wire.slice(end),
  };
}

/** Checks what holds for every reply. */
function checkReply({ fields }: ParsedReply, closes: boolean): void {
  const values = (name: string) => fields.filter((field) => field[0] === name).map(([, v]) => v);
  for (const name of ["date", "content-type", "content-length"]) {
    assertEquals(values(name).length, 1);
  }
  assertEquals(new Date(values("date")[0]).toUTCString(), values("date")[0]);
  assertEquals(values("transfer-encoding"), []);
  assertEquals(values("connection"), closes ? ["close"] : []);
}

/** Sends a request of a case with a second one behind it, and checks everything that comes back. */
async function checkOutcome(
  port: number,
  sent: string,
  { outcome, unfinished }: Case,
): Promise<void> {
  using socket = await connect({ port });
  await send(socket, unfinished ? sent : sent + SECOND);
  const isHead = /^\r?\n?HEAD /.test(sent);
  const staysOpen = outcome === "200, stays open";
  let wire = "";
  for await (const piece of pieces(socket)) {
    wire += piece;
    if (staysOpen && wire.includes("GET /second")) break;
  }
  if (outcome === "nothing, closes") return assertEquals(wire, "");
  const first = parseReply(wire, isHead);
  if (first === undefined) throw new Error(`No complete reply: ${wire}`);
  checkReply(first, !staysOpen);
  assertEquals(first.status, parseInt(outcome));
  const [, asked] = /^[\r\n]*(\S+ \S+)/.exec(sent) ?? [];
  if (first.status === 200) assertEquals(first.content, isHead ? "" : asked);
  if (!staysOpen) return assertEquals(first.rest, "");
  const second = parseReply(first.rest, false);
  assertEquals({ content: second?.content, rest: second?.rest }, {
    content: "GET /second",
    rest: "",
  });
}

for (const foreign of CASES) {
  test(`serve() conforms: ${foreign.name}`, WATCHED, async () => {
    const isCut = foreign.unfinished || foreign.outcome === "nothing, closes";
    const requestTimeoutMs = isCut ? 400 : 10_000; // only these cases wait for it
    const options = { hostname: "127.0.0.1", port: 0, requestTimeoutMs };
    await using server = serve(options, ({ method, target }) => ({ body: `${method} ${target}` }));
    for (const sent of foreign.sent) {
      try {
        await checkOutcome(server.addr.port, sent, foreign);
      } catch (error) {
        throw new Error(`Sent ${JSON.stringify(sent.slice(0, 300))}`, { cause: error });
      }
    }
  });
}

needing("read")("docs/SECURITY.md lists the conformance cases as they are tested", async () => {
  const docs = await Deno.readTextFile(`${ROOT}/docs/SECURITY.md`);
  const section = docs.slice(docs.indexOf("## Conformance suites")).split("\n## ")[0];
  const unpadded = (line: string) => line.replace(/ +/g, " ");
  const [, , ...rows] = section.split("\n").filter((line) => line.startsWith("|")).map(unpadded);
  assertEquals(rows, tableRows().map(unpadded));
  const text = section.replace(/\s+/g, " ");
  for (const [number, reason] of Object.entries(REASONS)) {
    assert(text.includes(`${number}. ${reason}`), `reason ${number} is missing`);
  }
});
