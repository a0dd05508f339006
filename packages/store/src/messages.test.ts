import { afterAll, beforeAll, expect, test } from "vitest";
import { openRig, type Rig } from "./testing/rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

test("a message is found by its own id and by its uid, and never by another tenant", async () => {
  await rig.account("a");
  await rig.account("b");
  const { uid } = await rig.submit("a", { id: "order-1", subject: "hello", tags: ["x"], metadata: { n: 1 } });
  const { messages } = rig.store;
  const found = await messages.get("a", "order-1");
  expect(found).toMatchObject({
    uid,
    id: "order-1",
    account: "main",
    subject: "hello",
    tags: ["x"],
    metadata: { n: 1 },
    priority: "medium",
    state: "pending",
    counts: { pending: 1, sent: 0 },
    deliveries: [{ recipient: "ann@example.org", state: "pending" }],
  });
  expect(await messages.get("a", uid)).toEqual(found);
  expect(await messages.get("b", uid)).toBeUndefined();
  expect(await messages.get("b", "order-1")).toBeUndefined();
  expect(await messages.get("a", "no-such-id")).toBeUndefined();
});

test("a tenant's own id comes before a uid", async () => {
  await rig.account("own");
  const first = await rig.submit("own");
  const second = await rig.submit("own", { id: first.uid });
  expect((await rig.store.messages.get("own", first.uid))?.uid).toBe(second.uid);
});

test("a message is pending until something was tried, active until all have ended, then done", async () => {
  const uid = await rig.account("s");
  const { messages } = rig.store;
  const { id } = await rig.submit("s", { to: ["a@example.org", "b@example.org"] });
  const state = async () => {
    const [listed] = (await messages.list("s", {})).items;
    const shown = await messages.get("s", id);
    expect(listed).toEqual({ ...shown, deliveries: undefined });
    const filtered = await messages.list("s", { state: shown?.state as "done" });
    expect(filtered.items).toHaveLength(1);
    return shown?.state;
  };
  const [first, second] = (await rig.claim(uid)) as [string, string];
  expect(await state()).toBe("pending");
  const next = { kind: "retry", delayMs: 0 } as const;
  await rig.record(first, { tenantId: "s", outcome: "transient_error", next });
  expect(await state()).toBe("active");
  await rig.record(second, { tenantId: "s", next: { kind: "done" } });
  expect(await state()).toBe("active");
  await messages.cancel("s", id);
  expect(await state()).toBe("done");
  expect((await messages.list("s", { state: "pending" })).items).toEqual([]);
});

test("lists narrow by recipient, account, batch, tag and time, newest first", async () => {
  const { messages } = rig.store;
  await rig.account("l", "one");
  await rig.account("l", "two");
  await rig.submit("l", { id: "1", to: ["ann@example.org", "bob@example.org"], batch: "b" });
  await rig.submit("l", { id: "2", to: ["ann@example.org"], account: "two", tags: ["x"] });
  const find = async (filter: Parameters<typeof messages.list>[1]) =>
    (await messages.list("l", filter)).items.map(({ id }) => id);
  expect(await find({})).toEqual(["2", "1"]);
  expect(await find({ limit: 1 })).toEqual(["2"]);
  expect(await find({ limit: 1, cursor: (await messages.list("l", { limit: 1 })).nextCursor as string })).toEqual([
    "1",
  ]);
  expect(await find({ recipient: "ann@example.org" })).toEqual(["2", "1"]);
  expect(await find({ recipient: "bob@example.org" })).toEqual(["1"]);
  expect(await find({ account: "two" })).toEqual(["2"]);
  expect(await find({ batch: "b" })).toEqual(["1"]);
  expect(await find({ tag: "x" })).toEqual(["2"]);
  expect(await find({ after: new Date(Date.now() + 60_000) })).toEqual([]);
  expect(await find({ before: new Date(Date.now() + 60_000), after: new Date(Date.now() - 60_000) })).toHaveLength(2);
});

