import { privateDatabase } from "@mailfleet/testkit";
import type { SeedResult } from "../run-seed.ts";
import { openSimulatedDatabase } from "../simulated-database.ts";
import type { Mutation } from "./mutations.ts";
import { objectionRecords } from "./objections.ts";
import { runInboundSeed } from "./run-seed.ts";

/** The first of some seeds that fails under a mutation, in a database of its own; undefined where none does. */
export async function firstFailure(
  mutation: Mutation,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<SeedResult | undefined> {
  await using made = await privateDatabase({ empty: true });
  await using database = await openSimulatedDatabase(made.url, mutation.sql, objectionRecords);
  for (let seed = from; seed <= to; seed++) {
    const result = await runInboundSeed(seed, database, mutation);
    if (result.violations.length > 0) return result;
  }
  return undefined;
}
