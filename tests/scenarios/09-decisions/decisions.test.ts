import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startOneProcessFleet } from "../../fleet/one-process-fleet.ts";
import { until } from "../../fleet/until.ts";

test("a suspended tenant's mail waits and ends when it is active again; new mail is refused meanwhile", async () => {
  await using hop = await startMisbehavingHop();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await Promise.all(Array.from({ length: 10 }, () => fleet.send("acme")));
  expect((await fleet.ask("POST", "/v1/tenants/acme/suspend")).status).toBe(200);
  await fleet.startSender();
  await fleet.tenant("other", { port: hop.port });
  await fleet.send("other");
  await fleet.reaches("other", 1, ["sent"]);
  expect(hop.deliveries).toBe(1);
  const refused = await fleet.ask("POST", "/v1/messages", "acme", {
    from: "us@sender.test",
    to: ["ann@recipient.test"],
    text: ".",
  });
  expect([refused.status, refused.body.code]).toEqual([403, "tenant_suspended"]);

  expect((await fleet.ask("POST", "/v1/tenants/acme/activate")).status).toBe(200);
  await fleet.reaches("acme", 10, ["sent"]);
});

test("a suspended batch is held, the rest goes, and it goes when it is active again", async () => {
  await using hop = await startMisbehavingHop();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.ask("POST", "/v1/tenants/acme/suspend", undefined, { batch: "autumn" });
  for (let n = 0; n < 5; n++) await fleet.send("acme", { batch: "autumn", to: ["autumn@recipient.test"] });
  for (let n = 0; n < 5; n++) await fleet.send("acme");
  await fleet.startSender();
  const settled = await fleet.reaches("acme", 10, ["sent", "held"]);
  const held = settled.filter(({ state }) => state === "held");
  expect(held.map(({ recipient, heldReason }) => [recipient, heldReason])).toEqual(
    Array(5).fill(["autumn@recipient.test", "suspended"]),
  );

  await fleet.ask("POST", "/v1/tenants/acme/activate", undefined, { batch: "autumn" });
  await fleet.reaches("acme", 10, ["sent"]);
  expect(hop.deliveries).toBe(10);
});

test("what is cancelled in time never leaves", async () => {
  await using hop = await startMisbehavingHop();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  const { id } = await fleet.send("acme", { to: ["ann@recipient.test", "bob@recipient.test"] });
  const cancelled = await fleet.ask("DELETE", `/v1/messages/${id}`, "acme");
  expect(cancelled.body.deliveries.map(({ result }: { result: string }) => result)).toEqual(["cancelled", "cancelled"]);
  await fleet.startSender();
  await fleet.send("acme", { to: ["eve@recipient.test"] });
  await fleet.reaches("acme", 3, ["sent", "cancelled"]);
  expect(hop.messages.flatMap(({ recipients }) => recipients)).toEqual(["eve@recipient.test"]);
});

for (const [action, state, copies] of [
  ["retry", "sent", 1],
  ["markSent", "sent", 0],
  ["cancel", "cancelled", 0],
] as const) {
  test(`of held mail somebody decides: ${action} ends ${state}`, async () => {
    await using hop = await startMisbehavingHop();
    hop.hangsUp("final-dot", { times: 1, keeps: false });
    await using fleet = await startOneProcessFleet();
    await fleet.tenant("acme", { port: hop.port });
    await fleet.startSender();
    const { deliveries } = await fleet.send("acme", { inDoubt: "hold" });
    const [held] = await fleet.reaches("acme", 1, ["held"]);
    expect(held?.heldReason).toBe("in_doubt");

    const path = `/v1/deliveries/${deliveries[0]?.id}/release`;
    expect((await fleet.ask("POST", path, "acme", { action })).status).toBe(200);
    await fleet.reaches("acme", 1, [state]);
    await until("the next hop has what it should", () => hop.deliveries === copies);
    expect((await fleet.ask("POST", path, "acme", { action })).status).toBe(409);
    const { body } = await fleet.ask("GET", "/v1/command-log");
    expect(JSON.stringify(body.items)).toContain("delivery.release");
  });
}

test("a suppressed recipient gets nothing, and the sender can see why", async () => {
  await using hop = await startMisbehavingHop();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.ask("PUT", "/v1/suppressions/ann@recipient.test", "acme", { reason: "complaint" });
  await fleet.startSender();
  await fleet.send("acme", { to: ["Ann@recipient.test", "bob@recipient.test"] });
  const ended = await fleet.reaches("acme", 2, ["sent", "suppressed"]);
  expect(ended.filter(({ state }) => state === "suppressed").map(({ attemptCount }) => attemptCount)).toEqual([0]);
  expect(hop.messages.flatMap(({ recipients }) => recipients)).toEqual(["bob@recipient.test"]);
});
