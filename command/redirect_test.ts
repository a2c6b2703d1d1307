import { assertEquals, assertThrows } from "@std/assert";
import { redirectFrom } from "./redirect.ts";
import { UsageError } from "./values.ts";

Deno.test("redirectFrom() takes http and https URLs, and paths", () => {
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
      "{target}",
    ]
  ) {
    assertEquals(redirectFrom({ redirect }), redirect.replace("{x}", "{x}"));
  }
  assertEquals(redirectFrom({ redirect: "/ü {x}" }), "/%C3%BC%20%7Bx%7D");
  assertEquals(redirectFrom({}), undefined);
});

Deno.test("redirectFrom() refuses what is no URL", () => {
  for (
    const redirect of ["moved", "http://", "http://[", "mailto:a@b.example", "javascript:a", "?a"]
  ) {
    assertThrows(
      () => redirectFrom({ redirect }),
      UsageError,
      `Cannot use --redirect "${redirect}": expected an http or https URL, or a path`,
    );
  }
});

Deno.test("redirectFrom() refuses a host that the request would choose", () => {
  const hosts = [
    "https://{client}/",
    "https://{method}.example.com/",
    "http://example.com:{port}/",
  ];
  hosts.push("http://example.com{port}/", "//{client}/", "/{target}", "http:/{target}");
  hosts.push("https://{target}", "https://a{target}@example.com/".replace("a{", "{"));
  for (const redirect of hosts) {
    assertThrows(() => redirectFrom({ redirect }), UsageError, "Cannot use --redirect", redirect);
  }
});
