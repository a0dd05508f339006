import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fingerprintOf, fingerprintOfUnreadable } from "./fingerprint.ts";
import { readHeader } from "./message-header.ts";

const message = [
  "Received: from b.example by c.example; Sun, 22 Nov 2026 10:00:02 +0000",
  "Received: from a.example by b.example; Sun, 22 Nov 2026 10:00:01 +0000",
  "Message-ID: <1@example.org>",
  "Date: Sun, 22 Nov 2026 10:00:00 +0000",
  "From: Ann <ann@example.org>",
  "To: help@example.net, sales@example.net",
  "Subject: Where is my parcel",
];

const printOf = (
  lines: readonly string[],
  { end = "\r\n", size = 100, body }: { end?: string; size?: number; body?: string } = {},
) => {
  const header = readHeader(Buffer.from(`${lines.join(end)}${end}${end}body`));
  if (!header.ok) throw new Error(header.code);
  const facts = body === undefined ? { sizeBytes: size } : { sizeBytes: size, bodyDigest: Buffer.from(body) };
  return Buffer.from(fingerprintOf(header, facts)).toString("hex");
};

const changed = (from: string, to: string) => message.map((line) => line.replace(from, to));
const notTravelled = message.slice(2);

describe("one message keeps its fingerprint", () => {
  const same: readonly (readonly [string, string])[] = [
    ["with LF line ends", printOf(message, { end: "\n" })],
    ["with another size, once it has travelled", printOf(message, { size: 101 })],
    ["with another body digest, once it has travelled", printOf(message, { body: "x" })],
    ["folded elsewhere", printOf(changed("help@example.net, sales", "help@example.net,\r\n\tsales"))],
    ["with names in another case", printOf(changed("Message-ID", "message-id"))],
    ["with its other fields in another order", printOf([...message.slice(3), ...message.slice(0, 3)])],
    ["with fields that a move added", printOf(["X-Moved: yes", "Return-Path: <a@b>", ...message, "X-UID: 12"])],
  ];
  test.for(same)("%s", ([, print]) => {
    expect(print).toBe(printOf(message));
    expect(print).toHaveLength(64);
  });
});

describe("two messages have two fingerprints", () => {
  const different: readonly (readonly [string, string])[] = [
    ["another Message-ID", printOf(changed("<1@", "<2@"))],
    ["no Message-ID", printOf(message.filter((line) => !line.startsWith("Message-ID")))],
    ["another Date", printOf(changed("10:00:00", "10:00:09"))],
    ["another From", printOf(changed("From: Ann", "From: Bob"))],
    ["another To", printOf(changed("sales@", "office@"))],
    ["another Subject", printOf(changed("parcel", "cat"))],
    ["another way", printOf(changed("from a.example", "from d.example"))],
    ["one hop more", printOf(["Received: from c by d; now", ...message])],
    ["the hops in another order", printOf([message[1]!, message[0]!, ...notTravelled])],
    ["a value in another field", printOf([...message.slice(0, 6), "Subject: ", "X: Where is my parcel"])],
  ];
  test.for(different)("%s", ([, print]) => {
    expect(print).not.toBe(printOf(message));
  });

  test("without Received, by size and body", () => {
    expect(printOf(notTravelled, { size: 101 })).not.toBe(printOf(notTravelled));
    expect(printOf(notTravelled, { body: "x" })).not.toBe(printOf(notTravelled, { body: "y" }));
  });
});

test("no two headers can be written so that their values run together", () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 5 }), fc.array(fc.string(), { maxLength: 5 }), (a, b) => {
      const header = (values: string[]) => ({
        bodyOffset: 0,
        fields: values.map((value) => ({ name: "To", value, raw: new Uint8Array() })),
      });
      const squeezed = (values: string[]) => JSON.stringify(values.map((v) => v.replace(/[ \t\r\n]+/g, " ").trim()));
      const equal = Buffer.from(fingerprintOf(header(a), { sizeBytes: 1 })).equals(
        fingerprintOf(header(b), { sizeBytes: 1 }),
      );
      expect(equal).toBe(squeezed(a) === squeezed(b));
    }),
  );
});

test("a message that cannot be read has a fingerprint all the same, of its beginning and its size", () => {
  const bytes = Buffer.alloc(100_000, "a");
  const print = fingerprintOfUnreadable(bytes, 5);
  expect(print).toHaveLength(32);
  expect(fingerprintOfUnreadable(bytes.subarray(0, 70_000), 5)).toEqual(print);
  expect(fingerprintOfUnreadable(bytes, 6)).not.toEqual(print);
});
