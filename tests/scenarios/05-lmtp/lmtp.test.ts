import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startOneProcessFleet } from "../../fleet/one-process-fleet.ts";

test("over LMTP each recipient has an end of their own", async () => {
  await using hop = await startMisbehavingHop({ lmtp: true });
  hop.answers("final-dot", "552 5.2.2 mailbox full", { recipient: "full@recipient.test" });
  hop.answers("final-dot", "451 4.3.0 not now", { recipient: "later@recipient.test", times: 1 });
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port, lmtp: true });
  await fleet.startSender();

  await fleet.send("acme", { to: ["ann@recipient.test", "full@recipient.test", "later@recipient.test"] });
  const ended = await fleet.reaches("acme", 3, ["sent", "dead_lettered"]);
  expect(
    Object.fromEntries(ended.map(({ recipient, state, attemptCount }) => [recipient, [state, attemptCount]])),
  ).toEqual({
    "ann@recipient.test": ["sent", 1],
    "full@recipient.test": ["dead_lettered", 1],
    "later@recipient.test": ["sent", 2],
  });
  expect(
    hop
      .counts()
      .map(({ recipient, copies }) => [recipient, copies])
      .toSorted(),
  ).toEqual([
    ["ann@recipient.test", 1],
    ["later@recipient.test", 1],
  ]);
});
