import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startOneProcessFleet } from "../../fleet/one-process-fleet.ts";
import { until } from "../../fleet/until.ts";

test("a limit per minute holds across two senders and a Redis that forgets", async () => {
  await using hop = await startMisbehavingHop();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port, limits: { perMinute: 25 } });
  await fleet.startSender();
  await fleet.startSender();

  await Promise.all(Array.from({ length: 60 }, () => fleet.send("acme")));
  await hop.kept(10);
  await fleet.redis.flush();
  await hop.kept(25);
  const account = async () => (await fleet.store.stats("acme")).accounts[0];
  await until("the account waits for its next minute", async () => (await account())?.blockedUntil);
  await fleet.redis.flush();
  await fleet.ask("POST", "/v1/dispatch/run", "acme");
  await until("claims went back", async () =>
    (await fleet.deliveries("acme")).every(({ state }) => state !== "sending"),
  );

  expect(hop.deliveries).toBe(25);
  const waiting = (await fleet.deliveries("acme")).filter(({ state }) => state !== "sent");
  expect(waiting).toHaveLength(35);
  expect(waiting.every(({ attemptCount }) => attemptCount === 0)).toBe(true);

  // The minute is over.
  await fleet.store.db.query(
    "update mailfleet.queue_keys set minute_start = minute_start - interval '1 minute', blocked_until = now()",
  );
  await hop.kept(50);
});

test("a domain's limit holds up no other domain of the account", async () => {
  await using hop = await startMisbehavingHop();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port, limits: { perDomain: { "slow.test": { perMinute: 2 } } } });
  await fleet.startSender();
  for (let n = 0; n < 10; n++) await fleet.send("acme", { to: ["ann@slow.test"] });
  for (let n = 0; n < 10; n++) await fleet.send("acme", { to: ["ann@quick.test"] });

  await hop.kept(12);
  await until("nothing is on its way", async () =>
    (await fleet.deliveries("acme")).every(({ state }) => state !== "sending"),
  );
  const counts = Object.groupBy(hop.messages, ({ recipients }) => recipients[0] ?? "");
  expect([counts["ann@slow.test"]?.length, counts["ann@quick.test"]?.length]).toEqual([2, 10]);
});

test("an account that rejects refuses at both doors what is above its limit, and sends what it took", async () => {
  await using hop = await startMisbehavingHop();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port, limits: { perMinute: 2, behavior: "reject" } });
  await fleet.startSender();
  for (let n = 0; n < 2; n++) await fleet.send("acme");
  await fleet.reaches("acme", 2, ["sent"]);
  const message = { from: "us@sender.test", to: ["ann@recipient.test"], text: "Hello." };
  expect(await fleet.ask("POST", "/v1/messages", "acme", message)).toMatchObject({
    status: 429,
    body: { code: "rate_limited" },
  });
  expect(await fleet.sendBySmtp("acme", { recipients: ["ann@recipient.test"] })).toBe(451);
  expect(await fleet.deliveries("acme")).toHaveLength(2);
});
