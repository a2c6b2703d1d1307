import { assertEquals } from "@std/assert";
import { lackingAddress, remedyFor } from "./permissions.ts";

Deno.test("remedyFor() says where the flag goes, or that it is too late for it", () => {
  assertEquals(remedyFor("--allow-net", false), "add --allow-net before main.ts");
  assertEquals(
    remedyFor("--allow-net", true),
    "this executable was compiled without --allow-net",
  );
});

Deno.test("lackingAddress() names the least that would do", () => {
  assertEquals(
    lackingAddress("::1", 80),
    "[::1]:80: permission missing, add --allow-net or --allow-net=[::1]:80 before main.ts",
  );
});
