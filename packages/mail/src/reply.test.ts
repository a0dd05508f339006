import fc from "fast-check";
import { expect, test } from "vitest";
import { parseReply } from "./reply.ts";
import { isEnhancedStatusCode } from "./status.ts";

const read: [text: string, code: number, status: string, words: string][] = [
  ["250 2.0.0 queued as 4F1", 250, "2.0.0", "queued as 4F1"],
  ["250 ok", 250, "2.0.0", "ok"],
  ["250", 250, "2.0.0", ""],
  ["250 2.1.5", 250, "2.1.5", ""],
  ["354 go ahead\r\n", 354, "2.0.0", "go ahead"],
  ["450 try later", 450, "4.0.0", "try later"],
  ["550 no", 550, "5.0.0", "no"],
  ["550 5.1.1 no such user", 550, "5.1.1", "no such user"],
  ["550 4.2.2 full", 550, "4.2.2", "full"],
  ["550-5.7.1 first\r\n550-5.7.1 second\r\n550 5.7.1 third", 550, "5.7.1", "first second third"],
  ["550-first\n550 5.7.1 last", 550, "5.7.1", "first last"],
  ["550 5.7.1 first\nsecond", 550, "5.7.1", "first second"],
  ["550 5.7.1.2 not a status", 550, "5.0.0", "5.7.1.2 not a status"],
  ["550 5.1.1234 nor this", 550, "5.0.0", "5.1.1234 nor this"],
  ["550 5.1.1  \t two\u0007 words \u2028 x", 550, "5.1.1", "two words x"],
];

for (const [text, code, status, words] of read) {
  test(`${JSON.stringify(text)} is ${code}, ${status}`, () => {
    expect(parseReply(text)).toEqual({ code, status, text: words });
  });
}

for (const text of [
  "",
  "\r\n",
  "ok",
  "25",
  "150 too early",
  "600 too late",
  "2500 long",
  "HTTP/1.1 400 Bad Request",
  " 250 ok",
]) {
  test(`${JSON.stringify(text)} is no reply`, () => expect(parseReply(text)).toBeUndefined());
}

test("a text is cut at 1,000 characters, and never through a character", () => {
  expect(parseReply(`550 ${"x".repeat(5_000_000)}`)?.text.length).toBe(1_000);
  expect(parseReply(`550 ${"x".repeat(999)}😀`)?.text.isWellFormed()).toBe(true);
});

test("whatever a next hop sends, what is read is bounded, one line and coded", () => {
  const line = fc.tuple(
    fc.integer({ min: 0, max: 999 }),
    fc.constantFrom(" ", "-", " 5.1.1 ", ""),
    fc.string({ unit: "binary" }),
  );
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc
      .array(
        line.map((parts) => parts.join("")),
        { maxLength: 5 },
      )
      .map((lines) => lines.join("\r\n")),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const reply = parseReply(text);
      if (!reply) return;
      expect(reply.code).toBeGreaterThanOrEqual(200);
      expect(reply.code).toBeLessThan(600);
      expect(isEnhancedStatusCode(reply.status)).toBe(true);
      expect(reply.text).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u2029]/u);
      expect(parseReply(`${reply.code} ${reply.status} ${reply.text}`)?.status).toBe(reply.status);
    }),
    { numRuns: 1_000 },
  );
});
