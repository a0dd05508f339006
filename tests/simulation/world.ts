import type { SendingAccount } from "@mailfleet/store";
import { type MemoryHop, memoryHop } from "@mailfleet/transport/testing";
import { type LanesInUse, watchLanes } from "./lanes-in-use.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import type { Mutation } from "./mutations.ts";
import { openNames } from "./names.ts";
import { drawPlan, type Plan } from "./plan.ts";
import { type Random, seededRandom } from "./random.ts";
import type { SimulatedDatabase } from "./simulated-database.ts";
import { type Actor, openTimeline, type Timeline } from "./timeline.ts";

/** One seed's world: everything that its fleet touches. */
export interface World {
  readonly random: Random;
  readonly plan: Plan;
  readonly timeline: Timeline;
  readonly database: SimulatedDatabase;
  readonly ledger: Ledger;
  readonly lanes: LanesInUse;
  readonly accounts: Map<number, SendingAccount>;
  readonly hop: MemoryHop;
  readonly mutation: Mutation;
  /** Uids as the trace shows them. */
  readonly nameUids: (text: string) => string;
  /** The world itself: people, clients, networks. It never dies. */
  readonly outside: Actor;
  /** Added to simulated time to get the database's. */
  clockOffsetMs: number;
  /** False once the horizon is reached: from then on all must come to an end. */
  isTroubled: boolean;
  violate(text: string): void;
}

export function openWorld(seed: number, database: SimulatedDatabase, mutation: Mutation): World {
  const random = seededRandom(seed);
  const timeline = openTimeline(random);
  const ledger = openLedger();
  const accounts = new Map<number, SendingAccount>();
  const violate = (text: string) => {
    timeline.note(`VIOLATION ${text}`);
    ledger.violations.push(text);
  };
  return {
    random,
    plan: drawPlan(random),
    timeline,
    database,
    ledger,
    lanes: watchLanes((uid) => accounts.get(uid)?.maxConnections ?? 0, violate),
    accounts,
    hop: memoryHop(),
    mutation,
    nameUids: openNames(),
    outside: { name: "world", alive: true, frozenUntilMs: 0 },
    clockOffsetMs: 0,
    isTroubled: true,
    violate,
  };
}

/** Does something to the database as nobody's process: people's commands, and what the simulation looks at. */
export async function directly<T>(
  world: {
    readonly database: Pick<SimulatedDatabase, "setNow">;
    readonly timeline: Pick<Timeline, "nowMs">;
    readonly clockOffsetMs: number;
  },
  work: () => Promise<T>,
): Promise<T> {
  await world.database.setNow(world.timeline.nowMs + world.clockOffsetMs);
  return work();
}
