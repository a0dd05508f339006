import { type Fleet, openFleet } from "./fleet.ts";
import { type Mutation, unchanged } from "./mutations.ts";
import { checkAtTheEnd, checkTickets } from "./promises.ts";
import type { SimulatedDatabase } from "./simulated-database.ts";
import { scheduleTrouble } from "./trouble.ts";
import { openWorld, type World } from "./world.ts";

/** What came of a seed. */
export interface SeedResult {
  readonly seed: number;
  /** Why it fails; empty where every promise was kept. */
  readonly violations: readonly string[];
  /** What happened, a line each. */
  readonly trace: readonly string[];
  readonly steps: number;
  /** Copies at the next hop. */
  readonly kept: number;
}

const limits = {
  steps: 30_000,
  /** After the trouble is over, all must have ended within this time, ms: some retries, and a limit's next windows. */
  settleMs: 10 * 60_000,
  /** Steps between two looks at what must hold at any moment. */
  stepsPerLook: 50,
} as const;

/** Runs one seed from its first message until all has ended. The same seed does the same, step by step. */
export async function runSeed(
  seed: number,
  database: SimulatedDatabase,
  mutation: Mutation = unchanged,
): Promise<SeedResult> {
  await database.clean();
  const world = openWorld(seed, database, mutation);
  const { timeline, ledger, hop } = world;
  const fleet = await openFleet(world);
  scheduleTrouble(world, fleet);
  try {
    await runUntil(world, () => timeline.nowMs >= world.plan.horizonMs);
    await calm(world, fleet);
    await runUntil(world, () => isSettled(world, fleet));
    await checkAtTheEnd(world);
  } finally {
    for (const process of [...fleet.dispatchers, ...fleet.intakes]) process.die();
  }
  return {
    seed,
    violations: ledger.violations,
    trace: timeline.trace,
    steps: timeline.steps,
    kept: hop.kept.deliveries,
  };
}

async function runUntil(world: World, isReached: () => boolean | Promise<boolean>): Promise<void> {
  const { timeline, plan, ledger } = world;
  while (!(await isReached())) {
    if (ledger.violations.length > 0) return;
    if (timeline.steps >= limits.steps || timeline.nowMs > plan.horizonMs + limits.settleMs) {
      return world.violate("it does not come to an end");
    }
    if (!(await timeline.step())) return world.violate("nothing happens any more");
    if (timeline.steps % limits.stepsPerLook === 0) await checkTickets(world);
  }
}

/** The trouble is over: what is left must now come to its end by itself. */
async function calm(world: World, { dispatchers, people }: Fleet): Promise<void> {
  const { timeline, hop } = world;
  timeline.note("all is calm");
  world.isTroubled = false;
  hop.behaves();
  for (const { actor } of dispatchers) actor.frozenUntilMs = Math.min(actor.frozenUntilMs, timeline.nowMs);
  await people.activateAll();
}

async function isSettled(world: World, { dispatchers, senders }: Fleet): Promise<boolean> {
  if (world.timeline.steps % 10 > 0 || senders.waiting > 0 || dispatchers.some(({ isBusy }) => isBusy)) return false;
  const [open] = await world.database.db.query<{ n: number }>(
    `select (select count(*) from mailfleet.ready) + (select count(*) from mailfleet.later)
       + (select count(*) from mailfleet.inflight) + (select count(*) from mailfleet.held where reason = 'suspended') as n`,
  );
  return open?.n === 0;
}
