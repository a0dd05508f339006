import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, test } from "vitest";
import { type CutProxy, cutProxy } from "./cut-proxy.ts";
import { listeningPort } from "./listening-port.ts";

/** Answers each line with "re: " and the line; keeps what it was told. */
let echo: Server;
let port: number;
let told = "";
beforeAll(async () => {
  echo = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => {
      told += data;
      socket.write(`re: ${data}`);
    });
  });
  port = await listeningPort(echo);
});
afterAll(() => {
  echo.close();
});

async function open(proxy: CutProxy) {
  const socket = connect(proxy.port, "127.0.0.1");
  const ended = new Promise<string>((resolve) => {
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
    socket.once("close", () => resolve("closed"));
  });
  let heard = "";
  let look = () => {};
  socket.on("data", (data) => {
    heard += data;
    look();
  });
  await Promise.race([once(socket, "connect"), ended]);
  return {
    socket,
    ended,
    get heard() {
      return heard;
    },
    hears: (text: string) =>
      new Promise<void>((resolve) => {
        look = () => heard.includes(text) && resolve();
        look();
      }),
    [Symbol.dispose]: () => socket.destroy(),
  };
}

describe("the proxy", () => {
  test("resets what is open, takes what comes, and counts both", async () => {
    await using proxy = await cutProxy(port);
    using first = await open(proxy);
    first.socket.write("one");
    await first.hears("re: one");
    proxy.cut();
    assert.equal(await first.ended, "ECONNRESET");
    using second = await open(proxy);
    second.socket.write("two");
    await second.hears("re: two");
    assert.deepEqual([proxy.accepted, proxy.connections], [2, 1]);
  });

  test("stalled, passes nothing on, and all of it when resumed", async () => {
    await using proxy = await cutProxy(port);
    using client = await open(proxy);
    client.socket.write("a");
    await client.hears("re: a");
    proxy.stall();
    const before = told;
    client.socket.write("b");
    using late = await open(proxy);
    late.socket.write("c");
    await proxy.connected(2);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(told, before);
    proxy.resume();
    await Promise.all([client.hears("re: b"), late.hears("re: c")]);
  });

  test("refuses new connections, keeps old ones, and takes new ones again", async () => {
    await using proxy = await cutProxy(port);
    using old = await open(proxy);
    await proxy.connected(1);
    await proxy.refuse();
    using refused = await open(proxy);
    assert.equal(await refused.ended, "ECONNREFUSED");
    old.socket.write("still");
    await old.hears("re: still");
    await proxy.accept();
    using next = await open(proxy);
    next.socket.write("again");
    await next.hears("re: again");
  });

  test("lets everything arrive later by the time it is told, in order", async () => {
    await using proxy = await cutProxy(port);
    using client = await open(proxy);
    proxy.delay(40);
    const from = performance.now();
    client.socket.write("slow");
    await client.hears("re: slow");
    assert(performance.now() - from >= 80, "40 ms each way");
  });

  test("cuts after exactly so many bytes", async () => {
    await using proxy = await cutProxy(port);
    proxy.cutAt({ from: "server", bytes: 6 });
    using client = await open(proxy);
    client.socket.write("abcdef");
    assert.equal(await client.ended, "ECONNRESET");
    assert("re: ab".startsWith(client.heard));
    using next = await open(proxy);
    next.socket.write("abcdef");
    await next.hears("re: abcdef"); // Once was enough.
  });

  test("cuts at a text that comes in pieces, with or without it", async () => {
    for (const delivers of [true, false]) {
      await using proxy = await cutProxy(port);
      proxy.cutAt({ from: "client", text: "MOVE", delivers });
      using client = await open(proxy);
      told = "";
      for (const piece of ["x M", "OV", "E 1"]) {
        client.socket.write(piece);
        if (piece !== "E 1") await client.hears(`re: ${piece}`);
      }
      assert.equal(await client.ended, "ECONNRESET");
      if (!delivers) assert.equal(told, "x MOV");
      while (delivers && told !== "x MOVE") await new Promise((resolve) => setImmediate(resolve));
    }
  });

  test("cuts what the server says before anybody hears it, once the server has done its part", async () => {
    await using proxy = await cutProxy(port);
    proxy.cutAt({ from: "server", text: "re: done", delivers: false });
    using client = await open(proxy);
    client.socket.write("done");
    assert.equal(await client.ended, "ECONNRESET");
    assert.equal(client.heard, "");
    assert.match(told, /done$/);
  });

  test("ends a connection in order where its server does", async () => {
    const closing = createServer((socket) => void socket.end("bye"));
    await using proxy = await cutProxy(await listeningPort(closing));
    using client = await open(proxy);
    assert.equal(await client.ended, "closed");
    assert.equal(client.heard, "bye");
    closing.close();
  });
});
