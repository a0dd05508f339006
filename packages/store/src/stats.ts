import { type DeliveryState, deliveryStates } from "@mailfleet/mail";
import type { Database, Sql } from "./database.ts";
import { type InboundDepth, readInboundDepth } from "./inbound-depth.ts";
import { oldestDueSeconds } from "./oldest-due.ts";

/** Where mail stands, of one tenant or of all. */
export interface Stats {
  readonly deliveries: Readonly<Record<DeliveryState, number>>;
  readonly attempts: Readonly<Record<AttemptOutcome, number>>;
  /** For how long the oldest delivery that could be sent now has waited; null where there is none. See `oldestDueSeconds`. */
  readonly oldestDueSeconds: number | null;
  /** What came in and waits for its end. */
  readonly inbound: InboundDepth["waiting"];
  readonly inboundOldestDueSeconds: number | null;
  readonly mailboxes: InboundDepth["mailboxes"];
  /** In the order they were made; at most 1,000. */
  readonly accounts: readonly AccountStats[];
}

export interface AccountStats {
  readonly id: string;
  readonly tenantId: string;
  readonly uid: number;
  readonly blockedUntil: Date | null;
  readonly reason: string | null;
  readonly lanesInUse: number;
}

type AttemptOutcome = "success" | "transient_error" | "permanent_error" | "in_doubt";
const outcomes: readonly AttemptOutcome[] = ["success", "transient_error", "permanent_error", "in_doubt"];

export const statsLimits = { accounts: 1_000 } as const;

/** Ends are counted as they happen; what is unfinished is counted when asked. Who asks meanwhile shares the answer. */
export function openStats(db: Database): (tenantId?: string) => Promise<Stats> {
  const underWay = new Map<string | undefined, Promise<Stats>>();
  return (tenantId) => {
    const found = underWay.get(tenantId);
    if (found) return found;
    const read =
      tenantId === undefined ? db.transaction(readStats) : db.asTenant(tenantId, (tx) => readStats(tx, tenantId));
    const mine = read.finally(() => underWay.delete(tenantId));
    underWay.set(tenantId, mine);
    return mine;
  };
}

async function readStats(sql: Sql, tenantId?: string): Promise<Stats> {
  // One view of everything, or a delivery that ends meanwhile would be counted twice or not at all.
  const [row] = await sql.query<{ kinds: Record<string, number> | null; oldest: number | null }>(
    `select (select json_object_agg(c.kind, c.n) from (${counted} union all ${unfinished}) c) as kinds,
       (${oldestDueSeconds}) as oldest`,
    [tenantId ?? null],
  );
  const kinds = row?.kinds ?? {};
  const pick = (names: readonly string[], prefix = "") =>
    Object.fromEntries(names.map((name) => [name, kinds[prefix + name] ?? 0]));
  const inbound = await readInboundDepth(sql, tenantId);
  return {
    deliveries: pick(deliveryStates) as Stats["deliveries"],
    attempts: pick(outcomes, "attempt:") as Stats["attempts"],
    oldestDueSeconds: row?.oldest ?? null,
    inbound: inbound.waiting,
    inboundOldestDueSeconds: inbound.oldestDueSeconds,
    mailboxes: inbound.mailboxes,
    accounts: await readAccounts(sql, tenantId),
  };
}

const ofTenant = "($1::text is null or tenant_id = $1)";

const counted = `select kind, sum(n)::bigint as n from mailfleet.tallies where ${ofTenant} group by kind`;

const unfinished = `
  select state, sum(n)::bigint as n from (
    select case when attempt > 0 then 'retrying' else 'pending' end as state, count(*) as n
    from mailfleet.ready where ${ofTenant} group by 1
    union all
    select case when attempt > 0 then 'retrying' else 'pending' end, count(*)
    from mailfleet.later where ${ofTenant} group by 1
    union all
    select case when state = 't' then 'sending' when attempt > 0 then 'retrying' else 'pending' end, count(*)
    from mailfleet.inflight where ${ofTenant} group by 1
    union all
    select 'held', count(*) from mailfleet.held where ${ofTenant}
  ) u group by state`;

function readAccounts(sql: Sql, tenantId?: string): Promise<AccountStats[]> {
  return sql.query<AccountStats>(
    `select a.id, a.tenant_id as "tenantId", a.uid,
       case when k.blocked_until > now() then k.blocked_until end as "blockedUntil",
       case when k.blocked_until > now() then k.block_reason end as reason,
       (select count(*) from mailfleet.lanes l join mailfleet.workers w on w.id = l.worker and w.lease_until > now()
        where l.account_uid = a.uid) as "lanesInUse"
     from mailfleet.accounts a
     left join mailfleet.queue_keys k on k.account_uid = a.uid and k.domain is null
     where ($1::text is null or a.tenant_id = $1) order by a.uid limit ${statsLimits.accounts}`,
    [tenantId ?? null],
  );
}
