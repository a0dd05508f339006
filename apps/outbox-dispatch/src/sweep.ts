import type { Queues } from "@mailfleet/queue";
import { crashPoint } from "@mailfleet/service";
import {
  type Abandoned,
  claimExpired,
  loadTransmissions,
  maintainStore,
  returnSuspended,
  type Store,
  sweepOnce,
} from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import { recordOfAbandoned, recordOfVerdict } from "./follow.ts";
import type { Outbox } from "./outbox.ts";
import { settle } from "./settle.ts";
import { turnEvents } from "./turn-events.ts";

export interface SweepDeps {
  readonly store: Store;
  readonly outbox: Outbox;
  readonly telemetry: Telemetry;
  readonly ehloName: string;
  readonly random: () => number;
  readonly workerId: () => number;
  /** Asks for a turn. */
  readonly wake: (accountUid: number) => void;
}

/** Expired mail that one tick ends. */
const expiredPerTick = 200;

/**
 * One tick: whatever a lost errand, a lost process or a lost Redis left lying is found here and put right. All processes
 * tick; one at a time gets the lock.
 */
export async function sweep(deps: SweepDeps): Promise<void> {
  const { store, telemetry, wake } = deps;
  const found = await sweepOnce(store.db, (step) =>
    crashPoint(step === "reaped" ? "sweep-after-reap" : "sweep-after-move-due"),
  );
  if (!found) return;
  for (const accountUid of [...found.dueAccountUids, ...found.forgottenAccountUids]) wake(accountUid);
  telemetry.sweepRepaired({ kind: "forgotten", count: found.forgottenAccountUids.length });
  for (const { workerId, ...inHand } of found.lapsed) telemetry.claimsLapsed({ workerId: String(workerId), ...inHand });
  if (found.abandoned.length > 0) {
    crashPoint("sweep-before-recording-abandoned");
    await recordAbandoned(deps, found.abandoned);
  }
  await endExpired(deps);
}

/** What lapsed workers were transmitting is in doubt: its attempt is written, and it is retried or held as its tenant chose. */
async function recordAbandoned(deps: SweepDeps, abandoned: readonly Abandoned[]): Promise<void> {
  const { store, outbox, telemetry, random } = deps;
  const events = turnEvents(telemetry);
  for (const [workerId, theirs] of Map.groupBy(abandoned, (one) => one.workerId)) {
    const crashes = new Map(theirs.map((one) => [one.deliveryUid, one.crashes]));
    for (const transmission of await loadTransmissions(store.db, workerId, [...crashes.keys()])) {
      // One account's trouble, such as a secret that does not open, must not keep the others' mail.
      try {
        const account = await outbox.account(transmission.accountUid);
        if (!account) continue;
        const context = { nowMs: outbox.databaseNowMs(), retry: account.retry, random };
        const record = recordOfAbandoned(transmission, crashes.get(transmission.deliveryUid) ?? 0, context);
        await settle(deps, account, transmission, record);
        events.abandoned(account, transmission, record, context.nowMs);
      } catch (error) {
        telemetry.log.error(
          { event: "abandoned_not_recorded", deliveryId: transmission.deliveryUid, err: error },
          "tried again with the next tick",
        );
      }
    }
  }
}

/** Mail that waits behind a blocked account or a suspended tenant ends when its time is up, like any other. */
async function endExpired(deps: SweepDeps): Promise<void> {
  const { store, outbox, telemetry, workerId } = deps;
  const events = turnEvents(telemetry);
  const worker = workerId();
  try {
    const uids = await claimExpired(store.db, worker, expiredPerTick);
    if (uids.length === 0) return;
    for (const transmission of await loadTransmissions(store.db, worker, uids)) {
      const record = recordOfVerdict("expired", transmission);
      const account = await outbox.account(transmission.accountUid);
      if (!record || !account) continue;
      await settle(deps, account, transmission, record);
      events.withheld(account, transmission, "expired", record);
    }
  } catch (error) {
    outbox.reconcile();
    throw error;
  }
}

/** What is done now and then by whoever is elected: next month's partitions, old keys, suspensions that are over, depths. */
export async function maintain({
  store,
  queues,
  telemetry,
  wake,
}: {
  readonly store: Store;
  readonly queues: Queues;
  readonly telemetry: Telemetry;
  readonly wake: (accountUid: number) => void;
}): Promise<void> {
  const sample = await maintainStore(store.db);
  if (!sample) {
    telemetry.outboxForgotten();
    return;
  }
  telemetry.outboxSampled(sample);
  for (const accountUid of await returnSuspended(store.db)) wake(accountUid);
  telemetry.queueSampled(await queues.counts().catch(() => ({})));
}
