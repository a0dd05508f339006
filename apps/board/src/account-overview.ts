import type { Sql } from "@mailfleet/store";

/** How an account does, for an operator: no secrets, no addresses, no content. */
export interface AccountOverview {
  readonly uid: string;
  readonly tenant: string;
  readonly account: string;
  readonly maxConnections: number;
  readonly lanesInUse: number;
  readonly blockedUntil: Date | null;
  readonly blockStatus: string | null;
  readonly blockReason: string | null;
  /** Consecutive failures of its next hop. */
  readonly failures: number;
  /** Deliveries by where they wait, each counted up to `countLimit`. */
  readonly waiting: Readonly<Record<"ready" | "later" | "inflight" | "held", number>>;
}

/** Counting on to a million would be slow, and tells an operator nothing more. */
export const countLimit = 10_000;

/** The account of this number, if there is one. */
export async function readAccountOverview(sql: Sql, uid: string): Promise<AccountOverview | undefined> {
  const [row] = await sql.query<OverviewRow>(overviewQuery, [uid, countLimit]);
  if (!row) return undefined;
  return {
    uid,
    tenant: row.tenant_id,
    account: row.id,
    maxConnections: row.max_connections,
    lanesInUse: row.lanes,
    blockedUntil: row.blocked_until,
    blockStatus: row.block_status,
    blockReason: row.block_reason === null ? null : withoutAddresses(row.block_reason),
    failures: row.failures,
    waiting: { ready: row.ready, later: row.later, inflight: row.inflight, held: row.held },
  };
}

/** A next hop may say whom it does not like. */
export const withoutAddresses = (text: string): string => text.replace(/[^\s<>"',;:()]*@[^\s<>"',;:()]+/g, "[address]");

interface OverviewRow {
  tenant_id: string;
  id: string;
  max_connections: number;
  lanes: number;
  blocked_until: Date | null;
  block_status: string | null;
  block_reason: string | null;
  failures: number;
  ready: number;
  later: number;
  inflight: number;
  held: number;
}

const countIn = (table: string) =>
  `(select count(*)::int from (select from mailfleet.${table} w where w.account_uid = a.uid limit $2) counted) as ${table}`;

// The ready queue is found by its keys: it may hold a million, and has no other index that leads to an account.
const overviewQuery = `
  select a.tenant_id, a.id, a.max_connections, k.block_status, k.block_reason, coalesce(k.failures, 0) as failures,
    case when k.blocked_until > now() then k.blocked_until end as blocked_until,
    (select count(*)::int from mailfleet.lanes l join mailfleet.workers w on w.id = l.worker
      where l.account_uid = a.uid and w.lease_until > now()) as lanes,
    (select count(*)::int from (
      select from mailfleet.queue_keys q join mailfleet.ready r on r.key_id = q.id where q.account_uid = a.uid limit $2
    ) counted) as ready,
    ${["later", "inflight", "held"].map(countIn).join(",\n    ")}
  from mailfleet.accounts a
  left join mailfleet.queue_keys k on k.account_uid = a.uid and k.domain is null
  where a.uid = $1::bigint`;
