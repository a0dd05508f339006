import type { DeliveryState } from "@mailfleet/mail";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRig, type Rig } from "./testing/rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

let tenants = 0;
/** A tenant with one delivery in every state; the deliveries' ids. */
async function oneOfEach() {
  const tenant = `t${++tenants}`;
  const uid = await rig.account(tenant);
  const failed = { tenantId: tenant, outcome: "transient_error", status: "4.2.1", reason: "later" } as const;
  const one = async (to: string) => {
    const { deliveries } = await rig.submit(tenant, { to: [to] });
    const [id] = await rig.claim(uid);
    expect(id).toBe(deliveries[0]?.uid);
    return id as string;
  };
  const ids = {} as Record<DeliveryState, string>;
  ids.sent = await one("sent@example.org");
  await rig.record(ids.sent, { tenantId: tenant, next: { kind: "done" } });
  ids.dead_lettered = await one("dead@example.org");
  await rig.record(ids.dead_lettered, { ...failed, outcome: "permanent_error", next: { kind: "dead_letter" } });
  ids.suppressed = await one("suppressed@example.org");
  await rig.record(ids.suppressed, { tenantId: tenant, outcome: undefined, next: { kind: "suppress" } } as never);
  ids.held = await one("held@example.org");
  await rig.record(ids.held, { ...failed, outcome: "in_doubt", next: { kind: "hold", reason: "in_doubt" } });
  ids.retrying = await one("retrying@example.org");
  await rig.record(ids.retrying, { ...failed, next: { kind: "retry", delayMs: 3_600_000 } });
  ids.sending = await one("sending@example.org");
  expect(await rig.promote(ids.sending)).toBe("go");
  const cancelled = await rig.submit(tenant, { to: ["cancelled@example.org"] });
  ids.cancelled = cancelled.deliveries[0]?.uid as string;
  await rig.store.messages.cancel(tenant, cancelled.id);
  ids.pending = await one("pending@example.org"); // Claimed, and surely unsent.
  return { tenant, uid, ids };
}

test("a delivery's state is told by where it lies, in get, in lists and in statistics alike", async () => {
  const { tenant, ids } = await oneOfEach();
  const { deliveries, stats } = rig.store;
  const counts = (await stats(tenant)).deliveries;
  for (const [state, id] of Object.entries(ids) as [DeliveryState, string][]) {
    expect((await deliveries.get(tenant, id))?.state).toBe(state);
    const { items } = await deliveries.list(tenant, { state });
    expect(
      items.map((one) => [one.id, one.recipient.split("@")[0]]),
      state,
    ).toEqual([[id, { dead_lettered: "dead" }[state as string] ?? state]]);
    expect(counts[state], state).toBe(1);
  }
  expect((await deliveries.list(tenant, {})).items).toHaveLength(8);
});

test("a delivery shows why it is held, when it is tried next, and its attempts in order", async () => {
  const { tenant, uid, ids } = await oneOfEach();
  const { deliveries, db } = rig.store;
  expect(await deliveries.get(tenant, ids.held)).toMatchObject({ heldReason: "in_doubt", nextAttemptAt: null });
  const retrying = await deliveries.get(tenant, ids.retrying);
  const waitMs = (retrying?.nextAttemptAt?.getTime() ?? 0) - (retrying?.attempts[0]?.endedAt.getTime() ?? 0);
  expect(waitMs).toBe(3_600_000);

  await db.query("update mailfleet.later set due_at = now() where delivery_uid = $1", [ids.retrying]);
  await db.query("select mailfleet.move_due(10)");
  expect(await rig.claim(uid)).toEqual([ids.retrying]);
  await rig.record(ids.retrying, { tenantId: tenant, attempt: 2, next: { kind: "done" } });
  const done = await deliveries.get(tenant, ids.retrying);
  expect(done).toMatchObject({ state: "sent", attemptCount: 2, lastStatus: "2.0.0" });
  expect(done?.attempts.map((one) => [one.number, one.outcome, one.status])).toEqual([
    [1, "transient_error", "4.2.1"],
    [2, "success", "2.0.0"],
  ]);
});

