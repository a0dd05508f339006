import type { Database, Sql } from "./database.ts";

/** Drafts of one mailbox that wait for a person at once; what comes then is not drafted. */
export const approvalLimits = { waitingPerMailbox: 1_000 } as const;

/** Whether as many drafts of the mailbox wait as may. */
export async function hasTooManyDrafts(sql: Sql, mailboxUid: number): Promise<boolean> {
  const [row] = await sql.query<{ n: number }>(
    `select count(*) as n from (
       select from mailfleet.answering where mailbox_uid = $1 and state = 'approval' limit $2) as drafts`,
    [mailboxUid, approvalLimits.waitingPerMailbox],
  );
  return (row?.n ?? 0) >= approvalLimits.waitingPerMailbox;
}

/** Ends what has waited for a person for longer than `keptMs`, as `failed: approval_expired`. How many it was. */
export async function expireApprovals(
  db: Database,
  { keptMs, limit }: { readonly keptMs: number; readonly limit: number },
): Promise<number> {
  const rows = await db.query(
    `with old as materialized (
       select a.inbound_uid from mailfleet.answering a
       where a.state = 'approval' and a.since < now() - make_interval(secs => $1::float8 / 1000)
       order by a.since limit $2 for update skip locked
     ), gone as (
       delete from mailfleet.answering a using old where a.inbound_uid = old.inbound_uid returning a.inbound_uid
     )
     update mailfleet.inbound i set state = 'failed', reason = 'approval_expired', detail = 'Nobody approved its draft.',
       ended_at = now()
     from gone where i.uid = gone.inbound_uid returning 1`,
    [keptMs, limit],
  );
  return rows.length;
}
