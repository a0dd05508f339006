import { expect, test } from "vitest";
import { setNewAside } from "./stopped-tickets.ts";
import { follow, found, place } from "./testing/inbound-rig.ts";
import { openRig } from "./testing/rig.ts";

test("what is being set aside while its mailbox is started again is brought back with the rest", async () => {
  await using rig = await openRig();
  const { db, mailboxes, following, inbound } = rig.store;
  await db.query("update mailfleet.workers set app = 'imap-watch' where id = $1", [rig.workerId]);
  const owner = await follow(rig, rig.workerId, "acme");
  await following.record(owner, place, [found({ imapUid: 1 })]);
  await mailboxes.setAnswering("acme", "help", true);
  await following.record(owner, place, [found({ imapUid: 2 })]);
  const waiting = "select from pg_stat_activity where wait_event_type = 'Lock' and query like '%answering_stopped%'";
  let started = Promise.resolve(false);
  await db.transaction(async (tx) => {
    await setNewAside(tx, 10);
    let isOver = false;
    started = mailboxes.setAnswering("acme", "help", false).finally(() => {
      isOver = true;
    });
    while (!isOver && (await db.query(waiting)).length === 0); // It waits for us, or need not.
  });
  expect(await started).toBe(true);
  expect((await inbound.list("acme", { state: "pending" })).items).toHaveLength(2);
  expect(await rig.store.answering.claim(rig.workerId, 10, 10)).toHaveLength(2);
});
