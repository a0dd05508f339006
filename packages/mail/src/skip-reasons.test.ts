import { expect, test } from "vitest";
import { isSkipReason, skipMeanings, skipReasons } from "./skip-reasons.ts";

test("every reason is a code that a row, a label and a URL can carry, and has its meaning in one line", () => {
  for (const reason of skipReasons) {
    expect(reason).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(skipMeanings[reason]).toMatch(/^[A-Z][^\n]{10,140}\.$/);
  }
});

test("only the codes are codes", () => {
  expect(skipReasons.every(isSkipReason)).toBe(true);
  expect(isSkipReason("toString")).toBe(false);
  expect(isSkipReason("")).toBe(false);
});
