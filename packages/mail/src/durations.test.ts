import fc from "fast-check";
import { expect, test } from "vitest";
import { formatDuration, parseDuration } from "./durations.ts";

for (const [text, ms] of [
  ["0s", 0],
  ["5s", 5_000],
  ["10m", 600_000],
  ["1h30m", 5_400_000],
  ["5d", 432_000_000],
  ["500ms", 500],
  ["1s500ms", 1_500],
  ["1m5ms", 60_005],
] as const) {
  test(`"${text}" is ${ms} ms`, () => expect(parseDuration(text)).toEqual({ ok: true, ms }));
}

for (const text of ["", "5", "s", "-5s", "1.5h", "5 s", "30m1h", "5s5s", "5S", "1w", " 5s", "1e3s", "9".repeat(100)]) {
  test(`"${text.slice(0, 12)}" is no duration`, () =>
    expect(parseDuration(text)).toMatchObject({ code: "bad_duration" }));
}

test("ten years are the most", () => {
  expect(parseDuration("3650d").ok).toBe(true);
  expect(parseDuration("3650d1ms")).toMatchObject({ ok: false, code: "duration_too_long" });
});

test("what is formatted reads back as the same duration", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3_650 * 86_400_000 }), (ms) => {
      expect(parseDuration(formatDuration(ms))).toEqual({ ok: true, ms });
    }),
  );
});
