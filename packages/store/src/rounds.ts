import { type Claim, type ClaimAnswer, type ClaimRequest, type ClaimRow, claimOf, claimRow } from "./claim.ts";
import type { Database } from "./database.ts";
import { type DeliveryRecord, recordLate, recordRow } from "./delivery-record.ts";
import { type SetTimer, setRefTimer } from "./timer.ts";
import type { WorkerLease } from "./worker-lease.ts";

/** Why a claimed delivery may not go now; `go` where it may. */
export type Verdict = "go" | "gone" | "expired" | "paused" | "suspended" | "suppressed" | "limited" | "unknown";

type InHand = Pick<DeliveryRecord, "deliveryUid" | "workerId">;

/**
 * One statement carries claims, promotions and records of all lanes of a process, and batches form by themselves, so SQL is
 * paid per batch. A second statement leaves beside the first only where enough lanes wait to fill it.
 */
export interface Rounds extends AsyncDisposable {
  claim(request: ClaimRequest): Promise<ClaimAnswer>;
  /** Resolves with `go` once the promotion is committed: from then on the delivery may be in doubt. */
  promote(deliveryUid: string, workerId: number): Promise<Verdict>;
  /** Resolves once it is committed, however long the database is away; a record is never dropped. */
  record(record: DeliveryRecord): Promise<void>;
  /** What was recorded elsewhere is not in hand any more. */
  forget(record: InHand): void;
  /** Something else that claimed under this lease was interrupted: what the database holds to be ours and is not goes back. */
  reconcile(): void;
  /** Records that wait for a commit. */
  readonly unrecorded: number;
}

export const roundLimits = {
  /** Records alone wait this long for company; anything else takes them along at once. */
  recordDelayMs: 10,
  /** So many records need no company. */
  fullRecords: 20,
  /** Operations of one statement. */
  operations: 500,
  /** Statements under way at once. */
  inFlight: 2,
  /** Lanes that must wait before a second statement leaves beside the first. */
  secondFrom: 4,
  /** Wait after a round that failed, doubled up to the maximum. */
  retryMs: 100,
  retryMaxMs: 2_000,
} as const;

interface Waiting<T, R> {
  readonly value: T;
  resolve(result: R): void;
}

interface RoundRow extends ClaimRow {
  readonly kind: "l" | "p" | "c";
  readonly n: number | null;
  readonly verdict: string;
}

export interface RoundsOptions {
  readonly onError?: (error: unknown) => void;
  /** A result came after its delivery had passed into other hands. */
  readonly onLate?: (record: DeliveryRecord, what: "known" | "settled" | "noted") => void;
  readonly setTimer?: SetTimer;
}

/** A delivery may pass through the hands of several incarnations of one process. */
const handOf = ({ deliveryUid, workerId }: InHand) => `${workerId} ${deliveryUid}`;

