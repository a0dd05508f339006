import type { Found } from "@mailfleet/mailbox";
import { describe, expect, test } from "vitest";
import { fingerprintOfFound, recordableOf, skipReasonOf, type TakingRules } from "./found-message.ts";

const now = new Date("2026-03-10T12:00:00Z");
const hour = 3_600_000;
const ago = (ms: number) => new Date(now.getTime() - ms);
const rules: TakingRules = { role: "answer", maxAgeMs: 72 * hour, startAt: ago(100 * hour), maxContentBytes: 1_000 };
const whole = { arrivedAt: ago(hour), sizeBytes: 100, isWhole: true };

const reasons = [
  ["a message that has just arrived", whole, undefined, {}, {}, undefined],
  ["a mailbox that only notes", whole, undefined, { role: "notify" }, {}, "role_notify"],
  ["a report in a mailbox of reports", whole, undefined, { role: "bounces" }, {}, undefined],
  ["what is larger than is taken", { ...whole, sizeBytes: 1_001, isWhole: false }, undefined, {}, {}, "too_large"],
  ["what could not be read", { ...whole, isWhole: false }, undefined, {}, {}, "unreadable"],
  ["what arrived before the beginning", { ...whole, arrivedAt: ago(101 * hour) }, undefined, {}, {}, "before_start"],
  ["the second in which it began", { ...whole, arrivedAt: ago(100 * hour + 900) }, ago(0), {}, {}, undefined],
  [
    "what is new by its UID, where the mail server's clock is behind",
    { ...whole, arrivedAt: ago(100 * hour + 200_000) },
    ago(0),
    {},
    { isSinceFirst: true },
    undefined,
  ],
  ["what arrived too long ago", { ...whole, arrivedAt: ago(73 * hour) }, undefined, {}, {}, "too_old"],
  [
    "what arrived long ago and says it was written since",
    { ...whole, arrivedAt: ago(73 * hour) },
    ago(hour),
    {},
    {},
    undefined,
  ],
  ["what was written long ago and arrived now", whole, ago(1_000 * hour), {}, {}, undefined],
  ["a date in the future", { ...whole, arrivedAt: ago(73 * hour) }, ago(-9_000 * hour), {}, {}, undefined],
  [
    "a look at the past",
    { ...whole, arrivedAt: ago(101 * hour) },
    undefined,
    { maxAgeMs: 500 * hour },
    { isAskedFor: true },
    undefined,
  ],
] as const;

describe("what ends on arrival", () => {
  test.for(reasons)("%s", ([, found, date, changes, how, reason]) => {
    expect(skipReasonOf(found, date, { ...rules, ...changes }, how, now)).toBe(reason);
  });
});

const message = (text: string, changes: Partial<Found> = {}): Found => {
  const bytes = Buffer.from(text);
  return { uid: 7, flags: ["\\Seen"], arrivedAt: ago(hour), sizeBytes: bytes.length, bytes, isWhole: true, ...changes };
};
const letter = "Message-ID: <one@example.net>\r\nFrom: Ann <ann@example.net>\r\nSubject: Hello\r\n\r\nbody\r\n";

test("a message is recorded with what a list shows of it, and with its content", () => {
  const recordable = recordableOf(message(letter), rules, {}, now);
  expect(recordable).toMatchObject({
    messageId: "<one@example.net>",
    headerFrom: "ann@example.net",
    subject: "Hello",
    imapUid: 7,
    flags: ["\\Seen"],
    sizeBytes: letter.length,
  });
  expect(recordable.content?.toString()).toBe(letter);
  expect(recordable.skip).toBeUndefined();
});

test("of what ends on arrival no content is kept, save where the mailbox is there to note it", () => {
  expect(recordableOf(message(letter), rules, { asSkipped: "before_start" }, now)).toMatchObject({
    skip: { reason: "before_start" },
  });
  expect(recordableOf(message(letter), rules, { asSkipped: "before_start" }, now).content).toBeUndefined();
  expect(recordableOf(message(letter), { ...rules, role: "notify" }, {}, now).content).toBeDefined();
});

test("a moved, marked or renumbered message is the same; another body is another where no server has seen it", () => {
  const print = (found: Found) => Buffer.from(fingerprintOfFound(found)).toString("hex");
  const one = print(message(letter));
  expect(print(message(letter, { uid: 99, flags: [], arrivedAt: now }))).toBe(one);
  expect(print(message(letter.replace("body", "more")))).not.toBe(one);
  const travelled = `Received: from a by b; Mon, 2 Mar 2026 10:00:00 +0100\r\n${letter}`;
  expect(print(message(travelled))).not.toBe(one);
  // What a list's footer or a virus scanner adds on the way changes nothing.
  expect(print(message(travelled.replace("body", "more")))).toBe(print(message(travelled)));
  expect(print(message(travelled.slice(0, -2), { isWhole: false, sizeBytes: 10_000 }))).toBe(print(message(travelled)));
});
