/**
 * What the lab remembers by name: which item of a sequence is next, and what happened under a key.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** A request under a key. */
export interface Seen {
  /** Seconds since the first request under this key. */
  readonly at: number;
  /** The item of the sequence that it got, or `arrived`. */
  readonly item: string;
  /** The method of the request. */
  readonly method: string;
  /** The number of its connection. */
  readonly connection?: number;
  /** The names of its fields in the order of their arrival, where an entry needs them. */
  fields?: readonly string[];
  /** True if credentials were among them. */
  authorization?: boolean;
  /** True if cookies were among them. */
  cookie?: boolean;
}

/** What is known of a key. */
interface KeyRecord {
  /** When the first request was noted, in milliseconds. */
  startedAt?: number;
  /** How many requests there were for each list of items, by a hash of it. */
  readonly counts: Map<string, number>;
  readonly seen: Seen[];
}

/** So many requests are remembered in all. */
const MAX_SEEN = 10_000;
/** So many names of fields are remembered of a request, each up to so many characters. */
const MAX_FIELDS = 50;
const MAX_NAME = 40;

/** The memory of sequences. It is bounded: the oldest key is forgotten first. */
export class Memory {
  readonly #records = new Map<string, KeyRecord>();
  #size = 0;

  /** Counts a request for a list of items under a key, and returns how many came before. */
  count(key: string, list: string): number {
    const { counts } = this.#recordOf(key);
    const hash = createHash("sha256").update(list).digest("base64");
    const before = counts.get(hash) ?? 0;
    counts.set(hash, before + 1);
    return before;
  }

  /** Notes a request under a key. What is returned may be completed later. */
  note(key: string, request: Omit<Seen, "at">): Seen {
    const record = this.#recordOf(key);
    const now = performance.now();
    const at = Math.round(now - (record.startedAt ??= now)) / 1000;
    const noted = { at, ...request, item: copyOf(request.item), method: copyOf(request.method) };
    if (this.#size >= MAX_SEEN) this.#forget(key);
    this.#size++;
    record.seen.push(noted);
    return noted;
  }

  /** What happened under a key, oldest first. */
  seen(key: string): readonly Seen[] {
    return this.#records.get(key)?.seen ?? [];
  }

  #recordOf(key: string): KeyRecord {
    let record = this.#records.get(key);
    if (record === undefined) {
      record = { counts: new Map(), seen: [] };
      this.#records.set(copyOf(key), record);
    }
    return record;
  }

  /** Makes room: forgets the oldest other key, or the oldest request under the only one. */
  #forget(present: string): void {
    for (const [key, { seen }] of this.#records) {
      if (key === present) continue;
      this.#records.delete(key);
      this.#size -= seen.length;
      if (seen.length > 0) return;
    }
    this.#records.get(present)!.seen.shift();
    this.#size--;
  }
}

/** Notes the names of the fields in a header section, never their values. */
export function noteFields(seen: Seen, head: string): void {
  const names = [...head.matchAll(/^([^:\r\n]+):/gm)].map(([, name]) => name);
  const has = (wanted: string) => names.some((name) => name.toLowerCase() === wanted);
  seen.fields = names.slice(0, MAX_FIELDS).map((name) => copyOf(name.slice(0, MAX_NAME)));
  seen.authorization = has("authorization");
  seen.cookie = has("cookie");
}

/** A part of a string keeps the whole of it in memory; a copy does not. */
function copyOf(text: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(text));
}
