import { afterAll, beforeAll, expect, test } from "vitest";
import type { Ownership } from "./following.ts";
import { follow, found, place } from "./testing/inbound-rig.ts";
import { openRig, type Rig } from "./testing/rig.ts";
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

let numbers = 0;
/** Messages that have ended so, oldest first; their uids. */
async function ended(owner: Ownership, n: number, reason = "hourly_cap", headerFrom = "ann@example.net") {
  const messages = Array.from({ length: n }, () => found({ imapUid: ++numbers, headerFrom }));
  await rig.store.following.record(owner, place, messages);
  for (const ticket of await rig.store.answering.claim(rig.workerId, 100, 100)) {
    await rig.store.answering.end(ticket, { state: "skipped", reason });
  }
  return messages.map(({ uid }) => uid);
}
const requeue = (tenant: string, filter: object = {}) =>
  rig.store.inbound.requeueAll(tenant, "admin", { reason: "hourly_cap", limit: 1_000, ...filter });
const stateOf = async (tenant: string, uid: string) => (await rig.store.inbound.get(tenant, uid))?.state;

test("what ended for one reason is begun anew, oldest first, and each of it once however often it ends so again", async () => {
  const owner = await follow(rig, watcher.id, "capped");
  const uids = await ended(owner, 3);
  const [other] = await ended(owner, 1, "too_many_answers");
  expect(await requeue("capped", { limit: 2 })).toEqual({ uids: uids.slice(0, 2), more: true });
  await ended(owner, 0);
  expect(await requeue("capped", { limit: 2, beyond: uids[1] })).toEqual({ uids: uids.slice(2), more: false });
  const again = await rig.store.inbound.get("capped", uids[2] ?? "");
  expect(again).toMatchObject({ state: "pending", reason: null, run: 2, waitsFor: "worker" });
  expect(await stateOf("capped", other ?? "")).toBe("skipped");
});

test("only what all of the filters leave is begun anew", async () => {
  const owner = await follow(rig, watcher.id, "narrow");
  const [ann] = await ended(owner, 1, "hourly_cap", "Ann@example.net");
  const [bob] = await ended(owner, 1, "hourly_cap", "bob@example.net");
  const later = new Date(Date.now() + 60_000);
  for (const nothing of [
    { mailbox: "other" },
    { after: later },
    { before: new Date(0) },
    { from: "eve@example.net" },
  ]) {
    expect(await requeue("narrow", nothing)).toEqual({ uids: [], more: false });
  }
  expect((await requeue("other")).uids).toEqual([]);
  expect((await requeue("narrow", { mailbox: "help", from: "ann@EXAMPLE.net", before: later })).uids).toEqual([ann]);
  expect(await stateOf("narrow", bob ?? "")).toBe("skipped");
});

test("what was begun anew is not begun a second time by somebody who asks at the same moment", async () => {
  const owner = await follow(rig, watcher.id, "twice");
  const uids = await ended(owner, 5);
  const both = await Promise.all([requeue("twice"), requeue("twice")]);
  expect(both.flatMap((one) => one.uids).toSorted()).toEqual(uids.toSorted());
});

test("what a deleted mailbox has left is listed by its id, and is not begun anew", async () => {
  const owner = await follow(rig, watcher.id, "left");
  const [uid] = await ended(owner, 1);
  await rig.store.mailboxes.delete("left", "help");
  const { items } = await rig.store.inbound.list("left", { mailbox: "help" });
  expect(items).toMatchObject([{ uid, mailbox: "help" }]);
  expect((await rig.store.inbound.list("left", { mailbox: "other" })).items).toEqual([]);
  expect((await requeue("left")).uids).toEqual([]);
});

test("senders are found whatever the case of their address", async () => {
  const owner = await follow(rig, watcher.id, "cases");
  const [uid] = await ended(owner, 1, "hourly_cap", "Ann.Lee@example.net");
  const { items } = await rig.store.inbound.list("cases", { from: "ANN.lee@example.net" });
  expect(items).toMatchObject([{ uid }]);
});
