import { setImmediate as turn } from "node:timers/promises";
import type { Ticket } from "@mailfleet/store";
import { expect, test } from "vitest";
import { maxBytesInHand, openHands } from "./hands.ts";

/** Work that is due, and hands that end it one by one when they are told to. */
function setUp(slots: number, due: number, slowMs = 60_000, sizeBytes = 0) {
  const draining = new AbortController();
  const open: (() => void)[] = [];
  const claims: number[] = [];
  let left = due;
  let most = 0;
  const hands = openHands({
    slots,
    slowMs,
    draining: draining.signal,
    async claim(limit) {
      claims.push(limit);
      const got = Math.min(limit, left);
      left -= got;
      await turn();
      return Array.from({ length: got }, () => ({ inboundUid: "i" }) as Ticket);
    },
    answer: (_, { onLoaded }) =>
      new Promise((resolve) => {
        onLoaded(sizeBytes);
        open.push(resolve);
        most = Math.max(most, open.length);
      }),
    onError: (error) => {
      throw error;
    },
  });
  const endOne = async () => {
    open.shift()?.();
    for (let i = 0; i < 10; i++) await turn();
  };
  return {
    hands,
    draining,
    open,
    claims,
    endOne,
    left: () => left,
    more: (n: number) => (left += n),
    most: () => most,
  };
}

test("no more is in hand than there are slots, and whoever ends makes room for what waits", async () => {
  const { hands, open, endOne, left, most } = setUp(3, 10);
  await hands.fill();
  expect(open).toHaveLength(3);
  for (let ended = 1; ended <= 7; ended++) {
    await endOne();
    expect(open).toHaveLength(3);
  }
  expect(left()).toBe(0);
  while (open.length > 0) await endOne();
  expect(most()).toBe(3);
});

test("an errand takes one, and is over when that is", async () => {
  const { hands, open, endOne, left, claims } = setUp(3, 1);
  let isOver = false;
  const errand = hands.takeNext().then(() => {
    isOver = true;
  });
  for (let i = 0; i < 5; i++) await turn();
  expect(open).toHaveLength(1);
  expect(isOver).toBe(false);
  await endOne();
  await errand;
  expect([open.length, left()]).toEqual([0, 0]);
  expect(claims[0]).toBe(1);
});

test("an errand that finds no slot is not lost: what it told of is claimed as soon as one is free", async () => {
  const { hands, open, endOne, more } = setUp(1, 1);
  const first = hands.takeNext();
  for (let i = 0; i < 5; i++) await turn();
  more(1);
  await hands.takeNext();
  await endOne();
  await first;
  expect(open).toHaveLength(1);
});

test("an errand that comes while the sweep is asking is not lost", async () => {
  const { hands, open, more, claims } = setUp(4, 0);
  const sweeping = hands.fill();
  while (claims.length === 0) await null;
  more(1);
  await Promise.all([hands.takeNext(), sweeping]);
  for (let i = 0; i < 10; i++) await turn();
  expect(open).toHaveLength(1);
});

test("errands that come together share a claim, and claims follow one another", async () => {
  const { hands, open, claims } = setUp(8, 6);
  const errands = Array.from({ length: 5 }, () => hands.takeNext());
  for (let i = 0; i < 10; i++) await turn();
  expect(open).toHaveLength(5);
  expect(claims).toEqual([1, 4]);
  for (const end of open) end();
  await Promise.all(errands);
});

test("what is slow keeps no slot, and its errand is over; it is waited for all the same", async () => {
  const { hands, open, endOne } = setUp(1, 2, 1);
  await hands.takeNext();
  while (open.length < 2) await turn();
  let isEmpty = false;
  const empty = hands.empty().then(() => {
    isEmpty = true;
  });
  await endOne();
  expect(isEmpty).toBe(false);
  await endOne();
  await empty;
});

test("nothing is claimed while contents fill the memory, slow or not, and what waits is when they are gone", async () => {
  const { hands, open, endOne, left } = setUp(1, 4, 1, maxBytesInHand / 2);
  await hands.takeNext();
  while (open.length < 2) await turn();
  for (let i = 0; i < 10; i++) await turn();
  await hands.takeNext();
  await hands.fill();
  expect([open.length, left()]).toEqual([2, 2]);
  await endOne();
  while (left() > 1) await turn();
  expect(left()).toBe(1);
});

test("nothing is claimed once draining began, and what is in hand is waited for", async () => {
  const { hands, draining, open, endOne, claims } = setUp(2, 10);
  await hands.fill();
  draining.abort();
  const before = claims.length;
  await hands.fill();
  await hands.takeNext();
  let isEmpty = false;
  const empty = hands.empty().then(() => {
    isEmpty = true;
  });
  await endOne();
  expect(isEmpty).toBe(false);
  await endOne();
  await empty;
  expect(open).toHaveLength(0);
  expect(claims).toHaveLength(before);
});
