import type { Database } from "@mailfleet/store";
import type { SeedResult } from "../run-seed.ts";
import type { SimulatedDatabase } from "../simulated-database.ts";
import { type Fleet, openFleet } from "./fleet.ts";
import { type Mutation, unchanged } from "./mutations.ts";
import { checkAtTheEnd, checkObjections, unfinished } from "./promises.ts";
import { simulateDate } from "./simulated-date.ts";
import { scheduleTrouble } from "./trouble.ts";
import { openWorld, type World } from "./world.ts";

const limits = {
  steps: 60_000,
  /** After the trouble is over, all must have ended within this time, ms: tries of an answerer, and a server's peace. */
  settleMs: 8 * 60_000,
  /** Steps between two looks at what must hold at any moment, and at what is left. */
  stepsPerLook: 100,
  stepsPerLookAtTheEnd: 20,
} as const;

/** Runs one seed of the way in, from its first letter until all has ended. The same seed does the same, step by step. */
export async function runInboundSeed(
  seed: number,
  database: SimulatedDatabase,
  mutation: Mutation = unchanged,
): Promise<SeedResult> {
  await database.setContext("");
  await database.clean();
  const world = openWorld(seed, { ...database, db: rewritten(database.db, mutation.statement) }, mutation);
  const { timeline, ledger } = world;
  const restoreDate = simulateDate(world);
  const fleet = await openFleet(world);
  try {
    scheduleTrouble(world, fleet);
    await runUntil(world, () => timeline.nowMs >= world.plan.horizonMs);
    await calm(world, fleet);
    await runUntil(world, () => isSettled(world, fleet));
    await checkAtTheEnd(world);
  } finally {
    for (const { process } of [...fleet.watchers, ...fleet.workers]) process.die();
    restoreDate();
  }
  return { seed, violations: ledger.violations, trace: timeline.trace, steps: timeline.steps, kept: 0 };
}

async function runUntil(world: World, isReached: () => boolean | Promise<boolean>): Promise<void> {
  const { timeline, plan, ledger } = world;
  while (!(await isReached())) {
    if (ledger.violations.length > 0) return;
    if (timeline.steps >= limits.steps || timeline.nowMs > plan.horizonMs + limits.settleMs) {
      for (const what of await unfinished(world)) world.violate(what);
      return world.violate("it does not come to an end");
    }
    if (!(await timeline.step())) return world.violate("nothing happens any more");
    if (timeline.steps % limits.stepsPerLook === 0) await checkObjections(world);
  }
}

/** The trouble is over: what is left must now come to its end by itself. */
async function calm(world: World, { watchers, workers, people }: Fleet): Promise<void> {
  const { timeline } = world;
  timeline.note("all is calm");
  world.isTroubled = false;
  for (const { process } of [...watchers, ...workers])
    process.actor.frozenUntilMs = Math.min(process.actor.frozenUntilMs, timeline.nowMs);
  await people.letGo();
}

async function isSettled(world: World, { people }: Fleet): Promise<boolean> {
  if (world.timeline.steps % limits.stepsPerLookAtTheEnd > 0) return false;
  if (await people.decide()) return false;
  return (await unfinished(world)).length === 0;
}

/** The database with a bug in the statements that are sent to it. */
function rewritten(db: Database, rewrite: Mutation["statement"]): Database {
  if (!rewrite) return db;
  return {
    ...db,
    query: (text, values) => db.query(rewrite(text, false), values),
    transaction: (work) =>
      db.transaction((tx) => work({ ...tx, query: (text, values) => tx.query(rewrite(text, true), values) })),
  };
}
