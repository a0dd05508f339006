import { expect, test } from "vitest";
import { reportOf } from "../report.ts";
import { firstFailure } from "./hunt.ts";
import { mutations, unchanged } from "./mutations.ts";

test("thousands of seeds keep every promise of the way in", { timeout: 3_600_000 }, async () => {
  const failure = await firstFailure(unchanged, { from: 1_001, to: 4_000 });
  expect(failure && reportOf(failure, 60, "--inbound ")).toBeUndefined();
});

test.each(mutations)("a way in that $name is found out", { timeout: 1_200_000 }, async (mutation) => {
  const failure = await firstFailure(mutation, { from: 1, to: 2_000 });
  expect(failure?.violations.length).toBeGreaterThan(0);
});
