import type { Sql } from "./database.ts";

/** Deliveries that go back in one statement. */
const portion = 5_000;

/**
 * Gives back what was held for a suspension that is over: of one tenant, or of all. Repeatable, so a sweep may run it
 * for deliveries that were held while the suspension ended. Returns the accounts that have mail to send again.
 */
export async function returnSuspended(sql: Sql, tenantId?: string): Promise<readonly number[]> {
  const accounts = new Set<number>();
  for (;;) {
    const rows = await sql.query<{ account_uid: number; n: number }>(
      `with over as (
         select h.delivery_uid from mailfleet.held h
         join mailfleet.tenants t on t.id = h.tenant_id and t.state = 'active'
         where h.reason = 'suspended' and ($1::text is null or h.tenant_id = $1)
           and not (t.has_suspended_batches and exists (
             select from mailfleet.messages m
             join mailfleet.suspended_batches s on s.tenant_id = m.tenant_id and s.batch = m.batch
             where m.tenant_id = h.tenant_id and m.uid = h.message_uid))
         order by h.delivery_uid limit $2 for update of h skip locked
       ), gone as (
         delete from mailfleet.held h using over where h.delivery_uid = over.delivery_uid returning h.*
       ), returned as (
         insert into mailfleet.ready
           (delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, attempt, crashes, expires_at, band)
         select delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, attempt, crashes, expires_at,
           case when crashes >= 2 then 4 else priority end
         from gone order by delivery_uid
       )
       select account_uid, count(*) as n from gone group by account_uid`,
      [tenantId ?? null, portion],
    );
    for (const { account_uid } of rows) accounts.add(account_uid);
    if (rows.reduce((sum, { n }) => sum + n, 0) < portion) return [...accounts];
  }
}
