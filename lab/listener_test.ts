import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, HOST, isGone, readAll, send } from "../tests/clients.ts";
import { needing } from "../tests/needs.ts";
import { WATCHED } from "../tests/time.ts";
import { textOf } from "../tests/wire.ts";
import { listenWithReset } from "./listener.ts";

const test = needing("net");
const ANY_PORT = { hostname: HOST, port: 0 };

/** Errors are told apart by name, because only Deno has its classes. */
async function assertFails(promise: Promise<unknown>, name: string): Promise<void> {
  assertEquals((await assertRejects(() => promise, Error)).name, name);
}

test(
  "listenWithReset() reads in pieces of any size, and ends each side by itself",
  WATCHED,
  async () => {
    const listener = await listenWithReset(ANY_PORT);
    using client = await connect(listener.addr);
    using socket = await listener.accept();
    const { hostname, port } = client.localAddr as Deno.NetAddr;
    assertEquals(socket.remoteAddr, { hostname, port });
    await send(client, "abcde");
    await client.closeWrite();
    const buffer = new Uint8Array(3);
    assertEquals(await socket.read(buffer), 3);
    assertEquals(textOf(buffer), "abc");
    assertEquals(await socket.read(buffer), 2);
    assertEquals(textOf(buffer), "dec");
    assertEquals(await socket.read(buffer), null);
    assertEquals(await socket.write(new TextEncoder().encode("late")), 4);
    await socket.closeWrite();
    assertEquals(await readAll(client), "late");
    listener.close();
  },
);

test(
  "listenWithReset() resets a connection",
  WATCHED,
  async () => {
    const listener = await listenWithReset(ANY_PORT);
    using client = await connect(listener.addr);
    using socket = await listener.accept();
    const reading = socket.read(new Uint8Array(1));
    socket.reset!();
    await assertFails(reading, "ConnectionReset");
    await assertRejects(() => readAll(client), Deno.errors.ConnectionReset);
    await assertFails(socket.write(new Uint8Array(1)), "ConnectionReset");
    listener.close();
  },
);

test(
  "listenWithReset() ends waiting connections and a pending accept() when it closes",
  WATCHED,
  async () => {
    const listener = await listenWithReset(ANY_PORT);
    const clients = await Promise.all(Array.from({ length: 8 }, () => connect(listener.addr)));
    using first = await listener.accept();
    listener.close();
    const isWaiting = ({ localAddr }: Deno.TcpConn) => localAddr.port !== first.remoteAddr.port;
    for (const client of clients.filter(isWaiting)) {
      await readAll(client).catch((error) => assert(isGone(error)));
    }
    await assertFails(listener.accept(), "BadResource");
    for (const client of clients) client.close();

    const other = await listenWithReset(ANY_PORT);
    const pending = other.accept();
    other.close();
    await assertFails(pending, "BadResource");
  },
);

test("listenWithReset() may close before anything was accepted", WATCHED, async () => {
  const listener = await listenWithReset(ANY_PORT);
  listener.close();
  await assertFails(listener.accept(), "BadResource");
  await assertRejects(() => connect(listener.addr), Deno.errors.ConnectionRefused);
});

test(
  "listenWithReset() fails to start with the name of the error of Deno.listen()",
  WATCHED,
  async () => {
    const { addr, close } = await listenWithReset(ANY_PORT);
    await assertFails(listenWithReset(addr), "AddrInUse");
    close();
  },
);
