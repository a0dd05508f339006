import type { Mutation } from "./mutations.ts";
import { runSeed, type SeedResult } from "./run-seed.ts";
import type { SimulatedDatabase } from "./simulated-database.ts";

/** The first of some seeds that fails; undefined where none does. */
export async function firstFailure(
  database: SimulatedDatabase,
  mutation: Mutation,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<SeedResult | undefined> {
  for (let seed = from; seed <= to; seed++) {
    const result = await runSeed(seed, database, mutation);
    if (result.violations.length > 0) return result;
  }
  return undefined;
}
