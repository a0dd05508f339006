import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeWords, firstToken, plainLine, valuesOf, withoutComments } from "./field-text.ts";

describe("the first word of a value is what the field says", () => {
  test.for([
    ["auto-replied", "auto-replied"],
    [" Auto-Replied ", "auto-replied"],
    ["auto-replied; owner-email=x@example.org", "auto-replied"],
    ["no (comment)", "no"],
    ["(first (nested)) no", "no"],
    ["no(attached)", "no"],
    ["(\\) still a comment) no", "no"],
    ["=?us-ascii?Q?auto-generated?=", "auto-generated"],
    ["=?UTF-8?B?YnVsaw==?=", "bulk"],
    ["bulk, list", "bulk"],
    ["(never closed no", ""],
    ["", ""],
  ])("%s → %s", ([value, token]) => {
    expect(firstToken(value!)).toBe(token);
  });
});

describe("comments are taken out, quotes stay, and what does not close is refused", () => {
  test.for([
    ["a (b) c", "a   c"],
    ['"(a)" b', '"(a)" b'],
    ['"a\\"(b" (c)', '"a\\"(b"  '],
    ["a (b", undefined],
    ['a "b', undefined],
    ["a ) b", "a ) b"],
  ])("%s", ([value, kept]) => {
    expect(withoutComments(value!)).toBe(kept);
  });
});

describe("encoded words are decoded (RFC 2047)", () => {
  test.for([
    ["=?iso-8859-1?Q?Abwesenheit_f=FCr?=", "Abwesenheit für"],
    ["=?utf-8?B?UsOpcG9uc2U=?= x", "Réponse x"],
    ["=?utf-8?Q?a?= =?utf-8?Q?b?= c", "ab c"],
    ["=?utf-8*de?Q?a?=", "a"],
    ["=?no-such-set?Q?a?=", "=?no-such-set?Q?a?="],
    ["=?utf-8?X?a?=", "=?utf-8?X?a?="],
  ])("%s → %s", ([value, text]) => {
    expect(decodeWords(value!)).toBe(text);
  });
});

test("fields are found in any case, each time they occur", () => {
  const fields = ["List-Id", "list-ID", "X-List-Id"].map((name, i) => ({ name, value: String(i) }));
  expect(valuesOf(fields, "LIST-ID")).toEqual(["0", "1"]);
});

test("a plain line is plain, and as short as asked, whatever it was made of", () => {
  expect(plainLine("a\r\nBcc: b\u0000\u202ec", 100)).toBe("a Bcc: b c");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.nat(20), (text, max) => {
      const line = plainLine(text, max);
      expect(line.length).toBeLessThanOrEqual(max);
      expect(line.isWellFormed()).toBe(true);
      expect(/[\p{Cc}\p{Bidi_Control}]/u.test(line)).toBe(false);
      expect(line).toBe(line.trim());
      firstToken(text);
      decodeWords(`=?utf-8?q?${text}?=`);
    }),
  );
});
