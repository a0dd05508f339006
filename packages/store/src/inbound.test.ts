import { newId } from "@mailfleet/mail";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openAnswerJournal, TicketLostError } from "./answer-journal.ts";
import { answerTo, follow, found, mailboxSettings, place } from "./testing/inbound-rig.ts";
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
  await watcher[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

test("a message is recorded once, however often it is found and wherever it lies, and is answered once", async () => {
  const owner = await follow(rig, watcher.id, "once");
  const message = found();
  const { following, answering, inbound } = rig.store;
  expect(await following.record(owner, place, [message], { uidValidity: 7, watermark: 1 })).toEqual([
    { kind: "new", uid: message.uid },
  ]);
  const again = { ...message, uid: newId(), imapUid: 9 };
  expect(await following.record(owner, { ...place, uidValidity: 8 }, [again])).toEqual([
    { kind: "known", uid: message.uid },
  ]);
  const [ticket] = (await answering.claim(rig.workerId, 10, 10)) as [Ticket];
  expect(ticket).toMatchObject({ inboundUid: message.uid, tenantId: "once", fence: 1 });
  expect(Buffer.from((await answering.load(ticket))?.content ?? []).toString()).toBe("hello");
  expect(await answering.answer(ticket, answerTo(ticket))).toMatchObject({ kind: "answered" });
  expect(await answering.answer(ticket, answerTo(ticket))).toEqual({ kind: "lost" });
  const story = await inbound.get("once", message.uid);
  expect(story).toMatchObject({ state: "answered", imapUid: 9, uidValidity: 8, mailbox: "help" });
  expect(story?.answer?.messageUid).toBeTruthy();
  expect(story?.actions).toMatchObject([{ kind: "flags", doneAt: null }]);
  expect(await inbound.requeue("once", message.uid, "admin")).toMatchObject({ code: "was_answered" });
});

test("a place is known once something was recorded there, and only there", async () => {
  const owner = await follow(rig, watcher.id, "places");
  const { following } = rig.store;
  await following.record(owner, place, [found({ imapUid: 4, skip: { reason: "role_notify" } })]);
  expect(await following.unknownUids(owner.mailboxUid, place, [3, 4, 5])).toEqual([3, 5]);
  expect(await following.unknownUids(owner.mailboxUid, { ...place, uidValidity: 8 }, [4])).toEqual([4]);
  expect(await following.unknownUids(owner.mailboxUid, { ...place, folder: "Other" }, [4])).toEqual([4]);
  expect(await following.unknownUids(owner.mailboxUid, place, [])).toEqual([]);
});

test("what was known by a folder's old numbers is forgotten with them", async () => {
  const owner = await follow(rig, watcher.id, "renumbered");
  const { following } = rig.store;
  await following.change(owner, { uidValidity: 7, watermark: 4, modseq: "90071992547409930", isReconciled: true });
  await following.change(owner, { uidValidity: 7, watermark: 5 });
  const known = { modseq: "90071992547409930", reconciledAt: expect.any(Date) };
  expect(await following.begin(owner)).toMatchObject({ uidValidity: 7, watermark: 5, ...known });
  await following.change(owner, { uidValidity: 8, watermark: 1 });
  const unknown = { modseq: null, reconciledAt: null };
  expect(await following.begin(owner)).toMatchObject({ uidValidity: 8, watermark: 1, ...unknown });
});

test("a watcher whose shard was taken over writes nothing any more", async () => {
  const owner = await follow(rig, watcher.id, "fenced");
  const later = await joinAsWorker(rig.store.db, { app: "imap-watch" });
  await rig.store.shards.release(watcher.id, [owner.mailboxUid % 256]);
  const shards = await rig.store.shards.share(later.id, 256);
  const fence = shards.find(({ shard }) => shard === owner.mailboxUid % 256)?.fence ?? -1;
  expect(fence).toBeGreaterThan(owner.fence);
  expect(await rig.store.following.begin({ ...owner, workerId: later.id, fence })).toBeDefined();
  expect(await rig.store.following.record(owner, place, [found()])).toBeUndefined();
  expect(await rig.store.following.change(owner, { watermark: 5 })).toBe(false);
  expect(await rig.store.following.begin(owner)).toBeUndefined();
  await rig.store.shards.release(
    later.id,
    shards.map(({ shard }) => shard),
  );
  await later[Symbol.asyncDispose]();
});

test("what a step comes to after the message went into other hands is not written over what those have written", async () => {
  const owner = await follow(rig, watcher.id, "late-steps");
  const { db, following, answering } = rig.store;
  await following.record(owner, place, [found()]);
  const first = await joinAsWorker(db, { app: "answer-worker" });
  const [early] = (await answering.claim(first.id, 1, 10)) as [Ticket];
  const facts = { kind: "model", name: "small", request: {} };
  const said = Promise.withResolvers<string>();
  const asked = Promise.withResolvers<void>();
  const late = openAnswerJournal(db, early, 1).step(facts, () => {
    asked.resolve();
    return said.promise;
  });
  await asked.promise;
  await first[Symbol.asyncDispose]();
  expect(await answering.returnLapsed(10)).toBe(1);
  const [ticket] = (await answering.claim(rig.workerId, 1, 10)) as [Ticket];
  expect(await openAnswerJournal(db, ticket, 1).step(facts, async () => "in time")).toBe("in time");
  said.resolve("too late");
  await expect(late).rejects.toBeInstanceOf(TicketLostError);
  expect(await openAnswerJournal(db, ticket, 1).step(facts, async () => "again")).toBe("in time");
  await answering.end(ticket, { state: "skipped", reason: "shadow" });
});

test("what a worker with a lapsed lease had in hand is claimed anew, and the late one changes nothing", async () => {
  const owner = await follow(rig, watcher.id, "lapsed");
  await rig.store.following.record(owner, place, [found()]);
  const dead = await joinAsWorker(rig.store.db, { app: "answer-worker" });
  const [ticket] = (await rig.store.answering.claim(dead.id, 1, 10)) as [Ticket];
  await dead[Symbol.asyncDispose]();
  expect(await rig.store.answering.returnLapsed(100)).toBe(1);
  const [again] = (await rig.store.answering.claim(rig.workerId, 1, 10)) as [Ticket];
  expect(again).toMatchObject({ inboundUid: ticket.inboundUid, fence: ticket.fence + 1, crashes: 1 });
  expect(await rig.store.answering.answer(ticket, answerTo(ticket))).toEqual({ kind: "lost" });
  expect(await rig.store.answering.end(again, { state: "skipped", reason: "declined" })).toMatchObject({
    kind: "ended",
  });
});

test("what two processes died of is claimed one at a time, and the next death is its own", async () => {
  const owner = await follow(rig, watcher.id, "suspects");
  const messages = [1, 2, 3, 4].map((imapUid) => found({ imapUid }));
  await rig.store.following.record(owner, place, messages);
  const suspects = messages.slice(0, 2).map(({ uid }) => uid);
  await rig.store.db.query("update mailfleet.answering set crashes = 2 where inbound_uid = any($1)", [suspects]);
  const { answering } = rig.store;

  const dead = await joinAsWorker(rig.store.db, { app: "answer-worker" });
  const inHand = [...(await answering.claim(dead.id, 10, 10)), ...(await answering.claim(dead.id, 10, 10))];
  expect(inHand.map(({ crashes }) => crashes).toSorted()).toEqual([0, 0, 2]);
  const [other, ...more] = await answering.claim(rig.workerId, 10, 10);
  expect([other?.crashes, more]).toEqual([2, []]);
  await dead[Symbol.asyncDispose]();
  expect(await answering.returnLapsed(100)).toBe(3);
  const after = await rig.store.db.query<{ crashes: number }>(
    "select crashes from mailfleet.answering where inbound_uid = any($1) order by 1",
    [inHand.map(({ inboundUid }) => inboundUid)],
  );
  expect(after).toEqual([{ crashes: 0 }, { crashes: 0 }, { crashes: 3 }]);
  for (const uid of messages.map((message) => message.uid)) {
    await rig.store.db.query("delete from mailfleet.answering where inbound_uid = $1", [uid]);
  }
});

test("what a worker was never told that it has goes back, and what it knows to have does not", async () => {
  const owner = await follow(rig, watcher.id, "unheard");
  await rig.store.following.record(owner, place, [found({ imapUid: 1 }), found({ imapUid: 2 })]);
  const [known, unheard] = (await rig.store.answering.claim(rig.workerId, 2, 10)) as [Ticket, Ticket];
  const { answering } = rig.store;
  expect(await answering.returnUnheard(rig.workerId, [known.inboundUid], 60_000)).toBe(0);
  expect(await answering.returnUnheard(rig.workerId + 1, [], 0)).toBe(0);
  expect(await answering.returnUnheard(rig.workerId, [known.inboundUid], 0)).toBe(1);
  expect([await answering.holds(known), await answering.holds(unheard)]).toEqual([true, false]);
  const [again] = (await answering.claim(rig.workerId, 1, 10)) as [Ticket];
  expect(again).toMatchObject({ inboundUid: unheard.inboundUid, fence: unheard.fence + 1, crashes: 0 });
  for (const ticket of [known, again]) await answering.end(ticket, { state: "skipped", reason: "declined" });
});

test("who answers does not wait long for a lock of somebody who stands still", async () => {
  const owner = await follow(rig, watcher.id, "locked");
  const { db, following, answering, modelBudget } = rig.store;
  await following.record(owner, place, [found()]);
  const [ticket] = (await answering.claim(rig.workerId, 1, 10)) as [Ticket];
  await db.transaction(async (tx) => {
    await tx.query("select from mailfleet.mailboxes where uid = $1 for update", [owner.mailboxUid]);
    await tx.query("select pg_advisory_xact_lock(7114006, hashtext($1))", ["locked"]);
    const usage = { tokens: 1, cost: 0 };
    const waiting = [
      answering.answer(ticket, answerTo(ticket)),
      modelBudget.reserve("locked", owner.mailboxUid, usage, {}, "2026-11-01"),
    ];
    await Promise.all(waiting.map((one) => expect(one).rejects.toMatchObject({ code: "55P03" })));
  });
  expect(await answering.answer(ticket, answerTo(ticket))).toMatchObject({ kind: "answered" });
});

test("the limits of a correspondent and the kill switches hold in the transaction that answers", async () => {
  const owner = await follow(rig, watcher.id, "limits");
  const messages = [1, 2, 3].map((n) => found({ messageId: `<${n}@example.net>`, imapUid: n }));
  await rig.store.following.record(owner, place, messages);
  const tickets = await rig.store.answering.claim(rig.workerId, 3, 3);
  await rig.store.inbound.stopAnswering("limits", "admin");
  const [first, second, third] = tickets as [Ticket, Ticket, Ticket];
  expect(await rig.store.answering.answer(first, answerTo(first))).toEqual({ kind: "stopped" });
  await rig.store.inbound.startAnswering("limits");
  expect(await rig.store.answering.answer(first, answerTo(first))).toMatchObject({ kind: "answered" });
  expect(await rig.store.answering.answer(second, answerTo(second))).toMatchObject({ kind: "answered" });
  expect(await rig.store.answering.answer(third, answerTo(third))).toEqual({
    kind: "refused",
    reason: "too_many_answers",
  });
  expect(await rig.store.answering.holds(third)).toBe(true);
  await rig.store.answering.end(third, { state: "skipped", reason: "too_many_answers" });
});

test("a message ends with the reason that is found out in its own transaction, or not at all", async () => {
  const owner = await follow(rig, watcher.id, "ends");
  const { following, answering, inbound } = rig.store;
  await following.record(owner, place, [found()]);
  const [ticket] = (await answering.claim(rig.workerId, 1, 10)) as [Ticket];
  const end = { state: "skipped", reason: "bounce_unmatched" } as const;
  const { submission } = answerTo(ticket);
  const astray = { ...end, submission: { ...submission!, account: "none" } };
  expect(await answering.end(ticket, astray)).toMatchObject({ kind: "not_accepted", code: "account_not_found" });
  expect(await answering.holds(ticket)).toBe(true);
  const matched = async () => ({ reason: "bounce_recorded", detail: "d-1" });
  expect(await answering.end(ticket, end, matched)).toEqual({ kind: "ended", reason: "bounce_recorded" });
  expect(await answering.end(ticket, end, matched)).toEqual({ kind: "lost" });
  expect(await inbound.get("ends", ticket.inboundUid)).toMatchObject({ state: "skipped", reason: "bounce_recorded" });
});

test("no two reservations together pass a day's cap, the mailbox's or its tenant's", async () => {
  const owner = await follow(rig, watcher.id, "spends");
  await rig.store.tenants.put("spends", { modelCostPerDay: 2 });
  const { modelBudget } = rig.store;
  const reserve = (cost: number, tokensPerDay: number) =>
    modelBudget.reserve("spends", owner.mailboxUid, { tokens: 40, cost }, { tokensPerDay });
  const taken = await Promise.all([1, 2, 3, 4].map(() => reserve(0, 100)));
  expect(taken.filter(Boolean)).toHaveLength(2);
  await modelBudget.spend("spends", owner.mailboxUid, { tokens: -30, cost: 1 });
  expect(await reserve(0.9, 100)).toBe(true);
  expect(await reserve(0.2, 1_000)).toBe(false);
});

test("no tenant has more in hand than its share, however many claim at once", async () => {
  const owner = await follow(rig, watcher.id, "shares");
  const messages = Array.from({ length: 8 }, (_, n) => found({ messageId: `<${n}@shares.test>`, imapUid: n }));
  await rig.store.following.record(owner, place, messages);
  const claims = Array.from({ length: 8 }, () => rig.store.answering.claim(rig.workerId, 1, 3));
  expect((await Promise.all(claims)).flat()).toHaveLength(3);
});

test("what a kill switch holds neither stops the intake of others nor stands before their mail", async () => {
  const before = (await rig.store.following.backlog()).count;
  const held = await follow(rig, watcher.id, "held");
  await rig.store.following.record(held, place, [found(), found({ imapUid: 2 })]);
  await rig.store.mailboxes.setAnswering("held", "help", true);
  const free = await follow(rig, watcher.id, "free");
  await rig.store.following.record(free, place, [found()]);
  const { count, byTenant } = await rig.store.following.backlog();
  expect([count - before, byTenant.get("held"), byTenant.get("free")]).toEqual([1, 2, 1]);
  const claimed = (await rig.store.answering.claim(rig.workerId, 100, 10)).map(({ tenantId }) => tenantId);
  expect([claimed.includes("free"), claimed.includes("held")]).toEqual([true, false]);
});

test("a message that is begun anew is looked at first, and not at all once its mailbox is gone", async () => {
  const owner = await follow(rig, watcher.id, "anew");
  const message = found();
  await rig.store.following.record(owner, place, [message]);
  const mine = async () =>
    (await rig.store.answering.claim(rig.workerId, 100, 10)).find(({ tenantId }) => tenantId === "anew") as Ticket;
  await rig.store.answering.end(await mine(), { state: "failed", reason: "no_account" });
  expect(await rig.store.inbound.requeue("anew", message.uid, "admin")).toEqual({ kind: "done" });
  const again = await mine();
  expect(again.lookedAt.getTime()).toBe(0);
  await rig.store.answering.end(again, { state: "failed", reason: "no_account" });
  await rig.store.mailboxes.delete("anew", "help");
  expect(await rig.store.inbound.requeue("anew", message.uid, "admin")).toMatchObject({ code: "mailbox_gone" });
});

test("what was seen of a folder that is not followed any more is not written", async () => {
  const owner = await follow(rig, watcher.id, "elsewhere");
  await rig.store.following.record(owner, place, [found()], { uidValidity: 7, watermark: 1 });
  await rig.store.mailboxes.put("elsewhere", "help", { ...mailboxSettings, folder: "Other" });
  expect(await rig.store.following.record(owner, place, [found({ imapUid: 2 })], { watermark: 2 })).toBeUndefined();
  expect(await rig.store.following.begin(owner)).toMatchObject({ uidValidity: null, watermark: null, state: "new" });
  expect(await rig.store.following.change(owner, { watermark: 9 })).toBe(true);
});

test("a window that is asked for while another is looked through is not forgotten with it", async () => {
  const owner = await follow(rig, watcher.id, "windows");
  const day = (n: number) => new Date(Date.UTC(2026, 0, n));
  await rig.store.mailboxes.backfill("windows", "help", { since: day(5), until: day(6) });
  expect((await rig.store.following.begin(owner))?.backfill).toEqual({ since: day(5), until: day(6) });
  await rig.store.mailboxes.backfill("windows", "help", { since: day(1), until: day(2) });
  await rig.store.following.change(owner, { backfillDone: true });
  expect((await rig.store.following.begin(owner))?.backfill).toEqual({ since: day(1), until: day(6) });
  const shown = async () => (await rig.store.mailboxes.get("windows", "help"))?.backfill;
  expect(await shown()).toEqual({ since: day(1), until: day(6), askedAt: expect.any(Date), endedAt: null });
  await rig.store.following.change(owner, { backfillDone: true });
  expect((await rig.store.following.begin(owner))?.backfill).toBeNull();
  const ended = { since: day(1), until: day(6), endedAt: expect.any(Date) };
  expect(await shown()).toMatchObject(ended);
  await rig.store.following.change(owner, { state: "following" });
  expect(await shown()).toMatchObject(ended);
  await rig.store.mailboxes.backfill("windows", "help", { since: day(8), until: day(9) });
  expect((await rig.store.following.begin(owner))?.backfill).toEqual({ since: day(8), until: day(9) });
});

test("what was skipped for its time is taken up where a person asks for it, once, as the same message", async () => {
  const owner = await follow(rig, watcher.id, "taken-up");
  const { following, answering, inbound, mailboxActions } = rig.store;
  const skipped = (imapUid: number, reason: string) => {
    const { content: _, ...message } = found({ imapUid, skip: { reason } });
    return message;
  };
  const [early, old, large] = [skipped(1, "before_start"), skipped(2, "too_old"), skipped(3, "too_large")];
  await following.record(owner, place, [early, old, large]);
  const isAskedFor = true;
  expect(await following.unknownUids(owner.mailboxUid, place, [1, 2, 3])).toEqual([]);
  expect(await following.unknownUids(owner.mailboxUid, place, [1, 2, 3], { isAskedFor })).toEqual([1, 2]);

  const { skip: _, ...wanted } = { ...early, uid: newId(), imapUid: 4, isAskedFor };
  const again = [wanted, { ...wanted, uid: newId(), imapUid: 5 }, { ...old, isAskedFor }, { ...large, isAskedFor }];
  for (const n of [1, 2]) {
    const verdicts = await following.record(owner, place, n === 1 ? again : again.slice(0, 1));
    expect(verdicts?.[0]).toEqual({ kind: "known", uid: early.uid });
  }
  expect(await inbound.get("taken-up", early.uid)).toMatchObject({ state: "pending", reason: null, run: 1 });
  expect(await inbound.get("taken-up", old.uid)).toMatchObject({ state: "skipped", reason: "too_old" });
  expect(await inbound.get("taken-up", large.uid)).toMatchObject({ state: "skipped", reason: "too_large" });
  expect((await inbound.list("taken-up", { limit: 10 })).items).toHaveLength(3);
  expect(await following.unknownUids(owner.mailboxUid, place, [4], { isAskedFor })).toEqual([]);

  const mine = async () =>
    (await answering.claim(rig.workerId, 100, 10)).filter(({ tenantId }) => tenantId === "taken-up") as [Ticket];
  const [ticket] = await mine();
  expect((await answering.load(ticket))?.content).toBeUndefined();
  expect(await answering.fetchFirst(ticket)).toBe(true);
  expect(await answering.fetchFirst(ticket)).toBe(false);
  const [fetch, ...more] = await mailboxActions.due(owner.mailboxUid, 10);
  expect([fetch?.action, fetch?.inbound?.uid, more]).toEqual([{ kind: "fetch" }, early.uid, []]);
  const content = Buffer.from("hello again");
  await mailboxActions.settle(owner, fetch?.id ?? 0, { kind: "fetched", sizeBytes: content.length, content });
  const [ready] = await mine();
  expect(Buffer.from((await answering.load(ready))?.content ?? []).toString()).toBe("hello again");
  expect(await inbound.get("taken-up", early.uid)).toMatchObject({ hasContent: true, sizeBytes: content.length });
  await answering.end(ready, { state: "skipped", reason: "too_old" });
  await following.record(owner, place, [wanted]);
  expect(await inbound.get("taken-up", early.uid)).toMatchObject({ state: "skipped", reason: "too_old" });
});
