import type { EnhancedStatusCode } from "@mailfleet/mail";
import type { Sql } from "./database.ts";

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

/** Writes down a result whose delivery is in other hands by now; see `mailfleet.record_late`. */
export async function recordLate(db: Sql, record: DeliveryRecord): Promise<"known" | "settled" | "noted"> {
  const [row] = await db.query<{ what: "known" | "settled" | "noted" }>(
    "select mailfleet.record_late($1, $2, $3::integer, $4, $5, $6, $7::smallint, $8, $9) as what",
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
