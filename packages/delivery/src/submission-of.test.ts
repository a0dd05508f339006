import type { Submission } from "@mailfleet/store";
import { describe, expect, test } from "vitest";
import { submissionFieldLimits } from "./submission-fields.ts";
import { type SubmissionContext, submissionOf } from "./submission-of.ts";
import { sender } from "./testing/outbox-rig.ts";

const now = new Date("2030-01-31T12:00:00Z");
const context: SubmissionContext = {
  sender,
  submitter: { tenantId: "acme" },
  recipients: [{ address: "bob@example.net" }],
  senderLists: [],
  now,
};
const lines = (...of: string[]) => Buffer.from(of.map((line) => `${line}\r\n`).join(""));

function made(content: Uint8Array, changed: Partial<SubmissionContext> = {}): Submission {
  const result = submissionOf(content, { ...context, ...changed });
  if (result.kind === "refused") throw new Error(result.reply.text);
  return result.submission;
}
function refusal(content: Uint8Array) {
  const result = submissionOf(content, context);
  if (result.kind === "made") throw new Error("made");
  return result.reply;
}
const text = (submission: Submission) => Buffer.from(submission.content).toString();

test("a message is completed with a trace field, Date and Message-ID, and its body is untouched", () => {
  const submission = made(lines("From: ann@example.org", "Subject: Hi", "", "Body.", ".", ""));
  expect(text(submission).replace(/<[0-9a-f-]{36}@/, "<uuid@")).toBe(
    lines(
      "Received: from client.example ([192.0.2.1]) by mail.example with ESMTPSA id",
      " s1.1 for <bob@example.net>; Thu, 31 Jan 2030 12:00:00 +0000",
      "From: ann@example.org",
      "Subject: Hi",
      "Message-ID: <uuid@example.org>",
      "Date: Thu, 31 Jan 2030 12:00:00 +0000",
      "",
      "Body.",
      ".",
      "",
    ).toString(),
  );
  expect(submission).toMatchObject({ subject: "Hi", headerFrom: "ann@example.org", via: "smtp", origin: "tenant" });
  expect(text(submission)).toContain(submission.messageId);
});

test("Date and Message-ID that are there stay, and are what is recorded", () => {
  const submission = made(lines("From: a@b.example", "Date: Mon, 1 Jan 2029 00:00:00 +0000", "Message-ID: <x@y>", ""));
  expect(submission.messageId).toBe("<x@y>");
  expect(text(submission).match(/^(Date|Message-ID):/gm)).toEqual(["Date:", "Message-ID:"]);
});

test("Bcc and the Mailfleet fields never leave the house, folded or not", () => {
  const submission = made(
    lines(
      "Bcc: secret@example.net,",
      "\tother@example.net",
      "From: a@b.example",
      "MAILFLEET-ID: order.7",
      "Mailfleet-Priority: HIGH",
      "Mailfleet-In-Doubt: hold",
      "Mailfleet-Batch: spring",
      "Mailfleet-Tags: red, green,red",
      "Mailfleet-Send-At: 2030-02-01T00:00:00+01:00",
      "Mailfleet-Expires-At: 2030-02-02T00:00:00Z",
      "Resent-Bcc: third@example.net",
      "Return-Path: <x@y.example>",
      "",
      "Mailfleet-Id: this is the body",
    ),
  );
  expect(submission).toMatchObject({
    id: "order.7",
    priority: "high",
    inDoubt: "hold",
    batch: "spring",
    tags: ["red", "green"],
    sendAt: new Date("2030-01-31T23:00:00Z"),
    expiresAt: new Date("2030-02-02T00:00:00Z"),
  });
  const [header, body] = text(submission).split("\r\n\r\n");
  expect(header).not.toMatch(/bcc|mailfleet|secret|other@|return-path/i);
  expect(body).toBe("Mailfleet-Id: this is the body\r\n");
});

test("without the fields, the defaults hold", () => {
  const submission = made(lines("From: a@b.example", ""));
  expect(submission).toMatchObject({ priority: "medium", inDoubt: "retry" });
  expect(submission.id).toBeUndefined();
});

test("the digest tells messages apart, and does not tell tries of one message apart", () => {
  const base = ["From: a@b.example", "Subject: one", "", "Body"];
  const digest = (content: Buffer, changed: Partial<SubmissionContext> = {}) =>
    Buffer.from(made(content, changed).digest).toString("hex");
  const first = digest(lines(...base));
  expect(digest(lines("Received: by x", "Mailfleet-Id: 1", ...base))).toBe(first);
  expect(digest(lines(...base), { now: new Date(0) })).toBe(first);
  const others = [
    digest(lines("From: a@b.example", "Subject: two", "", "Body")),
    digest(lines(...base, "More")),
    digest(lines("Mailfleet-Priority: high", ...base)),
    digest(lines(...base), { recipients: [{ address: "cy@example.com" }] }),
    digest(lines(...base), { sender: { ...sender, reversePath: "" } }),
    digest(lines(...base), { submitter: { tenantId: "acme", account: "other" } }),
  ];
  expect(new Set([first, ...others]).size).toBe(others.length + 1);
});

