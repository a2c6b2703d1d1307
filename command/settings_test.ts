import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../replies/text.ts";
import { settingsFrom } from "./settings.ts";
import type { Values } from "./values.ts";

Deno.test("settingsFrom() has a default for everything", () => {
  const { options, ...rest } = settingsFrom({});
  assertEquals(options.hostname, "0.0.0.0");
  assertEquals(options.port, 8080);
  assertEquals(options.reusePort, false);
  const { delay, health } = rest;
  assertEquals({ ...rest, delay, health }, {
    portGiven: false,
    log: "common",
    stopOnEof: false,
    wire: false,
    content: { kind: "page", link: undefined },
    list: false,
    watch: false,
    status: 200,
    headers: [],
    cors: false,
    delay: undefined,
    health: undefined,
    probe: false,
    check: undefined,
  });
});

Deno.test("settingsFrom() returns the values of the flags", () => {
  const { options, ...rest } = settingsFrom({
    "host": "::1",
    "port": "65535",
    "request-timeout": "1",
    "idle-timeout": "2",
    "write-timeout": "2.5",
    "stop-timeout": "3.5",
    "max-connections": "1000000",
    "delay": "1-2",
    "health": "/healthz",
  });
  assertEquals(options, {
    hostname: "::1",
    port: 65535,
    reusePort: false,
    requestTimeoutMs: 1000,
    idleTimeoutMs: 2000,
    writeTimeoutMs: 2500,
    shutdownGraceMs: 3500,
    maxConnections: 1_000_000,
  });
  assertEquals(rest, {
    portGiven: true,
    log: "common",
    stopOnEof: false,
    wire: false,
    content: { kind: "page", link: undefined },
    list: false,
    watch: false,
    status: 200,
    headers: [],
    cors: false,
    delay: { minMs: 1000, maxMs: 2000 },
    health: "/healthz",
    probe: false,
    check: undefined,
  });
});

Deno.test("settingsFrom() logs one thing: what --log says, or else the wire, or else the requests", () => {
  const log = (values: Values) => settingsFrom(values).log;
  assertEquals(log({ wire: true }), "none");
  assertEquals(log({ wire: true, log: "json" }), "json");
  assertEquals(log({ log: "json", quiet: true }), "none");
  assertEquals(log({ quiet: false }), "common");
});

Deno.test("settingsFrom() accepts only a path for --health", () => {
  for (const health of ["/", "/healthz", "/a/b%20c;d=e", "/~x"]) {
    assertEquals(settingsFrom({ health }).health, health);
  }
  for (const health of ["healthz", "http://x/y", "/a b", "/a?b", "/a#b", "/ü", "/\n"]) {
    assertThrows(
      () => settingsFrom({ health }),
      UsageError,
      "expected a path such as /healthz, without a query",
    );
  }
});

Deno.test("settingsFrom() rejects numbers out of bounds and unknown words", () => {
  const mistake = (values: Values) => assertThrows(() => settingsFrom(values), UsageError).message;
  assertEquals(mistake({ log: "xml" }), 'Cannot use --log "xml": expected common or json');
  for (const value of ["0", "1000001"]) {
    assertEquals(
      mistake({ "max-connections": value }),
      `Cannot use --max-connections "${value}": expected an integer from 1 to 1000000`,
    );
  }
  assertEquals(
    mistake({ port: "65536" }),
    'Cannot use --port "65536": expected an integer from 0 to 65535',
  );
});

Deno.test("settingsFrom() accepts --list and --watch only beside the flags they need", () => {
  const { list, watch } = settingsFrom({ file: "a", list: true, watch: true });
  assertEquals([list, watch], [true, true]);
  assertEquals(settingsFrom({ raw: "a", watch: true }).watch, true);
  const mistakes = {
    "Cannot use --list without --file": { list: true, raw: "a" },
    "Cannot use --watch without --file or --raw": { watch: true, text: "a" },
  };
  for (const [message, values] of Object.entries(mistakes)) {
    assertThrows(() => settingsFrom(values), UsageError, message);
  }
});

Deno.test("settingsFrom() accepts --probe with any port but 0", () => {
  assertEquals(settingsFrom({ probe: true, port: "1" }).probe, true);
  assertThrows(
    () => settingsFrom({ probe: true, port: "0" }),
    UsageError,
    "Cannot use --probe with --port 0: expected a port to ask",
  );
});

/** The `Location` that `--redirect` sets. */
function locationOf(redirect: string): string {
  const [[name, value]] = settingsFrom({ redirect }).headers;
  assertEquals(name, "Location");
  return value;
}

Deno.test("settingsFrom() checks the flags of --check", () => {
  const command = ["curl", "{url}"];
  const check = (values: Values) => settingsFrom({ check: true, "--": command, ...values }).check;
  const defaults = {
    command,
    only: undefined,
    except: undefined,
    timeoutMs: undefined,
    level: "must",
    readsEvents: false,
    report: undefined,
    quiet: false,
  } as const;
  assertEquals(check({}), defaults);
  const all = {
    ...{
      "check-timeout": "2.5",
      level: "should",
      only: "gzip,reset",
      except: "empty,",
      quiet: true,
    },
    ...{ events: true, report: "a/b.xml" },
  };
  assertEquals(check(all), {
    ...{ command, only: ["gzip", "reset"], except: ["empty"], timeoutMs: 2500, level: "should" },
    ...{ readsEvents: true, report: "a/b.xml", quiet: true },
  });
  const mistakes: Array<[Values, string]> = [
    [{ check: true }, "--check without a command: expected one, as in --check -- curl -sS '{url}'"],
    [{ level: "may" }, "--level without --check"],
    [{ check: true, "--": command, level: "Must" }, '--level "Must": expected must, should, may'],
    [
      { check: true, "--": command, report: "a.txt" },
      '--report "a.txt": expected a name that ends in .json or .xml',
    ],
  ];
  for (const [values, message] of mistakes) {
    assertThrows(() => settingsFrom(values), UsageError, `Cannot use ${message}`);
  }
});

