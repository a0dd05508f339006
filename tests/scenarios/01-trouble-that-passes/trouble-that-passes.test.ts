import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startOneProcessFleet } from "../../fleet/one-process-fleet.ts";
import { until } from "../../fleet/until.ts";

test("a next hop that greylists has the mail at the second attempt", async () => {
  await using hop = await startMisbehavingHop({ greylists: true });
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startSender();

  const { deliveries } = await fleet.send("acme");
  await fleet.reaches("acme", 1, ["sent"]);

  const { body } = await fleet.ask("GET", `/v1/deliveries/${deliveries[0]?.id}`, "acme");
  expect(
    body.attempts.map(({ number, outcome, status }: Record<string, unknown>) => [number, outcome, status]),
  ).toEqual([
    [1, "transient_error", "4.7.1"],
    [2, "success", "2.0.0"],
  ]);
  expect(hop.messages).toHaveLength(1);
});

test("one bad recipient of many is nobody else's trouble", async () => {
  await using hop = await startMisbehavingHop();
  hop.answers("rcpt", "550 5.1.1 no such user", { recipient: "nobody@recipient.test" });
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startSender();

  await fleet.send("acme", { to: ["ann@recipient.test", "nobody@recipient.test", "bob@recipient.test"] });
  const ended = await fleet.reaches("acme", 3, ["sent", "dead_lettered"]);

  const states = Object.fromEntries(ended.map(({ recipient, state }) => [recipient, state]));
  expect(states).toEqual({
    "ann@recipient.test": "sent",
    "nobody@recipient.test": "dead_lettered",
    "bob@recipient.test": "sent",
  });
  expect(hop.messages.flatMap(({ recipients }) => recipients).toSorted()).toEqual([
    "ann@recipient.test",
    "bob@recipient.test",
  ]);
});

test("a next hop that hangs up between messages with 421 gets the rest over another connection", async () => {
  await using hop = await startMisbehavingHop();
  hop.answers("final-dot", "421 4.3.2 enough for now", { afterMessages: 3, times: 3 });
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port, maxConnections: 1 });
  await fleet.startSender();

  await Promise.all(Array.from({ length: 20 }, () => fleet.send("acme")));
  await fleet.reaches("acme", 20, ["sent"]);

  expect(hop.deliveries).toBe(20);
  expect(hop.connections.total).toBeGreaterThanOrEqual(4);
});

test("a next hop without TLS gets no mail where the account asks for STARTTLS, and the mail waits", async () => {
  await using hop = await startMisbehavingHop();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port, security: "starttls" });
  await fleet.startSender();

  await fleet.send("acme");
  await blocked(fleet);

  const [delivery] = await fleet.deliveries("acme");
  expect([delivery?.state, delivery?.attemptCount]).toEqual(["pending", 0]);
  expect(hop.messages).toEqual([]);
});

async function blocked(fleet: Awaited<ReturnType<typeof startOneProcessFleet>>): Promise<void> {
  await until(
    "the account is blocked",
    async () => (await fleet.store.stats("acme")).accounts[0]?.blockedUntil ?? false,
  );
}
