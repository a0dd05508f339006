import type { Tx } from "./database.ts";

export interface ReportedSuppression {
  /** A comparison key. */
  readonly address: string;
  readonly reason: "soft_bounces" | "hard_bounce" | "complaint";
  readonly note: string;
}

const noteLength = 500;

/**
 * Suppresses what was reported, in a transaction that holds the tenant's row. A stronger reason takes a weaker one's
 * place; what a person or a list has put there stays, as it must outlive a cleaning of bounces.
 */
export async function suppressReported(
  tx: Tx,
  tenantId: string,
  { address, reason, note }: ReportedSuppression,
): Promise<void> {
  await tx.query(
    `insert into mailfleet.suppressions as s (tenant_id, address, reason, note) values ($1, $2, $3, $4)
     on conflict (tenant_id, address) do update set reason = excluded.reason, note = excluded.note
     where array_position($5::text[], s.reason) < array_position($5::text[], excluded.reason)`,
    [tenantId, address, reason, note.slice(0, noteLength).toWellFormed() || null, strongestLast],
  );
  // The sender looks for suppressions only where the tenant is marked as having some.
  await tx.query("update mailfleet.tenants set has_suppressions = true where id = $1 and not has_suppressions", [
    tenantId,
  ]);
}

const strongestLast = ["soft_bounces", "hard_bounce", "complaint"];
