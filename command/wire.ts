/**
 * The wire: each conversation as it crosses it, line by line, CR and LF visible.
 *
 * @module
 */

import { type Client, clientOf, escapeControls, type Socket } from "../server.ts";
import { hostAndPort } from "./address.ts";
import { plural } from "./log.ts";

/** How much of one read or write is shown. */
const MAX_WIRE_BYTES = 16 * 1024;

/** Something that a connection went through. */
export interface WireEvent {
  /** The far end. */
  readonly client: Client;
  /** What happened: `drained` stands for bytes that came after the reply and were discarded. */
  readonly kind: "opened" | "received" | "sent" | "drained" | "reset" | "closed";
  /** What was received or sent; only to be looked at during the call. */
  readonly bytes?: Uint8Array;
  /** How many bytes that was, or how many were drained. */
  readonly count: number;
}

/** A socket whose conversation is shown. */
export function watched(
  socket: Socket,
  show: (text: string) => void,
  inColour: boolean,
): Socket {
  const client = clientOf(socket.remoteAddr as Deno.NetAddr);
  const tell = (kind: WireEvent["kind"], count = 0, bytes?: Uint8Array) =>
    show(wireLines({ client, kind, count, bytes: bytes?.subarray(0, count) }, inColour));
  let drained = -1;
  tell("opened");
  return {
    remoteAddr: socket.remoteAddr,
    setNoDelay: (noDelay) => socket.setNoDelay(noDelay),
    async read(bytes) {
      const count = await socket.read(bytes);
      if (drained >= 0) drained += count ?? 0;
      else if (count !== null) tell("received", count, bytes);
      return count;
    },
    async write(bytes) {
      const count = await socket.write(bytes);
      tell("sent", count, bytes);
      return count;
    },
    closeWrite() {
      drained = 0;
      return socket.closeWrite();
    },
    reset: socket.reset && (() => {
      tell("reset");
      socket.reset!();
    }),
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
  if (["opened", "reset", "closed"].includes(event.kind)) {
    return `${who} ${dim(`-- ${event.kind}`)}\n`;
  }
  if (event.kind === "drained") {
    return `${who} ${cyan(">>")} ${dim(`${plural(event.count, "more byte")}, discarded`)}\n`;
  }
  const arrow = event.kind === "received" ? cyan(">>") : green("<<");
  const shown = event.bytes?.subarray(0, MAX_WIRE_BYTES) ?? new Uint8Array();
  const lines = new TextDecoder("latin1").decode(shown).match(/[^\n]*\n|[^\n]+/g) ?? [];
  const text = lines.map((line) => {
    const [, content, end] = /^([^]*?)(\r?\n?)$/.exec(line) ?? [];
    return `${who} ${arrow} ${visible(content)}${dim(visible(end))}\n`;
  });
  const hidden = event.count - shown.length;
  if (hidden > 0) text.push(`${who} ${arrow} ${dim(plural(hidden, "more byte"))}\n`);
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
