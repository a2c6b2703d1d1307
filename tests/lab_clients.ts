/**
 * Two clients for the lab to judge: one follows the RFCs to the letter, one believes anything.
 *
 * @module
 */

import { connect, isGone, send } from "./clients.ts";
import { textOf } from "./wire.ts";

/** What a client is asked to send. */
export interface Asked {
  readonly url: string;
  readonly method: string;
  /** So many bytes of content. */
  readonly sends: number;
}

/** A response that a client accepts. */
export interface Accepted {
  readonly status: number;
  /** One character per byte. */
  readonly content: string;
}

/** A client of the lab. */
export interface LabClient extends Disposable {
  /** Resolves to the response. Rejects if the client reports an error. */
  ask(asked: Asked): Promise<Accepted>;
}

/** An error that a client reports: the response is invalid or incomplete. */
export class InvalidResponse extends Error {
  override readonly name = "InvalidResponse";
}

/** No line, and no section of fields, may be longer. */
const MAX_LINE = 16 * 1024;
const MAX_SECTION = 64 * 1024;

/** Follows RFC 9110 and RFC 9112 to the letter. It keeps one connection to each origin. */
export class StrictClient implements LabClient {
  readonly #idle = new Map<string, StrictConnection>();

  async ask(asked: Asked): Promise<Accepted> {
    const { port } = new URL(asked.url);
    const idle = this.#idle.get(port);
    this.#idle.delete(port);
    if (idle?.isUsable) {
      try {
        return await this.#askOn(idle, port, asked);
      } catch (error) {
        // a connection may close at any time, and the request can be repeated (RFC 9110 §9.2.2)
        if (!idle.isSilent || asked.method === "PUT") throw error;
      }
    }
    idle?.[Symbol.dispose]();
    return await this.#askOn(
      new StrictConnection(await connect({ port: Number(port) })),
      port,
      asked,
    );
  }

  async #askOn(connection: StrictConnection, port: string, asked: Asked): Promise<Accepted> {
    try {
      const { mayStay, ...accepted } = await connection.ask(asked);
      if (mayStay) this.#idle.set(port, connection);
      else connection[Symbol.dispose]();
      return accepted;
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const connection of this.#idle.values()) connection[Symbol.dispose]();
  }
}

/** A connection of the strict client. */
class StrictConnection implements Disposable {
  readonly #socket: Deno.TcpConn;
  readonly #input: Input;

  constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
    this.#input = new Input(socket);
  }

  /** False if anything has come since the last response (RFC 9112 §9.2). */
  get isUsable(): boolean {
    return this.#input.isQuiet;
  }

  /** True if nothing of the response to the last request has come. */
  get isSilent(): boolean {
    return this.#input.isSilent;
  }

  async ask(asked: Asked): Promise<Accepted & { readonly mayStay: boolean }> {
    this.#input.isSilent = true;
    // the server may answer and close while the content is on its way (RFC 9112 §9.5)
    const sent = this.#send(asked).catch((error) => {
      if (!isGone(error)) throw error;
    });
    const response = await readResponse(this.#input, asked.method);
    if (asked.sends > 0) this.#socket.close();
    await sent;
    const mayStay = response.mayStay && asked.sends === 0 && this.#input.watch();
    return { ...response, mayStay };
  }

  async #send({ url, method, sends }: Asked): Promise<void> {
    const { pathname, host } = new URL(url);
    const length = sends > 0 ? `Content-Length: ${sends}\r\n` : "";
    await send(this.#socket, `${method} ${pathname} HTTP/1.1\r\nHost: ${host}\r\n${length}\r\n`);
    if (sends > 0) await send(this.#socket, new Uint8Array(sends));
  }

  [Symbol.dispose](): void {
    try {
      this.#socket.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error; // closed already
    }
  }
}

/** What arrives on a connection, one character per byte. */
class Input {
  /** True until a byte arrives. */
  isSilent = true;
  readonly #socket: Deno.TcpConn;
  readonly #buffer = new Uint8Array(64 * 1024);
  #text = "";
  #reading: Promise<boolean> | undefined;
  #isDone = false; // the read that is under way has come to an end

  constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
  }

  /** Reads ahead, so that whatever comes unasked is noticed. False if something has come already. */
  watch(): boolean {
    if (this.#text !== "") return false;
    this.#isDone = false;
    this.#reading = this.#read().finally(() => this.#isDone = true);
    this.#reading.catch(() => {}); // told to the one who reads next
    return true;
  }

  get isQuiet(): boolean {
    return !this.#isDone && this.#text === "";
  }

  /** Reads more. False at the end of the input. */
  #more(): Promise<boolean> {
    const reading = this.#reading ?? this.#read();
    this.#reading = undefined;
    return reading;
  }

  async #read(): Promise<boolean> {
    const count = await this.#socket.read(this.#buffer);
    if (count === null) return false;
    this.isSilent = false;
    this.#text += textOf(this.#buffer.subarray(0, count));
    return true;
  }

  /** The next line without its CRLF. A line within which a CR or LF stands alone is returned as it is. */
  async line(): Promise<string> {
    for (let from = 0;;) {
      const end = this.#text.indexOf("\r\n", from);
      if (end > MAX_LINE || end === -1 && this.#text.length > MAX_LINE) {
        throw new InvalidResponse("a line is too long");
      }
      if (end !== -1) return this.#take(end + 2).slice(0, -2);
      from = Math.max(0, this.#text.length - 1);
      if (!await this.#more()) throw new InvalidResponse("it ends within a line");
    }
  }

  async bytes(count: number): Promise<string> {
    while (this.#text.length < count) {
      if (!await this.#more()) throw new InvalidResponse("the content is incomplete");
    }
    return this.#take(count);
  }

  async untilClose(): Promise<string> {
    while (await this.#more());
    return this.#take(this.#text.length);
  }

  #take(count: number): string {
    const taken = this.#text.slice(0, count);
    this.#text = this.#text.slice(count);
    return taken;
  }
}

interface Head {
  readonly status: number;
  readonly minorVersion: number;
  readonly fields: Fields;
}

/** Values by name in lower case. */
type Fields = ReadonlyMap<string, readonly string[]>;

async function readResponse(
  input: Input,
  method: string,
): Promise<Accepted & { readonly mayStay: boolean }> {
  const head = await readFinalHead(input);
  const { status, minorVersion, fields } = head;
  const { content, isFramed } = await readContent(input, head, method);
  const options = listOf(fields, "connection").map((option) => option.toLowerCase());
  const persists = minorVersion > 0 || options.includes("keep-alive"); // RFC 9112 §9.3
  return { status, content, mayStay: isFramed && persists && !options.includes("close") };
}

/** Skips informational responses (RFC 9110 §15.2), but none that switches protocols unasked. */
async function readFinalHead(input: Input): Promise<Head> {
  for (let count = 0; count < 10; count++) {
    const head = await readHead(input);
    if (head.status === 101) throw new InvalidResponse("it switches protocols");
    if (head.status < 100 || head.status >= 200) return head;
  }
  throw new InvalidResponse("there are too many informational responses");
}

async function readHead(input: Input): Promise<Head> {
  const line = await input.line();
  const [, minor, status] = /^HTTP\/1\.(\d) (\d{3}) [\t\x20-\x7e\x80-\xff]*$/.exec(line) ?? [];
  if (status === undefined) throw new InvalidResponse("the status line is invalid");
  return { status: Number(status), minorVersion: Number(minor), fields: await readFields(input) };
}

/** Reads a header or trailer section with its empty line (RFC 9112 §5). */
async function readFields(input: Input): Promise<Fields> {
  const lines: string[] = [];
  let size = 0;
  for (let line; (line = await input.line()) !== "";) {
    if ((size += line.length) > MAX_SECTION) throw new InvalidResponse("there are too many fields");
    if (/^[ \t]/.test(line) && lines.length > 0) lines.push(`${lines.pop()} ${line.trimStart()}`);
    else lines.push(line);
  }
  const fields = new Map<string, string[]>();
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? [];
    if (name === undefined) throw new InvalidResponse("a field line is invalid");
    const key = name.toLowerCase();
    fields.set(key, [...fields.get(key) ?? [], value]);
  }
  return fields;
}

/** The elements of a list, without empty ones (RFC 9110 §5.6.1). */
function listOf(fields: Fields, name: string): string[] {
  const values = fields.get(name) ?? [];
  return values.flatMap((value) => value.split(",")).map((one) => one.trim()).filter(Boolean);
}

/** Reads content as RFC 9112 §6.3 frames it; `isFramed` is false if the close ends it. */
async function readContent(
  input: Input,
  { status, minorVersion, fields }: Head,
  method: string,
): Promise<{ readonly content: string; readonly isFramed: boolean }> {
  if (method === "HEAD" || status === 204 || status === 304) return { content: "", isFramed: true };
  if (fields.has("transfer-encoding")) {
    const isChunked = listOf(fields, "transfer-encoding").join().toLowerCase() === "chunked";
    if (!isChunked || minorVersion === 0 || fields.has("content-length")) {
      throw new InvalidResponse("the transfer coding is invalid");
    }
    return { content: await readChunks(input), isFramed: true };
  }
  const lengths = fields.get("content-length");
  if (lengths === undefined) return { content: await input.untilClose(), isFramed: false };
  if (lengths.length > 1 || !/^\d+$/.test(lengths[0])) {
    throw new InvalidResponse("the length is invalid");
  }
  return { content: await input.bytes(Number(lengths[0])), isFramed: true };
}

/** Reads chunks and the trailer section (RFC 9112 §7.1). */
async function readChunks(input: Input): Promise<string> {
  const chunks: string[] = [];
  for (;;) {
    const [, digits] = CHUNK_LINE.exec(await input.line()) ?? [];
    if (digits === undefined) throw new InvalidResponse("a chunk size is invalid");
    const size = parseInt(digits, 16);
    if (size === 0) break;
    if (size > Number.MAX_SAFE_INTEGER) throw new InvalidResponse("a chunk size is too large");
    chunks.push(await input.bytes(size));
    if (await input.bytes(2) !== "\r\n") throw new InvalidResponse("a chunk is too long");
  }
  await readFields(input);
  return chunks.join("");
}

/** A token, and a quoted string (RFC 9110 §5.6). */
const TOKEN = String.raw`[!#$%&'*+.^_\`|~\w-]+`;
const QUOTED = String.raw`"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"`;
/** A name, a colon, and a value without control characters but tabs (RFC 9110 §5.5). */
const FIELD = new RegExp(String.raw`^(${TOKEN}):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$`);
/** A chunk size, and any extensions (RFC 9112 §7.1.1). */
const CHUNK_LINE = new RegExp(
  String.raw`^([\da-fA-F]+)(?:[ \t]*;[ \t]*${TOKEN}(?:[ \t]*=[ \t]*(?:${TOKEN}|${QUOTED}))?)*$`,
);

/** So much of a response is enough for the careless client. */
const MAX_CARELESS_BYTES = 1024 * 1024;

/** Reads until the close, and believes anything. */
export class CarelessClient implements LabClient {
  async ask({ url, method, sends }: Asked): Promise<Accepted> {
    const { pathname, host, port } = new URL(url);
    using socket = await connect({ port: Number(port) });
    await send(
      socket,
      `${method} ${pathname} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n` +
        `Content-Length: ${sends}\r\n\r\n`,
    );
    const sent = send(socket, new Uint8Array(sends)).then(() => socket.closeWrite(), () => {});
    const text = await whatever(socket);
    if (sends > 0) socket.close();
    await sent;
    const end = text.indexOf("\r\n\r\n");
    const status = parseInt(text.slice(text.indexOf(" ")));
    return { status: status || 200, content: end === -1 ? "" : text.slice(end + 4) };
  }

  [Symbol.dispose](): void {}
}

/** What a socket receives until it closes or is reset. */
async function whatever(socket: Deno.TcpConn): Promise<string> {
  const buffer = new Uint8Array(64 * 1024);
  let text = "";
  try {
    for (
      let count;
      text.length < MAX_CARELESS_BYTES && (count = await socket.read(buffer)) !== null;
    ) {
      text += textOf(buffer.subarray(0, count));
    }
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  return text;
}
