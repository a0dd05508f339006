import { type Clock, monotonicClock } from "./clock.ts";

/** One watched loop. */
export interface Pulse extends Disposable {
  /** Says that the loop goes round. */
  beat(): void;
}

/** Knows which named loops have not beaten for longer than their limit, so that liveness can fail for a stuck one. */
export interface Watchdog {
  /** Watches a loop until its pulse is disposed of. It counts as having beaten now. */
  watch(name: string, limitMs: number): Pulse;
  /** The names of the loops that are stuck, in the order in which they were watched. */
  stuck(): readonly string[];
}

export function createWatchdog(clock: Pick<Clock, "nowMs"> = monotonicClock): Watchdog {
  const loops = new Set<{ readonly name: string; readonly limitMs: number; lastMs: number }>();
  return {
    watch(name, limitMs) {
      const loop = { name, limitMs, lastMs: clock.nowMs() };
      loops.add(loop);
      return {
        beat: () => {
          loop.lastMs = clock.nowMs();
        },
        [Symbol.dispose]: () => void loops.delete(loop),
      };
    },
    stuck() {
      const nowMs = clock.nowMs();
      return [...loops].filter(({ lastMs, limitMs }) => nowMs - lastMs > limitMs).map(({ name }) => name);
    },
  };
}
