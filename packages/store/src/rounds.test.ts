import { expect, test } from "vitest";
import type { Database } from "./database.ts";
import type { DeliveryRecord } from "./delivery-record.ts";
import { openRounds } from "./rounds.ts";
import { openRig, type Rig } from "./testing/rig.ts";
import type { WorkerLease } from "./worker-lease.ts";

const request = (accountUid: number) => ({
  accountUid,
  want: 10,
  heads: [0, 0, 0, 0, 0],
  express: false,
  suspects: true,
});

const inHand = (rig: Rig) => rig.store.db.query("select state from mailfleet.inflight");

/** A lease whose incarnations come and go as the test says. */
async function openLease(rig: Rig) {
  const join = async () => {
    const [row] = await rig.store.db.query<{ id: number }>(
      "insert into mailfleet.workers (app, host, lease_until) values ('test', 'test', now() + interval '1 hour') returning id",
    );
    return (row as { id: number }).id;
  };
  let id = await join();
  return {
    get id() {
      return id;
    },
    /** Lapses, is reaped, and comes back under a new id. */
    async lapse() {
      await rig.store.db.query("update mailfleet.workers set lease_until = now() - interval '1 second' where id = $1", [
        id,
      ]);
      await rig.store.db.query("select * from mailfleet.reap_workers(10)");
      id = await join();
    },
  };
}

test("mail that is being transmitted is not given back when a round fails, though an earlier incarnation held it too", async () => {
  await using rig = await openRig();
  const uid = await rig.account("acme");
  const { deliveries } = await rig.submit("acme");
  const delivery = deliveries[0]?.uid as string;
  const lease = await openLease(rig);
  const trouble = { next: false };
  const db: Database = {
    ...rig.store.db,
    query: async (text, values) => {
      if (trouble.next && text.includes("mailfleet.round")) {
        trouble.next = false;
        throw new Error("the connection broke");
      }
      return rig.store.db.query(text, values);
    },
  };
  await using rounds = openRounds(db, lease as unknown as WorkerLease);

  const before = await rounds.claim(request(uid));
  await lease.lapse();
  const after = await rounds.claim(request(uid));
  expect([before.claims.length, after.claims.length]).toEqual([1, 1]);
  expect(await rounds.promote(delivery, before.workerId)).toBe("gone");
  expect(await rounds.promote(delivery, after.workerId)).toBe("go");

  trouble.next = true;
  await rounds.claim(request(uid)); // Fails, and is told nothing.
  await rounds.claim(request(uid)); // Before it, what is in hand is looked at.
  await rounds.claim(request(uid)); // With it, what was not known goes back.
  expect(await inHand(rig)).toEqual([{ state: "t" }]);
});

test("what was given back by a round whose answer was lost is not given back again from under whoever claims it next", async () => {
  await using rig = await openRig();
  const uid = await rig.account("acme");
  const { deliveries } = await rig.submit("acme");
  const delivery = deliveries[0]?.uid as string;
  const lease = await openLease(rig);
  const answer = Promise.withResolvers<void>();
  const committed = Promise.withResolvers<void>();
  let isFirst = true;
  const db: Database = {
    ...rig.store.db,
    async query(text, values) {
      const rows = await rig.store.db.query(text, values);
      if (text.includes("mailfleet.round") && values?.[1] && isFirst) {
        isFirst = false;
        committed.resolve();
        await answer.promise;
      }
      return rows as never;
    },
  };
  await using rounds = openRounds(db, lease as unknown as WorkerLease);
  const { workerId } = await rounds.claim(request(uid));
  const back: DeliveryRecord = {
    deliveryUid: delivery,
    tenantId: "acme",
    workerId,
    attempt: 1,
    next: { kind: "back" },
  };
  const recorded = rounds.record(back);
  await committed.promise;
  // The other statement leaves beside the first where enough lanes wait.
  const company = () => Array.from({ length: 4 }, () => rounds.claim(request(uid)));
  const claims = await Promise.all(company());
  expect(claims.flatMap((one) => one.claims)).toHaveLength(1);
  const [verdict] = await Promise.all([rounds.promote(delivery, workerId), ...company()]);
  expect(verdict).toBe("go");
  answer.reject(new Error("the connection broke"));
  await recorded;
  expect(await inHand(rig)).toEqual([{ state: "t" }]);
});
