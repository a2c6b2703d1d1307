/**
 * What clients do in the lab: a record of their connections and requests, as evidence for those who
 * judge them.
 *
 * @module
 */

import { type Client, clientOf, type RequestLine, type Socket } from "../server.ts";
import { type Step, textOf, type Wait } from "./pieces.ts";

/** A request that the lab has received. */
export interface LabRequest {
  /** Seconds from the start of the lab until its line had arrived. */
  readonly at: number;
  /** The number of its connection. */
  readonly connection: number;
  /** The method. */
  readonly method: string;
  /** The request target as it was sent. */
  readonly target: string;
  /** The version, such as `HTTP/1.1`; empty if the line has none. */
  readonly version: string;
  /** The field lines that have arrived so far, with their line ends, one character per byte. */
  readonly head: string;
  /**
   * True if it came before something that the lab was to send late and unasked on this connection.
   * That is then not sent: behind a request, it would pass for the response.
   */
  readonly isEarly: boolean;
}

/** A connection to the lab. */
export interface LabConnection {
  /** Its number; the first one is 1. */
  readonly number: number;
  /** True once the lab has closed it. */
  readonly isClosed: boolean;
  /** How many bytes of responses the kernel has taken. */
  readonly bytesSent: number;
}

/** So many requests and connections are kept; older ones are dropped. */
const MAX_KEPT = 1000;
/** So many bytes of a request are kept, as many as the server takes for a request line. */
const MAX_HEAD_BYTES = 8192;
/** Field lines that have not arrived by then are not waited for. */
const MAX_HEAD_MS = 10_000;

/** Records connections and requests by reading along with the server. */
export class Traffic {
  /** The last 1000 requests, oldest first. */
  readonly requests: LabRequest[] = [];
  /** The last 1000 connections, oldest first. */
  readonly connections: LabConnection[] = [];
  /** When it began, in milliseconds, as `performance.now()` counts. */
  readonly startedAt: number = performance.now();

  readonly #open = new Map<string, Connection>();
  readonly #change = new Change();
  #connections = 0;
  #unfinished = 0;

  /** Records what passes a socket; an option of `serve()`. */
  readonly wrap = (socket: Socket): Socket => {
    const connection = new Connection(++this.#connections, this, () => {
      if (this.#open.get(key) === connection) this.#open.delete(key);
      this.#change.happened();
    });
    const key = keyOf(clientOf(socket.remoteAddr));
    this.#open.set(key, connection);
    keep(this.connections, connection);
    return connection.recorded(socket);
  };

  /** The open connection of this client. */
  connectionOf(client: Client): Connection | undefined {
    return this.#open.get(keyOf(client));
  }

  /** Counts a response that is to be finished soon, until the returned function is called. */
  begin(): () => void {
    this.#unfinished++;
    return () => {
      this.#unfinished--;
      this.#change.happened();
    };
  }

  /** Resolves when no response is unfinished, or after so many milliseconds. */
  async settled(milliseconds: number): Promise<void> {
    const end = performance.now() + milliseconds;
    while (this.#unfinished > 0 && performance.now() < end) {
      await this.#change.next(end - performance.now());
    }
  }

  /** Resolves when all connections have closed. */
  async idle(): Promise<void> {
    while (this.#open.size > 0) await this.#change.next();
  }
}

function keyOf({ hostname, port }: Client): string {
  return `${hostname} ${port}`;
}

/** Adds to a list, and drops its first element if it is too long. */
function keep<T>(list: T[], one: T): void {
  if (list.push(one) > MAX_KEPT) list.shift();
}

/** Lets others wait for something to happen. */
class Change {
  readonly #waiting = new Set<() => void>();

