import { expect, test } from "vitest";
import { openUnaskedTurns } from "./unasked-turns.ts";

function rig({ slots = 2 } = {}) {
  const asked: string[] = [];
  const taken: number[] = [];
  const ends = new Map<number, () => void>();
  const redis = { isAway: false };
  const turns = openUnaskedTurns({
    slots,
    queues: {
      wake: (uid) => void asked.push(uid),
      othersWait: async () => true,
      ping: async () => {
        if (redis.isAway) throw new Error("Redis is away");
      },
    },
    take: (uid) => {
      taken.push(uid);
      return new Promise<void>((resolve) => void ends.set(uid, resolve));
    },
  });
  return { turns, asked, taken, ends, redis };
}

test("with Redis there, turns are asked for and nothing is taken unasked", async () => {
  const { turns, asked, taken } = rig();
  await turns.look();
  turns.wake(1);
  expect([asked, taken]).toEqual([["1"], []]);
  expect(await turns.othersWait("mailfleet-turns", "1")).toBe(true);
});

test("with Redis away, each account has one turn here, and no more than there are slots", async () => {
  const { turns, asked, taken, ends, redis } = rig();
  redis.isAway = true;
  await turns.look();
  for (const uid of [1, 1, 2, 3]) turns.wake(uid);
  expect([asked, taken]).toEqual([[], [1, 2]]);
  expect(await turns.othersWait("mailfleet-turns", "1")).toBe(true);

  ends.get(1)?.();
  await new Promise(setImmediate);
  await turns.look();
  turns.wake(3);
  expect(taken).toEqual([1, 2, 3]);
  expect(await turns.othersWait("mailfleet-turns", "1")).toBe(false);
});

test("when Redis is back, the fleet is asked again", async () => {
  const { turns, asked, redis } = rig();
  redis.isAway = true;
  await turns.look();
  redis.isAway = false;
  await turns.look();
  turns.wake(7);
  expect(asked).toEqual(["7"]);
});
