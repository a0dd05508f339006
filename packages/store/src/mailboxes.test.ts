import { afterAll, beforeAll, expect, test } from "vitest";
import { follow, found, mailboxSettings, place } from "./testing/inbound-rig.ts";
import { openRig, type Rig } from "./testing/rig.ts";
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

test("a mailbox that is pointed elsewhere begins there now, unless it is said when; and otherwise stays with its beginning", async () => {
  const owner = await follow(rig, watcher.id, "begins");
  const begins = async () => (await rig.store.mailboxes.get("begins", "help"))?.startAt.getTime() ?? 0;
  const put = async (changes: Partial<typeof mailboxSettings>) => {
    await rig.store.mailboxes.put("begins", "help", { ...mailboxSettings, ...changes });
    return begins();
  };
  await rig.store.db.query(
    "update mailfleet.mailbox_positions set start_at = now() - interval '2 days' where mailbox_uid = $1",
    [owner.mailboxUid],
  );
  const first = await begins();
  expect(await put({ maxAgeMs: 3_600_000 })).toBe(first);
  const elsewhere = [
    { folder: "Other" },
    { folder: "Other", auth: { kind: "password", user: "team@example.org" } },
    { folder: "Other", auth: { kind: "password", user: "team@example.org" }, host: "imap.example.org" },
  ] as const;
  let before = first;
  for (const changes of elsewhere) {
    const startAt = await put(changes);
    expect(startAt).toBeGreaterThan(before);
    before = startAt;
  }
  const startAt = new Date(first).toISOString();
  expect(await put({ startAt })).toBe(first);
});

test("a mailbox is complete up to when its folder was listed, however late that is written, and never up to less", async () => {
  const owner = await follow(rig, watcher.id, "complete");
  const { following } = rig.store;
  const listedAt = new Date(Date.now() - 60_000);
  await following.record(owner, place, [found()], { uidValidity: 7, watermark: 1, completeAt: listedAt });
  await following.change(owner, { completeAt: new Date(listedAt.getTime() - 1_000) });
  expect(await following.begin(owner)).toMatchObject({ completeAt: listedAt });
  await rig.store.mailboxes.put("complete", "help", { ...mailboxSettings, folder: "Other" });
  expect(await following.begin(owner)).toMatchObject({ completeAt: null });
});
