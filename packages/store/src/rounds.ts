import type { EnhancedStatusCode } from "@mailfleet/mail";
import type { Database } from "./database.ts";
import type { WorkerLease } from "./worker-lease.ts";

/** What is written down of a delivery in hand, and what follows. */
export interface DeliveryRecord {
  readonly deliveryUid: string;
  readonly tenantId: string;
  /** The incarnation that claimed it. */
  readonly workerId: number;
  /** The attempt's number, whether or not it was made. */
  readonly attempt: number;
  /** Without one, no attempt was made, and none is counted. */
  readonly outcome?: "success" | "transient_error" | "permanent_error" | "in_doubt";
  readonly status?: EnhancedStatusCode;
  readonly replyCode?: number;
  readonly reason?: string;
  readonly durationMs?: number;
  readonly next:
    | { readonly kind: "done" | "dead_letter" | "suppress" | "back" }
    | { readonly kind: "retry"; readonly delayMs: number }
    | { readonly kind: "hold"; readonly reason: "in_doubt" | "suspended" | "poison" };
}

export interface ClaimRequest {
  readonly accountUid: number;
  /** Deliveries wanted, 1 to 500. */
  readonly want: number;
  /** Where to look from in each of the five bands; all 0 looks everywhere. */
  readonly heads: readonly number[];
  /** Only `immediate` mail. */
  readonly express: boolean;
  /** Whether one that took its process down before may be among them. */
  readonly suspects: boolean;
}

export interface Claim {
  readonly deliveryUid: string;
  readonly messageUid: string;
  readonly attempt: number;
  readonly crashes: number;
  readonly band: number;
  readonly seq: number;
}

export type ClaimAnswer = { readonly blocked: boolean; readonly workerId: number; readonly claims: readonly Claim[] };

/** Why a claimed delivery may not go now; `go` where it may. */
export type Verdict = "go" | "gone" | "expired" | "paused" | "suspended" | "suppressed" | "limited" | "unknown";

/**
 * One statement per process at a time carries claims, promotions and records of all lanes; the next leaves as soon as the
 * last has returned, so batches form by themselves and SQL is paid per batch.
 */
export interface Rounds extends AsyncDisposable {
  claim(request: ClaimRequest): Promise<ClaimAnswer>;
  /** Resolves with `go` once the promotion is committed: from then on the delivery may be in doubt. */
  promote(deliveryUid: string, workerId: number): Promise<Verdict>;
  /** Resolves once it is committed, however long the database is away; a record is never dropped. */
  record(record: DeliveryRecord): Promise<void>;
  /** What was recorded elsewhere is not in hand any more. */
  forget(deliveryUid: string): void;
  /** Records that wait for a commit. */
  readonly unrecorded: number;
}

export const roundLimits = {
  /** Records alone wait this long for company; anything else takes them along at once. */
  recordDelayMs: 10,
  /** Operations of one statement. */
  operations: 500,
  /** Wait after a round that failed, doubled up to the maximum. */
  retryMs: 100,
  retryMaxMs: 2_000,
} as const;

interface Waiting<T, R> {
  readonly value: T;
  resolve(result: R): void;
}

interface RoundRow {
  kind: "l" | "p" | "c";
  n: number | null;
  verdict: string;
  delivery_uid: string | null;
  message_uid: string | null;
  attempt: number | null;
  crashes: number | null;
  band: number | null;
  seq: number | null;
}

export interface RoundsOptions {
  readonly onError?: (error: unknown) => void;
  /** A result came after its delivery had passed into other hands. */
  readonly onLate?: (record: DeliveryRecord, what: "known" | "settled" | "noted") => void;
}

