import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startFleet } from "../../fleet/fleet.ts";
import { letters } from "../../fleet/ledger.ts";
import { until } from "../../fleet/until.ts";
import { violations } from "../../invariant.ts";

test("a message that takes its process down is held as poison, and the innocent ones are sent", {
  timeout: 120_000,
}, async () => {
  await using hop = await startMisbehavingHop({ keepsContent: false });
  await using fleet = await startFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startIntake();
  // Mail that is in doubt is tried again, so that only the poison stays.
  const mail = letters("acme", 40).map((letter) => ({ ...letter, inDoubt: "retry" as const }));
  await Promise.all(mail.map((letter) => fleet.ledger.submit(letter)));

  const poison = mail[8]?.id ?? "";
  const crash = { point: "dispatch-before-promote", hit: 1, signal: "SIGKILL", about: poison } as const;
  const held = () =>
    fleet.store.db.query<{ id: string; reason: string }>(
      "select m.id, h.reason from mailfleet.held h join mailfleet.messages m on m.uid = h.message_uid",
    );
  let deaths = 0;
  await until(
    "the poison is held",
    async () => {
      const sender = fleet.startDispatch({ crash });
      const ended = await Promise.race([
        sender.ended,
        until("it is held", async () => (await held()).length > 0, 20_000).then(() => "held"),
      ]);
      if (ended === "SIGKILL") deaths++;
      await sender[Symbol.asyncDispose]();
      return ended === "held";
    },
    100_000,
  );
  fleet.startDispatch();
  await fleet.settled();

  expect(deaths).toBeLessThanOrEqual(5);
  expect(await held()).toEqual([{ id: poison, reason: "poison" }]);
  expect(await violations({ ...fleet, kept: hop.counts() })).toEqual([]);
});
