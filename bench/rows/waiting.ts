/** Rows 8 and 9: what a long queue, churn and an old snapshot cost, and what Redis holds of a million. */
import { type Lab, tenantId } from "../lab.ts";
import { redisStats } from "../parts/redis-stats.ts";
import { clearOutbox, seed, settle } from "../parts/seed.ts";
import { type CountingSink, startSink } from "../parts/sink.ts";
import { type Sources, type Window, watch } from "../parts/window.ts";

export interface WaitingOptions {
  /** Deliveries waiting in the long queue. */
  readonly many: number;
  /** Deliveries waiting when Redis is measured. */
  readonly most: number;
  readonly churnSeconds: number;
  readonly snapshotSeconds: number;
  readonly seconds: number;
}

export interface Waiting {
  readonly few: number;
  readonly many: number;
  readonly most: number;
  /** With few waiting, before and after all else; with many after churn; the same with a snapshot held open. */
  readonly fewBefore: Window;
  readonly manyAfterChurn: Window;
  readonly manyWithSnapshot: Window;
  readonly fewAfter: Window;
  /** With few waiting, and the most that Redis ever held with up to `most` waiting. */
  readonly redisBytesWithFew: number;
  readonly redisPeakBytes: number;
  /** Versions of rows that vacuum could not remove while the snapshot was held. */
  readonly deadRows: number;
}

const few = 10_000;
/** A letter to many, since this row is about the queue and not about the disk that letters need. */
const recipients = 100;
const connections = 20;
const warmMs = 4_000;
const refillEveryMs = 100;
const seedPortion = 100_000;
const startWithinMs = 30_000;

export async function waiting(lab: Lab, options: WaitingOptions): Promise<Waiting> {
  const { many, most, churnSeconds, snapshotSeconds, seconds } = options;
  await using sink = await startSink(lab.folder);
  await clearOutbox(lab.db);
  const accountUid = await lab.account(sink.port, connections);
  await fill(lab, accountUid, few);
  await settle(lab.db);
  await using dispatch = lab.startDispatch();
  await sink.reaches(1, startWithinMs);
  await using _refill = keepFull(lab, accountUid, sink);
  await pause(warmMs);
  const groups = [
    { name: "dispatch", pids: [dispatch.pid], withChildren: false },
    ...lab.servers,
    { name: "sink", pids: [sink.pid], withChildren: false },
  ];
  const sources: Sources = { count: sink.count, groups, fleet: lab };

  const fewBefore = await watch(sources, seconds);
  const redisBytesWithFew = (await redisStats(lab.redisUrl)).usedMemoryBytes;
  await fill(lab, accountUid, many - few);
  await pause(churnSeconds * 1_000);
  const manyAfterChurn = await watch(sources, seconds);
  const { manyWithSnapshot, deadRows } = await withSnapshot(lab, async () => {
    await pause(snapshotSeconds * 1_000);
    return watch(sources, seconds);
  });
  await fill(lab, accountUid, Math.max(0, most - many));
  await pause(warmMs);
  const redisPeakBytes = (await redisStats(lab.redisUrl)).peakMemoryBytes;
  await lab.db.query("delete from mailfleet.ready where seq < (select max(seq) - $1 from mailfleet.ready)", [few]);
  await settle(lab.db);
  const fewAfter = await watch(sources, seconds);
  return {
    ...{ few, many, most, fewBefore, manyAfterChurn, manyWithSnapshot, fewAfter, deadRows },
    ...{ redisBytesWithFew, redisPeakBytes },
  };
}

/** Measures while another connection holds on to an old view of all rows, as a backup or a forgotten session does. */
async function withSnapshot(lab: Lab, measure: () => Promise<Window>) {
  return await lab.db.transaction(async (tx) => {
    await tx.query("set transaction isolation level repeatable read");
    await tx.query("set local idle_in_transaction_session_timeout = 0"); // No session of the fleet's may hold one so long.
    await tx.query("select count(*) from mailfleet.tenants");
    const manyWithSnapshot = await measure();
    const [dead] = await lab.db.query<{ n: number }>(
      "select sum(n_dead_tup)::bigint as n from pg_stat_user_tables where schemaname = 'mailfleet' and relname in ('ready', 'inflight')",
    );
    return { manyWithSnapshot, deadRows: dead?.n ?? 0 };
  });
}

async function fill(lab: Lab, accountUid: number, deliveries: number): Promise<void> {
  for (let left = deliveries; left > 0; left -= seedPortion) {
    await seed(lab.db, { tenantId, accountUid, deliveries: Math.min(left, seedPortion), recipients });
  }
}

/** Puts in what goes out, so that as many wait at the end of a measurement as at its beginning. */
function keepFull(lab: Lab, accountUid: number, sink: CountingSink): AsyncDisposable {
  let added = 0;
  let ended = false;
  const loop = (async () => {
    while (!ended) {
      const sent = sink.count() - added;
      const portion = sent - (sent % recipients);
      if (portion > 0) await seed(lab.db, { tenantId, accountUid, deliveries: portion, recipients });
      added += portion;
      await pause(refillEveryMs);
    }
  })();
  loop.catch(() => {}); // Told below.
  return {
    async [Symbol.asyncDispose]() {
      ended = true;
      await loop;
    },
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
