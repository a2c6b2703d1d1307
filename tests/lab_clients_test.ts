/** The lab judges a strict client and a careless one, by its contract alone. */

import { assert, assertEquals } from "@std/assert";
import type { Contract } from "../lab/contract.ts";
import { contentFrom } from "../lab/outcome.ts";
import { bytesOf } from "../lab/pieces.ts";
import { type RunningLab, startLab } from "../lab/start.ts";
import { type Accepted, CarelessClient, type LabClient, StrictClient } from "./lab_clients.ts";
import { needing } from "./needs.ts";
import { WATCHED } from "./time.ts";

const test = needing("net");

/** The request after an entry, and its content. */
const NEXT = ["/next", "next\n"] as const;

/** The path of an entry, with a short time if it stalls. */
function pathOf({ path, usage, stalls }: Contract): string {
  if (path.startsWith("/flaky/")) return "/flaky/1";
  return stalls || usage.includes("SECONDS is a number") ? `/${path.split("/")[1]}/0.1` : path;
}

/** What a client makes of an entry, and of the next request. */
interface Outcome {
  readonly accepted?: Accepted;
  readonly next?: Accepted;
  /** True if the next request came on the same connection. */
  readonly isReused: boolean;
}

async function outcomeOf(client: LabClient, entry: Contract): Promise<Outcome> {
  await using lab = await startLab();
  using _ = client;
  const ask = (url: string, { method, sends }: Pick<Contract, "method" | "sends">) =>
    client.ask({ url, method, sends }).catch(() => undefined);
  const plain = { method: "GET", sends: 0 } as const;
  const accepted = await ask(lab.url + pathOf(entry), entry);
  await ask(lab.pauseUrl, plain);
  const next = await ask(lab.url + NEXT[0], plain);
  return { accepted, next, isReused: isReused(lab) };
}

function isReused({ requests }: RunningLab): boolean {
  return requests[0]?.connection === requests.at(-1)?.connection;
}

/** What is wrong with an outcome, and how binding that is. */
function faultOf(entry: Contract, { accepted, next, isReused }: Outcome): string | undefined {
  const { expect, level, harm, reuse } = entry;
  if (accepted === undefined && expect === "accept") return `${level}: reported`;
  if (accepted && expect === "report") return `${harm.length > 0 ? "must" : level}: accepted`;
  if (accepted && !fits(entry, accepted)) {
    return `must: accepted ${JSON.stringify(accepted).slice(0, 100)}`;
  }
  if (next?.content !== NEXT[1]) return `must: the next request got ${next?.content}`;
  return isReused && !reuse ? "should: reused" : undefined;
}

function fits({ status, contents }: Contract, accepted: Accepted): boolean {
  const content = JSON.stringify(contentFrom(bytesOf(accepted.content)));
  return (status === undefined || status === accepted.status) &&
    (contents === undefined || contents.some((one) => JSON.stringify(one) === content));
}

/** The faults of a client by path. */
async function faultsOf(makeClient: () => LabClient): Promise<ReadonlyMap<string, string>> {
  await using lab = await startLab();
  const faults = new Map<string, string>();
  const rest = [...lab.entries];
  const lane = async () => {
    for (let entry; (entry = rest.shift()) !== undefined;) {
      const fault = faultOf(entry, await outcomeOf(makeClient(), entry));
      if (fault !== undefined) faults.set(entry.path, fault);
    }
  };
  await Promise.all(Array.from({ length: 16 }, lane));
  return faults;
}

test("a client that follows the RFCs to the letter does all as expected", WATCHED, async () => {
  const faults = await faultsOf(() => new StrictClient());
  assertEquals([...faults], []);
});

test("a client that believes anything violates most of what is a must", WATCHED, async () => {
  await using lab = await startLab();
  const faults = await faultsOf(() => new CarelessClient());
  const musts = lab.entries.filter(({ level, harm, expect }) =>
    level === "must" || harm.length > 0 && expect === "report"
  );
  const violated = musts.filter(({ path }) => faults.get(path)?.startsWith("must"));
  assert(violated.length > musts.length * 0.8, `${violated.length} of ${musts.length}`);
});