  /** Resolves when it happens next, or after so many milliseconds. */
  next(milliseconds?: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = milliseconds === undefined ? undefined : setTimeout(done, milliseconds);
      this.#waiting.add(done);
    });
  }

  happened(): void {
    for (const done of [...this.#waiting]) done();
  }
}

/** A connection, and the requests that have arrived on it. */
export class Connection implements LabConnection {
  isClosed = false;
  bytesSent = 0;

  readonly #traffic: Traffic;
  readonly #onClose: () => void;
  readonly #change = new Change();
  #hasEnded = false; // the client sends no more
  #count = 0; // requests of which a byte has arrived
  readonly #unanswered: Received[] = [];
  #hasLate = false; // something late is still to be sent
  #text = ""; // what has arrived of the present request
  #isBegun = false; // a byte of it has arrived
  #isEarly = false;
  #request: Received | undefined; // its record, once its line has arrived
  #isBlind = false; // what follows is content, or too long

  constructor(readonly number: number, traffic: Traffic, onClose: () => void) {
    this.#traffic = traffic;
    this.#onClose = onClose;
  }

  /** The socket, with what passes it recorded. */
  recorded(socket: Socket): Socket {
    return {
      remoteAddr: socket.remoteAddr,
      read: async (into) => {
        const count = await socket.read(into);
        if (count === null) this.#hasEnded = true;
        else this.#receive(into.subarray(0, count));
        this.#change.happened();
        return count;
      },
      write: async (bytes) => {
        const count = await socket.write(bytes);
        this.bytesSent += count;
        return count;
      },
      closeWrite: () => socket.closeWrite(),
      setNoDelay: (noDelay) => socket.setNoDelay(noDelay),
      reset: socket.reset && (() => socket.reset!()),
      [Symbol.dispose]: () => {
        socket[Symbol.dispose]();
        if (this.isClosed) return;
        this.isClosed = true;
        this.#change.happened();
        this.#onClose();
      },
    };
  }

  /** The record of the request that is being answered. Those before it have been answered. */
  take({ method, target }: RequestLine): Received | undefined {
    const unanswered = this.#unanswered;
    const at = unanswered.findIndex((one) => one.method === method && one.target === target);
    return unanswered.splice(0, at + 1).at(-1);
  }

  /** Resolves to the field lines of a request, or to what has come of them. */
  async headOf(request: Received): Promise<string> {
    await this.#until(() => request.isComplete || this.#hasEnded || this.isClosed, MAX_HEAD_MS);
    return request.head;
  }

  /**
   * The steps of the response to a request as the server takes them, with waits that end early by
   * what the client does.
   *
   * @param isAwaited True if the response counts as unfinished until it has been written.
   */
  async *watched(
    request: Received,
    steps: Iterable<Step>,
    isAwaited: boolean,
  ): AsyncGenerator<Uint8Array | number> {
    const end = isAwaited ? this.#traffic.begin() : () => {};
    try {
      for (const step of steps) {
        if (step instanceof Uint8Array) yield step;
        else if (step.until === undefined) yield step.milliseconds;
        else if (await this.#wait(step, request)) return;
      }
    } finally {
      end();
    }
  }

  /** Waits. True if nothing more is to be sent of the response. */
  async #wait({ milliseconds, until, isLate = false }: Wait, request: Received): Promise<boolean> {
    const hasNext = () => this.#count > request.number;
    // A client that has asked for the close makes no other request, but it waits for this response.
    const hasLeft = () => this.#hasEnded || until === "request" && CLOSE_FIELD.test(request.head);
    this.#hasLate = isLate;
    await this.#until(
      () => this.isClosed || !isLate && hasLeft() || until === "request" && hasNext(),
      milliseconds,
    );
    this.#hasLate = false;
    return isLate && hasNext();
  }

  async #until(holds: () => boolean, milliseconds: number): Promise<void> {
    const end = performance.now() + milliseconds;
    for (let left; !holds() && (left = end - performance.now()) > 0;) await this.#change.next(left);
  }

  /**
   * Takes requests apart. What follows one with content is passed over, because the server closes
   * the connection after it.
   */
  #receive(bytes: Uint8Array): void {
    if (this.#isBlind) return;
    this.#text += textOf(bytes);
    while (this.#takeRequest());
    if (this.#text.length <= MAX_HEAD_BYTES && !this.#isBlind) return;
    this.#isBlind = true;
    this.#text = "";
  }

  /** Records the present request. True if it is complete, so that the next one may follow. */
  #takeRequest(): boolean {
    if (!this.#begin()) return false;
    const lineEnd = this.#text.indexOf("\n");
    if (lineEnd === -1) return false;
    this.#request ??= this.#record(this.#text.slice(0, lineEnd));
    const rest = this.#text.slice(lineEnd + 1);
    const end = /^\r?\n|(?<=\n)\r?\n/.exec(rest);
    this.#request.head = rest.slice(0, end?.index);
    if (end === null) return false;
    this.#request.isComplete = true;
    this.#isBlind = CONTENT_FIELD.test(this.#request.head);
    this.#text = rest.slice(end.index + end[0].length);
    this.#isBegun = false;
    this.#request = undefined;
    return !this.#isBlind;
  }

  /** Notes the first byte of a request, after empty lines (RFC 9112 §2.2). False if there is none. */
  #begin(): boolean {
    if (this.#isBegun) return true;
    this.#text = this.#text.replace(/^[\r\n]+/, "");
    if (this.#text === "") return false;
    this.#isBegun = true;
    this.#isEarly = this.#hasLate;
    this.#count++;
    return true;
  }

  #record(line: string): Received {
    const [method, target = "", version = ""] = line.trimEnd().split(" ");
    const request = {
      at: (performance.now() - this.#traffic.startedAt) / 1000,
      connection: this.number,
      number: this.#count,
      method,
      target,
      version,
      head: "",
      isComplete: false,
      isEarly: this.#isEarly,
    };
    keep(this.#traffic.requests, request);
    keep(this.#unanswered, request);
    return request;
  }
}

/** A request while its connection is open. */
export interface Received extends LabRequest {
  /** Its number on the connection; the first one is 1. */
  readonly number: number;
  head: string;
  /** True once the header section is complete. */
  isComplete: boolean;
}

/** A field that announces that no request follows (RFC 9112 §9.6). */
const CLOSE_FIELD = /^connection:[^\r\n]*\bclose\b/im;

/** A field that announces content (RFC 9112 §6). */
const CONTENT_FIELD = /^(?:content-length:(?![ \t]*0[ \t]*\r?$)|transfer-encoding:)/im;
