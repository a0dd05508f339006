import { logCommand } from "./command-log.ts";
import type { Database, Sql } from "./database.ts";
import { filterTimes } from "./list-filter.ts";
import { openWhere } from "./where.ts";

/** Which messages are begun anew: all conditions hold. */
export interface RequeueFilter {
  readonly reason: string;
  /** A mailbox's id. */
  readonly mailbox?: string;
  /** An address, whatever its case. */
  readonly from?: string;
  /** Recorded at or after. */
  readonly after?: Date;
  /** Recorded before. */
  readonly before?: Date;
  /** The last one of the call before: what comes after it is next, so that none is begun anew twice. */
  readonly beyond?: string;
  readonly limit: number;
}

export interface Requeued {
  /** Oldest first. */
  readonly uids: readonly string[];
  /** Whether others are left, beyond the last of these. */
  readonly more: boolean;
}

/**
 * Begins anew what ended for one reason, oldest first. What was answered never is, nor what has no mailbox any more. One
 * that is being decided about elsewhere is left out.
 */
export const requeueAll = (db: Database, tenantId: string, by: string, filter: RequeueFilter): Promise<Requeued> =>
  db.asTenant(tenantId, async (tx) => {
    const { reason, mailbox, from, after, before, beyond, limit } = filter;
    const where = openWhere();
    where.and("i.tenant_id = ?", tenantId);
    where.and("i.reason = ?", reason);
    where.and("i.state in ('skipped', 'rejected', 'failed')");
    where.andIf("i.mailbox_id = ?", mailbox);
    where.andIf("lower(i.header_from) = lower(?)", from);
    filterTimes(where, "i.uid", "i.received_at", { ...(after && { after }), ...(before && { before }) });
    where.andIf("i.uid > ?::uuid", beyond);
    const most = where.parameter(limit + 1);
    const found = await tx.query<{ uid: string }>(
      `select i.uid from mailfleet.inbound i join mailfleet.mailboxes m on m.uid = i.mailbox_uid
       ${where.text} order by i.uid limit ${most} for update of i skip locked for key share of m`,
      where.values,
    );
    const uids = found.slice(0, limit).map(({ uid }) => uid);
    if (uids.length === 0) return { uids, more: false };
    await beginAnew(tx, tenantId, uids);
    const detail = { reason, count: uids.length, first: uids[0], last: uids.at(-1) };
    await logCommand(tx, { actor: by, tenantId, command: "inbound.requeue_all", target: mailbox ?? null, detail });
    return { uids, more: found.length > limit };
  });

/** Opens messages that have ended, each with a new ticket; the caller has locked them. */
export async function beginAnew(sql: Sql, tenantId: string, uids: readonly string[]): Promise<void> {
  await sql.query(
    `update mailfleet.inbound set state = 'open', reason = null, detail = null, ended_at = null, run = run + 1, draft = null,
       transcript = null, troubled_at = null, decided_by = null, decided_at = null where tenant_id = $1 and uid = any ($2::uuid[])`,
    [tenantId, uids],
  );
  await sql.query(
    // Nobody has looked for long: a person may have answered them since.
    `insert into mailfleet.answering (inbound_uid, tenant_id, mailbox_uid, fence, looked_at)
     select uid, tenant_id, mailbox_uid, extract(epoch from now())::bigint, to_timestamp(0) from mailfleet.inbound
     where tenant_id = $1 and uid = any ($2::uuid[])`,
    [tenantId, uids],
  );
}
