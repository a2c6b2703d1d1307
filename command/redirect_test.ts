import { assertEquals, assertThrows } from "@std/assert";
import { checkRedirect } from "./redirect.ts";
import { UsageError } from "./values.ts";

Deno.test("checkRedirect() takes http and https URLs, and paths", () => {
  for (
    const redirect of [
      "https://example.com",
      "HTTP://example.com/",
      "https://example.com{target}",
      "http://[::1]:8080/?from={client}#{x}",
      "https://{x}.example.com/".replace("{x}", "x"),
      "//example.com{target}",
      "/moved",
      "/moved{target}",
      "/{target}",
      "https://example.com/{target}",
      "{target}",
    ]
  ) {
    assertEquals(checkRedirect(redirect), redirect.replace("{x}", "{x}"));
  }
  assertEquals(checkRedirect("/ü {x}"), "/%C3%BC%20%7Bx%7D");
});

Deno.test("checkRedirect() refuses what is no URL", () => {
  for (
    const redirect of ["moved", "http://", "http://[", "mailto:a@b.example", "javascript:a", "?a"]
  ) {
    assertThrows(
      () => checkRedirect(redirect),
      UsageError,
      `Cannot use --redirect "${redirect}": expected an http or https URL, or a path`,
    );
  }
});

Deno.test("checkRedirect() refuses a host that the request would choose", () => {
  const hosts = [
    "https://{client}/",
    "https://{method}.example.com/",
    "http://example.com:{port}/",
  ];
  hosts.push("http://example.com{port}/", "//{client}/", "//{target}", "http:/{target}");
  hosts.push("https:///{target}", "///{target}");
  hosts.push("https://{target}", "https://a{target}@example.com/".replace("a{", "{"));
  for (const redirect of hosts) {
    assertThrows(() => checkRedirect(redirect), UsageError, "Cannot use --redirect", redirect);
  }
});
