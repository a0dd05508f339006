import { privateDatabase } from "@mailfleet/testkit";
import type { SeedResult } from "../run-seed.ts";
import { openSimulatedDatabase } from "../simulated-database.ts";
import type { Mutation } from "./mutations.ts";
import { objectionRecords } from "./objections.ts";
import { runInboundSeed } from "./run-seed.ts";

/** Seeds within which every statement is sent at least once. */
const seedsToMeetAll = 20;

/**
 * The first of some seeds that fails under a mutation, in a database of its own; undefined where none does. Throws where
 * the mutation changes nothing, since the statement that it is about reads otherwise by now.
 */
export async function firstFailure(
  mutation: Mutation,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<SeedResult | undefined> {
  await using made = await privateDatabase({ empty: true });
  await using database = await openSimulatedDatabase(made.url, mutation.sql, objectionRecords);
  const { statement: rewrite } = mutation;
  let isApplied = rewrite === undefined;
  const statement = (text: string, isInTransaction: boolean) => {
    const rewritten = rewrite?.(text, isInTransaction) ?? text;
    isApplied ||= rewritten !== text;
    return rewritten;
  };
  for (let seed = from; seed <= to; seed++) {
    const result = await runInboundSeed(seed, database, rewrite ? { ...mutation, statement } : mutation);
    if (result.violations.length > 0) return result;
    if (!isApplied && seed - from >= seedsToMeetAll) throw new Error(`${mutation.name} changes no statement`);
  }
  return undefined;
}
