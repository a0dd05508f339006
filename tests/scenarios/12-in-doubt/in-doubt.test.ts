import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startOneProcessFleet } from "../../fleet/one-process-fleet.ts";

test("a connection that is lost after the final dot leaves mail in doubt: retried as a flagged copy, or held", async () => {
  await using hop = await startMisbehavingHop();
  hop.hangsUp("final-dot", { recipient: "retry@recipient.test", times: 1 });
  hop.hangsUp("final-dot", { recipient: "hold@recipient.test", times: 1 });
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startSender();
  const retried = await fleet.send("acme", { to: ["retry@recipient.test"], inDoubt: "retry" });
  await fleet.send("acme", { to: ["hold@recipient.test"], inDoubt: "hold" });

  const ended = await fleet.reaches("acme", 2, ["sent", "held"]);
  expect(Object.fromEntries(ended.map(({ recipient, state, heldReason }) => [recipient, [state, heldReason]]))).toEqual(
    {
      "retry@recipient.test": ["sent", null],
      "hold@recipient.test": ["held", "in_doubt"],
    },
  );
  const { body } = await fleet.ask("GET", `/v1/deliveries/${retried.deliveries[0]?.id}`, "acme");
  expect(body.attempts.map(({ outcome }: { outcome: string }) => outcome)).toEqual(["in_doubt", "success"]);

  // Both copies are the same message.
  const copies = hop.counts().map(({ recipient, copies }) => [recipient, copies]);
  expect(Object.fromEntries(copies)).toEqual({ "retry@recipient.test": 2, "hold@recipient.test": 1 });
});

test("a connection that is lost before the final dot leaves nothing in doubt", async () => {
  await using hop = await startMisbehavingHop();
  hop.hangsUp("data", { times: 1 });
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startSender();
  await fleet.send("acme", { inDoubt: "hold" });
  await fleet.reaches("acme", 1, ["sent"]);
  expect((await fleet.store.stats("acme")).attempts.in_doubt).toBe(0);
  expect(hop.deliveries).toBe(1);
});
