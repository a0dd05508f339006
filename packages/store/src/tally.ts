import type { Sql } from "./database.ts";

/** Stands for the worker of ends that no worker brought about. */
const nobody = 0;

/** Counts ends in statistics. */
export async function tally(sql: Sql, tenantId: string, kind: "sent" | "cancelled", n: number): Promise<void> {
  if (n === 0) return;
  await sql.query(`insert into mailfleet.tallies (tenant_id, worker, kind, n) values ($1, ${nobody}, $2, $3)`, [
    tenantId,
    kind,
    n,
  ]);
}
