import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startOneProcessFleet } from "../../fleet/one-process-fleet.ts";

const at = (ms: number) => new Date(Date.now() + ms).toISOString();

test("scheduled mail leaves when its time has come, and not before", async () => {
  await using hop = await startMisbehavingHop();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startSender();
  const sendAt = at(1_500);
  await fleet.send("acme", { sendAt });
  await fleet.send("acme", { to: ["now@recipient.test"] });
  const [first] = await hop.kept(1);
  expect(first?.recipients).toEqual(["now@recipient.test"]);
  const [, second] = await hop.kept(2);
  expect(second?.at.getTime()).toBeGreaterThanOrEqual(Date.parse(sendAt));
});

test("mail whose time is up is a dead letter, even behind an account that is blocked", async () => {
  const gone = await startMisbehavingHop();
  await gone[Symbol.asyncDispose]();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: gone.port });
  await fleet.startSender();
  await fleet.send("acme", { expiresAt: at(1_000) });
  const [dead] = await fleet.reaches("acme", 1, ["dead_lettered"]);
  expect([dead?.attemptCount, dead?.lastStatus]).toEqual([0, "5.4.7"]);
});

test("mail that could not be tried again before its time is up is told of at once", async () => {
  await using hop = await startMisbehavingHop();
  hop.answers("rcpt", "451 4.3.0 not now");
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port, retry: { baseMs: 60_000 } });
  await fleet.startSender();
  await fleet.send("acme", { expiresAt: at(20_000) });
  const [dead] = await fleet.reaches("acme", 1, ["dead_lettered"]);
  expect([dead?.attemptCount, dead?.lastStatus]).toEqual([1, "4.3.0"]);
});

test("an account's own number of attempts is the last word", async () => {
  await using hop = await startMisbehavingHop();
  hop.answers("rcpt", "451 4.3.0 not now");
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port, retry: { baseMs: 50, maxMs: 100, maxAttempts: 3 } });
  await fleet.startSender();
  await fleet.send("acme");
  const [dead] = await fleet.reaches("acme", 1, ["dead_lettered"]);
  expect(dead?.attemptCount).toBe(3);
});
