import type { Database, Tx } from "./database.ts";
import { type InboundDepth, readInboundDepth } from "./inbound-depth.ts";
import { oldestDueSeconds } from "./oldest-due.ts";

/** What waits, by state, and for how long the oldest that could be sent now has waited. */
export interface OutboxSample {
  readonly depth: {
    readonly pending: number;
    readonly retrying: number;
    readonly sending: number;
    readonly held: number;
  };
  readonly oldestDueSeconds: number;
  readonly inbound: InboundDepth;
}

/** An arbitrary number that only maintenance uses. */
const MAINTENANCE_LOCK = 7_114_002;

/** Keys go this long after their message was accepted and has ended. */
const keyDays = 30;
const keysPerTick = 5_000;

/** One tick of maintenance, or undefined where another process is at it: next months' partitions, old submission keys, a sample. */
export async function maintainStore(db: Database): Promise<OutboxSample | undefined> {
  return db.transaction(async (tx) => {
    const [lock] = await tx.query<{ mine: boolean }>("select pg_try_advisory_xact_lock($1) as mine", [
      MAINTENANCE_LOCK,
    ]);
    if (!lock?.mine) return undefined;
    await forgetOldKeys(tx);
    await forgetOldSteps(tx);
    await foldTallies(tx);
    const sample = await sampleOutbox(tx);
    await makePartitions(tx); // Last, since it shuts others out until the commit.
    return sample;
  });
}

const LOCK_NOT_AVAILABLE = "55P03";

/**
 * A new partition asks for its table alone, and whoever wants to write queues up behind it. Where somebody reads for
 * long, it is left for a later tick: there are months for it.
 */
async function makePartitions(tx: Tx): Promise<void> {
  await tx.query("savepoint partitions");
  try {
    await tx.query("set local lock_timeout = '100ms'");
    await tx.query("select mailfleet.ensure_partitions(now())");
  } catch (error) {
    await tx.query("rollback to savepoint partitions");
    if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
  }
}

/** Statistics add up what is counted: folding it changes no sum, and keeps them short. */
async function foldTallies(tx: Tx): Promise<void> {
  await tx.query(
    `with gone as (delete from mailfleet.tallies where tenant_id in (select tenant_id from mailfleet.tallies where worker <> 0)
       returning tenant_id, kind, n)
     insert into mailfleet.tallies (tenant_id, worker, kind, n)
     select tenant_id, 0, kind, sum(n) from gone group by tenant_id, kind`,
  );
}

/** A key is forgotten 30 days after its message's last delivery has ended: until then the same id is the same message. */
async function forgetOldKeys(tx: Tx): Promise<void> {
  await tx.query(
    `delete from mailfleet.submission_keys k where (k.tenant_id, k.origin, k.id) in (
       select o.tenant_id, o.origin, o.id from mailfleet.submission_keys o
       where o.created_at < now() - make_interval(days => $1)
         and not exists (select from mailfleet.deliveries d where d.message_uid = o.message_uid
           and (d.ended_at is null or d.ended_at > now() - make_interval(days => $1)))
       limit $2)`,
    [keyDays, keysPerTick],
  );
}

/** How long what was done in a mailbox, an answerer's journal and a day's use of models are kept. */
const inboundDays = { actions: 90, steps: 90, usage: 400 } as const;

/** The way in leaves more rows than messages. What is not done yet stays. */
async function forgetOldSteps(tx: Tx): Promise<void> {
  await tx.query(
    `delete from mailfleet.mailbox_actions where id in (
       select id from mailfleet.mailbox_actions where done_at < now() - make_interval(days => $1) order by done_at limit $2)`,
    [inboundDays.actions, keysPerTick],
  );
  await tx.query(
    `delete from mailfleet.answer_steps s where (s.inbound_uid, s.run, s.step) in (
       select o.inbound_uid, o.run, o.step from mailfleet.answer_steps o
       where o.started_at < now() - make_interval(days => $1)
         and not exists (select from mailfleet.answering a where a.inbound_uid = o.inbound_uid) limit $2)`,
    [inboundDays.steps, keysPerTick],
  );
  await tx.query("delete from mailfleet.model_usage where day < (now() - make_interval(days => $1))::date", [
    inboundDays.usage,
  ]);
}

async function sampleOutbox(tx: Tx): Promise<OutboxSample> {
  const [row] = await tx.query<{
    pending: number;
    retrying: number;
    sending: number;
    held: number;
    oldest: number | null;
  }>(
    `select (select count(*) from mailfleet.ready where attempt = 0) + (select count(*) from mailfleet.later where attempt = 0) as pending,
            (select count(*) from mailfleet.ready where attempt > 0) + (select count(*) from mailfleet.later where attempt > 0) as retrying,
            (select count(*) from mailfleet.inflight) as sending,
            (select count(*) from mailfleet.held) as held,
            (${oldestDueSeconds}) as oldest`,
    [null],
  );
  const { pending = 0, retrying = 0, sending = 0, held = 0, oldest } = row ?? {};
  return {
    depth: { pending, retrying, sending, held },
    oldestDueSeconds: oldest ?? 0,
    inbound: await readInboundDepth(tx),
  };
}

/** Claims mail whose time is up where no turn would look at it; see `mailfleet.claim_expired`. */
export async function claimExpired(db: Database, workerId: number, limit: number): Promise<string[]> {
  const rows = await db.query<{ uid: string }>("select uid from mailfleet.claim_expired($1, $2) as uid", [
    workerId,
    limit,
  ]);
  return rows.map(({ uid }) => uid);
}
