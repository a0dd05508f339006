import type { Sql } from "./database.ts";

/** The row of those ends that no worker brought about. */
const nobody = 0;

/** Counts ends in statistics. Last in a transaction, since all of a tenant's decisions share the row. */
export async function tally(sql: Sql, tenantId: string, kind: "sent" | "cancelled", n: number): Promise<void> {
  if (n === 0) return;
  await sql.query(
    `insert into mailfleet.tallies (tenant_id, worker, kind, n) values ($1, ${nobody}, $2, $3)
     on conflict (tenant_id, worker, kind) do update set n = tallies.n + excluded.n`,
    [tenantId, kind, n],
  );
}
