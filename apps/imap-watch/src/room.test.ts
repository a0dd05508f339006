import { expect, test } from "vitest";
import { openRoom, overflowLimits } from "./room.ts";

const limits = { maxWaiting: 10, maxWaitingPerTenant: 4, bytesInFlight: 100 };
const waiting = (byTenant: Record<string, number>) => ({
  backlog: async () => ({
    count: Object.values(byTenant).reduce((sum, n) => sum + n, 0),
    byTenant: new Map(Object.entries(byTenant)),
  }),
});
const never = new AbortController().signal;

test("a tenant with too much waiting takes in no more, and others do", async () => {
  const room = openRoom(waiting({ busy: 4, calm: 3 }), limits);
  expect(room.hasRoom("busy")).toBe(true);
  await room.look();
  expect([room.hasRoom("busy"), room.hasRoom("calm"), room.hasRoom("idle")]).toEqual([false, true, true]);
});

test("with too much waiting over all, only tenants below their share take in more", async () => {
  const many = { maxWaiting: 1_000, maxWaitingPerTenant: 400, bytesInFlight: 100 };
  const room = openRoom(waiting({ a: 399, b: 399, c: 249, d: 1 }), many);
  await room.look();
  expect(["a", "b", "c", "d", "e"].map((tenantId) => room.hasRoom(tenantId))).toEqual([false, false, true, true, true]);
});

test("a tenant with next to nothing waiting is let in however many others wait, up to the bound of all", async () => {
  const many = { maxWaiting: 100, maxWaitingPerTenant: 50, bytesInFlight: 100 };
  const others = (n: number, each: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`t${i}`, each]));
  const { tenantFloor, bound } = overflowLimits;
  const crowded = openRoom(waiting({ ...others(9, 20), few: tenantFloor - 1 }), many);
  await crowded.look();
  expect(["few", "none", "t0"].map((tenantId) => crowded.hasRoom(tenantId))).toEqual([true, true, false]);
  const full = openRoom(waiting(others(10, (many.maxWaiting * bound) / 10)), many);
  await full.look();
  expect(full.hasRoom("none")).toBe(false);
});

test("no more is held at once than is allowed, and who came first goes first", async () => {
  const room = openRoom(waiting({}), limits);
  const order: string[] = [];
  const take = async (name: string, bytes: number) => {
    const held = await room.reserve(name, bytes, never);
    order.push(name);
    return held;
  };
  const first = await take("first", 60);
  const large = take("large", 1_000);
  const small = take("small", 10);
  expect(room.hasRoom("anybody")).toBe(false);
  await Promise.resolve();
  expect(order).toEqual(["first"]);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  (await large)[Symbol.dispose]();
  (await small)[Symbol.dispose]();
  expect(order).toEqual(["first", "large", "small"]);
  expect(room.hasRoom("anybody")).toBe(true);
});

test("whoever gives up waiting leaves the line", async () => {
  const room = openRoom(waiting({}), limits);
  const held = await room.reserve("a", 100, never);
  const ending = new AbortController();
  const gaveUp = expect(room.reserve("b", 50, ending.signal)).rejects.toThrow();
  const next = room.reserve("c", 50, never);
  ending.abort();
  await gaveUp;
  held[Symbol.dispose]();
  (await next)[Symbol.dispose]();
  expect(room.hasRoom("anybody")).toBe(true);
});

test("a tenant whose servers take their time holds its share, and keeps no other waiting", async () => {
  const room = openRoom(waiting({}), limits);
  const order: string[] = [];
  const take = async (tenantId: string, bytes: number) => {
    const held = await room.reserve(tenantId, bytes, never);
    order.push(tenantId);
    return held;
  };
  const first = await take("slow", 20);
  const more = [take("slow", 20), take("slow", 20)];
  expect([room.hasRoom("slow"), room.hasRoom("other")]).toEqual([false, true]);
  // One that is larger than the share goes alone.
  await take("other", 60);
  await take("third", 20);
  expect(order).toEqual(["slow", "other", "third"]);
  first[Symbol.dispose]();
  await more[0];
  expect(order).toEqual(["slow", "other", "third", "slow"]);
});

test("tenants that wait for room get it in turn", async () => {
  const room = openRoom(waiting({}), limits);
  const order: string[] = [];
  const all = await room.reserve("large", 100, never);
  for (const tenantId of ["a", "a", "b", "b"]) {
    void room.reserve(tenantId, 10, never).then(() => order.push(tenantId));
  }
  all[Symbol.dispose]();
  await new Promise(setImmediate);
  expect(order).toEqual(["a", "b", "a", "b"]);
});
