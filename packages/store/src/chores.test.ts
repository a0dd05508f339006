import { expect, test } from "vitest";
import { takeChore } from "./chores.ts";
import { openRig } from "./testing/rig.ts";

test("of all who reach for a chore one has it, and again once its time has come", async () => {
  await using rig = await openRig();
  const { db } = rig.store;
  const all = await Promise.all(Array.from({ length: 8 }, () => takeChore(db, "sweeping", 3_600_000)));
  expect(all.filter(Boolean)).toHaveLength(1);
  expect(await takeChore(db, "dusting", 3_600_000)).toBe(true);
  await db.query("update mailfleet.chores set begun_at = now() - interval '61 min' where name = 'sweeping'");
  expect(await takeChore(db, "sweeping", 3_600_000)).toBe(true);
  expect(await takeChore(db, "dusting", 3_600_000)).toBe(false);
});
