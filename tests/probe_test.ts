/** The command as a health check: `--probe`. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { getAvailablePort } from "@std/net/get-available-port";
import { send } from "./clients.ts";
import { ANY_PORT, run, ServerProcess } from "./process.ts";
import { WATCHED } from "./time.ts";

Deno.test(
  "firstline --probe tells by its exit code whether the server is well",
  WATCHED,
  async () => {
    await using well = await ServerProcess.start([...ANY_PORT, "--status", "302"]);
    const good = await run(["--probe", "--host", "127.0.0.1", "-p", `${well.port}`]);
    assertEquals(good, {
      code: 0,
      stdout: "",
      stderr: `firstline: 127.0.0.1:${well.port} is well: HTTP/1.1 302 Found\n`,
    });
    const permissions = ["--allow-net", "--allow-env=PORT"];
    const byPort = await run(["--probe"], { permissions, env: { PORT: `${well.port}` } });
    assertEquals(byPort.code, 0); // 0.0.0.0 is asked at 127.0.0.1
    await using sick = await ServerProcess.start([...ANY_PORT, "--status", "503"]);
    const bad = await run(["--probe", "--host", "127.0.0.1", "-p", `${sick.port}`]);
    assertEquals(bad.code, 1);
    assertStringIncludes(bad.stderr, "is not well: HTTP/1.1 503 Service Unavailable");
    const absent = await run(["--probe", "-p", `${getAvailablePort()}`]);
    assertEquals(absent.code, 1);
    assertMatch(absent.stderr, /^firstline: 127\.0\.0\.1:\d+ is not well: Connection refused.*\n$/);
    const forbidden = await run(["--probe", "-p", "8080"], {
      permissions: ["--allow-net=0.0.0.0:8080"],
    });
    assertEquals(forbidden.code, 1);
    assertStringIncludes(
      forbidden.stderr,
      "permission missing, add --allow-net or --allow-net=127",
    );
  },
);

Deno.test(
  "firstline --probe passes over interim responses, and gives up in time",
  WATCHED,
  async () => {
    const answers = ["HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n", "nonsense", ""];
    const codes: number[] = [];
    for (const answer of answers) {
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const probing = run(["--probe", "--host", "127.0.0.1", "-p", `${listener.addr.port}`]);
      using socket = await listener.accept();
      if (answer !== "") {
        await send(socket, answer);
        await socket.closeWrite();
      }
      const { code, stderr } = await probing;
      codes.push(code);
      if (answer === "nonsense") assertStringIncludes(stderr, "is not well: no HTTP response");
      if (answer === "") assertStringIncludes(stderr, "is not well: no answer in time");
    }
    assertEquals(codes, [0, 1, 1]);
  },
);
