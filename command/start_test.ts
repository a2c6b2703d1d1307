import { assertEquals, assertThrows } from "@std/assert";
import { permissionHint, StartError } from "../replies/text.ts";
import { checkDenoVersion, missingPermission, OLDEST_DENO, runtimeMessage } from "./start.ts";

Deno.test("permissionHint() says where the flag goes, or that an executable lacks it", () => {
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

Deno.test("checkDenoVersion() accepts the oldest working version and later ones", () => {
  for (const version of [OLDEST_DENO, "2.9.8", "2.10.0", "3.0.0", "2.9.6-rc.1", "2.11.0+abc"]) {
    checkDenoVersion(version);
  }
  for (const version of ["2.9.4", "2.8.3", "2.0.0", "1.46.3"]) {
    assertEquals(
      assertThrows(() => checkDenoVersion(version), StartError).message,
      `Cannot serve with Deno ${version}: expected 2.9.5 or later, ` +
        "older ones cannot end connections at their deadlines",
    );
  }
});

Deno.test("runtimeMessage() names the remedy of a shortage of descriptors, and of no other error", () => {
  const because = (code: string) =>
    new Error("Cannot accept", { cause: Object.assign(new Error("Too many"), { code }) });
  assertEquals(
    runtimeMessage(because("EMFILE")),
    "Cannot accept: Too many, raise their limit above --max-connections: ulimit -n in a shell, " +
      "LimitNOFILE in a unit, --ulimit nofile for a container",
  );
  assertEquals(runtimeMessage(because("ENFILE")), "Cannot accept: Too many");
  assertEquals(runtimeMessage("text"), "text");
});
