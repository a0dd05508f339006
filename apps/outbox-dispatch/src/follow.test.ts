import { defaultRetryPolicy, type SendResult } from "@mailfleet/mail";
import type { Transmission } from "@mailfleet/store";
import { expect, test } from "vitest";
import { recordOf, recordOfAbandoned, recordOfVerdict } from "./follow.ts";

const hour = 3_600_000;
const nowMs = 1_800_000_000_000;
const context = { nowMs, retry: defaultRetryPolicy, random: () => 0.5 };
const transmission = (over: Partial<Transmission> = {}) =>
  ({
    deliveryUid: "d",
    tenantId: "t",
    workerId: 7,
    attempt: 1,
    acceptedAtMs: nowMs - hour,
    expiresAtMs: nowMs + 24 * hour,
    inDoubt: "retry",
    ...over,
  }) as Transmission;

const success: SendResult = { kind: "success", reply: { code: 250, status: "2.0.0", text: "queued" } };
const transient: SendResult = { kind: "transient_error", status: "4.7.1", reason: "greylisted", replyCode: 450 };
const permanent: SendResult = { kind: "permanent_error", status: "5.1.1", reason: "no such user", replyCode: 550 };
const inDoubt: SendResult = { kind: "in_doubt", status: "4.4.2", reason: "cut after the final dot" };
const free: SendResult = { kind: "not_attempted", status: "4.4.1", reason: "refused", blocksAccount: true };

const endings: readonly (readonly [string, SendResult, Partial<Transmission>, object])[] = [
  ["a success ends it", success, {}, { outcome: "success", next: { kind: "done" } }],
  [
    "a transient error is tried again",
    transient,
    {},
    { outcome: "transient_error", next: { kind: "retry", delayMs: 5_000 } },
  ],
  ["each try waits twice as long", transient, { attempt: 4 }, { next: { kind: "retry", delayMs: 40_000 } }],
  [
    "a permanent error is a dead letter at once",
    permanent,
    {},
    { outcome: "permanent_error", next: { kind: "dead_letter" } },
  ],
  [
    "doubt is retried where the tenant lets us",
    inDoubt,
    {},
    { outcome: "in_doubt", next: { kind: "retry", delayMs: 5_000 } },
  ],
  [
    "doubt is held where the tenant wants it",
    inDoubt,
    { inDoubt: "hold" },
    { next: { kind: "hold", reason: "in_doubt" } },
  ],
  ["what was not attempted goes back, and counts as nothing", free, {}, { next: { kind: "back" } }],
  [
    "nothing is tried after the ticket's end",
    transient,
    { expiresAtMs: nowMs + 1_000 },
    { next: { kind: "dead_letter" } },
  ],
  [
    "a resend of old mail is tried until its own end, not its message's",
    transient,
    { acceptedAtMs: nowMs - 200 * 24 * hour },
    { next: { kind: "retry", delayMs: 5_000 } },
  ],
];

for (const [guarantee, result, over, expected] of endings) {
  test(guarantee, () => {
    expect(recordOf(result, transmission(over), context)).toMatchObject(expected);
  });
}

test("what was not attempted has no outcome, so that no attempt is counted", () => {
  expect(recordOf(free, transmission(), context).outcome).toBeUndefined();
});

const verdicts = [
  ["gone", undefined],
  ["unknown", { kind: "back" }],
  ["paused", { kind: "back" }],
  ["limited", { kind: "back" }],
  ["suspended", { kind: "hold", reason: "suspended" }],
  ["suppressed", { kind: "suppress" }],
  ["expired", { kind: "dead_letter" }],
] as const;

for (const [verdict, next] of verdicts) {
  test(`a delivery that is ${verdict} when its turn comes is ${next ? next.kind : "left alone"}, without an attempt`, () => {
    const record = recordOfVerdict(verdict, transmission());
    expect(record?.next).toEqual(next);
    expect(record?.outcome).toBeUndefined();
  });
}

test("mail whose sender lapsed while transmitting is in doubt, and mail that keeps taking senders down is held", () => {
  expect(recordOfAbandoned(transmission(), 1, context)).toMatchObject({ outcome: "in_doubt", next: { kind: "retry" } });
  expect(recordOfAbandoned(transmission(), 5, context)).toMatchObject({ next: { kind: "hold", reason: "poison" } });
});
