import { privateDatabase } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { firstFailure } from "./hunt.ts";
import { mutations } from "./mutations.ts";
import { openSimulatedDatabase } from "./simulated-database.ts";

test.each(mutations)("a fleet that $name is found out", { timeout: 1_200_000 }, async (mutation) => {
  await using made = await privateDatabase({ empty: true });
  await using database = await openSimulatedDatabase(made.url, mutation.sql);
  const failure = await firstFailure(database, mutation, { from: 1, to: 2_000 });
  expect(failure?.violations.length).toBeGreaterThan(0);
});
