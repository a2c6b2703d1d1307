import { assertEquals } from "@std/assert";
import { urlOf } from "./text.ts";

Deno.test("urlOf() returns a URL that opens on this machine", () => {
  assertEquals(urlOf("0.0.0.0", 80), "http://localhost:80/");
  assertEquals(urlOf("::", 80), "http://localhost:80/");
  assertEquals(urlOf("::1", 80), "http://[::1]:80/");
  assertEquals(urlOf("127.0.0.1", 80), "http://127.0.0.1:80/");
});
