import type { Sql } from "./database.ts";

/** Whether any mail of a tenant, or of one of its accounts, has not ended. Looks through indexes where there can be many. */
export async function hasUnfinishedMail(sql: Sql, tenantId: string, accountUid?: number): Promise<boolean> {
  const [row] = await sql.query<{ found: boolean }>(
    `select exists (
         select from mailfleet.queue_keys k join mailfleet.accounts a on a.uid = k.account_uid
         where a.tenant_id = $1 and ($2::bigint is null or a.uid = $2)
           and exists (select from mailfleet.ready r where r.key_id = k.id))
       or exists (select from mailfleet.inflight where tenant_id = $1 and ($2::bigint is null or account_uid = $2))
       or exists (select from mailfleet.held where tenant_id = $1 and ($2::bigint is null or account_uid = $2))
       or exists (select from mailfleet.later where tenant_id = $1 and ($2::bigint is null or account_uid = $2))
       as found`,
    [tenantId, accountUid ?? null],
  );
  return row?.found ?? false;
}
