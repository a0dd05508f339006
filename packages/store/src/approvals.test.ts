import { afterAll, beforeAll, expect, test } from "vitest";
import { approvalLimits } from "./approvals.ts";
import { answerSettings, follow, found, place } from "./testing/inbound-rig.ts";
import { openRig, type Rig } from "./testing/rig.ts";
import type { Ticket } from "./ticket.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
  await rig.store.db.query("update mailfleet.workers set app = 'imap-watch' where id = $1", [rig.workerId]);
});
afterAll(() => rig[Symbol.asyncDispose]());

const draft = { from: "help@example.org", to: "ann@example.net", subject: "Re: Hello", text: "Thank you." };
const keptMs = 86_400_000;

/** Messages whose drafts wait; their ids. */
async function drafted(tenantId: string, count: number): Promise<string[]> {
  const owner = await follow(rig, rig.workerId, tenantId);
  const { following, answering } = rig.store;
  await following.record(
    owner,
    place,
    Array.from({ length: count }, (_, n) => found({ imapUid: n + 1 })),
  );
  const tickets = await answering.claim(rig.workerId, count, count);
  for (const ticket of tickets) await answering.askForApproval(ticket as Ticket, { draft });
  return tickets.map(({ inboundUid }) => inboundUid);
}

test("a draft that nobody decides about ends as expired, from when it was made, and can be begun anew", async () => {
  const { answering, inbound, db } = rig.store;
  const [old, young] = (await drafted("slow", 2)) as [string, string];
  await db.query("update mailfleet.answering set since = now() - interval '25 hours' where inbound_uid = $1", [old]);
  expect(await answering.expireApprovals({ keptMs, limit: 10 })).toBe(1);
  const { items } = await inbound.list("slow", { state: "failed" });
  expect(items).toMatchObject([{ uid: old, reason: "approval_expired", endedAt: expect.any(Date) }]);
  expect((await inbound.list("slow", { state: "awaiting_approval" })).items).toMatchObject([{ uid: young }]);
  expect(await inbound.approve("slow", old, { by: "bob" })).toMatchObject({ code: "not_awaiting_approval" });
  expect(await inbound.requeue("slow", old, "bob")).toEqual({ kind: "done" });
  expect(await inbound.get("slow", old)).toMatchObject({ state: "pending", reason: null });
});

test("what is begun to be approved when its time is up is approved, and what has waited in a queue is not old", async () => {
  const { answering, db } = rig.store;
  const owner = await follow(rig, rig.workerId, "queue");
  await rig.store.following.record(owner, place, [found()]);
  const ticket = (await answering.claim(rig.workerId, 100, 100)).find((one) => one.tenantId === "queue") as Ticket;
  await db.query("update mailfleet.answering set since = now() - interval '25 hours' where tenant_id = 'queue'");
  await answering.askForApproval(ticket, { draft });
  expect(await answering.expireApprovals({ keptMs, limit: 10 })).toBe(0);
  await db.query("update mailfleet.answering set since = now() - interval '25 hours' where tenant_id = 'queue'");
  await db.transaction(async (tx) => {
    await tx.query("select from mailfleet.answering where inbound_uid = $1 for update", [ticket.inboundUid]);
    expect(await answering.expireApprovals({ keptMs, limit: 10 })).toBe(0);
  });
});

test("no more drafts of a mailbox wait for a person than may; what needs no approval is not their business", async () => {
  const [uid] = await drafted("full", 1);
  const { answering, db } = rig.store;
  const [mailbox] = await db.query<{ uid: number }>("select uid from mailfleet.mailboxes where tenant_id = 'full'");
  const message = { mailboxUid: mailbox?.uid ?? 0, inboundUid: uid as string, correspondent: "bea@example.net" };
  const limits = { ...answerSettings.limits, perHour: 10_000 };
  const asked = (needsApproval: boolean) => answering.troubledTooOften({ ...message, limits, needsApproval });
  const wait = (drafts: number) =>
    db.query(
      `insert into mailfleet.answering (inbound_uid, tenant_id, mailbox_uid, state)
       select uuidv7(), 'full', $1, 'approval' from generate_series(1, $2::integer)`,
      [mailbox?.uid, drafts],
    );
  await wait(approvalLimits.waitingPerMailbox - 2);
  expect(await asked(true)).toBeUndefined();
  await wait(1);
  expect([await asked(true), await asked(false)]).toEqual(["too_many_drafts", undefined]);
});
