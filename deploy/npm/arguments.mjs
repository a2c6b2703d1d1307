// Which permissions the arguments of Firstline need. It reads them as command/arguments.ts does, with
// the flags that a build takes from command/flags.ts: which have a value, which of those name what is
// read, and what each letter stands for.

import { lstatSync, realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Pairs of a flag and its value, `"true"` or `"false"` where it has none; a path alone is --file, with
 * or without its prefix. With
 * --check, what stands behind -- is a command, and not read.
 */
export function* given(args, { valued, letters }) {
  const rest = [...args];
  let isCheck = false;
  const isFlag = (next) => next.startsWith("--") || next.startsWith("-") && next[1] in letters;
  const withValue = (name, joined) => {
    const [next] = rest;
    const isValued = valued.includes(name);
    const canBeNext = next !== undefined &&
      (isValued ? !isFlag(next) : /^(true|false)$/.test(next));
    const value = joined ?? (canBeNext ? rest.shift() : isValued ? "" : "true");
    isCheck ||= name === "check" && value === "true";
    return [name, value];
  };
  while (rest.length > 0) {
    const argument = rest.shift();
    const [, name, value] = /^--([^=]+)(?:=([^]*))?$/.exec(argument) ?? [];
    if (argument === "--" && isCheck) return;
    else if (argument === "--") yield* rest.splice(0).map((path) => ["file", path]);
    else if (name !== undefined) yield withValue(name, value);
    else if (!argument.startsWith("-")) yield ["file", argument.replace(/^\/[^=]*=/, "")]; // a prefix
    else {
      for (let at = 1; at < argument.length; at++) {
        const name = letters[argument[at]];
        const after = argument.slice(at + 1);
        const isLast = after === "" || after.startsWith("=") || valued.includes(name);
        yield isLast
          ? withValue(name, after === "" ? undefined : after.replace(/^=/, ""))
          : [name, "true"];
        if (isLast) break;
      }
    }
  }
}

/** Where a path really is, if that is elsewhere. */
function realPath(path) {
  try {
    const real = realpathSync(path);
    return real === resolve(path) ? undefined : real;
  } catch {
    return undefined; // Firstline says why it cannot be used
  }
}

/**
 * What must be readable besides a path: the real one behind it. With --watch, a path that is itself a
 * link may lead to another place later: the folder around its target.
 */
function behind(path, isWatched) {
  const real = realPath(path);
  const mayMove = real !== undefined && isWatched && lstatSync(path).isSymbolicLink();
  return mayMove ? { real: dirname(real), mayMove } : { real };
}

/**
 * The permissions that Deno must grant: only what the arguments name, and where links in it lead.
 * What goes beyond that is said.
 */
export function permissions(args, flags, say = () => {}) {
  const pairs = [...given(args, flags)];
  const isOn = (flag) => pairs.some(([name, value]) => name === flag && value === "true");
  const named = (...names) =>
    pairs.filter(([name, value]) => names.includes(name) && value !== "").map(([, path]) => path);
  const reads = named(...flags.read).flatMap((path) => {
    const { real, mayMove } = behind(path, isOn("watch"));
    if (mayMove) say(`may read all of ${real}, because --watch follows the link ${path}`);
    return real === undefined ? [path] : [path, real];
  });
  const writes = isOn("check") ? named("report") : [];
  const divided = [...reads, ...writes].find((path) => path.includes(","));
  if (divided) throw new Error(`Cannot use "${divided}": Deno grants no path that has a comma`);
  return [
    "--allow-net",
    "--allow-env=PORT",
    "--allow-sys=networkInterfaces",
    ...reads.map((path) => `--allow-read=${path}`),
    ...writes.map((path) => `--allow-write=${path}`),
    ...(isOn("check") ? ["--allow-run"] : []),
    ...(isOn("reuse-port") ? ["--unstable-net"] : []),
  ];
}
