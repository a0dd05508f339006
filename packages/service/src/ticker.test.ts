import { expect, test } from "vitest";
import { every, jittered } from "./index.ts";
import { manualClock } from "./testing/manual-clock.ts";

const setUp = (tick: () => Promise<unknown>, random = () => 0.5) => {
  const clock = manualClock();
  const end = new AbortController();
  const errors: unknown[] = [];
  let beats = 0;
  const options = { intervalMs: 1_000, jitter: 0.2, signal: end.signal, clock, random };
  const done = every({ ...options, onError: (error) => errors.push(error), onTick: () => void beats++ }, tick);
  return { clock, end, errors, done, beats: () => beats };
};

test("a loop runs once per interval, and not before the first has passed", async () => {
  let runs = 0;
  const { clock, end, done, beats } = setUp(async () => void runs++);
  await clock.asleep();
  await clock.advance(999);
  expect(runs).toBe(0);
  await clock.advance(1);
  expect(runs).toBe(1);
  await clock.advance(1_000);
  expect([runs, beats()]).toEqual([2, 2]);
  end.abort();
  await done;
});

test("runs never overlap: a slow one puts off the next", async () => {
  const slow = Promise.withResolvers<void>();
  let runs = 0;
  const { clock, end, done } = setUp(() => {
    runs++;
    return slow.promise;
  });
  await clock.asleep();
  await clock.advance(1_000);
  await clock.advance(10_000);
  expect(runs).toBe(1);
  slow.resolve();
  await clock.asleep();
  await clock.advance(1_000);
  expect(runs).toBe(2);
  end.abort();
  await done;
});

test("a run that fails is reported, and the loop goes on", async () => {
  let runs = 0;
  const { clock, end, done, errors } = setUp(async () => {
    if (runs++ === 0) throw new Error("away");
  });
  await clock.asleep();
  await clock.advance(1_000);
  await clock.advance(1_000);
  expect(runs).toBe(2);
  expect(errors).toEqual([new Error("away")]);
  end.abort();
  await done;
});

test("ending a loop wakes it at once, and waits for the run in hand", async () => {
  const running = Promise.withResolvers<void>();
  const { clock, end, done } = setUp(() => running.promise);
  await clock.asleep();
  await clock.advance(1_000);
  end.abort();
  let ended = false;
  void done.then(() => {
    ended = true;
  });
  await new Promise(setImmediate);
  expect(ended).toBe(false);
  running.resolve();
  await done;
});

test.each([
  [0, 800],
  [0.5, 1_000],
  [1, 1_200],
])("jitter of 0.2 at %d makes a second %d ms", (random, ms) => {
  expect(jittered(1_000, 0.2, () => random)).toBeCloseTo(ms);
});
