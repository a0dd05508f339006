import { expect, test } from "vitest";
import { createWaker, type Errand, type WakerOptions } from "./waker.ts";

const setUp = (options: Partial<WakerOptions> = {}) => {
  const sent: [queue: string, errands: string[]][] = [];
  const dropped: [count: number, reason: string][] = [];
  const waker = createWaker({
    send: async (queue, errands) => void sent.push([queue, errands.map(named)]),
    onDropped: (count, reason) => dropped.push([count, reason]),
    flushIntervalMs: 1,
    ...options,
  });
  return { ...waker, sent, dropped };
};
const named = (errand: Errand) => {
  if ("inbound" in errand) return errand.inbound;
  return errand.lane === 0 ? errand.accountUid : `${errand.accountUid}/${errand.lane}`;
};

test("wake-ups of one account become one errand per queue and lane", async () => {
  const { wake, flushed, sent } = setUp();
  for (let i = 0; i < 100; i++) wake("7");
  wake("8");
  wake("7", { lane: 1 });
  wake("7", { express: true });
  await flushed();
  expect(sent).toEqual([
    ["mailfleet-turns", ["7", "8", "7/1"]],
    ["mailfleet-turns-express", ["7"]],
  ]);
});

test("a message is told of once per flush, and what is no message's id is told to nobody", async () => {
  const { wakeAnswer, flushed, sent, dropped } = setUp();
  const inbound = "01890a5d-ac96-774b-bcce-b302099a8057";
  for (const uid of [inbound, inbound, "7; drop"]) wakeAnswer(uid);
  await flushed();
  expect(sent).toEqual([["mailfleet-answers", [inbound]]]);
  expect(dropped).toEqual([[1, "invalid"]]);
});

test("a wake-up during a flush is sent with the next one, as the turn may have looked already", async () => {
  const slow = Promise.withResolvers<void>();
  const batches: string[][] = [];
  const { wake, flushed } = setUp({
    send: (_, errands) => {
      batches.push(errands.map(named));
      return slow.promise;
    },
  });
  wake("7");
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  expect(batches).toEqual([["7"]]);
  wake("7");
  slow.resolve();
  await flushed();
  expect(batches).toEqual([["7"], ["7"]]);
});

test("what Redis does not take is dropped and counted, and nobody is told by an exception", async () => {
  let isAway = true;
  const sent: string[] = [];
  const { wake, flushed, dropped } = setUp({
    send: async (_, errands) => {
      if (isAway) throw new Error("away");
      sent.push(...errands.map(named));
    },
  });
  wake("7");
  wake("8");
  await flushed();
  expect(dropped).toEqual([[2, "redis"]]);
  isAway = false;
  wake("7");
  await flushed();
  expect(sent).toEqual(["7"]);
});

test("no more gather than the limit, so that a Redis that hangs costs no memory", async () => {
  const { wake, flushed, sent, dropped } = setUp({ maxPending: 2 });
  for (const account of ["1", "2", "3", "4", "1"]) wake(account);
  await flushed();
  expect(sent).toEqual([["mailfleet-turns", ["1", "2"]]]);
  expect(dropped).toEqual([
    [1, "full"],
    [1, "full"],
  ]);
});

test.each(["", "a:b", "x".repeat(65), "ann@example.org"])(
  "an account %j that is none is refused before it reaches Redis",
  async (account) => {
    const { wake, flushed, sent, dropped } = setUp();
    wake(account);
    await flushed();
    expect(sent).toEqual([]);
    expect(dropped).toEqual([[1, "invalid"]]);
  },
);
