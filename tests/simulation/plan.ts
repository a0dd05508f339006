import type { RetryPolicy } from "@mailfleet/mail";
import type { Random } from "./random.ts";

/**
 * What a seed does to its fleet. Each kind of trouble is there in about half of the seeds, since what hides a bug is as
 * often too much trouble as too little.
 */
export interface Plan {
  /** Trouble and submissions begin no later than this. */
  readonly horizonMs: number;
  readonly dispatchers: number;
  readonly intakes: number;
  readonly messages: number;
  readonly accounts: readonly AccountPlan[];
  /** Turns at once in a process. */
  readonly slots: number;
  readonly parkMs: number;
  readonly trouble: Trouble;
  readonly commands: Commands;
}

export interface AccountPlan {
  readonly tenantId: string;
  readonly id: string;
  readonly maxConnections: number;
  readonly perMinute?: number;
  readonly perDomainPerMinute?: number;
  readonly retry: Partial<RetryPolicy>;
}

/** Probabilities: of each statement, each errand, each message; and how many times within the horizon. */
export interface Trouble {
  readonly crashAfterStatement: number;
  readonly slowStatement: number;
  readonly statementLost: number;
  readonly answerLost: number;
  readonly errandLost: number;
  readonly errandDoubled: number;
  readonly nextHopFault: number;
  readonly connectFault: number;
  readonly slowNextHop: number;
  /** A process is frozen with a message in the middle, or when its end has just left. */
  readonly frozenBeforeEnd: number;
  readonly frozenAfterEnd: number;
  readonly crashes: number;
  readonly freezes: number;
  readonly drains: number;
  readonly flushes: number;
  /** The database's own clock is set forward or back. */
  readonly clockJumps: number;
}

/** What people do meanwhile: how many times within the horizon. */
export interface Commands {
  readonly resubmissions: number;
  readonly cancellations: number;
  readonly suspensions: number;
  readonly suppressions: number;
  readonly releases: number;
  readonly resends: number;
}

export function drawPlan(random: Random): Plan {
  const some = (probability: number, value: () => number) => (random.chance(probability) ? value() : 0);
  const times = (probability: number, most: number) => some(probability, () => random.between(1, most));
  const tenants = random.chance(0.3) ? ["north", "south"] : ["north"];
  return {
    horizonMs: random.between(10_000, 30_000),
    dispatchers: random.between(1, 3),
    intakes: random.between(1, 2),
    messages: random.between(3, 12),
    accounts: tenants.flatMap((tenantId) =>
      ["first", "second"].slice(0, random.between(1, 2)).map((id) => drawAccount(random, tenantId, id)),
    ),
    slots: random.between(1, 4),
    parkMs: random.chance(0.5) ? 0 : 1_000,
    trouble: {
      crashAfterStatement: some(0.4, () => 0.02),
      slowStatement: some(0.2, () => 0.02),
      statementLost: some(0.3, () => 0.02),
      answerLost: some(0.3, () => 0.02),
      errandLost: some(0.5, () => 0.3),
      errandDoubled: some(0.5, () => 0.2),
      nextHopFault: some(0.8, () => random.pick([0.1, 0.3, 0.6])),
      connectFault: some(0.3, () => 0.2),
      slowNextHop: some(0.4, () => 0.15),
      frozenBeforeEnd: some(0.25, () => 0.1),
      frozenAfterEnd: some(0.25, () => 0.1),
      crashes: times(0.5, 4),
      freezes: times(0.4, 4),
      drains: times(0.3, 2),
      flushes: times(0.4, 3),
      clockJumps: times(0.1, 2),
    },
    commands: {
      resubmissions: times(0.5, 5),
      cancellations: times(0.4, 4),
      suspensions: times(0.4, 4),
      suppressions: times(0.3, 2),
      releases: times(0.5, 4),
      resends: times(0.3, 3),
    },
  };
}

function drawAccount(random: Random, tenantId: string, id: string): AccountPlan {
  return {
    tenantId,
    id,
    maxConnections: random.between(1, 3),
    ...(random.chance(0.2) && { perMinute: random.between(4, 8) }),
    ...(random.chance(0.15) && { perDomainPerMinute: random.between(3, 6) }),
    retry: {
      baseMs: random.between(500, 3_000),
      maxMs: 8_000,
      giveUpAfterMs: random.chance(0.2) ? random.between(20_000, 60_000) : 3_600_000,
      ...(random.chance(0.3) && { maxAttempts: random.between(2, 5) }),
    },
  };
}
