import { assertEquals } from "@std/assert";
import { urlOf } from "./messages.ts";

Deno.test("urlOf() gives a link a person can click", () => {
  assertEquals(urlOf("0.0.0.0", 80), "http://localhost:80/");
  assertEquals(urlOf("::", 80), "http://localhost:80/");
  assertEquals(urlOf("::1", 80), "http://[::1]:80/");
  assertEquals(urlOf("127.0.0.1", 80), "http://127.0.0.1:80/");
});
