import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startOneProcessFleet } from "../../fleet/one-process-fleet.ts";

const mail = 240;

test("low mail moves while high mail floods, and less of it than of high", async () => {
  await using hop = await startMisbehavingHop();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port, maxConnections: 1 });
  const sends = (priority: string, n: number) =>
    Promise.all(Array.from({ length: n }, () => fleet.send("acme", { priority, to: [`${priority}@recipient.test`] })));
  await sends("high", mail);
  await sends("low", mail / 4);
  await fleet.startSender();
  await hop.kept(mail / 2);

  const first = hop.messages.slice(0, mail / 2).flatMap(({ recipients }) => recipients);
  const low = first.filter((recipient) => recipient.startsWith("low")).length;
  // The weights are 4 to 1.
  expect(low).toBeGreaterThanOrEqual(mail / 2 / 10);
  expect(low).toBeLessThanOrEqual(mail / 2 / 3);
});

test("immediate mail does not wait behind a backlog", async () => {
  await using hop = await startMisbehavingHop();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port, maxConnections: 2 });
  hop.misbehaves({ at: "final-dot", does: "drip", everyMs: 2, recipient: "medium@recipient.test" });
  await Promise.all(Array.from({ length: 300 }, () => fleet.send("acme", { to: ["medium@recipient.test"] })));
  await fleet.startSender();
  await hop.kept(10);
  await fleet.send("acme", { priority: "immediate", to: ["now@recipient.test"] });
  await hop.kept(120);
  expect(hop.messages.slice(0, 120).flatMap(({ recipients }) => recipients)).toContain("now@recipient.test");
});
