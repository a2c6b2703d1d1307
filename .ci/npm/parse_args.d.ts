// npm's build of the standard library has no types. These are the types that the program uses.

/** The flags: those in `S` have a value, those in `B` are on or off, those in `C` may be repeated. */
export interface ParseOptions<S extends string, B extends string, C extends string> {
  string?: readonly S[];
  boolean?: readonly B[];
  collect?: readonly C[];
  alias?: Record<string, string>;
  /** Called for each other flag; if it returns false, the flag is left out. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Names that are known at compile time have types; others have the type `unknown`. */
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
