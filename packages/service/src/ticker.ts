import { type Clock, monotonicClock } from "./clock.ts";

/** How often a loop runs, and who hears of its errors. */
export interface Ticker {
  readonly intervalMs: number;
  /** The share of the interval by which each wait is shorter or longer, from 0 to 1, so that replicas spread. */
  readonly jitter: number;
  /** Ends the loop; a run in hand is waited for. */
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
  /** Called before each run: tie a watchdog's `beat` here. */
  readonly onTick?: () => void;
  readonly clock?: Clock;
  /** From 0 up to, not including, 1. */
  readonly random?: () => number;
}

/**
 * Runs `tick` after each interval until `signal` aborts, and resolves when the last run has ended.
 * Runs never overlap: the next wait begins when a run has ended. A run that rejects is reported, and the loop goes on.
 */
export async function every(
  { intervalMs, jitter, signal, onError, onTick, clock = monotonicClock, random = Math.random }: Ticker,
  tick: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(jittered(intervalMs, jitter, random), signal);
    if (signal.aborted) return;
    onTick?.();
    try {
      await tick(signal);
    } catch (error) {
      onError(error);
    }
  }
}

/** The interval, moved by at most `jitter` of itself to either side. */
export const jittered = (intervalMs: number, jitter: number, random: () => number): number =>
  intervalMs * (1 + jitter * (2 * random() - 1));
