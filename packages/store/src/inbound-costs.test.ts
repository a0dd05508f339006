/** What is asked for every message, or every second, costs what it is about, and not what lies or waits beside it. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Answering, openAnswering } from "./answering.ts";
import { type Following, openFollowing } from "./following.ts";
import { openInbound } from "./inbound.ts";
import { purgeHistory } from "./purge.ts";
import { type ExplainedDatabase, explained } from "./testing/explained.ts";
import { answerSettings, follow, found, mailboxSettings, place } from "./testing/inbound-rig.ts";
import { openRig, type Rig } from "./testing/rig.ts";

/** Messages of one mailbox, all of today. */
const many = 30_000;
/** None of them may be read one by one; an index goes three levels deep in each of a few partitions. */
const fewBuffers = 400;

let rig: Rig;
let big: number;
let cost: ExplainedDatabase;
let answering: Answering;
let following: Following;

beforeAll(async () => {
  rig = await openRig();
  const { db } = rig.store;
  await db.query("update mailfleet.workers set app = 'imap-watch' where id = $1", [rig.workerId]);
  await rig.account("acme");
  big = (await follow(rig, rig.workerId, "acme")).mailboxUid;
  await db.query(
    "insert into mailfleet.mailboxes (tenant_id, id, settings) select 'acme', n, '{}' from generate_series(1, 100) n",
  );
  // As many in one mailbox as in a hundred others.
  await db.query(
    `insert into mailfleet.inbound (uid, tenant_id, mailbox_uid, mailbox_id, folder, uid_validity, imap_uid, arrived_at, received_at, size_bytes,
       state, reason, ended_at, correspondent, draft, troubled_at)
     select uuidv7(make_interval(secs => -n)), 'acme', m.uid, m.id, $2, $3, n, at, at, 2000, 'skipped', 'list_mail', at, 'ann@example.net',
       case when n % 1000 = 0 then '{}'::jsonb end, case when n % 1000 = 0 then at end
     from (select n, now() - make_interval(secs => n) as at from generate_series(1, ${many}) n) as received
     join mailfleet.mailboxes m on m.uid in ($1::bigint, $1::bigint + 1 + n % 100)`,
    [big, place.folder, place.uidValidity],
  );
  await db.query(
    `insert into mailfleet.fingerprints (mailbox_uid, fingerprint, tenant_id, inbound_uid)
     select mailbox_uid, sha256(uid::text::bytea), tenant_id, uid from mailfleet.inbound`,
  );
  await db.query(
    `insert into mailfleet.mailbox_actions (tenant_id, mailbox_uid, kind, done_at)
     select 'acme', $1, 'flags', now() from mailfleet.inbound`,
    [big],
  );
  await db.query("vacuum analyze mailfleet.inbound, mailfleet.fingerprints, mailfleet.mailbox_actions");
  cost = explained(db);
  answering = openAnswering(cost.db, undefined);
  following = openFollowing(cost.db);
}, 120_000);
beforeEach(() => rig.store.db.query("truncate mailfleet.answering"));
afterAll(() => rig[Symbol.asyncDispose]());

/** All of them have tickets; how it went on with them is the caller's. */
async function tickets(state: string): Promise<void> {
  await rig.store.db.query(
    `insert into mailfleet.answering (inbound_uid, tenant_id, mailbox_uid, state, due_at)
     select uid, tenant_id, mailbox_uid, $1, received_at from mailfleet.inbound where mailbox_uid = $2`,
    [state, big],
  );
  await rig.store.db.query("vacuum analyze mailfleet.answering");
}

test("whether an answerer was troubled too often is read from what troubled it, and not from a day's spam", async () => {
  const limits = { ...answerSettings.limits, perCorrespondentPerDay: 11 };
  const inboundUid = "00000000-0000-7000-8000-000000000000";
  const message = { mailboxUid: big, inboundUid, correspondent: "ann@example.net", needsApproval: true };
  expect(await answering.troubledTooOften({ ...message, limits })).toBeUndefined();
  expect(cost.buffers()).toBeLessThan(fewBuffers);
  const fewer = { ...limits, perCorrespondentPerDay: 10 };
  expect(await answering.troubledTooOften({ ...message, limits: fewer })).toBe("too_many_answers");
  const fewerPerHour = { ...limits, perHour: 1 };
  expect(await answering.troubledTooOften({ ...message, limits: fewerPerHour })).toBe("hourly_cap");
});

