import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { requestActions } from "./mailbox-actions.ts";
import { follow, found, place } from "./testing/inbound-rig.ts";
import { openRig, type Rig } from "./testing/rig.ts";
import type { Ticket } from "./ticket.ts";
import { joinAsWorker, type WorkerLease } from "./worker-lease.ts";

let rig: Rig;
let watcher: WorkerLease;
beforeAll(async () => {
  rig = await openRig();
  watcher = await joinAsWorker(rig.store.db, { app: "imap-watch" });
});
afterAll(async () => {
  await watcher?.[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

test("what is to be done about a message later waits for what was refused, and about another it does not", async () => {
  const owner = await follow(rig, watcher.id, "ordered");
  const [one, other] = [found({ imapUid: 1 }), found({ imapUid: 2 })];
  await rig.store.following.record(owner, place, [one, other]);
  const about = (inboundUid: string) => ({ tenantId: "ordered", mailboxUid: owner.mailboxUid, inboundUid });
  const actions = [
    { kind: "flags", add: ["\\Answered"] },
    { kind: "move", to: "Done" },
  ] as const;
  await requestActions(rig.store.db, about(one.uid), actions);
  await requestActions(rig.store.db, about(other.uid), actions);
  const { mailboxActions } = rig.store;
  const due = async () =>
    (await mailboxActions.due(owner.mailboxUid, 10)).map(({ id, inbound, action }) => ({ id, inbound, action }));
  const [first] = await due();
  await mailboxActions.settle(owner, first?.id ?? 0, { kind: "again", afterMs: 60_000, trouble: "NO: later" });
  expect((await due()).map(({ inbound }) => inbound?.uid)).toEqual([other.uid, other.uid]);
  await rig.store.db.query("update mailfleet.mailbox_actions set due_at = due_at - interval '60 seconds'");
  expect((await due()).map(({ inbound, action }) => [inbound?.uid, action.kind])).toEqual([
    [one.uid, "flags"],
    [one.uid, "move"],
    [other.uid, "flags"],
    [other.uid, "move"],
  ]);
});

test("a message about which nobody could find out whether a person was faster ends unanswered, and may be begun anew", async () => {
  const owner = await follow(rig, watcher.id, "unsure");
  const message = found();
  await rig.store.following.record(owner, place, [message]);
  const [ticket] = (await rig.store.answering.claim(rig.workerId, 100, 100)).filter(
    ({ tenantId }) => tenantId === "unsure",
  );
  expect(await rig.store.answering.lookFirst(ticket as Ticket)).toBe(true);
  const [look] = await rig.store.mailboxActions.due(owner.mailboxUid, 1);
  const outcome = { kind: "given_up", trouble: "NO [LIMIT] too often" } as const;
  expect(await rig.store.mailboxActions.settle(owner, look?.id ?? 0, outcome)).toBe(true);
  expect(await rig.store.inbound.get("unsure", message.uid)).toMatchObject({
    state: "failed",
    reason: "look_failed",
    detail: outcome.trouble,
  });
  expect(await rig.store.inbound.requeue("unsure", message.uid, "admin")).toEqual({ kind: "done" });
});

test("a look that ends while a worker has its message wait for it lets the message go on", async () => {
  const owner = await follow(rig, watcher.id, "meanwhile");
  const message = found();
  await rig.store.following.record(owner, place, [message]);
  const about = { tenantId: "meanwhile", mailboxUid: owner.mailboxUid, inboundUid: message.uid };
  await requestActions(rig.store.db, about, [{ kind: "look" }]);
  const [look] = await rig.store.mailboxActions.due(owner.mailboxUid, 1);
  const outcome = { kind: "looked", flags: [], isReplied: false, isGone: false } as const;
  const { db, mailboxActions } = rig.store;
  const { settling } = await db.transaction(async (tx) => {
    await tx.query("update mailfleet.answering set state = 'looking' where inbound_uid = $1", [message.uid]);
    const settling = mailboxActions.settle(owner, look?.id ?? 0, outcome);
    const waits = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    await Promise.race([settling, vi.waitFor(async () => expect(await db.query(waits)).toHaveLength(1))]);
    return { settling };
  });
  expect(await settling).toBe(true);
  const state = "select state from mailfleet.answering where inbound_uid = $1";
  expect(await db.query(state, [message.uid])).toEqual([{ state: "ready" }]);
});
