import { expect, test } from "vitest";
import { sweepOnce } from "./sweep.ts";
import { openRig } from "./testing/rig.ts";

test("what a lapsed worker had in hand is told once, and what it was transmitting until that is recorded", async () => {
  await using rig = await openRig();
  const uid = await rig.account("acme");
  await rig.submit("acme", { to: ["a@example.org", "b@example.org", "c@example.org"] });
  const [first] = await rig.claim(uid);
  expect(await rig.promote(first as string)).toBe("go");
  const { db } = rig.store;
  expect(await sweepOnce(db)).toMatchObject({ lapsed: [], abandoned: [] });

  await db.query("update mailfleet.workers set lease_until = now() - interval '1 s' where id = $1", [rig.workerId]);
  const found = await sweepOnce(db);
  expect(found?.lapsed).toEqual([{ workerId: rig.workerId, claimed: 2, transmitting: 1 }]);
  expect(found?.abandoned).toMatchObject([{ deliveryUid: first }]);
  expect(await sweepOnce(db)).toMatchObject({ lapsed: [], abandoned: [{ deliveryUid: first }] });
});
