import type { DeliveryRecord, Transmission } from "@mailfleet/store";
import { expect, test } from "vitest";
import { notificationOf, owesNotification } from "./notification.ts";

const transmission = (over: object = {}, recipient: object = {}) =>
  ({
    deliveryUid: "01a20129-5cbb-7000-8000-000000000001",
    tenantId: "t",
    via: "smtp",
    origin: "tenant",
    acceptedAtMs: 1_800_000_000_000,
    envelope: {
      reversePath: "app@example.org",
      recipients: [{ address: "ann@example.net", ...recipient }],
      smtpUtf8: false,
      eightBit: false,
    },
    ...over,
  }) as unknown as Transmission;
const dead = {
  next: { kind: "dead_letter" },
  status: "5.1.1",
  reason: "no such user",
  replyCode: 550,
} as unknown as DeliveryRecord;

test("mail that came by SMTP and is given up is notified", () => {
  expect(owesNotification(transmission(), dead)).toBe(true);
});

const silences: readonly (readonly [string, Transmission, DeliveryRecord])[] = [
  ["mail that came by HTTP: its tenant sees the dead letter", transmission({ via: "http" }), dead],
  ["mail with a null reverse-path", transmission({ envelope: { ...transmission().envelope, reversePath: "" } }), dead],
  ["a recipient with NOTIFY=NEVER", transmission({}, { notify: ["NEVER"] }), dead],
  ["a recipient whose NOTIFY leaves out FAILURE", transmission({}, { notify: ["SUCCESS", "DELAY"] }), dead],
  ["a notification itself", transmission({ origin: "dsn", via: "internal" }), dead],
  ["mail that is tried again", transmission(), { ...dead, next: { kind: "retry", delayMs: 1 } }],
];

for (const [what, one, record] of silences) {
  test(`no notification goes out for ${what}`, () => {
    expect(owesNotification(one, record)).toBe(false);
  });
}

test("a notification goes to the reverse-path with a null reverse-path, once per delivery", () => {
  const told = {
    account: "a",
    original: Buffer.from("Subject: x\r\n\r\ny\r\n"),
    reportingMta: "mta.example",
    host: "mx.example",
    nowMs: 1_800_000_100_000,
  };
  const submission = notificationOf(transmission(), dead, told);
  expect(submission.envelope).toMatchObject({ reversePath: "", recipients: [{ address: "app@example.org" }] });
  expect(submission).toMatchObject({ origin: "dsn", id: transmission().deliveryUid, account: "a" });
  const text = Buffer.from(submission.content).toString("latin1");
  expect(text).toContain("Final-Recipient: rfc822; ann@example.net");
  expect(text).toContain("Status: 5.1.1");
  expect(text).toMatch(/^Auto-Submitted: auto-replied\r$/m);
});
