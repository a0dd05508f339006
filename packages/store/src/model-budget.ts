import type { Database, Sql } from "./database.ts";
import { answerLocks } from "./ticket.ts";

export interface ModelUsage {
  readonly tokens: number;
  readonly cost: number;
}

/** What models have used: by mailbox, by tenant, and today (UTC). */
export interface ModelBudget {
  /** Of today: the mailbox's own, and its tenant's over all mailboxes. */
  today(tenantId: string, mailboxUid: number): Promise<{ readonly mailbox: ModelUsage; readonly tenant: ModelUsage }>;
  /** On `day` (UTC, such as "2026-02-28"); today where it is absent. */
  spend(tenantId: string, mailboxUid: number, usage: ModelUsage, day?: string): Promise<void>;
  /**
   * Spends it in advance, unless a cap of the day's would be passed: the mailbox's, as given, or its tenant's, from the
   * tenant's settings. What was not needed is given back by spending what is less than nothing, on the same `day`.
   */
  reserve(tenantId: string, mailboxUid: number, usage: ModelUsage, caps: ModelCaps, day?: string): Promise<boolean>;
}

/** Of a day (UTC); without a cap there is no limit. */
export interface ModelCaps {
  readonly tokensPerDay?: number | undefined;
  readonly costPerDay?: number | undefined;
}

export function openModelBudget(db: Database): ModelBudget {
  return {
    today: (tenantId, mailboxUid) => usedOn(db, tenantId, mailboxUid, undefined),

    spend: (tenantId, mailboxUid, usage, day) => spend(db, tenantId, mailboxUid, usage, day),

    reserve: (tenantId, mailboxUid, usage, caps, day) =>
      db.transaction(async (tx) => {
        // One reservation of a tenant at a time, so that two do not take the same rest.
        await tx.query("select pg_advisory_xact_lock(7114006, hashtext($1))", [tenantId]);
        const [tenant] = await tx.query<{ tokensPerDay: number | null; costPerDay: number | null }>(
          `select (settings->>'modelTokensPerDay')::float8 as "tokensPerDay", (settings->>'modelCostPerDay')::float8 as "costPerDay"
           from mailfleet.tenants where id = $1`,
          [tenantId],
        );
        const used = await usedOn(tx, tenantId, mailboxUid, day);
        if (!fits(used.mailbox, usage, caps) || !fits(used.tenant, usage, tenant ?? {})) return false;
        await spend(tx, tenantId, mailboxUid, usage, day);
        return true;
      }, answerLocks),
  };
}

const fits = (
  used: ModelUsage,
  more: ModelUsage,
  {
    tokensPerDay,
    costPerDay,
  }: { readonly tokensPerDay?: number | null | undefined; readonly costPerDay?: number | null | undefined },
): boolean =>
  used.tokens + more.tokens <= (tokensPerDay ?? Number.POSITIVE_INFINITY) &&
  used.cost + more.cost <= (costPerDay ?? Number.POSITIVE_INFINITY);

async function usedOn(sql: Sql, tenantId: string, mailboxUid: number, day: string | undefined) {
  const [row] = await sql.query<{ tokens: number; cost: number; all_tokens: number; all_cost: number }>(
    `select coalesce(sum(tokens) filter (where mailbox_uid = $2), 0)::float8 as tokens,
       coalesce(sum(cost) filter (where mailbox_uid = $2), 0)::float8 as cost,
       coalesce(sum(tokens), 0)::float8 as all_tokens, coalesce(sum(cost), 0)::float8 as all_cost
     from mailfleet.model_usage where tenant_id = $1 and day = coalesce($3, (now() at time zone 'utc')::date)`,
    [tenantId, mailboxUid, day ?? null],
  );
  return {
    mailbox: { tokens: row?.tokens ?? 0, cost: row?.cost ?? 0 },
    tenant: { tokens: row?.all_tokens ?? 0, cost: row?.all_cost ?? 0 },
  };
}

async function spend(
  sql: Sql,
  tenantId: string,
  mailboxUid: number,
  { tokens, cost }: ModelUsage,
  day: string | undefined,
): Promise<void> {
  await sql.query(
    `insert into mailfleet.model_usage as u (tenant_id, mailbox_uid, day, tokens, cost)
     values ($1, $2, coalesce($5, (now() at time zone 'utc')::date), $3, $4)
     on conflict (tenant_id, mailbox_uid, day) do update set tokens = u.tokens + excluded.tokens, cost = u.cost + excluded.cost`,
    [tenantId, mailboxUid, Math.round(tokens), cost, day ?? null],
  );
}