export function openRounds(db: Database, lease: WorkerLease, options: RoundsOptions = {}): Rounds {
  let records: Waiting<DeliveryRecord, void>[] = [];
  const promotions: Waiting<string, Verdict>[] = [];
  const claims: Waiting<ClaimRequest, ClaimAnswer>[] = [];
  const setTimer = options.setTimer ?? setRefTimer;
  /** What was claimed and not recorded yet, so that claims whose answer was lost can be told from ours. */
  const inHand = new Set<string>();
  /** Records under way: at most one statement carries any. */
  let recording: readonly Waiting<DeliveryRecord, void>[] = [];
  /** Records that were committed, whatever became of the answer. */
  const committed = new WeakSet<Waiting<DeliveryRecord, void>>();
  let inFlight = 0;
  let scheduled = false;
  let recordsAreDue = false;
  let isRecording = false;
  let cancelDelay: (() => void) | undefined;
  let failures = 0;
  /** The database may hold claims to be ours that we were never told of, since an answer of its was lost. */
  let isUnsure = false;
  let idle: (() => void) | undefined;

  /** Looks for work once the lanes that this turn of the event loop woke have all asked. */
  function wake() {
    if (scheduled) return;
    scheduled = true;
    setImmediate(pump);
  }

  function pump() {
    scheduled = false;
    while (mayStart()) {
      inFlight++;
      void roundOnce().finally(() => {
        inFlight--;
        pump();
      });
    }
    if (records.length > 0 && inFlight === 0) waitForCompany();
    else if (records.length === 0 && inFlight === 0) idle?.();
  }

  function mayStart(): boolean {
    const lanes = promotions.length + claims.length;
    // After a failure one at a time, since what the failed one did has to be found out first, whether or not there is more.
    if (isUnsure) return inFlight === 0 && (!idle || lanes + records.length > 0);
    if (inFlight > 0) return inFlight < roundLimits.inFlight && lanes >= roundLimits.secondFrom;
    return lanes > 0 || records.length >= roundLimits.fullRecords || (records.length > 0 && (recordsAreDue || !!idle));
  }

  function waitForCompany() {
    cancelDelay ??= setTimer(roundLimits.recordDelayMs, () => {
      cancelDelay = undefined;
      recordsAreDue = true;
      pump();
    });
  }

  /**
   * One record of each delivery: where the turn and the sweep of a process that was paused tell of the same attempt, one of
   * them comes late, and a statement that held both would not say so.
   */
  function takeRecords(): Waiting<DeliveryRecord, void>[] {
    const taken = new Set<string>();
    const now: Waiting<DeliveryRecord, void>[] = [];
    records = records.filter((one) => {
      if (now.length >= roundLimits.operations || taken.has(one.value.deliveryUid)) return true;
      taken.add(one.value.deliveryUid);
      now.push(one);
      return false;
    });
    return now;
  }

  async function roundOnce() {
    const [nowRecords, nowPromotions, nowClaims] = [
      // Two statements that both count what ended would wait for one another.
      isRecording ? [] : takeRecords(),
      promotions.splice(0, roundLimits.operations),
      claims.splice(0, roundLimits.operations),
    ];
    recordsAreDue = false;
    isRecording ||= nowRecords.length > 0;
    if (nowRecords.length > 0) recording = nowRecords;
    const workerId = lease.id;
    try {
      if (isUnsure) await giveBackUnknown(workerId);
      const rows = await db.query<RoundRow>("select * from mailfleet.round($1, $2, $3, $4)", [
        workerId,
        nowRecords.length > 0 ? JSON.stringify(nowRecords.map(({ value }) => recordRow(value))) : null,
        nowPromotions.length > 0 ? `{${nowPromotions.map(({ value }) => value).join(",")}}` : null,
        nowClaims.length > 0 ? JSON.stringify(nowClaims.map(({ value }, n) => claimRow(value, n))) : null,
      ]);
      failures = 0;
      for (const { value } of nowRecords) inHand.delete(handOf(value));
      if (rows.length > 0) await answerLate(nowRecords, rows);
      for (const { resolve } of nowRecords) resolve();
      answerPromotions(nowPromotions, rows, workerId);
      answerClaims(nowClaims, rows, workerId);
    } catch (error) {
      options.onError?.(error);
      failures++;
      isUnsure = true;
      // Whether it was committed is not known. Records are told again, and recognised; a promotion that is not known to be
      // committed is not used; claims that we were not told of are found by `giveBackUnknown`.
      records = untold([...nowRecords, ...records]);
      for (const { resolve } of nowPromotions) resolve("unknown");
      for (const { resolve } of nowClaims) resolve({ blocked: false, workerId, claims: [] });
      const waitMs = Math.min(roundLimits.retryMs * 2 ** (failures - 1), roundLimits.retryMaxMs);
      await new Promise<void>((resolve) => void setTimer(waitMs, resolve));
    } finally {
      if (nowRecords.length > 0) {
        isRecording = false;
        recording = [];
      }
    }
  }

  /** Without those that are known to be committed, which are answered. */
  function untold(told: readonly Waiting<DeliveryRecord, void>[]) {
    for (const one of told) if (committed.has(one)) one.resolve();
    return told.filter((one) => !committed.has(one));
  }

  /**
   * What is claimed anew had been recorded before, though the answer may be lost. Attempts are recognised by their number;
   * what was given back without one must not be given back again, from under whoever offers it now.
   */
  function recognise(claimed: readonly Claim[]) {
    const free = [...recording, ...records].filter(({ value }) => value.outcome === undefined);
    if (free.length === 0) return;
    const anew = new Set(claimed.map(({ deliveryUid }) => deliveryUid));
    for (const one of free) if (anew.has(one.value.deliveryUid)) committed.add(one);
    records = untold(records);
  }

  /** Gives back what the database holds to be in our hands, surely unsent, and we were never told of. */
  async function giveBackUnknown(workerId: number) {
    const rows = await db.query<{ delivery_uid: string; tenant_id: string; attempt: number }>(
      "select delivery_uid, tenant_id, attempt from mailfleet.inflight where worker = $1 and state = 'c'",
      [workerId],
    );
    isUnsure = false;
    for (const row of rows) {
      if (inHand.has(handOf({ deliveryUid: row.delivery_uid, workerId }))) continue;
      const back = { deliveryUid: row.delivery_uid, tenantId: row.tenant_id, workerId, attempt: row.attempt + 1 };
      records.push({ value: { ...back, next: { kind: "back" } }, resolve: () => {} });
    }
  }

  async function answerLate(told: readonly Waiting<DeliveryRecord, void>[], rows: readonly RoundRow[]) {
    const late = new Set(rows.filter(({ kind }) => kind === "l").map(({ delivery_uid }) => delivery_uid));
    if (late.size === 0) return;
    for (const { value } of told) {
      if (late.has(value.deliveryUid) && value.outcome) options.onLate?.(value, await recordLate(db, value));
    }
  }

  function answerPromotions(asked: readonly Waiting<string, Verdict>[], rows: readonly RoundRow[], workerId: number) {
    if (asked.length === 0) return;
    const refused = new Map<string, Verdict>();
    for (const row of rows) if (row.kind === "p") refused.set(row.delivery_uid as string, row.verdict as Verdict);
    for (const { value, resolve } of asked) {
      const verdict = refused.get(value) ?? "go";
      if (verdict === "gone") inHand.delete(handOf({ deliveryUid: value, workerId }));
      resolve(verdict);
    }
  }

  function answerClaims(
    asked: readonly Waiting<ClaimRequest, ClaimAnswer>[],
    rows: readonly RoundRow[],
    workerId: number,
  ) {
    asked.forEach(({ resolve }, n) => {
      const mine = rows.filter((row) => row.kind === "c" && row.n === n);
      const claims = mine.filter((row) => row.verdict === "claimed").map(claimOf);
      recognise(claims);
      for (const { deliveryUid } of claims) inHand.add(handOf({ deliveryUid, workerId }));
      resolve({ blocked: mine.some((row) => row.verdict === "blocked"), workerId, claims });
    });
  }

  return {
    claim: (request) =>
      new Promise((resolve) => {
        claims.push({ value: request, resolve });
        wake();
      }),
    promote: (deliveryUid, workerId) => {
      if (workerId !== lease.id) {
        inHand.delete(handOf({ deliveryUid, workerId }));
        return Promise.resolve("gone");
      }
      return new Promise((resolve) => {
        promotions.push({ value: deliveryUid, resolve });
        wake();
      });
    },
    record: (record) =>
      new Promise((resolve) => {
        records.push({ value: record, resolve });
        wake();
      }),
    forget: (record) => void inHand.delete(handOf(record)),
    reconcile() {
      isUnsure = true;
      wake();
    },
    get unrecorded() {
      return records.length;
    },
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => {
        idle = resolve;
        wake();
      });
      cancelDelay?.();
    },
  };
}
