import { assertEquals } from "@std/assert";
import { missingPermission, permissionHint } from "./start.ts";

Deno.test("permissionHint() says where the flag goes, or that it is too late for it", () => {
  assertEquals(
    permissionHint("--allow-net", false),
    "add --allow-net before main.ts, or to deno install",
  );
  assertEquals(
    permissionHint("--allow-net", true),
    "this executable was compiled without --allow-net",
  );
});

Deno.test("missingPermission() names the least that would do", () => {
  assertEquals(
    missingPermission("::1", 80),
    "[::1]:80: permission missing, add --allow-net or --allow-net=[::1]:80 before main.ts, " +
      "or to deno install",
  );
});
