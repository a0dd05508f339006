import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accountBackoffMs } from "./backoff.ts";
import { type DecideContext, decide } from "./decide.ts";
import type { Outcome } from "./outcome.ts";
import { defaultRetryPolicy, nextDelayMs } from "./retry.ts";

const middle = () => 0.5;
const day = 86_400_000;

describe("the schedule", () => {
  test("waits 5 s, and twice as long each time", () => {
    expect([1, 2, 3, 4].map((attempt) => nextDelayMs(defaultRetryPolicy, attempt, middle))).toEqual([
      5_000, 10_000, 20_000, 40_000,
    ]);
  });

  test("never waits longer than its maximum, nor always the same at it", () => {
    const draws = [0, 0.5, 0.999_999_99].map((random) => nextDelayMs(defaultRetryPolicy, 30, () => random));
    expect(draws).toEqual([2_700_000, 3_150_000, 3_600_000]);
  });

  test("keeps within its jitter, its maximum and whole milliseconds, whatever the policy", () => {
    const policies = fc.record({
      baseMs: fc.integer({ min: 1, max: day }),
      factor: fc.double({ min: 1, max: 100, noNaN: true }),
      maxMs: fc.integer({ min: 1, max: 30 * day }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
      giveUpAfterMs: fc.constant(5 * day),
    });
    const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 100_000 }), randoms, (policy, attempt, random) => {
        const delay = nextDelayMs(policy, attempt, () => random);
        const nominal = Math.min(policy.baseMs * policy.factor ** (attempt - 1), policy.maxMs);
        expect(Number.isSafeInteger(delay)).toBe(true);
        expect(delay).toBeLessThanOrEqual(policy.maxMs);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(nominal * (1 - policy.jitter)));
        expect(delay).toBeLessThanOrEqual(Math.ceil(nominal * (1 + policy.jitter)));
      }),
    );
  });
});

test("a blocked account is probed after 5 s, and at least every 10 minutes", () => {
  expect(accountBackoffMs(1, middle)).toBe(5_000);
  expect(accountBackoffMs(1_000_000, () => 0.999_999_99)).toBe(600_000);
});

test("wrong credentials are tried again after 1 minute, and at least every hour", () => {
  expect(accountBackoffMs(1, middle, "authentication")).toBe(60_000);
  expect(accountBackoffMs(1_000_000, () => 0.999_999_99, "authentication")).toBe(3_600_000);
});

describe("decide", () => {
  const success: Outcome = { kind: "success", reply: { code: 250, status: "2.0.0", text: "ok" } };
  const transient: Outcome = { kind: "transient_error", status: "4.7.1", reason: "greylisted" };
  const permanent: Outcome = { kind: "permanent_error", status: "5.1.1", reason: "no such user" };
  const inDoubt: Outcome = { kind: "in_doubt", status: "4.4.2", reason: "lost" };
  const now: DecideContext = {
    attempt: 1,
    acceptedAtMs: 0,
    nowMs: 1_000,
    retry: defaultRetryPolicy,
    inDoubt: "retry",
    random: middle,
  };
  const gaveUp = (because: string, { status, reason }: { status: string; reason: string }) => ({
    kind: "dead_letter",
    status,
    reason,
    because,
  });
  const twice = { ...defaultRetryPolicy, maxAttempts: 2 };

  const rows: [name: string, outcome: Outcome, context: Partial<DecideContext>, step: object][] = [
    ["a success is done", success, {}, { kind: "done" }],
    ["a success is done even after its time", success, { nowMs: 100 * day }, { kind: "done" }],
    ["a permanent error is given up at once", permanent, {}, gaveUp("permanent_error", permanent)],
    ["a transient error is tried again", transient, {}, { kind: "retry", delayMs: 5_000 }],
    ["a later one waits longer", transient, { attempt: 4 }, { kind: "retry", delayMs: 40_000 }],
    ["in doubt is tried again where the tenant wants that", inDoubt, {}, { kind: "retry", delayMs: 5_000 }],
    [
      "in doubt is held where the tenant wants that",
      inDoubt,
      { inDoubt: "hold" },
      { kind: "hold", reason: "in_doubt" },
    ],
    [
      "in doubt is held even after its time",
      inDoubt,
      { inDoubt: "hold", nowMs: 9 * day },
      { kind: "hold", reason: "in_doubt" },
    ],
    ["the last attempt but one is followed by another", transient, { retry: twice }, { kind: "retry", delayMs: 5_000 }],
    ["the last attempt is the last", transient, { retry: twice, attempt: 2 }, gaveUp("max_attempts", transient)],
    ["in doubt counts as an attempt", inDoubt, { retry: twice, attempt: 2 }, gaveUp("max_attempts", inDoubt)],
    [
      "no attempt begins 5 days after acceptance",
      transient,
      { nowMs: 5 * day - 4_999 },
      gaveUp("give_up_after", transient),
    ],
    ["until then one does", transient, { nowMs: 5 * day - 5_000 }, { kind: "retry", delayMs: 5_000 }],
    ["no attempt begins when the message has expired", transient, { expiresAtMs: 6_000 }, gaveUp("expired", transient)],
    ["until then one does, too", transient, { expiresAtMs: 6_001 }, { kind: "retry", delayMs: 5_000 }],
  ];
  for (const [name, outcome, context, step] of rows) {
    test(name, () => expect(decide(outcome, { ...now, ...context })).toEqual(step));
  }

  test("every chain of failures ends, within 5 days of acceptance", () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })), (stream) => {
        const random = () => stream.next().value as number;
        let nowMs = 0;
        let attempt = 1;
        for (; attempt < 1_000; attempt++) {
          const step = decide(transient, { ...now, nowMs, attempt, random });
          if (step.kind !== "retry") break;
          nowMs += step.delayMs;
        }
        expect(attempt).toBeLessThan(250);
        expect(nowMs).toBeGreaterThan(4.9 * day);
        expect(nowMs).toBeLessThanOrEqual(5 * day);
      }),
      { numRuns: 50 },
    );
  });
});
