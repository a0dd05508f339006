/** How an account's deliveries are tried again. The API's `retry {base, factor, max, maxAttempts, giveUpAfter}`. */
export interface RetryPolicy {
  /** Between the first and the second attempt. */
  readonly baseMs: number;
  /** What each further wait is multiplied with; at least 1. */
  readonly factor: number;
  /** No wait is longer. */
  readonly maxMs: number;
  /** Share of the wait by which it may be shorter or longer, 0 to 1. */
  readonly jitter: number;
  /** Attempts in all; without it only time decides. */
  readonly maxAttempts?: number;
  /** Counted from acceptance; no attempt begins later. */
  readonly giveUpAfterMs: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  baseMs: 5_000,
  factor: 2,
  maxMs: 3_600_000,
  jitter: 0.25,
  giveUpAfterMs: 5 * 86_400_000,
};

/**
 * The wait after attempt number `attempt` (1 is the first), in whole milliseconds.
 *
 * It is drawn evenly from the nominal wait less and plus its jitter, and never exceeds `maxMs`: at the
 * ceiling it is drawn from below, so that mail held up together does not come back together.
 * `random` gives numbers from 0 up to, not including, 1.
 */
export function nextDelayMs(policy: RetryPolicy, attempt: number, random: () => number): number {
  const nominal = Math.min(policy.baseMs * policy.factor ** Math.max(0, attempt - 1), policy.maxMs);
  const shortest = nominal * (1 - policy.jitter);
  const longest = Math.min(nominal * (1 + policy.jitter), policy.maxMs);
  return Math.round(shortest + (longest - shortest) * random());
}
