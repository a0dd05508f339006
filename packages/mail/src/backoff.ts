import { nextDelayMs, type RetryPolicy } from "./retry.ts";

/** What kept an account from its next hop. Wrong credentials heal more slowly than networks, and hosts lock out who hammers. */
export type AccountTrouble = "unreachable" | "authentication";

type Schedule = Pick<RetryPolicy, "baseMs" | "factor" | "maxMs" | "jitter" | "giveUpAfterMs">;

const schedules: Readonly<Record<AccountTrouble, Schedule>> = {
  unreachable: { baseMs: 5_000, factor: 2, maxMs: 600_000, jitter: 0.25, giveUpAfterMs: Number.POSITIVE_INFINITY },
  authentication: {
    baseMs: 60_000,
    factor: 2,
    maxMs: 3_600_000,
    jitter: 0.25,
    giveUpAfterMs: Number.POSITIVE_INFINITY,
  },
};

/**
 * How long an account stays blocked after `failures` failures in a row (1 is the first): 5 s to 10 min, and 1 min to
 * 1 h where it was its credentials. One probe ends it.
 */
export function accountBackoffMs(
  failures: number,
  random: () => number,
  trouble: AccountTrouble = "unreachable",
): number {
  return nextDelayMs(schedules[trouble], failures, random);
}
