import { expect, test } from "vitest";
import { formatDuration, parseDuration } from "./index.ts";

test.each([
  ["250ms", 250],
  ["5s", 5_000],
  ["10m", 600_000],
  ["1h", 3_600_000],
  ["2d", 172_800_000],
  ["0s", 0],
  ["5", undefined],
  ["5 s", undefined],
  ["1.5s", undefined],
  ["s", undefined],
  ["-1s", undefined],
  ["1h30m", undefined],
  ["999999999999d", undefined],
])("%j is %s ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each([0, 1, 999, 1_000, 1_500, 60_000, 90_000, 3_600_000, 86_400_000])("%d ms survives being written", (ms) => {
  expect(parseDuration(formatDuration(ms))).toBe(ms);
});
