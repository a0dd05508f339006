import type { Clock } from "../clock.ts";

/** A clock that stands still until a test advances it. */
export interface ManualClock extends Clock {
  /** Lets `ms` pass; sleepers whose time has come wake in their order. */
  advance(ms: number): Promise<void>;
  /** Resolves when somebody sleeps, with for how long. */
  asleep(): Promise<number>;
}

export function manualClock(): ManualClock {
  let nowMs = 0;
  const sleepers = new Set<{ readonly ms: number; readonly atMs: number; readonly wake: () => void }>();
  let awaited = Promise.withResolvers<void>();

  return {
    nowMs: () => nowMs,
    sleep(ms, signal) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const sleeper = { ms, atMs: nowMs + ms, wake: resolve };
      sleepers.add(sleeper);
      const leave = () => {
        sleepers.delete(sleeper);
        resolve();
      };
      signal.addEventListener("abort", leave, { once: true });
      awaited.resolve();
      return promise.finally(() => signal.removeEventListener("abort", leave));
    },
    async advance(ms) {
      nowMs += ms;
      for (const sleeper of [...sleepers].sort((a, b) => a.atMs - b.atMs)) {
        if (sleeper.atMs > nowMs) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
      await new Promise(setImmediate);
    },
    async asleep() {
      while (sleepers.size === 0) {
        awaited = Promise.withResolvers();
        await awaited.promise;
      }
      return [...sleepers].at(-1)!.ms;
    },
  };
}
