/**
 * What the command tells: messages to the operator on stderr, and on stdout the
 * access log and the wire, which never make a client wait.
 *
 * @module
 */

import { type Client, clientOf, escapeControls, type Exchange, type Socket } from "../server.ts";

/** Log text that may wait for a slow reader before lines are dropped. */
const MAX_LOG_CHARACTERS = 1024 * 1024;
/** Lines are written together this often, so that a busy log costs little. */
const LOG_FLUSH_MS = 10;
/** How long the last lines may take when the reader of the log is stuck. */
const LAST_FLUSH_MS = 500;
/** How much of one read or write `--wire` shows. */
const MAX_WIRE_OCTETS = 16 * 1024;
/** An address and a port as URLs write them; IPv6 in brackets. */
export function hostAndPort(hostname: string, port: number): string {
  const host = /^[^[].*:/.test(hostname) ? `[${hostname}]` : hostname;
  return `${host}:${port}`;
}

/** A message for the operator, on stderr. */
export function say(message: string): void {
  console.error(`firstline: ${message}`);
}

/** A message and, after a colon, what caused it. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`;
}

/** A count and its noun: `1 line`, `2 lines`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** One line of the Common Log Format, in UTC. */
export function commonLogLine({ client, time, requestLine, status, bytes }: Exchange): string {
  const line = escapeControls(requestLine);
  return `${client.hostname} - - [${stampOf(time)}] "${line}" ${status || "-"} ${bytes}\n`;
}

let lastStamp = { second: NaN, text: "" };

/** A busy log writes the same second many times: formatting it once saves half the work. */
function stampOf(time: number): string {
  const second = Math.floor(time / 1000);
  if (second !== lastStamp.second) {
    const [, day, month, year, clock] = new Date(time).toUTCString().split(" ");
    lastStamp = { second, text: `${day}/${month}/${year}:${clock} +0000` };
  }
  return lastStamp.text;
}

/** One JSON object on a line; the request line is escaped as in the common format. */
export function jsonLogLine(exchange: Exchange): string {
  return JSON.stringify({
    time: new Date(exchange.time).toISOString(),
    client: exchange.client.hostname,
    port: exchange.client.port,
    requestLine: escapeControls(exchange.requestLine),
    status: exchange.status || null,
    bytes: exchange.bytes,
    milliseconds: Math.round(exchange.milliseconds * 1000) / 1000,
  }) + "\n";
}

/** Something that a connection went through. */
export interface WireEvent {
  /** The far end. */
  readonly client: Client;
  /** What happened: `drained` stands for octets that came after the reply and were discarded. */
  readonly kind: "opened" | "received" | "sent" | "drained" | "closed";
  /** What was received or sent; only to be looked at during the call. */
  readonly octets?: Uint8Array;
  /** How many octets that was, or how many were drained. */
  readonly count: number;
}

/** A socket whose conversation is shown. */
export function watched(
  socket: Socket,
  show: (text: string) => void,
  inColour: boolean,
): Socket {
  const client = clientOf(socket.remoteAddr as Deno.NetAddr);
  const tell = (kind: WireEvent["kind"], count = 0, octets?: Uint8Array) =>
    show(wireLines({ client, kind, count, octets: octets?.subarray(0, count) }, inColour));
  let drained = -1;
  tell("opened");
  return {
    remoteAddr: socket.remoteAddr,
    setNoDelay: (noDelay) => socket.setNoDelay(noDelay),
    async read(octets) {
      const count = await socket.read(octets);
      if (drained >= 0) drained += count ?? 0;
      else if (count !== null) tell("received", count, octets);
      return count;
    },
    async write(octets) {
      const count = await socket.write(octets);
      tell("sent", count, octets);
      return count;
    },
    closeWrite() {
      drained = 0;
      return socket.closeWrite();
    },
    [Symbol.dispose]() {
      if (drained > 0) tell("drained", drained);
      tell("closed");
      socket[Symbol.dispose]();
    },
  };
}

type Paint = (text: string) => string;

/** Colours for a terminal, or none. */
const PAINTS = (inColour: boolean) => {
  const paint = (code: number): Paint =>
    inColour ? (text) => `\x1b[${code}m${text}\x1b[0m` : (text) => text;
  return { dim: paint(2), green: paint(32), cyan: paint(36) };
};

/** Shows a conversation line by line, its direction marked, CR and LF visible. */
export function wireLines(event: WireEvent, inColour: boolean): string {
  const { dim, green, cyan } = PAINTS(inColour);
  const who = dim(hostAndPort(event.client.hostname, event.client.port));
  if (event.kind === "opened" || event.kind === "closed") {
    return `${who} ${dim(`-- ${event.kind}`)}\n`;
  }
  if (event.kind === "drained") {
    return `${who} ${cyan(">>")} ${dim(`${plural(event.count, "more octet")}, discarded`)}\n`;
  }
  const arrow = event.kind === "received" ? cyan(">>") : green("<<");
  const shown = event.octets?.subarray(0, MAX_WIRE_OCTETS) ?? new Uint8Array();
  const lines = new TextDecoder("latin1").decode(shown).match(/[^\n]*\n|[^\n]+/g) ?? [];
  const text = lines.map((line) => {
    const [, content, end] = /^([^]*?)(\r?\n?)$/.exec(line) ?? [];
    return `${who} ${arrow} ${visible(content)}${dim(visible(end))}\n`;
  });
  const hidden = event.count - shown.length;
  if (hidden > 0) text.push(`${who} ${arrow} ${dim(plural(hidden, "more octet"))}\n`);
  return text.join("");
}

/** Printable ASCII as it is; control characters by the names that C gives them, or as `\xHH`. */
function visible(text: string): string {
  const named: Record<string, string> = { "\r": "\\r", "\n": "\\n", "\t": "\\t", '"': '"' };
  return text.replace(
    /[^\x20-\x7e]|\\/g,
    (character) => named[character] ?? escapeControls(character),
  );
}

/**
 * Writes lines to stdout without ever making a client wait: lines gather while
 * a write is under way, and where too many have gathered they are dropped and counted.
 */
export class LogWriter {
  #waiting = "";
  #inFlight = "";
  #dropped = 0;
  #flushing: Promise<void> | undefined;
  #failure = "";

  /** Puts a line in the queue, or drops it where the queue is full. */
  write(line: string): void {
    if (this.#waiting.length + line.length > MAX_LOG_CHARACTERS) {
      this.#dropped++;
      return;
    }
    this.#waiting += line;
    this.#flushing ??= this.#flush();
  }

  /** Gives the last lines a moment to leave. */
  async finish(): Promise<void> {
    await Promise.race([this.#flushing, sleep(LAST_FLUSH_MS)]);
    this.#dropped += countLines(this.#waiting) + countLines(this.#inFlight);
    this.#reportDropped();
  }

  async #flush(): Promise<void> {
    while (this.#waiting !== "") {
      await sleep(LOG_FLUSH_MS);
      this.#inFlight = this.#waiting;
      this.#waiting = "";
      try {
        await writeAll(Deno.stdout, this.#inFlight);
        this.#failure = "";
        this.#reportDropped();
      } catch (error) {
        this.#dropped += countLines(this.#inFlight);
        this.#reportFailure(messageOf(error));
      }
      this.#inFlight = "";
    }
    this.#flushing = undefined;
  }

  #reportFailure(message: string): void {
    if (message !== this.#failure) say(`Cannot write the access log: ${message}`);
    this.#failure = message;
  }

  #reportDropped(): void {
    if (this.#dropped > 0) say(`dropped ${plural(this.#dropped, "line")} of the access log`);
    this.#dropped = 0;
  }
}

async function writeAll(file: typeof Deno.stdout, text: string): Promise<void> {
  const octets = new TextEncoder().encode(text);
  for (let at = 0; at < octets.length;) at += await file.write(octets.subarray(at));
}

function countLines(text: string): number {
  return text.split("\n").length - 1;
}

/** Resolves after this time. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