test("which UIDs are unknown is found without reading a mailbox's history", async () => {
  cost.buffers();
  expect(await following.unknownUids(big, place, [1, 2, 300, many, many + 1])).toEqual([many + 1]);
  expect(cost.buffers()).toBeLessThan(fewBuffers);
});

test("what waits for a person is not looked at to count the backlog", async () => {
  await tickets("approval");
  cost.buffers();
  expect((await following.backlog()).count).toBe(0);
  expect(cost.buffers()).toBeLessThan(fewBuffers);
});

test("no claim steps over what a stopped mailbox has waiting, whenever it came", async () => {
  const { mailboxes } = rig.store;
  await rig.store.tenants.put("other", {});
  const put = await mailboxes.put("acme", "open", { ...mailboxSettings, folder: "Open" }, { pass: "secret" });
  const open = put.kind === "put" ? put.mailbox.uid : 0;
  const shard = (await rig.store.shards.share(rig.workerId, 256)).find((one) => one.shard === open % 256);
  const owner = { mailboxUid: open, workerId: rig.workerId, fence: shard?.fence ?? -1 };
  await rig.store.following.begin(owner);

  await tickets("ready");
  await mailboxes.setAnswering("acme", "help", true);
  await rig.store.db.query("vacuum analyze mailfleet.answering");
  await rig.store.following.record(owner, place, [found()]);
  cost.buffers();
  await answering.claim(rig.workerId, 16, 8);
  expect(cost.buffers()).toBeLessThan(fewBuffers);
  expect(await claimedMailboxes()).toEqual([open]);
  expect((await rig.store.following.backlog()).byTenant.get("acme")).toBe(many + 1);

  await rig.store.db.query("update mailfleet.answering set state = 'ready' where state = 'stopped'");
  await answering.setStoppedAside(many);
  await rig.store.db.query("vacuum analyze mailfleet.answering");
  cost.buffers();
  await answering.claim(rig.workerId, 16, 8);
  expect(cost.buffers()).toBeLessThan(fewBuffers);

  await mailboxes.setAnswering("acme", "help", false);
  await answering.claim(rig.workerId, 16, 8);
  expect(await claimedMailboxes()).toEqual([big, open].toSorted((a, b) => a - b));
});

const claimedMailboxes = async () =>
  (
    await rig.store.db.query<{ uid: number }>(
      "select distinct mailbox_uid as uid from mailfleet.answering where state = 'claimed' order by 1",
    )
  ).map(({ uid }) => uid);

test("what has not ended is listed without reading a tenant's history", async () => {
  const [uid] = await rig.store.db.query<{ uid: string }>(
    `with oldest as (update mailfleet.inbound set state = 'open' where uid = (select uid from mailfleet.inbound order by uid limit 1) returning *)
     insert into mailfleet.answering (inbound_uid, tenant_id, mailbox_uid, state)
     select uid, tenant_id, mailbox_uid, 'approval' from oldest returning inbound_uid as uid`,
  );
  const { list } = openInbound(cost.db, undefined);
  cost.buffers();
  expect((await list("acme", { state: "awaiting_approval" })).items).toMatchObject([uid]);
  for (const state of ["pending", "answering"] as const) expect((await list("acme", { state })).items).toEqual([]);
  expect(cost.buffers()).toBeLessThan(fewBuffers);
  expect((await list("acme", { mailbox: "help", limit: 1 })).items).toHaveLength(1);
  expect((await list("acme", { mailbox: "none" })).items).toEqual([]);
  expect(cost.buffers()).toBeLessThan(fewBuffers);
});

test("deleting a tenant reads nobody else's fingerprints and actions", async () => {
  await rig.store.tenants.put("gone", {});
  const made = `insert into mailfleet.mailboxes (tenant_id, id, settings) select 'gone', n, '{}' from generate_series(1, 10) n`;
  await rig.store.db.query(made);
  cost.buffers();
  await purgeHistory(cost.db, "gone");
  await cost.db.query("delete from mailfleet.mailboxes where tenant_id = 'gone'");
  expect(cost.buffers()).toBeLessThan(fewBuffers);
});
