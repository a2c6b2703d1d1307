/**
 * What a path answers to methods that it has nothing of its own for.
 *
 * @module
 */

import type { Reply } from "../server.ts";
import { METHODS } from "./methods.ts";
import { type Fields, mergeFields, withDefaults } from "./reply_defaults.ts";

/** What is not there, whatever the method. */
export const NOT_FOUND: Reply = Object.freeze({ status: 404, body: "404 Not Found\n" });

/** The reply to a method, for a path that answers some methods or, if it is not there, none. */
export type OtherMethods = (method: string, allowed: readonly string[]) => Reply;

/**
 * OPTIONS gets 204 and the methods that there are (RFC 9110 §9.3.7), even where nothing is: a
 * browser asks before it sends a request from a page of another origin, and should then see what
 * that gets. Other methods get 405 (§15.5.6), or what stands for paths that are not there.
 */
export function otherMethods(headers: Fields, missing: Reply): OtherMethods {
  const replies = new Map<string, Reply>();
  return (method, allowed) => {
    if (method !== "OPTIONS" && allowed.length === 0) return missing;
    const names = allowed.length === 0 ? ["GET", "HEAD"] : allowed;
    const list = METHODS.filter((name) => names.includes(name) || name === "OPTIONS");
    const key = `${method === "OPTIONS"} ${list}`;
    let reply = replies.get(key);
    if (reply === undefined) {
      reply = method === "OPTIONS" ? optionsReply(list, headers) : notAllowed(list, headers);
      replies.set(key, reply); // there are few lists
    }
    return reply;
  };
}

function optionsReply(allowed: readonly string[], headers: Fields): Reply {
  return withDefaults({ status: 204 }, { headers: mergeFields(allowField(allowed), headers) });
}

function notAllowed(allowed: readonly string[], headers: Fields): Reply {
  const expected = `${allowed.slice(0, -1).join(", ")} or ${allowed.at(-1)}`;
  return withDefaults({
    status: 405,
    headers: allowField(allowed),
    body: `405 Method Not Allowed\n\nExpected ${expected}.\n`,
  }, { headers });
}

function allowField(allowed: readonly string[]): Fields {
  return [["Allow", allowed.join(", ")]];
}