test("what the next hop must be able to do is read from the message, not from what the client announced", () => {
  const announced = { ...sender, smtpUtf8: true };
  expect(made(lines("From: a@b.example", ""), { sender: announced }).envelope).toMatchObject({
    smtpUtf8: false,
    eightBit: false,
  });
  expect(made(lines("From: a@b.example", "", "grün")).envelope).toMatchObject({ smtpUtf8: false, eightBit: true });
  expect(made(lines("From: a@b.example", "Subject: grün", "")).envelope).toMatchObject({
    smtpUtf8: true,
    eightBit: true,
  });
  const recipients = [{ address: "grün@example.net" }];
  expect(made(lines("From: a@b.example", ""), { recipients, sender: announced }).envelope.smtpUtf8).toBe(true);
});

test("DSN parameters are carried into the envelope", () => {
  const recipients = [{ address: "bob@example.net", notify: ["DELAY" as const], orcpt: "rfc822;b@example.net" }];
  const { envelope } = made(lines("From: a@b.example", ""), {
    recipients,
    sender: { ...sender, ret: "HDRS", envid: "QQ314159" },
  });
  expect(envelope).toMatchObject({ ret: "HDRS", envid: "QQ314159", recipients });
});

describe("a message that says something wrong about itself is refused by the name of the field", () => {
  const tooManyTags = Array.from({ length: submissionFieldLimits.tags + 1 }, (_, n) => `t${n}`).join(",");
  test.each([
    ["Mailfleet-Id: two words", "Mailfleet-Id"],
    [`Mailfleet-Id: ${"x".repeat(129)}`, "Mailfleet-Id"],
    ["Mailfleet-Id:", "Mailfleet-Id"],
    ["Mailfleet-Id: 1\r\nMailfleet-Id: 1", "Mailfleet-Id"],
    ["Mailfleet-Batch: a/b", "Mailfleet-Batch"],
    ["Mailfleet-Priority: urgent", "Mailfleet-Priority"],
    ["Mailfleet-In-Doubt: maybe", "Mailfleet-In-Doubt"],
    ["Mailfleet-Send-At: tomorrow", "Mailfleet-Send-At"],
    ["Mailfleet-Send-At: 2030-02-30T00:00:00Z", "Mailfleet-Send-At"],
    ["Mailfleet-Send-At: 2030-02-01 00:00:00", "Mailfleet-Send-At"],
    ["Mailfleet-Send-At: 2032-02-01T00:00:00Z", "Mailfleet-Send-At"],
    ["Mailfleet-Send-At: 2030-02-02T00:00:00Z\r\nMailfleet-Expires-At: 2030-02-01T00:00:00Z", "Mailfleet-Expires-At"],
    ["Mailfleet-Tags: a,,b", "Mailfleet-Tags"],
    [`Mailfleet-Tags: ${"x".repeat(65)}`, "Mailfleet-Tags"],
    [`Mailfleet-Tags: ${tooManyTags}`, "Mailfleet-Tags"],
    ["Mailfleet-SendAt: 2030-02-01T00:00:00Z", "Mailfleet-SendAt"],
    ["From: second@example.org", "From"],
    ["Message-ID: no brackets", "Message-ID"],
    ["Message-ID: <a@b> <c@d>", "Message-ID"],
  ])("%s", (field, name) => {
    const reply = refusal(lines("From: a@b.example", field, ""));
    expect(reply).toMatchObject({ code: 550, status: "5.6.0" });
    expect(reply.text.startsWith(`${name}:`)).toBe(true);
  });

  test.each([
    ["no From", "Subject: x"],
    ["an empty From", "From:"],
    ["a From that is none", "From: <a@b"],
  ])("%s", (_, field) => {
    expect(refusal(lines(field, ""))).toMatchObject({ code: 550, status: "5.6.0" });
  });

  test("a header that is not UTF-8", () => {
    const latin1 = Buffer.from("From: a@b.example\r\nSubject: gr\xfcn\r\n\r\n", "latin1");
    expect(refusal(latin1)).toMatchObject({ code: 550, status: "5.6.0" });
  });

  test("a header without end", () => {
    const huge = Buffer.from(`From: a@b.example\r\nX: ${"y".repeat(300_000)}\r\n\r\n`);
    expect(refusal(huge)).toMatchObject({ code: 550, status: "5.6.0" });
  });
});

test("a message that has passed too many hops goes no further", () => {
  const hops = (count: number) => Array.from({ length: count }, () => "Received: by somewhere");
  expect(refusal(lines(...hops(51), "From: a@b.example", ""))).toMatchObject({ code: 554, status: "5.4.6" });
  expect(made(lines(...hops(50), "From: a@b.example", "")).content.length).toBeGreaterThan(0);
});
