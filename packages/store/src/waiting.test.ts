import { expect, test } from "vitest";
import { openDatabase } from "./database.ts";
import { leaseLane } from "./lanes.ts";
import { sweepOnce } from "./sweep.ts";
import { openRig } from "./testing/rig.ts";

const waits = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

test("mail that waits under a recipient domain's key is sent after its account has ceased to limit domains", async () => {
  await using rig = await openRig();
  const uid = await rig.account("acme", "main", { limits: { perDomain: { "example.org": { perMinute: 100 } } } });
  const { deliveries } = await rig.submit("acme");
  await rig.account("acme", "main", {});
  expect(await rig.claim(uid)).toEqual(deliveries.map((delivery) => delivery.uid));
});

test("scheduled mail keeps its sender's end, and else has the account's whole time from when it may first be sent", async () => {
  await using rig = await openRig();
  await rig.account("acme", "main", { retry: { giveUpAfterMs: 7_200_000 } });
  const sendAt = new Date(Date.now() + 30 * 86_400_000);
  const expiresAt = new Date(sendAt.getTime() + 60_000);
  const short = await rig.submit("acme", { sendAt, expiresAt });
  const long = await rig.submit("acme", { sendAt });
  const rows = await rig.store.db.query<{ message_uid: string; ms: number }>(
    "select message_uid, extract(epoch from expires_at - due_at)::float8 * 1000 as ms from mailfleet.later",
  );
  const ends = new Map(rows.map(({ message_uid, ms }) => [message_uid, ms]));
  expect([ends.get(short.uid), ends.get(long.uid)]).toEqual([60_000, 7_200_000]);
});

test("two rounds that take tokens of the same accounts, in whatever order they are asked, do not block one another", async () => {
  await using rig = await openRig();
  await using other = openDatabase({ url: rig.databaseUrl, poolSize: 3 });
  const limits = { perMinute: 100 };
  const [first, second] = [await rig.account("acme", "a", { limits }), await rig.account("acme", "b", { limits })];
  for (const account of ["a", "a", "b", "b"]) await rig.submit("acme", { account });
  const [a1, a2] = await rig.claim(first);
  const [b1, b2] = await rig.claim(second);
  const promote = (...uids: unknown[]) =>
    other.query("select * from mailfleet.promote($1, $2::uuid[])", [rig.workerId, uids]);
  const waiting = (n: number) => expect.poll(() => rig.store.db.query(waits).then((rows) => rows.length)).toBe(n);

  const rounds = await other.transaction(async (tx) => {
    await tx.query("select from mailfleet.queue_keys where account_uid = $1 for update", [second]);
    const one = promote(b2, a2);
    await waiting(1);
    const both = Promise.allSettled([one, promote(a1, b1)]);
    await waiting(2);
    return { both };
  });
  expect(await rounds.both).toEqual([
    { status: "fulfilled", value: [] },
    { status: "fulfilled", value: [] },
  ]);
});

test("mail that waits behind a slow lane is found where there is a lane to spare, once it has waited for more than a moment", async () => {
  await using rig = await openRig();
  const uid = await rig.account("acme", "main", { maxConnections: 2 });
  await rig.submit("acme");
  const found = async () => (await sweepOnce(rig.store.db))?.forgottenAccountUids;
  expect(await found()).toEqual([uid]);

  await leaseLane(rig.store.db, rig.workerId, uid, 1);
  expect(await found()).toEqual([]);
  await rig.store.db.query(
    "update mailfleet.ready set delivery_uid = mailfleet.uuid_floor(now() - interval '6 seconds')",
  );
  expect(await found()).toEqual([uid]);

  await leaseLane(rig.store.db, rig.workerId, uid, 2);
  expect(await found()).toEqual([]);
});

test("a delivery may be tried more often than a small number counts", async () => {
  await using rig = await openRig();
  const uid = await rig.account("acme");
  const { deliveries } = await rig.submit("acme");
  const deliveryUid = deliveries[0]?.uid as string;
  await rig.store.db.query("update mailfleet.ready set attempt = 40000");
  await rig.claim(uid);
  expect(await rig.promote(deliveryUid)).toBe("go");
  const tried = {
    tenantId: "acme",
    attempt: 40_001,
    outcome: "transient_error",
    status: "4.7.1",
    reason: "later",
  } as const;
  await rig.record(deliveryUid, { ...tried, next: { kind: "retry", delayMs: 1 } });
  const rows = await rig.store.db.query("select attempt from mailfleet.later");
  expect(rows).toEqual([{ attempt: 40_001 }]);
});
