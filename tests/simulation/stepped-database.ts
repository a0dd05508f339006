import { type Database, leaseLimits, type Sql } from "@mailfleet/store";
import type { Ledger } from "./ledger.ts";
import type { Trouble } from "./plan.ts";
import type { Random } from "./random.ts";
import type { SimulatedDatabase } from "./simulated-database.ts";
import type { Actor, Timeline } from "./timeline.ts";
import { directly } from "./world.ts";

/** What of a world its processes' statements depend on. */
export interface SteppedWorld {
  readonly random: Random;
  readonly timeline: Timeline;
  readonly database: Pick<SimulatedDatabase, "db" | "setNow" | "setContext">;
  readonly plan: {
    readonly trouble: Pick<Trouble, "crashAfterStatement" | "slowStatement" | "statementLost" | "answerLost">;
  };
  readonly ledger: Pick<Ledger, "leases">;
  readonly clockOffsetMs: number;
  readonly isTroubled: boolean;
  readonly nameUids: (text: string) => string;
  violate(text: string): void;
}

export interface SteppedOptions {
  /** In whose right the next statement is sent, for the simulation's own triggers to know; asked when it is sent. */
  readonly context?: () => string;
  /** Whether an error is a transaction's way of undoing itself. */
  readonly isExpected?: (error: unknown) => boolean;
}

/** What a driver reports when the connection broke: whether the statement was carried out is not known. */
class ConnectionLostError extends Error {
  readonly code = "08006";
}

/**
 * The database as one process sees it: each statement, and each transaction, is a step that others' steps may come before
 * and after. Statements that were sent are carried out although their sender is frozen or dead; answers may get lost.
 */
export function steppedDatabase(
  world: SteppedWorld,
  actor: Actor,
  die: () => void,
  { context = () => "", isExpected = () => false }: SteppedOptions = {},
): Database {
  const { db } = world.database;

  const isSlow = () => world.isTroubled && world.random.chance(world.plan.trouble.slowStatement);

  const step = <T>(label: string, outlivesItsActor: boolean, effect: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const right = context();
      world.timeline.add({
        actor,
        label: "",
        delayMs: isSlow() ? world.random.between(1_000, 15_000) : world.random.between(0, 5),
        outlivesItsActor,
        run: () => carryOut(label, right, effect, resolve, reject),
      });
    });

  async function carryOut<T>(
    label: string,
    right: string,
    effect: () => Promise<T>,
    resolve: (result: T) => void,
    reject: (error: unknown) => void,
  ) {
    const { random, timeline, plan, isTroubled } = world;
    const answer = (say: () => void) => {
      if (!actor.alive) return;
      if (actor.frozenUntilMs <= timeline.nowMs && random.chance(0.7)) say();
      else timeline.add({ actor, label: "", delayMs: random.between(0, 10), run: say });
    };
    if (isTroubled && actor.alive && random.chance(plan.trouble.statementLost)) {
      timeline.note(`${actor.name} ${label} ✗ lost on the way`);
      return answer(() => reject(new ConnectionLostError("the connection was lost")));
    }
    let result: T;
    try {
      await world.database.setContext(right);
      result = await directly(world, effect);
    } catch (error) {
      if (isExpected(error)) return answer(() => reject(error));
      world.violate(`${actor.name} ${label}: ${error}`);
      return answer(() => reject(error));
    }
    timeline.note(`${actor.name}${actor.alive ? "" : " (dead)"} ${label}${shown(world, label, result)}`);
    if (!actor.alive || !isTroubled) return answer(() => resolve(result));
    if (random.chance(plan.trouble.crashAfterStatement)) return die();
    if (random.chance(plan.trouble.answerLost)) {
      timeline.note(`${actor.name} … the answer is lost`);
      return answer(() => reject(new ConnectionLostError("the connection was lost")));
    }
    answer(() => resolve(result));
  }

  const watched: Sql = {
    async query<R extends object>(text: string, values?: readonly unknown[]) {
      const rows = await db.query<R>(text, values);
      watchLeases(world, text, values ?? [], rows);
      return rows;
    },
  };

  return {
    query: <R extends object>(text: string, values?: readonly unknown[]) =>
      step(describe(world, text, values), true, () => watched.query<R>(text, values)),
    transaction: (work) => step(`transaction ${callerOf(work)}`, false, () => db.transaction(work)),
    asTenant: (tenantId, work) => step(`as ${tenantId}`, false, () => db.asTenant(tenantId, work)),
    statements: () => 0,
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Leases as the database knows them, so that the simulation can tell who may still finish what. */
function watchLeases(world: SteppedWorld, text: string, values: readonly unknown[], rows: readonly object[]) {
  if (!text.includes("mailfleet.workers")) return;
  const [row] = rows as readonly { id?: number }[];
  const until = world.timeline.nowMs + world.clockOffsetMs + leaseLimits.leaseMs;
  if (text.startsWith("insert into mailfleet.workers") && row?.id !== undefined) world.ledger.leases.set(row.id, until);
  else if (text.includes("lapsed_at is null") && row) world.ledger.leases.set(Number(values[0]), until);
  else if (text.includes("interval '1 second'")) world.ledger.leases.set(Number(values[0]), 0);
}

const callerOf = (work: unknown) => (String(work).includes("SWEEP_LOCK") ? "sweep" : "");
const longest = 220;

/** A statement as the trace shows it: what it is about, and its parameters, without what differs from run to run. */
function describe({ nameUids }: SteppedWorld, text: string, values: readonly unknown[] = []): string {
  const about = /mailfleet\.(\w+)/.exec(text)?.[1] ?? text;
  const verb = /^\s*(insert|update|delete)/.exec(text)?.[1];
  const told =
    about === "accept" || about === "workers" ? "" : nameUids(JSON.stringify(values.filter(isTold), inShort));
  return `${verb === undefined ? "" : `${verb} `}${about} ${told.slice(0, longest)}`;
}

/** Of many shards only how many they are. */
const inShort = (_: string, value: unknown) =>
  Array.isArray(value) && value.length > 20 ? `${value.length} of them` : value;

const isTold = (value: unknown) => value !== null && !Buffer.isBuffer(value);

function shown({ nameUids }: SteppedWorld, label: string, result: unknown): string {
  if (!Array.isArray(result)) return result === undefined ? "" : ` → ${JSON.stringify(result)?.length}`;
  if (label.startsWith("load_claimed") || label.startsWith("accept") || result.length > 20)
    return ` → ${result.length} rows`;
  return result.length === 0 ? "" : ` → ${nameUids(JSON.stringify(result)).slice(0, longest)}`;
}
