import { afterAll, beforeAll, expect, test } from "vitest";
import { requestActions } from "./mailbox-actions.ts";
import { follow, found, mailboxSettings, place } from "./testing/inbound-rig.ts";
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

test("a mailbox that is pointed elsewhere begins there now, unless it is said when; and otherwise stays with its beginning", async () => {
  const owner = await follow(rig, watcher.id, "begins");
  const begins = async () => (await rig.store.mailboxes.get("begins", "help"))?.startAt.getTime() ?? 0;
  const put = async (changes: Partial<typeof mailboxSettings>) => {
    await rig.store.mailboxes.put("begins", "help", { ...mailboxSettings, ...changes }, { pass: "secret" });
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

test("places of messages count for as long as the mailbox points to where they were found", async () => {
  const owner = await follow(rig, watcher.id, "places");
  const { following, mailboxActions, mailboxes } = rig.store;
  const [one, other] = [found({ imapUid: 1 }), found({ imapUid: 2 })];
  await following.record(owner, place, [one, other], { uidValidity: 7, watermark: 2 });
  const actions = [{ kind: "move", to: "Done" }] as const;
  for (const { uid } of [one, other]) {
    const about = { tenantId: "places", mailboxUid: owner.mailboxUid, inboundUid: uid };
    await requestActions(rig.store.db, about, actions);
  }
  const elsewhere = async () =>
    (await mailboxActions.due(owner.mailboxUid, 10)).map(({ inbound }) => inbound?.isElsewhere);
  const auth = { kind: "password", user: "help@example.org" } as const;
  await mailboxes.put("places", "help", { ...mailboxSettings, auth, maxAgeMs: 3_600_000 });
  expect([await elsewhere(), await following.unknownUids(owner.mailboxUid, place, [1, 2])]).toEqual([
    [false, false],
    [],
  ]);

  await mailboxes.put("places", "help", { ...mailboxSettings, auth: { ...auth, user: "team@example.org" } });
  expect([await elsewhere(), await following.unknownUids(owner.mailboxUid, place, [1, 2])]).toEqual([
    [true, true],
    [1, 2],
  ]);
  expect(await following.begin(owner)).toBeDefined();
  // The message itself was brought along.
  expect(await following.record(owner, place, [{ ...one, imapUid: 2 }])).toEqual([{ kind: "known", uid: one.uid }]);
  expect([await elsewhere(), await following.unknownUids(owner.mailboxUid, place, [1, 2])]).toEqual([
    [false, true],
    [1],
  ]);
});

test("who still looks at the place before writes nothing about the next, whatever it hears meanwhile", async () => {
  const owner = await follow(rig, watcher.id, "stale");
  const { following } = rig.store;
  expect(await following.heed(owner)).toBeDefined();
  const elsewhere = { ...mailboxSettings, host: "imap.example.org" };
  await rig.store.mailboxes.put("stale", "help", elsewhere, { pass: "secret" });
  expect(await following.heed(owner)).toBeUndefined();
  expect(await following.record(owner, place, [found()], { uidValidity: 7, watermark: 1 })).toBeUndefined();
  expect(await following.begin(owner)).toMatchObject({ uidValidity: null, watermark: null });
  expect(await following.heed(owner)).toBeDefined();
});

test("a message that waits for a look when its mailbox is pointed elsewhere ends unanswered, and says why", async () => {
  const owner = await follow(rig, watcher.id, "looks");
  const { following, answering, mailboxActions, mailboxes, inbound } = rig.store;
  const message = found();
  await following.record(owner, place, [message]);
  const [ticket] = (await answering.claim(rig.workerId, 100, 100)).filter(({ tenantId }) => tenantId === "looks");
  expect(await answering.lookFirst(ticket as Ticket)).toBe(true);
  await mailboxes.put("looks", "help", { ...mailboxSettings, folder: "Other" });
  const [look] = await mailboxActions.due(owner.mailboxUid, 10);
  expect(look).toMatchObject({ action: { kind: "look" }, inbound: { isElsewhere: true } });
  const outcome = { kind: "given_up", trouble: "the mailbox's folder was changed" } as const;
  expect(await mailboxActions.settle(owner, look?.id ?? 0, outcome)).toBe(true);
  const ended = { state: "failed", reason: "look_failed", detail: outcome.trouble };
  expect(await inbound.get("looks", message.uid)).toMatchObject(ended);
});
