import { expect, test } from "vitest";
import { freshCache } from "./fresh-cache.ts";

function rig(maxEntries = 10) {
  const clock = { nowMs: 0 };
  let loads = 0;
  const cache = freshCache<number>({ maxAgeMs: 1_000, maxEntries, nowMs: () => clock.nowMs });
  return { clock, cache, load: () => Promise.resolve(++loads) };
}

test("a value is loaded once while it is fresh, and again when it is not", async () => {
  const { clock, cache, load } = rig();
  expect(await cache.get("a", load)).toBe(1);
  clock.nowMs = 999;
  expect(await cache.get("a", load)).toBe(1);
  clock.nowMs = 1_000;
  expect(await cache.get("a", load)).toBe(2);
});

test("a value is as old as the question, not as the answer", async () => {
  const { clock, cache, load } = rig();
  const slow = async () => {
    clock.nowMs += 900;
    return load();
  };
  await cache.get("a", slow);
  clock.nowMs = 1_000;
  expect(await cache.get("a", load)).toBe(2);
});

test("callers that miss together share one load", async () => {
  const { cache, load } = rig();
  expect(await Promise.all([cache.get("a", load), cache.get("a", load)])).toEqual([1, 1]);
});

test("what is not there, and what failed, is asked for again", async () => {
  const { cache, load } = rig();
  expect(await cache.get("a", () => Promise.resolve(undefined))).toBeUndefined();
  await expect(cache.get("a", () => Promise.reject(new Error("away")))).rejects.toThrow("away");
  expect(await cache.get("a", load)).toBe(1);
});

test("what was forgotten while it was loading is not kept", async () => {
  const { cache, load } = rig();
  const old = cache.get("a", load);
  cache.forget("a");
  expect(await old).toBe(1);
  expect(await cache.get("a", load)).toBe(2);
});

test("there are never more entries than the limit; the oldest goes first", async () => {
  const { cache, load } = rig(2);
  for (const key of ["a", "b", "c"]) await cache.get(key, load);
  expect(await cache.get("c", load)).toBe(3);
  expect(await cache.get("b", load)).toBe(2);
  expect(await cache.get("a", load)).toBe(4);
});
