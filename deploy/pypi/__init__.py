"""Starts Firstline in the Deno that pip has installed beside it, with no more permissions than its
arguments name, and passes on streams, signals and the exit code."""

import json
import os
import re
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def given(args, flags):
    """Pairs of a flag and its value, "true" or "false" where it has none; a path alone is --file,
    with or without its prefix.

    Reads the arguments as command/arguments.ts does, with the flags that a build takes from
    command/flags.ts: which have a value, and what each letter stands for. With --check, what stands
    behind -- is a command, and not read."""
    valued, letters = flags["valued"], flags["letters"]
    rest = list(args)
    is_check = False

    def is_flag(argument):
        return argument.startswith("--") or argument[:1] == "-" and argument[1:2] in letters

    def with_value(name, joined):
        nonlocal is_check
        is_valued = name in valued
        if joined is None:
            can_be_next = rest and (
                not is_flag(rest[0]) if is_valued else rest[0] in ("true", "false")
            )
            joined = rest.pop(0) if can_be_next else "" if is_valued else "true"
        is_check = is_check or (name, joined) == ("check", "true")
        return name, joined

    while rest:
        argument = rest.pop(0)
        long = re.fullmatch(r"--([^=]+)(?:=(.*))?", argument, re.DOTALL)
        if argument == "--":
            if is_check:
                return
            yield from (("file", path) for path in rest)
            return
        if long:
            yield with_value(*long.groups())
        elif not argument.startswith("-"):
            yield "file", re.sub("^/[^=]*=", "", argument)
        else:
            for at, letter in enumerate(argument[1:], 2):
                name, after = letters.get(letter), argument[at:]
                if after == "" or after[0] == "=" or name in valued:
                    yield with_value(name, None if after == "" else re.sub("^=", "", after))
                    break
                yield name, "true"


def behind(path, is_watched):
    """What must be readable besides a path: the real one behind it, if that is elsewhere. With --watch,
    a path that is itself a link may lead to another place later: the folder around its target."""
    real = os.path.realpath(path)
    if not os.path.exists(path) or real == os.path.abspath(path):
        return None, False
    may_move = is_watched and os.path.islink(path)
    return os.path.dirname(real) if may_move else real, may_move


def permissions(args, flags, say=lambda message: None):
    """The permissions that Deno must grant: only what the arguments name, and where links in it lead.
    What goes beyond that is said."""
    pairs = list(given(args, flags))
    is_watched = ("watch", "true") in pairs
    checks = ("check", "true") in pairs
    named = lambda names: [value for name, value in pairs if name in names and value != ""]
    reads = []
    for path in named(flags["read"]):
        real, may_move = behind(path, is_watched)
        if may_move:
            say(f"may read all of {real}, because --watch follows the link {path}")
        reads += [path] if real is None else [path, real]
    writes = named(["report"]) if checks else []
    for path in [*reads, *writes]:
        if "," in path:
            raise ValueError(f'Cannot use "{path}": Deno grants no path that has a comma')
    return [
        "--allow-net",
        "--allow-env=PORT",
        "--allow-sys=networkInterfaces",
        *("--allow-read=" + path for path in reads),
        *("--allow-write=" + path for path in writes),
        *(["--allow-run"] if checks else []),
        *(["--unstable-net"] if ("reuse-port", "true") in pairs else []),
    ]


def say(message):
    """Writes a message to stderr."""
    print(f"firstline: {message}", file=sys.stderr, flush=True)


def command(args):
    """The command line: Deno, its permissions, the program, and the arguments."""
    from deno import find_deno_bin

    with open(os.path.join(HERE, "flags.json"), encoding="utf-8") as file:
        granted = permissions(args, json.load(file), say)
    own = ["--no-prompt", "--no-config", "--no-code-cache"]
    program = os.path.join(HERE, "firstline.mjs")
    return [os.fsdecode(find_deno_bin()), "run", *own, *granted, program, *args]


def main():
    """The command `firstline`."""
    try:
        words = command(sys.argv[1:])
    except (ImportError, OSError, ValueError) as error:
        say(error)
        sys.exit(1)
    environment = {**os.environ, "DENO_NO_UPDATE_CHECK": "1"}
    if os.name != "nt":
        os.execve(words[0], words, environment)
    # Windows cannot replace a process. Its console sends Ctrl-C to both, so this one ignores it and
    # waits for the other.
    signal.signal(signal.SIGINT, lambda *_: None)
    sys.exit(subprocess.call(words, env=environment))
