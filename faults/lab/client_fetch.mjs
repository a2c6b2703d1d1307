// Asks for each path with `fetch`, in Deno or Node: paths in, a line of JSON out for each.
import { readFileSync } from "node:fs";

const { origin, asks, timeoutMs } = JSON.parse(readFileSync(0, "utf8"));

/** The code of an error, or the end of what the innermost one says. */
function reasonOf(error) {
  const { cause, code, message } = error;
  if (cause instanceof Error) return reasonOf(cause);
  return code && message ? String(code) : message.split(": ").at(-1);
}

for (const { path, method, sentBytes } of asks) {
  let outcome;
  try {
    const response = await fetch(origin + path, {
      method,
      body: sentBytes > 0 ? new Uint8Array(sentBytes) : undefined,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const content = await response.arrayBuffer();
    outcome = `${response.status} ${content.byteLength}`;
  } catch (error) {
    outcome = error.name === "TimeoutError" ? "timeout" : reasonOf(error);
  }
  console.log(JSON.stringify({ path, outcome }));
}
if (globalThis.process) process.exit(0); // connections that are kept would keep it alive
