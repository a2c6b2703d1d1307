// Requests each path with `fetch`, in Deno or Node, and prints a line of JSON for each.
import { readFileSync } from "node:fs";

const { origin, tasks, timeoutMs } = JSON.parse(readFileSync(0, "utf8"));

/** The code of an error, or the end of the innermost message. */
function reasonOf(error) {
  const { cause, code, message } = error;
  if (cause instanceof Error) return reasonOf(cause);
  return code && message ? String(code) : message.split(": ").at(-1);
}

for (const { path, method, sentBytes } of tasks) {
  let result;
  try {
    const response = await fetch(origin + path, {
      method,
      body: sentBytes > 0 ? new Uint8Array(sentBytes) : undefined,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const content = await response.arrayBuffer();
    result = `${response.status} ${content.byteLength}`;
  } catch (error) {
    result = error.name === "TimeoutError" ? "timeout" : reasonOf(error);
  }
  console.log(JSON.stringify({ path, result }));
}
if (globalThis.process) process.exit(0); // or open connections would keep it running
