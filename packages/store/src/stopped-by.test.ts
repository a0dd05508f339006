import { afterAll, beforeAll, expect, test } from "vitest";
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
  await watcher[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

test("a message says what it waits for, as its tickets and its switches go", async () => {
  const { following, inbound, mailboxes, answering, tenants } = rig.store;
  const owner = await follow(rig, watcher.id, "waits");
  const message = found();
  await following.record(owner, place, [message]);
  const waits = async () => {
    const detail = await inbound.get("waits", message.uid);
    return [detail?.waitsFor, detail?.stoppedBy];
  };
  const claim = async () => ((await answering.claim(rig.workerId, 1, 10)) as [Ticket])[0];
  expect(await waits()).toEqual(["worker", null]);
  await mailboxes.setAnswering("waits", "help", true);
  expect(await waits()).toEqual(["start_answering", "mailbox"]);
  await inbound.stopAnswering("waits", "test");
  expect(await waits()).toEqual(["start_answering", "tenant"]);
  await inbound.stopAnswering(undefined, "test");
  expect(await waits()).toEqual(["start_answering", "fleet"]);
  expect((await mailboxes.get("waits", "help"))?.stoppedBy).toBe("fleet");
  await inbound.startAnswering(undefined);
  await inbound.startAnswering("waits");
  await mailboxes.setAnswering("waits", "help", false);
  await tenants.suspend("waits");
  expect(await waits()).toEqual(["tenant", null]);
  await tenants.activate("waits");
  await answering.postpone(await claim(), { afterMs: 60_000 });
  expect(await waits()).toEqual(["due_at", null]);
  await rig.store.db.query("update mailfleet.answering set due_at = now() where tenant_id = 'waits'");
  await answering.lookFirst(await claim());
  expect(await waits()).toEqual(["look", null]);
  await rig.store.db.query("update mailfleet.answering set state = 'ready' where tenant_id = 'waits'");
  const ticket = await claim();
  expect(await waits()).toEqual([null, null]);
  await answering.askForApproval(ticket, { draft: { from: "a", to: "ann@example.net", subject: "Hi", text: "Hi" } });
  expect(await waits()).toEqual(["approval", null]);
  await inbound.reject("waits", message.uid, "test");
  await inbound.stopAnswering("waits", "test");
  expect(await waits()).toEqual([null, null]);
});
