import { crashPoint } from "@mailfleet/service";
import type {
  Claim,
  ClaimRequest,
  DeliveryRecord,
  Lane,
  LaneLease,
  SendingAccount,
  Store,
  Submission,
  Transmission,
  Verdict,
} from "@mailfleet/store";
import {
  accept,
  blockAccount,
  leaseLane,
  loadContent,
  loadTransmissions,
  prepare,
  type Rounds,
  recordLate,
  recordRow,
  releaseAsked,
  releaseLane,
  type SetTimer,
  setRefTimer,
  unblockAccount,
  type WorkerLease,
} from "@mailfleet/store";
import type { Content } from "@mailfleet/transport";

/**
 * What a turn needs of the truth: leases, claims, promotions, records. The process's implementation shares statements
 * between lanes; the simulation's takes one step at a time.
 */
export interface Outbox {
  leaseLane(accountUid: number): Promise<LaneLease>;
  releaseLane(lane: Lane): Promise<void>;
  /** A second old at most, and no older than `revision`. */
  account(accountUid: number, revision?: number): Promise<SendingAccount | undefined>;
  claim(request: ClaimRequest): Promise<{
    readonly blocked: boolean;
    readonly transmissions: readonly Transmission[];
    readonly claims: readonly Claim[];
  }>;
  promote(transmission: Transmission): Promise<Verdict>;
  /** Resolves once committed, however long that takes. With a notification, both are committed together or not at all. */
  record(record: DeliveryRecord, compose?: () => Promise<Submission>): Promise<void>;
  block(
    lane: Lane,
    trouble: { readonly delayMs: number; readonly status: string; readonly reason: string },
  ): Promise<boolean>;
  unblock(accountUid: number): Promise<void>;
  content(transmission: Transmission): Promise<Content | undefined>;
  /** A claim of the sweep's was interrupted: what it left in our hands goes back. */
  reconcile(): void;
  /** Whether the incarnation that claimed it may still finish what it has in hand. */
  holds(workerId: number): boolean;
  databaseNowMs(): number;
}

/** Between tries of what must not be left undone while the database is away. */
const retryMs = 500;

export interface OutboxOptions {
  /** Nothing is tried again after it: the lease lapses, and others find what is left. */
  readonly stopping: AbortSignal;
  readonly onError: (error: unknown) => void;
  readonly setTimer?: SetTimer;
}

export function openOutbox(
  store: Store,
  lease: WorkerLease,
  rounds: Rounds,
  { stopping, onError, setTimer = setRefTimer }: OutboxOptions,
): Outbox {
  const { db } = store;
  let asks = 0;

  async function untilDone(work: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        onError(error);
        if (stopping.aborted) return;
        await new Promise<void>((resolve) => void setTimer(retryMs, resolve));
      }
    }
  }

  return {
    async leaseLane(accountUid) {
      const workerId = lease.id;
      const ask = ++asks;
      try {
        return await leaseLane(db, workerId, accountUid, ask);
      } catch (error) {
        void untilDone(() => releaseAsked(db, workerId, accountUid, ask));
        throw error;
      }
    },
    releaseLane: (lane) => untilDone(() => releaseLane(db, lane)),
    account: (accountUid, revision) => store.accounts.openForSending(accountUid, revision),
    async claim(request) {
      const { blocked, workerId, claims } = await rounds.claim(request);
      if (claims.length === 0) return { blocked, transmissions: [], claims };
      crashPoint("dispatch-after-claim");
      try {
        const uids = claims.map(({ deliveryUid }) => deliveryUid);
        return { blocked, transmissions: await loadTransmissions(db, workerId, uids), claims };
      } catch (error) {
        for (const { deliveryUid, attempt } of claims) {
          void rounds.record({ deliveryUid, tenantId: "", workerId, attempt: attempt + 1, next: { kind: "back" } });
        }
        throw error;
      }
    },
    promote: ({ deliveryUid, workerId }) => rounds.promote(deliveryUid, workerId),
    async record(record, compose) {
      if (!compose) {
        await rounds.record(record);
        crashPoint("dispatch-after-record");
        return;
      }
      await untilDone(async () => {
        const notification = await compose();
        const isLate = await db.transaction(async (tx) => {
          const late = await tx.query("select * from mailfleet.record($1)", [JSON.stringify([recordRow(record)])]);
          crashPoint("dispatch-between-record-and-notification");
          if (late.length === 0) await accept(tx, [prepare(notification)]);
          return late.length > 0;
        });
        // Recorded by an earlier try whose answer was lost, or in other hands by now.
        if (isLate && record.outcome) await recordLate(db, record);
      });
      rounds.forget(record);
    },
    block: (lane, trouble) => blockAccount(db, lane, trouble),
    unblock: (accountUid) => unblockAccount(db, accountUid),
    async content({ messageUid, sizeBytes, bytes, blobKey }) {
      if (bytes) return { sizeBytes, bytes };
      if (blobKey === undefined) {
        const loaded = await loadContent(db, messageUid);
        return loaded && { sizeBytes, bytes: loaded };
      }
      const { blobs } = store;
      // Not gone, only out of this process's reach: a setting to be mended, and no reason to give mail up.
      if (!blobs) throw new Error("the content lies in a blob store, and none is configured");
      return { sizeBytes, open: () => blobs.get(blobKey) };
    },
    reconcile: () => rounds.reconcile(),
    holds: (workerId) => lease.holds(workerId),
    databaseNowMs: () => lease.databaseNowMs(),
  };
}
