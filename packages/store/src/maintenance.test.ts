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

test("the sample tells how long sendable mail has waited, in ready and in later, and nothing of what is blocked", async () => {
  await using rig = await openRig();
  const uid = await rig.account("acme");
  const { db } = rig.store;
  const oldest = async () => (await maintainStore(db))?.oldestDueSeconds;
  expect(await oldest()).toBe(0);
  await rig.submit("acme");
  await db.query("update mailfleet.deliveries set created_at = now() - interval '90 s'");
  expect(await oldest()).toBeGreaterThanOrEqual(90);
  await db.query("update mailfleet.queue_keys set blocked_until = now() + interval '1 hour' where account_uid = $1", [
    uid,
  ]);
  expect(await oldest()).toBe(0);
  await rig.submit("acme", { sendAt: new Date(Date.now() + 3_600_000) });
  await db.query("update mailfleet.later set due_at = now() - interval '30 s'");
  expect(await oldest()).toBeGreaterThanOrEqual(30);
  expect(await oldest()).toBeLessThan(90);
});

test("folding what is counted changes no sum, and leaves one row of each kind", async () => {
  await using rig = await openRig();
  await rig.account("acme");
  const { db } = rig.store;
  await db.query(
    "insert into mailfleet.tallies select 'acme', w, kind, 2 from generate_series(1, 50) w, unnest(array['sent', 'attempt:success']) kind",
  );
  const sums = () =>
    db.query("select kind, sum(n)::int as n, count(*)::int as rows from mailfleet.tallies group by kind order by kind");
  expect(await sums()).toEqual([
    { kind: "attempt:success", n: 100, rows: 50 },
    { kind: "sent", n: 100, rows: 50 },
  ]);
  await maintainStore(db);
  expect(await sums()).toEqual([
    { kind: "attempt:success", n: 100, rows: 1 },
    { kind: "sent", n: 100, rows: 1 },
  ]);
});
