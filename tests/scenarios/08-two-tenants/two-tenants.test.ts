import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startOneProcessFleet } from "../../fleet/one-process-fleet.ts";

test("a flood of one tenant does not starve another, whose mail comes later and leaves sooner", async () => {
  await using hop = await startMisbehavingHop();
  await using fleet = await startOneProcessFleet();
  hop.misbehaves({ at: "final-dot", does: "drip", everyMs: 1, recipient: "flood@recipient.test" });
  await fleet.tenant("loud", { port: hop.port });
  await fleet.tenant("quiet", { port: hop.port });
  const flood = Array.from({ length: 400 }, () => ({
    from: "us@sender.test",
    to: ["flood@recipient.test"],
    text: "Hello.",
  }));
  const { body } = await fleet.ask("POST", "/v1/messages/batch", "loud", { messages: flood });
  expect(body.accepted).toHaveLength(400);
  await fleet.startSender({ DISPATCH_SLOTS: "2", DISPATCH_TURN_MESSAGES: "10" });
  await hop.kept(5);
  for (let n = 0; n < 10; n++) await fleet.send("quiet");
  await fleet.reaches("quiet", 10, ["sent"]);

  const left = (await fleet.store.stats("loud")).deliveries;
  expect(left.sent).toBeLessThan(400);
  const [first] = await fleet.deliveries("quiet");
  expect(first?.attemptCount).toBe(1);
});

test("no tenant sees another's mail, nor decides about it", async () => {
  await using hop = await startMisbehavingHop();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.tenant("other", { port: hop.port });
  const { id, deliveries } = await fleet.send("acme", { id: "order-1" });
  expect((await fleet.ask("GET", `/v1/messages/${id}`, "other")).status).toBe(404);
  expect((await fleet.ask("GET", `/v1/deliveries/${deliveries[0]?.id}`, "other")).status).toBe(404);
  expect((await fleet.ask("DELETE", `/v1/messages/${id}`, "other")).status).toBe(404);
  expect((await fleet.ask("GET", "/v1/messages", "other")).body.items).toEqual([]);
  // The same id is each tenant's own.
  await fleet.send("other", { id: "order-1", subject: "another letter" });
});