Deno.test("settingsFrom() accepts http and https URLs, and paths, for --redirect", () => {
  for (
    const redirect of [
      "https://example.com",
      "HTTP://example.com/",
      "https://example.com{target}",
      "http://[::1]:8080/?from={client}#{port}",
      "//example.com{target}",
      "/moved",
      "/moved{target}",
      "/{target}/",
      "https://example.com/{target}",
      "{target}?moved",
    ]
  ) {
    assertEquals(locationOf(redirect), redirect);
  }
  assertEquals(locationOf("/ü |"), "/%C3%BC%20%7C");
});

Deno.test("settingsFrom() rejects a --redirect that is not a URL", () => {
  const mistakes = ["moved", "http://", "http://[", "mailto:a@b.example", "javascript:a", "?a"];
  mistakes.push("{client}", "https//a", "http:a");
  for (const redirect of mistakes) {
    assertThrows(
      () => settingsFrom({ redirect }),
      UsageError,
      `Cannot use --redirect "${redirect}": expected an http or https URL, or a path`,
    );
  }
});

Deno.test("settingsFrom() rejects a --redirect whose host the request would choose", () => {
  const hosts = [
    "https://{client}/",
    "https://{method}.example.com/",
    "http://example.com:{port}/",
    "http://example.com{port}/",
    "//{client}/",
    "//{target}",
    "https:///{target}",
    "///{target}",
    "https://{target}",
    "https://{target}@example.com/",
  ];
  for (const redirect of hosts) {
    assertThrows(() => settingsFrom({ redirect }), UsageError, "Cannot use --redirect", redirect);
  }
});

Deno.test("settingsFrom() rejects braces in a Location that are no placeholders", () => {
  const wrong = ["{host}{target}", "a/{path}", "a{uri}", "a/?{query}", "a/{}", "a/{", "a/}"];
  wrong.push("a{{target}}", "a%{target}", "a${target}", "a/{target}${client}", "a/{TARGET}");
  for (const rest of wrong) {
    const expected = "expected no braces but {client}, {port}, {method} and {target}";
    for (const values of [{ redirect: `/${rest}` }, { header: [`Location: /${rest}`] }]) {
      assertThrows(() => settingsFrom(values), UsageError, expected, rest);
    }
  }
});

Deno.test("settingsFrom() rejects a redirect to what was asked for, or to two places", () => {
  for (const redirect of ["{target}", "/{target}"]) {
    assertThrows(
      () => settingsFrom({ redirect }),
      UsageError,
      `Cannot use --redirect "${redirect}": expected another place than the one asked for`,
    );
  }
  assertThrows(
    () => settingsFrom({ redirect: "/y", header: ["location: /x"] }),
    UsageError,
    "Cannot use --redirect with --header Location: expected one of the two",
  );
});

Deno.test("settingsFrom() rejects content with a status that forbids it", () => {
  for (const status of ["204", "205", "304"]) {
    for (const [name, value] of [["text", "hi"], ["link", "/"]]) {
      assertThrows(
        () => settingsFrom({ status, [name]: value }),
        UsageError,
        `Cannot use --status ${status} with --${name}: expected a status with content`,
      );
    }
    assertEquals(settingsFrom({ status, text: "" }).status, Number(status));
  }
});

Deno.test("settingsFrom() accepts 0 for --stop-timeout, and for no other limit", () => {
  assertEquals(settingsFrom({ "stop-timeout": "0" }).options.shutdownGraceMs, 0);
  for (const name of ["request-timeout", "idle-timeout", "write-timeout"]) {
    for (const value of ["0", "99999999999"]) {
      assertThrows(
        () => settingsFrom({ [name]: value }),
        UsageError,
        `Cannot use --${name} "${value}": expected seconds above 0 to 999999, such as 2.5`,
      );
    }
  }
});

Deno.test("settingsFrom() rejects placeholders in URLs that browsers run", () => {
  const html = "Content-Type: text/html";
  const text = `<a href="javascript:go('{target}')">`;
  const expected = "expected no placeholders in javascript: and data: URLs, which browsers run";
  const mistakes: Values[] = [
    { text, header: [html] },
    { text: '{"data:,{client}"}', header: ["Content-Type: {method}"] },
    { text, header: ["Content-Type:"] },
    { header: ["Refresh: 0; url=javascript:go('{target}')"] },
  ];
  for (const values of mistakes) assertThrows(() => settingsFrom(values), UsageError, expected);
  settingsFrom({ text }); // plain text runs nothing
  settingsFrom({ text: "data:{client},{port}", header: ["Content-Type: text/event-stream"] });
});

Deno.test("settingsFrom() reads prefixes, the empty one as the path alone", () => {
  const contentOf = (values: Values) => settingsFrom(values).content;
  assertEquals(contentOf({ file: "dist", prefix: ["/api/=mocks", "/my%20docs=/site"] }), {
    kind: "file",
    path: "dist",
    prefixes: new Map([["/api", "mocks"], ["/my docs", "/site"]]),
  });
  assertEquals(contentOf({ prefix: ["/=dist", "/api=mocks"] }), {
    kind: "file",
    path: "dist",
    prefixes: new Map([["/api", "mocks"]]),
  });
  const { list, watch } = settingsFrom({ prefix: ["/a=b"], list: true, watch: true });
  assertEquals([list, watch], [true, true]);
});
