import { afterAll, beforeAll, expect, test } from "vitest";
import { openRig, type Rig } from "./testing/rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

const zero = { pending: 0, sending: 0, retrying: 0, held: 0, sent: 0, dead_lettered: 0, suppressed: 0, cancelled: 0 };

test("a tenant that sent nothing has every state and outcome at zero", async () => {
  await rig.store.tenants.put("quiet", {});
  expect(await rig.store.stats("quiet")).toEqual({
    deliveries: zero,
    attempts: { success: 0, transient_error: 0, permanent_error: 0, in_doubt: 0 },
    oldestDueSeconds: null,
    inbound: { pending: 0, answering: 0, awaiting_approval: 0 },
    inboundOldestDueSeconds: null,
    mailboxes: { new: 0, connecting: 0, following: 0, unreachable: 0, quarantined: 0, paused: 0, suspended: 0 },
    accounts: [],
  });
});

test("a tenant's statistics are its own, and the fleet's are the sum", async () => {
  for (const tenant of ["a", "b"]) {
    const uid = await rig.account(tenant);
    await rig.submit(tenant, { to: ["a@example.org", "b@example.org", "c@example.org"] });
    const [sent, retried] = await rig.claim(uid, 2);
    await rig.record(sent as string, { tenantId: tenant, next: { kind: "done" } });
    const next = { kind: "retry", delayMs: 3_600_000 } as const;
    await rig.record(retried as string, { tenantId: tenant, outcome: "transient_error", next });
  }
  const own = await rig.store.stats("a");
  expect(own.deliveries).toEqual({ ...zero, pending: 1, retrying: 1, sent: 1 });
  expect(own.attempts).toEqual({ success: 1, transient_error: 1, permanent_error: 0, in_doubt: 0 });
  const all = await rig.store.stats();
  expect(all.deliveries).toEqual({ ...zero, pending: 2, retrying: 2, sent: 2 });
  expect(all.accounts.map((one) => one.tenantId)).toEqual(expect.arrayContaining(["a", "b"]));
});

test("the oldest due is counted from acceptance, from the time mail was scheduled for, and not for what waits", async () => {
  const { db, stats } = rig.store;
  await rig.account("d");
  const oldest = async () => (await stats("d")).oldestDueSeconds as number;
  await rig.submit("d", { sendAt: new Date(Date.now() + 3_600_000) });
  expect(await oldest()).toBeNull();
  const { deliveries, uid } = await rig.submit("d");
  await rig.submit("d", { priority: "low" });
  await db.query("update mailfleet.deliveries set created_at = now() - interval '90 s' where uid = $1", [
    deliveries[0]?.uid,
  ]);
  expect(await oldest()).toBeGreaterThanOrEqual(90);
  expect(await oldest()).toBeLessThan(150);
  await db.query("update mailfleet.messages set send_at = now() - interval '30 s' where uid = $1", [uid]);
  expect(await oldest()).toBeGreaterThanOrEqual(30);
  expect(await oldest()).toBeLessThan(90);
});

test("accounts show their block and the lanes of living workers", async () => {
  const uid = await rig.account("l");
  const { db, stats } = rig.store;
  await db.query("select mailfleet.lease_lane($1, $2)", [rig.workerId, uid]);
  await db.query("select mailfleet.lease_lane($1, $2)", [rig.workerId, uid]);
  expect((await stats("l")).accounts).toEqual([
    { id: "main", tenantId: "l", uid, blockedUntil: null, reason: null, lanesInUse: 2 },
  ]);
  await db.query("update mailfleet.workers set lease_until = now() where id = $1", [rig.workerId]);
  await db.query("select mailfleet.block_account($1, 0, 60000, '4.4.1', 'connection refused')", [uid]);
  expect((await stats("l")).accounts).toMatchObject([
    { lanesInUse: 0, reason: "connection refused", blockedUntil: expect.any(Date) },
  ]);
});