test("lists narrow by recipient, account, batch, tag, message and time", async () => {
  const { store } = rig;
  await rig.account("f", "one");
  await rig.account("f", "two");
  const a = await rig.submit("f", {
    to: ["ann@example.org", "bob@example.org"],
    account: "two",
    batch: "b",
    tags: ["x", "y"],
  });
  await rig.submit("f", { to: ["ann@example.org"] });
  const find = async (filter: Parameters<typeof store.deliveries.list>[1]) =>
    (await store.deliveries.list("f", filter)).items.length;
  expect(await find({})).toBe(3);
  expect(await find({ recipient: "ann@example.org" })).toBe(2);
  expect(await find({ account: "two" })).toBe(2);
  expect(await find({ batch: "b" })).toBe(2);
  expect(await find({ tag: "y", recipient: "bob@example.org" })).toBe(1);
  expect(await find({ messageUid: a.uid })).toBe(2);
  expect(await find({ after: new Date(Date.now() - 60_000), before: new Date(Date.now() + 60_000) })).toBe(3);
  expect(await find({ after: new Date(Date.now() + 60_000) })).toBe(0);
  expect(await find({ before: new Date(Date.now() - 60_000) })).toBe(0);
  expect(await find({ tag: "z" })).toBe(0);
});

test("a recipient is found whatever the case of the address, here and there, in deliveries and in messages", async () => {
  await rig.account("cases");
  const spellings = ["Ann.Lee@example.org", "ann.lee@example.org", "bob@example.org"];
  for (const to of spellings) await rig.submit("cases", { to: [to] });
  for (const recipient of ["ANN.LEE@example.org", "ann.lee@example.org"]) {
    const { items } = await rig.store.deliveries.list("cases", { recipient });
    expect(items.map((one) => one.recipient)).toEqual(["ann.lee@example.org", "Ann.Lee@example.org"]);
    expect((await rig.store.messages.list("cases", { recipient })).items).toHaveLength(2);
  }
});

test("pages of a list hold every delivery once, newest first", async () => {
  await rig.account("p");
  const { deliveries } = await rig.submit("p", { to: Array.from({ length: 7 }, (_, n) => `r${n}@example.org`) });
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await rig.store.deliveries.list("p", { limit: 3, state: "pending", ...(cursor && { cursor }) });
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  expect(seen).toEqual(deliveries.map(({ uid }) => uid).reverse());
});

test("a text that is no id finds nothing, and breaks nothing", async () => {
  for (const id of ["", "x", "00000000-0000-7000-8000-00000000000g", "'; drop table x", "\0"]) {
    expect(await rig.store.deliveries.get("t1", id)).toBeUndefined();
    expect(await rig.store.deliveries.resend("t1", id)).toEqual({ kind: "not_found" });
    expect(await rig.store.deliveries.release("t1", id, "retry", "me")).toEqual({ kind: "not_found" });
  }
});

test("a resend is a new delivery of the same message, and the one that was given up stays on record as it ended", async () => {
  const { tenant, uid, ids } = await oneOfEach();
  const { deliveries } = rig.store;
  const resent = await deliveries.resend(tenant, ids.dead_lettered);
  if (resent.kind !== "resent") throw new Error(resent.kind);
  const old = await deliveries.get(tenant, ids.dead_lettered);
  expect(resent).toMatchObject({
    accountUid: uid,
    delivery: {
      resendOf: ids.dead_lettered,
      recipient: "dead@example.org",
      messageUid: old?.messageUid,
      state: "pending",
    },
  });
  expect(await rig.claim(uid)).toEqual([resent.delivery.id]);
  const onRecord = { id: ids.dead_lettered, state: "dead_lettered", lastStatus: "4.2.1", lastReason: "later" };
  expect(await deliveries.get(tenant, ids.dead_lettered)).toMatchObject(onRecord);
  expect((await deliveries.list(tenant, { state: "dead_lettered" })).items).toMatchObject([onRecord]);
});

test("only an end other than sent is resent, and only once at a time", async () => {
  const { tenant, ids } = await oneOfEach();
  const { deliveries } = rig.store;
  const resend = async (id: string) => {
    const result = await deliveries.resend(tenant, id);
    return result.kind === "refused" ? result.code : result.kind;
  };
  for (const state of ["pending", "sending", "retrying", "held"] as const)
    expect(await resend(ids[state]), state).toBe("not_ended");
  expect(await resend(ids.sent)).toBe("already_sent");
  expect(await resend(ids.cancelled)).toBe("resent");
  expect(await resend(ids.suppressed)).toBe("resent");
  const twice = await Promise.all([resend(ids.dead_lettered), resend(ids.dead_lettered)]);
  expect(twice.sort()).toEqual(["already_resent", "resent"]);
  expect(await deliveries.resend("nobody", ids.dead_lettered)).toEqual({ kind: "not_found" });
});

