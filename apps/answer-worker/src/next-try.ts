import { nextDelayMs } from "@mailfleet/mail";

/** Between the tries of an answerer that fails: 30 s, then twice as long each time, at most 1 h. */
const schedule = {
  baseMs: 30_000,
  factor: 2,
  maxMs: 3_600_000,
  jitter: 0.25,
  giveUpAfterMs: Number.POSITIVE_INFINITY,
} as const;

export type NextTry = { readonly kind: "give_up" } | { readonly kind: "again"; readonly afterMs: number };

/** What follows a try that failed; `tries` have failed before. */
export function nextTry(
  failure: { readonly permanent: boolean; readonly retryAfterMs?: number | undefined },
  { tries, maxTries }: { readonly tries: number; readonly maxTries: number },
  random: () => number,
): NextTry {
  if (failure.permanent || tries + 1 >= maxTries) return { kind: "give_up" };
  return { kind: "again", afterMs: Math.max(nextDelayMs(schedule, tries + 1, random), failure.retryAfterMs ?? 0) };
}
