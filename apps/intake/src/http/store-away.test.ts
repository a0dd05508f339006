import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { expect, test } from "vitest";
import { runIntake } from "./testing/running-intake.ts";

const hello = { from: "ann@acme.test", to: "bob@peer.test", text: "Hi", id: "same" };

test("while the database is away nothing is accepted, ready fails, live stays, and all is well when it is back", async () => {
  await using running = await runIntake({}, (url) => openSwitch(url));
  const { key } = await running.makeTenant("acme");
  expect((await running.ask("POST", "/v1/messages", { key, body: hello })).status).toBe(202);

  running.database.cut();
  const refused = await running.ask("POST", "/v1/messages", { key, body: { ...hello, id: "other" } });
  expect([refused.status, refused.body.code, refused.headers.get("retry-after")]).toEqual([
    503,
    "store_unavailable",
    "2",
  ]);
  expect(refused.durationMs).toBeLessThan(1_000);
  const batch = await running.ask("POST", "/v1/messages/batch", { key, body: { messages: [hello] } });
  expect([batch.status, batch.body.code]).toEqual([503, "store_unavailable"]);
  expect((await running.ask("GET", "/health/ready", { key: "" })).status).toBe(503);
  expect((await running.ask("GET", "/health/live", { key: "" })).status).toBe(200);

  running.database.mend();
  expect((await running.ask("GET", "/health/ready", { key: "" })).status).toBe(200);
  const again = await running.ask("POST", "/v1/messages", { key, body: hello });
  expect([again.status, again.body.id]).toEqual([200, "same"]);
});

/** A wire to the database that can be cut. */
async function openSwitch(url: string) {
  const target = new URL(url);
  const open = new Set<Socket>();
  let isCut = false;
  const server: Server = createServer((client) => {
    if (isCut) return void client.destroy();
    const upstream = dial({ host: target.hostname, port: Number(target.port) });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        open.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const through = new URL(url);
  through.port = String((server.address() as { port: number }).port);
  return {
    url: through.href,
    cut() {
      isCut = true;
      for (const socket of open) socket.destroy();
    },
    mend() {
      isCut = false;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