test("cancelling ends what is surely unsent, wherever it waits, and says what it could not stop", async () => {
  const uid = await rig.account("c");
  const { messages, deliveries, stats } = rig.store;
  const names = ["sent", "sending", "held", "later", "claimed", "ready"];
  const { id } = await rig.submit("c", { to: names.map((name) => `${name}@example.org`) });
  const ids = (await rig.claim(uid, 5)) as [string, string, string, string, string];
  const failed = { tenantId: "c", outcome: "transient_error" } as const;
  await rig.record(ids[0], { tenantId: "c", next: { kind: "done" } });
  expect(await rig.promote(ids[1])).toBe("go");
  await rig.record(ids[2], { ...failed, next: { kind: "hold", reason: "in_doubt" } });
  await rig.record(ids[3], { ...failed, next: { kind: "retry", delayMs: 3_600_000 } });

  const answer = await messages.cancel("c", id);
  expect(answer?.map(({ recipient, result }) => [recipient.split("@")[0], result])).toEqual([
    ["sent", "ended"],
    ["sending", "sending"],
    ["held", "cancelled"],
    ["later", "cancelled"],
    ["claimed", "cancelled"],
    ["ready", "cancelled"],
  ]);
  expect(await rig.promote(ids[4]), "a worker that had claimed it").toBe("gone");
  expect(await rig.claim(uid)).toEqual([]);
  await rig.record(ids[1], { tenantId: "c", next: { kind: "done" } });
  expect((await stats("c")).deliveries).toMatchObject({ sent: 2, cancelled: 4, pending: 0, held: 0, retrying: 0 });
  expect((await deliveries.get("c", ids[2]))?.endedAt).toBeInstanceOf(Date);
  expect((await messages.cancel("c", id))?.every(({ result }) => result === "ended")).toBe(true);
  expect(await messages.cancel("c", "no-such-id")).toBeUndefined();
});

test("cancelling while workers claim and record leaves every delivery with exactly one end", async () => {
  const uid = await rig.account("race");
  const { messages, stats, db } = rig.store;
  const count = 200;
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push((await rig.submit("race")).id);
  const work = async () => {
    for (let batch = await rig.claim(uid, 7); batch.length > 0; batch = await rig.claim(uid, 7)) {
      for (const id of batch) {
        if ((await rig.promote(id)) !== "go") continue;
        await rig.record(id, { tenantId: "race", next: { kind: "done" } });
      }
    }
  };
  const cancelAll = async () => {
    for (const id of ids.toReversed()) await messages.cancel("race", id);
  };
  await Promise.all([work(), cancelAll()]);
  const { sent, cancelled } = (await stats("race")).deliveries;
  expect(sent + cancelled).toBe(count);
  expect(Math.min(sent, cancelled)).toBeGreaterThan(0);
  const rows = await db.query(
    "select state, count(*) as n from mailfleet.deliveries where tenant_id = 'race' group by state order by state",
  );
  expect(rows).toEqual([
    { state: "cancelled", n: cancelled },
    { state: "sent", n: sent },
  ]);
});

test("pages over more unfinished mail than one page looks at still hold every message once", async () => {
  await rig.account("many");
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) {
    const to = Array.from({ length: 900 }, (_, r) => `r${r}@example.org`);
    ids.push((await rig.submit("many", { to })).id);
  }
  const seen: string[] = [];
  const seenDeliveries: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await rig.store.messages.list("many", { state: "pending", ...(cursor && { cursor }) });
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor;
    if (cursor === undefined) break;
  }
  for (let cursor: string | undefined; ; ) {
    const page = await rig.store.deliveries.list("many", {
      state: "pending",
      limit: 200,
      account: "main",
      ...(cursor && { cursor }),
    });
    seenDeliveries.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor;
    if (cursor === undefined) break;
  }
  expect(seen).toEqual(ids.toReversed());
  expect(seenDeliveries).toEqual([...new Set(seenDeliveries)].sort().reverse());
  expect(seenDeliveries).toHaveLength(4_500);
});

test("content comes back byte for byte", async () => {
  await rig.account("bytes");
  const content = Buffer.from(Array.from({ length: 70_000 }, (_, n) => n % 256));
  const { uid } = await rig.submit("bytes", { content });
  const found = await rig.store.messages.content("bytes", uid);
  expect(found && "bytes" in found && content.equals(found.bytes)).toBe(true);
  expect(await rig.store.messages.content("another", uid)).toBeUndefined();
});
