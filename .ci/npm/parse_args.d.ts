// npm's build of the standard library has no types. These are of what is used here.

/** What the flags are; `S` have a value, `B` are on or off, `C` may be repeated. */
export interface ParseOptions<S extends string, B extends string, C extends string> {
  string?: readonly S[];
  boolean?: readonly B[];
  collect?: readonly C[];
  alias?: Record<string, string>;
  /** Is asked for each flag that is none of these; false leaves it out. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Names that are known while compiling have types; others could be anything. */
type Flags<Name extends string, Type> = { [N in Name]: string extends Name ? unknown : Type };

export function parseArgs<
  const S extends string = never,
  const B extends string = never,
  const C extends string = never,
>(
  args: string[],
  options?: ParseOptions<S, B, C>,
):
  & { _: (string | number)[] }
  & Flags<Exclude<S, C>, string | undefined>
  & Flags<S & C, string[]>
  & Flags<B, boolean>;
