/**
 * Judges one run by the contract of its entry. What depends on something that the client does not do
 * at all is not judged.
 *
 * @module
 */

import { plural, printable } from "../../replies/text.ts";
import type { Contract, Harm, Level } from "../contract.ts";
import { bytesOf } from "../pieces.ts";
import { type Form, isAmong } from "./contents.ts";
import type { LabRequest } from "../traffic.ts";
import { contentOf, isSuccess, type Run } from "./run.ts";

/** A client that takes more of what is without end has no limit: kernels hold up to 14 MiB. */
const MAX_TAKEN_BYTES = 48 * 1024 * 1024;
/** A client that asks so often tries again by itself. */
const MANY_TRIES = 3;
/** What a client does that had to be stopped. */
export const HUNG = "hung";
/** How much of what is printed a verdict quotes. */
const MAX_QUOTED = 40;
/** What a shell makes of SIGILL, SIGABRT, SIGBUS, SIGFPE and SIGSEGV. */
const CRASH_CODES = [132, 134, 135, 136, 139];
/** Entries that close or reset an idle connection: without a pause, the next request meets it or not. */
const TIMED = /^\/(close-unsaid|reset-idle)/;

/** What the client does with right responses, learned before it is judged. */
export interface Habits {
  /** What it prints of a content; `undefined` if that is something else. */
  readonly form?: Form;
  /** True if it asks for the next URL. */
  readonly asksNext: boolean;
  /** True if it prints the content of that. */
  readonly printsNext: boolean;
  /** True if it asks for nothing more after an error. */
  readonly stopsAtError: boolean;
  /** True if 404 and 503 are no errors to it. */
  readonly acceptsErrors: boolean;
  /** True if it prints the content of these. */
  readonly printsErrors: boolean;
  /** True if it follows redirects. */
  readonly followsRedirects: boolean;
  /** True if it makes a pause before the next request. */
  readonly pauses: boolean;
  /** True if it prints the messages of event streams, each as a JSON string on a line. */
  readonly readsEvents: boolean;
  /** True if it accepts what is no event stream. */
  readonly acceptsPlain: boolean;
}

/** What a run means: a finding of a level, something expected, or nothing that can be judged. */
export type Grade = Level | "expected" | "not judged";

/** The judgement of one run. */
export interface Verdict {
  /** What it means. */
  readonly grade: Grade;
  /** What the client did, such as `accepted it`. */
  readonly did: string;
  /** What it has done harm to. */
  readonly harm?: Harm;
}

/** A run beside what was expected of it. */
interface Case {
  readonly run: Run;
  readonly contract: Contract;
  readonly habits: Habits;
  /** The requests for the entry; more than one if the client tries again. */
  readonly tries: readonly LabRequest[];
  /** The next requests. */
  readonly nextRequests: readonly LabRequest[];
  /** True if one of those was made on a connection that must not be used again. */
  readonly hasReused: boolean;
  /** True if the command ended with 0. */
  readonly isAccepted: boolean;
}

type Rule = (one: Case) => Verdict | undefined;

/** Judges a run: the first rule that applies decides. */
export function judge(run: Run, contract: Contract, habits: Habits): Verdict {
  const one = caseOf(run, contract, habits);
  for (const rule of RULES) {
    const verdict = rule(one);
    if (verdict) return verdict;
  }
  return { grade: "expected", did: one.isAccepted ? "accepted it" : "reported it" };
}

function caseOf(run: Run, contract: Contract, habits: Habits): Case {
  const tries = run.requests.filter(({ target }) => target === run.path);
  const nextRequests = run.requests.filter((request) =>
    request.target === "/next" && !isAway(request)
  );
  const isSame = ({ connection }: LabRequest) => connection === tries[0]?.connection;
  return {
    run,
    contract,
    habits,
    tries,
    nextRequests,
    hasReused: !contract.reuse && nextRequests.some((next) => isSame(next) && !next.isEarly),
    isAccepted: isSuccess(run),
  };
}

/** True for a request to the second origin. */
function isAway({ head }: LabRequest): boolean {
  return /^host: *localhost\b/im.test(head);
}

function hasCredentials({ head }: LabRequest): boolean {
  return /^authorization:/im.test(head);
}

const notJudged = (did: string): Verdict => ({ grade: "not judged", did });
const harmful = (did: string, harm: Harm): Verdict => ({ grade: "must", did, harm });

// ---------------------------------------------------------------- what no client may do

const doesNotAsk: Rule = ({ tries }) =>
  tries.length === 0 ? notJudged("did not ask for it") : undefined;

const takesTooMuch: Rule = ({ run: { bytesTaken }, contract }) => {
  if (!contract.bounded || bytesTaken <= MAX_TAKEN_BYTES) return undefined;
  return harmful(`took ${Math.floor(bytesTaken / 2 ** 20)} MiB`, "memory");
};

const crashes: Rule = ({ run: { exit } }) => {
  const isCrash = exit && (exit.signal !== undefined || CRASH_CODES.includes(exit.code));
  return isCrash ? { grade: "must", did: "crashed" } : undefined;
};

const hangs: Rule = ({ run: { exit }, contract, tries }) => {
  if (exit) return undefined;
  if (tries.length >= MANY_TRIES) {
    return notJudged(`still tried again, after ${plural(tries.length, "request")}`);
  }
  const isBinding = !contract.stalls || contract.harm.includes("time");
  return isBinding ? harmful(HUNG, "time") : { grade: contract.level, did: HUNG };
};

const carriesCredentials: Rule = ({ run: { requests }, tries }) => {
  const away = requests.filter(isAway);
  if (away.length === 0) return undefined;
  if (!hasCredentials(tries[0])) return notJudged("sent no Authorization to carry along");
  return away.some(hasCredentials)
    ? { grade: "must", did: "sent Authorization to another origin" }
    : undefined;
};