test("a resend that died is what can be resent and is listed, so that resending all again and again sends one copy", async () => {
  const { tenant, uid, ids } = await oneOfEach();
  const { deliveries } = rig.store;
  const listed = async () => (await deliveries.deadLetters(tenant, {})).items.map(({ id }) => id);
  await deliveries.resend(tenant, ids.dead_lettered);
  expect(await listed()).toEqual([]);
  const [second] = await rig.claim(uid);
  await rig.record(second as string, { tenantId: tenant, outcome: "permanent_error", next: { kind: "dead_letter" } });

  expect(await listed()).toEqual([second]);
  expect(await deliveries.resend(tenant, ids.dead_lettered)).toMatchObject({ code: "already_resent" });
  expect((await deliveries.resend(tenant, second as string)).kind).toBe("resent");
  expect(await rig.claim(uid)).toHaveLength(1);
});

test("mail past its expiry is resent without one, since whoever resends it wants it", async () => {
  const uid = await rig.account("x");
  await rig.submit("x", { expiresAt: new Date(Date.now() + 3_600_000) });
  const [id] = await rig.claim(uid);
  await rig.record(id as string, { tenantId: "x", outcome: "permanent_error", next: { kind: "dead_letter" } });
  await rig.store.db.query("update mailfleet.messages set expires_at = now() - interval '1 s' where tenant_id = 'x'");
  await rig.store.deliveries.resend("x", id as string);
  const [again] = await rig.claim(uid);
  expect(await rig.promote(again as string)).toBe("go");
});

test("a message without content, or whose account is gone, is not resent", async () => {
  const uid = await rig.account("g");
  await rig.submit("g");
  const [id] = await rig.claim(uid);
  await rig.record(id as string, { tenantId: "g", outcome: "permanent_error", next: { kind: "dead_letter" } });
  await rig.store.accounts.delete("g", "main");
  expect(await rig.store.deliveries.resend("g", id as string)).toMatchObject({ code: "account_gone" });
  expect(await rig.store.deliveries.get("g", id as string)).toMatchObject({ account: null, state: "dead_lettered" });
  await rig.store.db.query("delete from mailfleet.contents");
  expect(await rig.store.deliveries.resend("g", id as string)).toMatchObject({ code: "content_gone" });
});

test.each([
  ["retry", "retrying", "released by me"],
  ["markSent", "sent", "marked as sent by me"],
  ["cancel", "cancelled", "cancelled by me"],
] as const)("releasing with %s leaves the delivery %s, and says who decided", async (action, state, lastReason) => {
  const { tenant, uid, ids } = await oneOfEach();
  const { deliveries, commandLog, stats } = rig.store;
  const before = (await stats(tenant)).deliveries[state];
  const released = await deliveries.release(tenant, ids.held, action, "me");
  expect(released).toEqual({ kind: "released", accountUid: uid, mayBeSent: action === "retry" });
  const after = await deliveries.get(tenant, ids.held);
  expect(after).toMatchObject({ state, lastReason, heldReason: null });
  expect(after?.endedAt === null).toBe(action === "retry");
  expect((await stats(tenant)).deliveries[state]).toBe(before + 1);
  expect((await commandLog.list(tenant, {})).items).toMatchObject([
    { actor: "me", command: "delivery.release", target: ids.held, detail: { action, heldReason: "in_doubt" } },
  ]);
  expect(await rig.claim(uid)).toEqual(action === "retry" ? [ids.held] : []);
});

test("held mail whose time is up is sent all the same when somebody says so", async () => {
  const { tenant, uid, ids } = await oneOfEach();
  await rig.store.db.query("update mailfleet.held set expires_at = now() - interval '1 s' where delivery_uid = $1", [
    ids.held,
  ]);
  await rig.store.deliveries.release(tenant, ids.held, "retry", "me");
  expect(await rig.claim(uid)).toEqual([ids.held]);
  expect(await rig.promote(ids.held)).toBe("go");
});

test("of two decisions about one held delivery, one counts", async () => {
  const { tenant, ids } = await oneOfEach();
  const both = await Promise.all([
    rig.store.deliveries.release(tenant, ids.held, "cancel", "me"),
    rig.store.deliveries.release(tenant, ids.held, "retry", "you"),
  ]);
  expect(both.map((one) => (one.kind === "refused" ? one.code : one.kind)).sort()).toEqual(["not_held", "released"]);
});

test("only what is held is released", async () => {
  const { tenant, ids } = await oneOfEach();
  for (const state of ["pending", "sending", "retrying", "sent", "dead_lettered"] as const) {
    expect(await rig.store.deliveries.release(tenant, ids[state], "retry", "me"), state).toMatchObject({
      code: "not_held",
    });
  }
});
