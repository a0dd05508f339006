import { expect, test } from "vitest";
import { maintainStore } from "./maintenance.ts";
import { openRig } from "./testing/rig.ts";

test("while somebody reads history for long, next month's partitions wait, and acceptance and the sample do not", async () => {
  await using rig = await openRig();
  await rig.account("acme");
  await rig.submit("acme");
  const { db } = rig.store;
  const [last] = await db.query<{ name: string }>(
    "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'mailfleet.messages'::regclass order by 1 desc offset 1 limit 1",
  );
  await db.query(`drop table ${last?.name}`);

  const sample = await db.transaction(async (reader) => {
    await reader.query("select from mailfleet.messages limit 1");
    const maintained = maintainStore(db);
    await expect
      .poll(async () => {
        await rig.submit("acme");
        return Promise.race([maintained.then(() => "maintained"), new Promise((resolve) => setImmediate(resolve))]);
      })
      .toBe("maintained");
    return maintained;
  });
  expect(sample?.depth.pending).toBeGreaterThan(0);
  await maintainStore(db);
  expect(await db.query("select to_regclass($1) is not null as made", [last?.name])).toEqual([{ made: true }]);
});
