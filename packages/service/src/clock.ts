import { setTimeout as timeout } from "node:timers/promises";

/** Time as a process feels it: it only grows, whatever happens to the wall clock. Tests bring their own. */
export interface Clock {
  /** Milliseconds since some fixed moment. */
  nowMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. It never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const monotonicClock: Clock = {
  nowMs: () => performance.now(),
  sleep: (ms, signal) =>
    timeout(ms, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    }),
};
