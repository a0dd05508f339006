import { expect, test } from "vitest";
import { plainText, shorten } from "./plain-text.ts";

test("no text of a sender's can steer the terminal that shows it", () => {
  const hostile = ["\x1b[2Jcleared", "a\rb", "a\nb", "\x9b31m", "safe\u202egnp.exe", "\u2066x\u2069", "\x07"];
  for (const text of hostile) expect(plainText(text)).toMatch(/^[^\p{Cc}\p{Cf}]*$/u);
  expect(plainText("Grüße, 世界 🎉")).toBe("Grüße, 世界 🎉");
});

test("values that are no text are shown as JSON, and missing ones as nothing", () => {
  expect([plainText(undefined), plainText(null), plainText(7), plainText({ a: [1] })]).toEqual([
    "",
    "",
    "7",
    '{"a":[1]}',
  ]);
  expect(shorten("abcdef", 4)).toBe("abc…");
});
