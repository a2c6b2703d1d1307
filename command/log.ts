/**
 * What stdout shows while the server runs: the access log, or with `--wire` the conversations as
 * they cross the wire.
 *
 * @module
 */

import {
  type Client,
  clientOf,
  escapeControls,
  type Exchange,
  type ServeOptions,
  type Socket,
} from "../server.ts";
import { commonLogLine, jsonLogLine } from "../replies/access_log.ts";
import { pathOf } from "../replies/target.ts";
import { hostAndPort, messageOf, plural } from "../replies/text.ts";
import { Output, say } from "./output.ts";
import type { Settings } from "./settings.ts";
import { runtimeMessage } from "./start.ts";

/** Lines are collected this long and written together, so that a busy log costs little. */
const LOG_GATHER_MS = 10;

/** Opens stdout for the log; a message reports lines that could not be written. */
export function openLog(): Output {
  return new Output(Deno.stdout, {
    gatherMs: LOG_GATHER_MS,
    isFile: isStdoutFile,
    inColor: isStdoutInColor(),
    onLoss: (lines, reason) =>
      say(`dropped ${plural(lines, "line")} of the log so far: ${messageOf(reason)}`),
  });
}

/** Deno has no `stat()` of stdout. That of Node needs no permission, but 30 ms to be loaded. */
async function isStdoutFile(): Promise<boolean> {
  const { fstatSync } = await import("node:fs");
  return fstatSync(1).isFile();
}

function isStdoutInColor(): boolean {
  return Deno.stdout.isTerminal() && !Deno.noColor;
}

/** What the server calls: the access log, the view of the wire, and error messages. */
export function hooksFrom({ log, wire, health }: Settings, output: Output): ServeOptions {
  const show = (line: string) => output.write(line);
  const inColor = isStdoutInColor();
  const lineOf = { common: commonLogLine, json: jsonLogLine, none: undefined }[log];
  const isHealthCheck = ({ status, requestLine }: Exchange) =>
    status === 200 && pathOf(requestLine.split(" ")[1]) === health;
  return {
    onExchange: lineOf && ((exchange) => isHealthCheck(exchange) || show(lineOf(exchange))),
    wrap: wire ? (socket) => wiretap(socket, show, inColor) : undefined,
    onError: (error) => say(runtimeMessage(error)),
  };
}

// ---------------------------------------------------------------- --wire

/** At most this much of one read or write is shown. */
const MAX_WIRE_BYTES = 16 * 1024;

/** An event of one connection. */
export interface WireEvent {
  /** The client of the connection. */
  readonly client: Client;
  /** What happened; `drained` means that bytes came after the reply and were discarded. */
  readonly kind: "opened" | "received" | "sent" | "drained" | "reset" | "closed";
  /** The bytes received or sent. They change after the call. */
  readonly bytes?: Uint8Array;
  /** How many bytes were received, sent or drained. */
  readonly count: number;
}

/**
 * Wraps a socket so that all its events are shown.
 *
 * @param show Receives each line, without its end.
 */
function wiretap(socket: Socket, show: (line: string) => void, inColor: boolean): Socket {
  const client = clientOf(socket.remoteAddr);
  const report = (kind: WireEvent["kind"], count = 0, bytes?: Uint8Array) =>
    wireLines({ client, kind, count, bytes: bytes?.subarray(0, count) }, inColor).forEach(show);
  let drained: number | undefined;
  report("opened");
  return {
    remoteAddr: socket.remoteAddr,
    setNoDelay: (noDelay) => socket.setNoDelay(noDelay),
    async read(bytes) {
      const count = await socket.read(bytes);
      if (drained !== undefined) drained += count ?? 0;
      else if (count !== null) report("received", count, bytes);
      return count;
    },
    async write(bytes) {
      const count = await socket.write(bytes);
      if (count > 0) report("sent", count, bytes);
      return count;
    },
    closeWrite() {
      drained = 0; // from here on the server only discards
      return socket.closeWrite();
    },
    reset: socket.reset && (() => {
      report("reset");
      socket.reset!();
    }),
    [Symbol.dispose]() {
      if (drained) report("drained", drained);
      report("closed");
      socket[Symbol.dispose]();
    },
  };
}

/** The lines that show an event, its direction marked, CR and LF visible. */
export function wireLines({ client, kind, bytes, count }: WireEvent, inColor: boolean): string[] {
  const { dim, green, cyan } = paints(inColor);
  const who = dim(hostAndPort(client.hostname, client.port));
  if (kind === "drained") {
    return [`${who} ${cyan(">>")} ${dim(`${plural(count, "more byte")}, discarded`)}`];
  }
  if (kind !== "received" && kind !== "sent") return [`${who} ${dim(`-- ${kind}`)}`];
  const arrow = kind === "received" ? cyan(">>") : green("<<");
  const shown = bytes?.subarray(0, MAX_WIRE_BYTES) ?? new Uint8Array();
  // one character per byte: the decoder that is called latin1 decodes windows-1252
  const lines = String.fromCharCode(...shown).match(/[^\n]*\n|[^\n]+/g) ?? [];
  const text = lines.map((line) => {
    const [, content, end] = /^([^]*?)(\r?\n?)$/.exec(line) ?? [];
    return `${who} ${arrow} ${visible(content)}${dim(visible(end))}`;
  });
  const hidden = count - shown.length;
  if (hidden > 0) text.push(`${who} ${arrow} ${dim(plural(hidden, "more byte"))}`);
  return text;
}

/** Colors text by the escape sequences of terminals, or leaves it alone. */
function paints(inColor: boolean) {
  const paint = (code: number) => (text: string) => inColor ? `\x1b[${code}m${text}\x1b[0m` : text;
  return { dim: paint(2), green: paint(32), cyan: paint(36) };
}

/** Escapes what a client sends, which must not color the text; line ends have their names in C. */
function visible(text: string): string {
  const named: Record<string, string> = { "\r": "\\r", "\n": "\\n", "\t": "\\t" };
  return text.replace(
    /[^\x20-\x7e]|\\/g,
    (character) => named[character] ?? escapeControls(character),
  );
}
