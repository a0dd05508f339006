import type { Database, Tx } from "./database.ts";

export const sweepLimits = {
  /** Deliveries moved from later to ready by one statement. */
  moved: 2_000,
  /** Statements of one tick: mail of one tenant that became due all at once must not hold up everybody's retries for long. */
  portions: 10,
  /** Lapsed workers ended by one tick. */
  reaped: 20,
  /** Accounts woken by one tick. */
  woken: 1_000,
} as const;

/** A delivery whose sender lapsed while transmitting it: the next hop may have it. */
export interface Abandoned {
  readonly workerId: number;
  readonly deliveryUid: string;
  readonly tenantId: string;
  readonly accountUid: number;
  /** Number of the attempt that was under way. */
  readonly attempt: number;
  readonly crashes: number;
}

/** A worker whose lease was found lapsed by this tick, and what it had in hand. */
export interface Lapsed {
  readonly workerId: number;
  /** Given back free of charge. */
  readonly claimed: number;
  /** In doubt from now on. */
  readonly transmitting: number;
}

/** What one tick of the sweep found to do. */
export interface SweepResult {
  /** Accounts whose mail has just become due. */
  readonly dueAccountUids: readonly number[];
  /** Accounts that had something to send already, and nobody at it: an errand was lost. */
  readonly forgottenAccountUids: readonly number[];
  readonly movedToReady: number;
  /** Each worker once, and none that had nothing in hand. */
  readonly lapsed: readonly Lapsed[];
  /** What lapsed workers were transmitting; told by every tick until it is recorded. */
  readonly abandoned: readonly Abandoned[];
}

/** An arbitrary number that only the sweep uses. */
const SWEEP_LOCK = 7_114_001;

/**
 * One tick of the sweep, or undefined where another process is at it: elected per tick by a transaction-level advisory lock.
 * It repairs what a lost errand or a lost process left, and moves what has become due. `onStep` hears, before the
 * commit, of each step that has changed something.
 */
export async function sweepOnce(
  db: Database,
  onStep: (step: "reaped" | "moved") => void = () => {},
): Promise<SweepResult | undefined> {
  return db.transaction(async (tx) => {
    const [lock] = await tx.query<{ mine: boolean }>("select pg_try_advisory_xact_lock($1) as mine", [SWEEP_LOCK]);
    if (!lock?.mine) return undefined;
    const lapsed = await lapsedWorkers(tx);
    const abandoned = await reapWorkers(tx);
    if (abandoned.length > 0) onStep("reaped");
    const due = await moveDue(tx);
    if (due.length > 0) onStep("moved");
    const idle = await tx.query<{ account_uid: number }>(
      "select account_uid from mailfleet.idle_accounts_with_mail($1) as account_uid",
      [sweepLimits.woken],
    );
    const dueAccountUids = [...new Set(due.map(({ account_uid }) => account_uid))];
    const isDue = new Set(dueAccountUids);
    return {
      dueAccountUids,
      forgottenAccountUids: idle.map(({ account_uid }) => account_uid).filter((uid) => !isDue.has(uid)),
      movedToReady: due.reduce((sum, { moved }) => sum + moved, 0),
      lapsed,
      abandoned,
    };
  });
}

/** Those that `reap_workers` is about to end, counted before it does. They stay locked, so none comes back meanwhile. */
function lapsedWorkers(tx: Tx): Promise<Lapsed[]> {
  return tx.query<Lapsed>(
    `select w.id as "workerId", h.claimed, h.transmitting
     from (select id, lapsed_at from mailfleet.workers
           where lease_until < now() order by id limit $1 for update skip locked) w
     cross join lateral (
       select count(*) filter (where i.state = 'c') as claimed, count(*) filter (where i.state = 't') as transmitting
       from mailfleet.inflight i where i.worker = w.id) h
     where w.lapsed_at is null and h.claimed + h.transmitting > 0`,
    [sweepLimits.reaped],
  );
}

async function moveDue(tx: Tx): Promise<{ account_uid: number; moved: number }[]> {
  const all: { account_uid: number; moved: number }[] = [];
  for (let portion = 0; portion < sweepLimits.portions; portion++) {
    const due = await tx.query<{ account_uid: number; moved: number }>("select * from mailfleet.move_due($1)", [
      sweepLimits.moved,
    ]);
    all.push(...due);
    if (due.reduce((sum, { moved }) => sum + moved, 0) < sweepLimits.moved) break;
  }
  return all;
}

async function reapWorkers(tx: Tx): Promise<Abandoned[]> {
  const rows = await tx.query<{
    worker: number;
    delivery_uid: string;
    tenant_id: string;
    account_uid: number;
    attempt: number;
    crashes: number;
  }>("select worker, delivery_uid, tenant_id, account_uid, attempt, crashes from mailfleet.reap_workers($1)", [
    sweepLimits.reaped,
  ]);
  return rows.map((row) => ({
    workerId: row.worker,
    deliveryUid: row.delivery_uid,
    tenantId: row.tenant_id,
    accountUid: row.account_uid,
    attempt: row.attempt + 1,
    crashes: row.crashes,
  }));
}
