import { privateDatabase } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { firstFailure } from "./hunt.ts";
import { unchanged } from "./mutations.ts";
import { reportOf } from "./report.ts";
import { openSimulatedDatabase } from "./simulated-database.ts";

/** Beyond those of every run. */
const seeds = { from: 1_001, to: 4_500 };

test("thousands of seeds keep every promise", { timeout: 3_600_000 }, async () => {
  await using made = await privateDatabase({ empty: true });
  await using database = await openSimulatedDatabase(made.url);
  const failure = await firstFailure(database, unchanged, seeds);
  expect(failure && reportOf(failure)).toBeUndefined();
});
