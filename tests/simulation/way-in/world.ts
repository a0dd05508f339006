import type { OpenedMailbox } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import { openNames } from "../names.ts";
import { type Random, seededRandom } from "../random.ts";
import type { SimulatedDatabase } from "../simulated-database.ts";
import { type Actor, openTimeline, type Timeline } from "../timeline.ts";
import { directly } from "../world.ts";
import { telemetryOf } from "./complaints.ts";
import type { Letter } from "./letter.ts";
import type { MailServer } from "./mail-server.ts";
import type { Mutation } from "./mutations.ts";
import { drawPlan, type MailboxPlan, type Plan } from "./plan.ts";

/** A mailbox of the seed's, and the server on which it lies. */
export interface Mailbox {
  readonly plan: MailboxPlan;
  readonly address: string;
  readonly opened: OpenedMailbox;
  readonly server: MailServer;
}

/** What was seen outside of the database, for the end to be held against. */
export interface Ledger {
  /** Until when each worker's lease runs. */
  readonly leases: Map<number, number>;
  /** By mailbox's address and key: what was written to it, and in how many guises that count as messages of their own. */
  readonly written: Map<string, { readonly mailbox: Mailbox; readonly letter: Letter; guises: number }>;
  /** Letters of which the fleet told the server that they are answered. */
  readonly markedAnswered: Set<Buffer>;
  /** Message-IDs that were appended by a process that was held up between its look into the folder and that. */
  readonly appendedBlindly: Set<string>;
  /** Why the seed fails. */
  readonly violations: string[];
}

/** One seed's world: everything that its fleet touches. */
export interface World {
  readonly random: Random;
  readonly plan: Plan;
  readonly timeline: Timeline;
  readonly database: SimulatedDatabase;
  readonly ledger: Ledger;
  readonly mailboxes: Mailbox[];
  readonly mutation: Mutation;
  readonly telemetry: Telemetry;
  readonly nameUids: (text: string) => string;
  /** The world itself: people, servers, networks. It never dies. */
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
  const ledger: Ledger = {
    leases: new Map(),
    written: new Map(),
    markedAnswered: new Set(),
    appendedBlindly: new Set(),
    violations: [],
  };
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
    mailboxes: [],
    mutation,
    telemetry: telemetryOf({ violate }),
    nameUids: openNames(),
    outside: { name: "world", alive: true, frozenUntilMs: 0 },
    clockOffsetMs: 0,
    isTroubled: true,
    violate,
  };
}

/** Does something to the database as nobody's process: people's commands, and what the simulation looks at. */
export async function asNobody<T>(world: World, work: () => Promise<T>): Promise<T> {
  await world.database.setContext("");
  return directly(world, work);
}