export function openRounds(db: Database, lease: WorkerLease, options: RoundsOptions = {}): Rounds {
  let records: Waiting<DeliveryRecord, void>[] = [];
  const promotions: Waiting<string, Verdict>[] = [];
  const claims: Waiting<ClaimRequest, ClaimAnswer>[] = [];
  /** What was claimed and not recorded yet, so that claims whose answer was lost can be told from ours. */
  const inHand = new Set<string>();
  let running = false;
  let delayed: NodeJS.Timeout | undefined;
  let failures = 0;
  let idle: (() => void) | undefined;

  function wake(urgent: boolean) {
    if (running) return;
    if (urgent) {
      clearTimeout(delayed);
      delayed = undefined;
      running = true;
      // Whatever else the lanes ask for in this turn of the event loop goes along.
      setImmediate(() => void go());
    } else {
      delayed ??= setTimeout(() => {
        delayed = undefined;
        wake(true);
      }, roundLimits.recordDelayMs);
    }
  }

  async function go() {
    // Records that came while a round was under way may wait for company; whatever was woken for goes at once.
    do await roundOnce();
    while (
      promotions.length + claims.length > 0 ||
      records.length >= 20 ||
      (records.length > 0 && (failures > 0 || idle))
    );
    running = false;
    if (records.length > 0) wake(false);
    else idle?.();
  }

  async function roundOnce() {
    const [nowRecords, nowPromotions, nowClaims] = [
      records.splice(0, roundLimits.operations),
      promotions.splice(0, roundLimits.operations),
      claims.splice(0, roundLimits.operations),
    ];
    const workerId = lease.id;
    try {
      if (failures > 0) await reconcile(workerId);
      const rows = await db.query<RoundRow>("select * from mailfleet.round($1, $2, $3, $4)", [
        workerId,
        nowRecords.length > 0 ? JSON.stringify(nowRecords.map(({ value }) => recordRow(value))) : null,
        nowPromotions.length > 0 ? `{${nowPromotions.map(({ value }) => value).join(",")}}` : null,
        nowClaims.length > 0 ? JSON.stringify(nowClaims.map(({ value }, n) => claimRow(value, n))) : null,
      ]);
      failures = 0;
      for (const { value } of nowRecords) inHand.delete(value.deliveryUid);
      if (rows.length > 0) await answerLate(nowRecords, rows);
      for (const { resolve } of nowRecords) resolve();
      answerPromotions(nowPromotions, rows);
      answerClaims(nowClaims, rows, workerId);
    } catch (error) {
      options.onError?.(error);
      failures++;
      // Whether it was committed is not known. Records are told again, and recognised; a promotion that is not known to be
      // committed is not used; claims that we were not told of are found by `reconcile`.
      records = [...nowRecords, ...records];
      for (const { resolve } of nowPromotions) resolve("unknown");
      for (const { resolve } of nowClaims) resolve({ blocked: false, workerId, claims: [] });
      const waitMs = Math.min(roundLimits.retryMs * 2 ** (failures - 1), roundLimits.retryMaxMs);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  /** Gives back what the database holds to be in our hands and we were never told of. */
  async function reconcile(workerId: number) {
    const rows = await db.query<{ delivery_uid: string; tenant_id: string; attempt: number }>(
      "select delivery_uid, tenant_id, attempt from mailfleet.inflight where worker = $1",
      [workerId],
    );
    for (const row of rows.filter(({ delivery_uid }) => !inHand.has(delivery_uid))) {
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

  function answerPromotions(asked: readonly Waiting<string, Verdict>[], rows: readonly RoundRow[]) {
    if (asked.length === 0) return;
    const refused = new Map<string, Verdict>();
    for (const row of rows) if (row.kind === "p") refused.set(row.delivery_uid as string, row.verdict as Verdict);
    for (const { value, resolve } of asked) {
      const verdict = refused.get(value) ?? "go";
      if (verdict === "gone") inHand.delete(value);
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
      for (const { deliveryUid } of claims) inHand.add(deliveryUid);
      resolve({ blocked: mine.some((row) => row.verdict === "blocked"), workerId, claims });
    });
  }

  return {
    claim: (request) =>
      new Promise((resolve) => {
        claims.push({ value: request, resolve });
        wake(true);
      }),
    promote: (deliveryUid, workerId) => {
      if (workerId !== lease.id) {
        inHand.delete(deliveryUid);
        return Promise.resolve("gone");
      }
      return new Promise((resolve) => {
        promotions.push({ value: deliveryUid, resolve });
        wake(true);
      });
    },
    record: (record) =>
      new Promise((resolve) => {
        records.push({ value: record, resolve });
        wake(false);
      }),
    forget: (deliveryUid) => void inHand.delete(deliveryUid),
    get unrecorded() {
      return records.length;
    },
    async [Symbol.asyncDispose]() {
      if (!running && records.length === 0) return;
      await new Promise<void>((resolve) => {
        idle = resolve;
        wake(true);
      });
    },
  };
}

const claimOf = (row: RoundRow): Claim => ({
  deliveryUid: row.delivery_uid as string,
  messageUid: row.message_uid as string,
  attempt: row.attempt as number,
  crashes: row.crashes as number,
  band: row.band as number,
  seq: row.seq as number,
});

const claimRow = ({ accountUid, want, heads, express, suspects }: ClaimRequest, n: number) => ({
  n,
  account: accountUid,
  want,
  heads,
  express,
  suspects,
});

/** A record in the words of `mailfleet.record`. */
export function recordRow(record: DeliveryRecord) {
  const { next } = record;
  return {
    d: record.deliveryUid,
    w: record.workerId,
    n: record.attempt,
    o: record.outcome,
    s: record.status,
    c: record.replyCode,
    r: boundedReason(record.reason),
    ms: record.durationMs === undefined ? undefined : Math.round(record.durationMs),
    x: next.kind,
    wait: next.kind === "retry" ? Math.round(next.delayMs) : undefined,
    h: next.kind === "hold" ? next.reason : undefined,
  };
}

/** PostgreSQL's text holds no NUL, and a next hop's words are not worth more than this. */
const boundedReason = (reason: string | undefined) => reason?.replaceAll("\0", "").slice(0, 1_000);

async function recordLate(db: Database, record: DeliveryRecord): Promise<"known" | "settled" | "noted"> {
  const [row] = await db.query<{ what: "known" | "settled" | "noted" }>(
    "select mailfleet.record_late($1, $2, $3::smallint, $4, $5, $6, $7::smallint, $8, $9) as what",
    [
      record.tenantId,
      record.deliveryUid,
      record.attempt,
      record.workerId,
      record.outcome,
      record.status,
      record.replyCode ?? null,
      boundedReason(record.reason) ?? "",
      record.durationMs === undefined ? null : Math.round(record.durationMs),
    ],
  );
  return row?.what ?? "noted";
}
