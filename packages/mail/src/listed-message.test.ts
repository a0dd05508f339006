import { expect, test } from "vitest";
import { listedMessage } from "./listed-message.ts";

const field = (name: string, value: string) => ({ name, value });

test("what can be read of a header is listed", () => {
  expect(
    listedMessage([
      field("Message-ID", "  <one@example.net> (a comment)"),
      field("FROM", "Ann <Ann@Example.NET>"),
      field("Subject", "=?utf-8?q?Gr=C3=BC=C3=9Fe?="),
      field("Date", "Mon, 2 Mar 2026 10:00:00 +0100"),
    ]),
  ).toEqual({
    messageId: "<one@example.net>",
    headerFrom: expect.stringMatching(/^ann@example\.net$/i),
    subject: "Grüße",
    date: new Date("2026-03-02T09:00:00Z"),
  });
});

test.for([
  ["an empty header", []],
  ["what is no Message-ID", [field("Message-ID", "one")]],
  ["several authors", [field("From", "ann@example.net, bob@example.net")]],
  ["a date that is none", [field("Date", "yesterday")]],
  ["an empty subject", [field("Subject", "   ")]],
] as const)("%s lists nothing of it", ([, fields]) => {
  expect(listedMessage(fields)).toEqual({});
});

test("a subject cannot break a line, and has an end", () => {
  const { subject = "" } = listedMessage([field("Subject", `a\r\n\u0007b${"x".repeat(10_000)}`)]);
  expect(subject.startsWith("a bx")).toBe(true);
  expect(subject).toHaveLength(500);
});