const redirects: Rule = ({ contract, habits }) =>
  isRedirect(contract) && !habits.followsRedirects ? notJudged("follows no redirects") : undefined;

function isRedirect({ group }: Contract): boolean {
  return /redirect/i.test(group);
}

// ---------------------------------------------------------------- an error

const failsAtNext: Rule = (one) => {
  if (one.isAccepted || !hasAcceptedFirst(one)) return undefined;
  const { contract, habits, hasReused, run } = one;
  if (hasReused) return harmful("reused the connection, and failed at the next request", "next");
  if (contract.expect === "report") {
    return { grade: contract.level, did: "accepted it, and failed at the next request" };
  }
  if (TIMED.test(run.path) && !habits.pauses) return notJudged("asked for the next too early");
  return { grade: contract.level, did: "failed at the next request" };
};

/** True if a command that has failed did not do so at the entry, but at the next request. */
function hasAcceptedFirst(one: Case): boolean {
  const { run, habits, nextRequests } = one;
  if (!habits.asksNext || run.printed.beforeNext) return false;
  if (habits.stopsAtError && nextRequests.length > 0) return true;
  // A connection that has just been closed may swallow the next request.
  return (nextRequests.length > 0 || TIMED.test(run.path)) && run.printed.bytes > 0 &&
    hasContent(one);
}

/** True if all of what an accepting client may have was printed, which may be nothing. */
function hasContent({ run, contract: { contents }, habits: { form, printsNext } }: Case): boolean {
  return form !== undefined && contents !== undefined &&
    isAmong(contentOf(run, printsNext), contents, form);
}

const reports: Rule = ({ isAccepted, contract, habits }) => {
  if (isAccepted) return undefined;
  const isError = !isSuccessful(contract) && !habits.acceptsErrors;
  if (contract.expect !== "accept" || isError) return { grade: "expected", did: "reported it" };
  return { grade: contract.level, did: "reported it" };
};

/** False for statuses that some clients take for errors: 304 without a condition, 404, 600. */
function isSuccessful({ status = 200 }: Contract): boolean {
  return status >= 200 && status < 300;
}

// ---------------------------------------------------------------- no error

const isPoisoned: Rule = ({ run: { printed }, contract, habits, nextRequests }) => {
  // What is left may keep the lab from seeing the next request.
  const hasAsked = nextRequests.length > 0 || !contract.reuse;
  if (!habits.printsNext || !hasAsked || printed.beforeNext) return undefined;
  const end = quoted(printed.head.slice(-MAX_QUOTED));
  return harmful(`poisoned the next request: ${end}`, "next");
};

const altersContent: Rule = (one) => {
  const { run, contract, habits, tries } = one;
  const { contents } = contract;
  const isPrinted = habits.form && (isSuccessful(contract) || habits.printsErrors);
  if (!contents || !isPrinted || tries.length > 1 || hasContent(one)) return undefined;
  const did = `accepted other content: ${start(contentOf(run, habits.printsNext).head)}`;
  const isHarm = contract.expect === "accept" || contract.harm.includes("content");
  return isHarm ? harmful(did, "content") : { grade: contract.level, did };
};

const altersMessages: Rule = ({ run, contract: { events }, habits, tries }) => {
  if (!events || !habits.readsEvents || tries.length > 1) return undefined;
  const { bytes, head } = contentOf(run, habits.printsNext);
  if (bytes > head.length || isEqual(messagesIn(head), events)) return undefined;
  return harmful(`accepted other messages: ${start(head)}`, "content");
};

/** The JSON strings of these lines, which are UTF-8 with one character per byte. */
function messagesIn(lines: string): unknown[] {
  const text = new TextDecoder().decode(bytesOf(lines));
  try {
    return text.split("\n").filter((line) => /\S/.test(line)).map((line) => JSON.parse(line));
  } catch {
    return [undefined]; // something else than JSON
  }
}

/** The start of what is printed, in one line. */
function start(text: string): string {
  return quoted(text.slice(0, MAX_QUOTED));
}

function quoted(text: string): string {
  return printable(JSON.stringify(text));
}

function isEqual(some: readonly unknown[], others: readonly unknown[]): boolean {
  return some.length === others.length && some.every((one, at) => one === others[at]);
}

const accepts: Rule = ({ contract }) =>
  contract.expect === "report" ? { grade: contract.level, did: "accepted it" } : undefined;

/** After what is left, a client SHOULD close; after an announced close, it must (RFC 9112 §9). */
const reuses: Rule = ({ hasReused, contract: { harm, level } }) => {
  if (!hasReused) return undefined;
  return { grade: harm.includes("next") ? "should" : level, did: "reused the connection" };
};

/** After HTTP/2.0 in a status line, some clients ask in that version, which the lab refuses. */
const changesVersion: Rule = ({ nextRequests }) =>
  nextRequests.some(({ version }) => !version.startsWith("HTTP/1."))
    ? notJudged("made the next request in another version")
    : undefined;

const asksTooEarly: Rule = ({ nextRequests }) =>
  nextRequests.some(({ isEarly }) => isEarly)
    ? notJudged("asked for the next too early")
    : undefined;

/**
 * First, however a run has ended: what no client may do, and what cannot be judged at all. Then what
 * has ended with an error: `reports` decides all that is left of it. Those that accept come last:
 * what explains an odd output before what compares it, and a worse fault before a lesser one.
 */
const RULES: readonly Rule[] = [
  ...[doesNotAsk, takesTooMuch, crashes, hangs, carriesCredentials, redirects],
  ...[failsAtNext, reports],
  ...[changesVersion, isPoisoned, altersContent, altersMessages, accepts, reuses, asksTooEarly],
];
