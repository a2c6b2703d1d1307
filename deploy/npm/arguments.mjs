// Which permissions the arguments of Firstline need. It reads them as command/arguments.ts does, with
// the flags that a build takes from command/flags.ts: which have a value, which of those name what is
// read, and what each letter stands for.

/** Pairs of a flag and its value, `"true"` or `"false"` where it has none; a path alone is --file. */
export function* given(args, { valued, letters }) {
  const rest = [...args];
  const withValue = (name, joined) => {
    const [canBeNext, otherwise] = valued.includes(name)
      ? [/^[^-]/, ""]
      : [/^(true|false)$/, "true"];
    return [name, joined ?? (canBeNext.test(rest[0] ?? "") ? rest.shift() : otherwise)];
  };
  while (rest.length > 0) {
    const argument = rest.shift();
    const [, name, value] = /^--([^=]+)(?:=([^]*))?$/.exec(argument) ?? [];
    if (argument === "--") yield* rest.splice(0).map((path) => ["file", path]);
    else if (name !== undefined) yield withValue(name, value);
    else if (!argument.startsWith("-")) yield ["file", argument];
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

/** The permissions that Deno must grant: only what the arguments name. */
export function permissions(args, flags) {
  const pairs = [...given(args, flags)];
  const paths = pairs.filter(([name, value]) => flags.read.includes(name) && value !== "");
  const divided = paths.find(([, path]) => path.includes(","));
  if (divided) throw new Error(`Cannot use "${divided[1]}": Deno grants no path that has a comma`);
  const sharesPort = pairs.some(([name, value]) => name === "reuse-port" && value === "true");
  return [
    "--allow-net",
    "--allow-env=PORT",
    ...paths.map(([, path]) => `--allow-read=${path}`),
    ...(sharesPort ? ["--unstable-net"] : []),
  ];
}
