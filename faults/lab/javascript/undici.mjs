// undici: 3 s in total.
import process from "node:process";
import { request } from "undici";

try {
  for (const [at, url] of process.argv.slice(2).entries()) {
    const { body } = await request(url, { signal: AbortSignal.timeout(3000) });
    const content = new Uint8Array(await body.arrayBuffer());
    if (at !== 1) await new Promise((done) => process.stdout.write(content, done));
  }
  process.exit(0);
} catch (error) {
  console.error("error:", error.message, error.cause ?? "");
  process.exit(1);
}
