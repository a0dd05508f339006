import { afterAll, beforeAll, expect, test } from "vitest";
import { shardCount } from "./shards.ts";
import { openRig, type Rig } from "./testing/rig.ts";
import { joinAsWorker } from "./worker-lease.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

const owned = async (workerId: number, take = shardCount) =>
  (await rig.store.shards.share(workerId, take)).filter(({ verdict }) => verdict !== "surplus");

test("watchers that come and go share all shards fairly, each shard with one owner and a fence that grows", async () => {
  const { shards } = rig.store;
  await using first = await joinAsWorker(rig.store.db, { app: "imap-watch" });
  const alone = await owned(first.id);
  expect(alone).toHaveLength(shardCount);

  await using second = await joinAsWorker(rig.store.db, { app: "imap-watch" });
  expect(await owned(second.id)).toHaveLength(0); // Nothing is torn from who has it.
  const surplus = (await shards.share(first.id, shardCount)).filter(({ verdict }) => verdict === "surplus");
  expect(surplus).toHaveLength(shardCount / 2);
  await shards.release(
    first.id,
    surplus.map(({ shard }) => shard),
  );
  const half = await owned(second.id);
  expect(half).toHaveLength(shardCount / 2);
  for (const { shard, fence, verdict } of half) {
    expect(verdict).toBe("taken");
    expect(fence).toBeGreaterThan(alone.find((one) => one.shard === shard)?.fence ?? 0);
  }

  await rig.store.db.query("update mailfleet.workers set lease_until = now() - interval '1 second' where id = $1", [
    first.id,
  ]);
  const all = await shards.share(second.id, shardCount);
  expect(all.filter(({ verdict }) => verdict === "taken_over")).toHaveLength(shardCount / 2);
  expect(new Set(all.map(({ shard }) => shard)).size).toBe(shardCount);
  expect(await owned(first.id)).toEqual([]);
});

test("a few mailboxes, whose shards follow one another, are shared fairly too", async () => {
  const { shards } = rig.store;
  const few = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  await using first = await joinAsWorker(rig.store.db, { app: "imap-watch" });
  await owned(first.id);
  await using second = await joinAsWorker(rig.store.db, { app: "imap-watch" });
  await using third = await joinAsWorker(rig.store.db, { app: "imap-watch" });
  const surplus = (await shards.share(first.id, shardCount)).filter(({ verdict }) => verdict === "surplus");
  await shards.release(
    first.id,
    surplus.map(({ shard }) => shard),
  );
  for (const { id } of [first, second, third]) {
    const shares = (await owned(id)).filter(({ shard }) => few.includes(shard));
    expect(shares.length).toBeGreaterThanOrEqual(2);
    expect(shares.length).toBeLessThanOrEqual(4);
  }
});

test("logins at a host are spread as the rate says, whatever it is and however the host is spelled", async () => {
  const { following } = rig.store;
  const waits = [];
  for (const host of ["imap.example.org", "IMAP.example.org", "imap.example.org"]) {
    waits.push(await following.reserveLogin(host, 1_000 / 0.3));
  }
  expect(waits[0]).toBe(0);
  expect(waits[1]).toBeGreaterThan(2_000);
  expect(waits[2]).toBeGreaterThan(5_000);
  expect(await following.reserveLogin("other.example.org", 1_000 / 30)).toBe(0);
});

test("who would not wait long enough for a login takes no place in the line, and holds nobody up", async () => {
  const { following } = rig.store;
  const reserve = (maxWaitMs?: number) => following.reserveLogin("imap.busy.example.org", 60_000, maxWaitMs);
  expect(await reserve(5_000)).toBe(0);
  for (let n = 0; n < 5; n++) expect(await reserve(5_000)).toBeUndefined();
  expect(await reserve()).toBeLessThanOrEqual(60_000);
});
