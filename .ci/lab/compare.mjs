// Asks a lab for each entry of lab/vectors.json on a raw socket, and compares bytes and endings with the
// vectors.
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Of a response without end, so many bytes are read. */
const MAX_BYTES = 2 << 20;
/** One response is read until the lab ends it. */
const WHOLE = "/endless-head";
const WHOLE_BYTES = 64 << 20;
/** The head of a response ends by then. */
const MAX_START_BYTES = 16_384;
/** So many bytes of content are sent: more than a server reads with the head. */
const SENT_BYTES = 200_000;
/** The reset for what was sent to a closed socket is here by then. */
const RESET_MS = 100;
const PATIENCE_MS = 60_000;
const AT_ONCE = 24;

/** What a response may look like to the client at its end. */
function expectedEnd({ path, pieces, ending }) {
  if (path === WHOLE) return ending;
  const lasts = pieces.some((piece) => piece === null || isEndless(piece));
  return lasts ? "stalled" : ending;
}

function isEndless(piece) {
  return typeof piece === "object" && "repeat" in piece && piece.times === undefined;
}

/** The bytes of a response, as many as are read of it. */
function expectedBytes({ path, pieces }, port) {
  const limit = path === WHOLE ? WHOLE_BYTES : MAX_BYTES;
  const parts = [];
  let size = 0;
  const add = (bytes) => {
    parts.push(bytes);
    size += bytes.length;
  };
  for (const piece of pieces) {
    if (typeof piece === "string") add(Buffer.from(piece, "base64"));
    else if (piece?.port) add(Buffer.from(`${port}`));
    else if (piece?.repeat) {
      const bytes = Buffer.from(piece.repeat, "base64");
      const times = piece.times ?? (piece.pause ? 3 : Infinity);
      for (let count = 0; count < times && size < limit; count++) add(bytes);
    }
  }
  return Buffer.concat(parts).subarray(0, limit);
}

/** A connection that keeps all it receives, and notes how it ends. */
class Exchange {
  received = [];
  size = 0; // without the Date
  end = undefined;
  wake = () => {};

  constructor(port) {
    this.socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    this.socket.on("data", (bytes) => this.add(bytes));
    this.socket.on("end", () => this.ends("fin"));
    this.socket.on("error", ({ code }) => this.ends(code === "ECONNRESET" ? "reset" : code));
  }

  /** Correct responses of the lab have a Date, which is left out. */
  add(bytes) {
    const isStart = this.size < MAX_START_BYTES;
    const all = isStart ? Buffer.concat([...this.received, bytes]) : bytes;
    const date = isStart ? /\r\nDate: [^\r]*(?=\r)/.exec(all.toString("latin1")) : null;
    const [from, to] = date ? [date.index, date.index + date[0].length] : [0, 0];
    const kept = Buffer.concat([all.subarray(0, from), all.subarray(to)]);
    if (isStart) this.received = [];
    this.received.push(kept);
    this.size = isStart ? kept.length : this.size + kept.length;
    this.wake();
  }

  ends(how) {
    this.end = this.end === "reset" ? "reset" : how;
    this.wake();
  }

  /** Waits until something holds or the connection has ended. */
  async until(holds) {
    const watchdog = setTimeout(() => this.ends("no end within a minute"), PATIENCE_MS);
    while (!holds() && this.end === undefined) {
      await new Promise((resolve) => this.wake = resolve);
    }
    clearTimeout(watchdog);
  }

  bytes() {
    return Buffer.concat(this.received);
  }
}

function requestOf({ method = "GET", path, sends = 0 }) {
  const framing = sends > 0 ? `Content-Length: ${sends}\r\n` : "";
  const head = `${method} ${path} HTTP/1.1\r\nHost: lab.test\r\n${framing}\r\n`;
  return head + "x".repeat(Math.min(sends, SENT_BYTES));
}

const NEXT = "GET /next HTTP/1.1\r\nHost: lab.test\r\n\r\n";

/** How a connection ends: after a FIN, only a lingering server takes what is sent. */
async function endOf(exchange, vector) {
  if (expectedEnd(vector) === "stalled") return exchange.end ?? "stalled";
  if (vector.ending === "open" && exchange.end === undefined) {
    const { size } = exchange;
    exchange.socket.write(NEXT);
    await exchange.until(() => exchange.bytes().subarray(size).toString().endsWith("\nnext\n"));
    return exchange.end ?? "open";
  }
  await exchange.until(() => false);
  if (exchange.end !== "fin") return exchange.end;
  for (let count = 0; count < 2; count++) { // the second write fails if the first one was reset
    exchange.socket.write("x");
    await sleep(RESET_MS);
  }
  return exchange.end === "fin" ? "linger" : "close";
}

/** What a lab does for one entry, and what its vector says. */
async function compareOne(port, vector) {
  const expected = expectedBytes(vector, port);
  const exchange = new Exchange(port);
  exchange.socket.write(requestOf(vector));
  await exchange.until(() => exchange.size >= expected.length);
  if (vector.pieces.some((piece) => piece?.until)) exchange.socket.write(NEXT);
  const end = await endOf(exchange, vector);
  exchange.socket.destroy();
  const bytes = exchange.bytes().subarray(0, expected.length);
  // With content unread, the close is a reset, which may overtake the response.
  const isCut = vector.sends > 0 && vector.ending === "close";
  const same = isCut ? expected.subarray(0, bytes.length).equals(bytes) : expected.equals(bytes);
  const endings = isCut ? ["close", "reset"] : [expectedEnd(vector)];
  if (same && endings.includes(end)) return [];
  const show = (some) => JSON.stringify(some.subarray(0, 200).toString("latin1"));
  return [
    `${vector.path}: ${end} after ${bytes.length} bytes ${show(bytes)}, expected ` +
    `${endings[0]} after ${expected.length} bytes ${show(expected)}`,
  ];
}

/** Compares all entries, several at once. Returns the differences. */
export async function compare(port, vectors) {
  const waiting = [...vectors];
  const differences = [];
  const worker = async () => {
    for (let vector; (vector = waiting.shift());) {
      const ask = () => compareOne(port, vector).catch(({ message }) => [message]);
      let found = await ask();
      if (found.length > 0) found = await ask(); // a busy machine may have mixed up two events
      differences.push(...found);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return differences;
}
