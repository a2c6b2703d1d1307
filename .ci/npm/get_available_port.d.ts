// npm's build of the standard library has no types. These are of what is used here.

/** A port that was free a moment ago; the preferred one if it was. */
export function getAvailablePort(options?: { preferredPort?: number }): number;
