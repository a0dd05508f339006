import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startOneProcessFleet } from "../../fleet/one-process-fleet.ts";

test("who is told to leave finishes what it has in hand, hands the rest back, and leaves within its grace", async () => {
  await using hop = await startMisbehavingHop();
  hop.misbehaves({ at: "final-dot", does: "drip", everyMs: 5 });
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await Promise.all(Array.from({ length: 100 }, () => fleet.send("acme")));
  const sender = await fleet.startSender();
  await hop.kept(5);
  const began = performance.now();
  await sender.drain();
  expect(performance.now() - began).toBeLessThan(5_000);

  // Nothing is in doubt, nothing lies in anybody's hands, and what was not sent has not been tried.
  const rows = await fleet.deliveries("acme");
  const sent = rows.filter(({ state }) => state === "sent");
  expect(sent.length).toBe(hop.deliveries);
  expect(sent.length).toBeLessThan(100);
  expect(rows.every(({ state }) => state === "sent" || state === "pending")).toBe(true);
  const [left] = await fleet.store.db.query(
    "select (select count(*) from mailfleet.inflight) as n, (select count(*) from mailfleet.lanes where worker is not null) as lanes",
  );
  expect(left).toEqual({ n: 0, lanes: 0 });
  expect((await fleet.store.stats("acme")).attempts.in_doubt).toBe(0);

  hop.behaves();
  await fleet.startSender();
  await fleet.reaches("acme", 100, ["sent"]);
  expect(hop.deliveries).toBe(100);
});

test("mail whose next hop has not answered when the grace is over is in doubt, and no more than that", {
  timeout: 60_000,
}, async () => {
  await using hop = await startMisbehavingHop();
  hop.stalls("final-dot", { times: 1 });
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  const sender = await fleet.startSender();
  await fleet.send("acme", { inDoubt: "hold" });
  await hop.kept(1);
  await sender.drain();
  await fleet.startSender();
  const [held] = await fleet.reaches("acme", 1, ["held", "sent"]);
  expect([held?.state, held?.heldReason]).toEqual(["held", "in_doubt"]);
  expect(hop.deliveries).toBe(1);
});
