// npm's build of the standard library has no types. These are the types that the program uses.

/** A port that was free a moment ago; the preferred one if it was. */
export function getAvailablePort(options?: { preferredPort?: number }): number;
