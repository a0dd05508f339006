import { expect, test } from "vitest";
import { readDate } from "./date-field.ts";

const dates = [
  ["Mon, 03 Nov 2025 10:15:30 +0100", "2025-11-03T09:15:30.000Z"],
  ["3 Nov 2025 10:15 -0530", "2025-11-03T15:45:00.000Z"],
  ["Mon, 3 Nov 2025 10:15:30 GMT", "2025-11-03T10:15:30.000Z"],
  ["Mon, 3 Nov 2025 10:15:30 EST", "2025-11-03T15:15:30.000Z"],
  ["Mon, 3 Nov 2025 10:15:30 +0000 (UTC)", "2025-11-03T10:15:30.000Z"],
  ["Monday, 03-Nov-25 10:15:30 UT", "2025-11-03T10:15:30.000Z"],
  ["Sun, 06 Nov 94 08:49:37 XYZ", "1994-11-06T08:49:37.000Z"],
  ["Mon, 3 Nov 2025 23:59:60 +0000", "2025-11-04T00:00:00.000Z"], // A leap second.
  ["Mon, 31 Feb 2025 10:15:30 +0000", undefined],
  ["Mon, 3 Nov 2025 25:15:30 +0000", undefined],
  ["Mon, 3 Foo 2025 10:15:30 +0000", undefined],
  ["yesterday 12", undefined],
  ["", undefined],
] as const;

test.each(dates)('"%s" is %s', (value, expected) => {
  expect(readDate(value)?.toISOString()).toBe(expected);
});
