// axios: its timeout of 3 s.
import process from "node:process";
import axios from "axios";

const settings = { timeout: 3000, responseType: "arraybuffer", validateStatus: () => true };
try {
  for (const [at, url] of process.argv.slice(2).entries()) {
    const { data } = await axios.get(url, settings);
    if (at !== 1) await new Promise((done) => process.stdout.write(data, done));
  }
  process.exit(0);
} catch (error) {
  console.error("error:", error.message);
  process.exit(1);
}
