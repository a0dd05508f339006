import type { Database } from "./database.ts";

export interface ModelUsage {
  readonly tokens: number;
  readonly cost: number;
}

/** What models have used: by mailbox, by tenant, and today (UTC). */
export interface ModelBudget {
  /** Of today: the mailbox's own, and its tenant's over all mailboxes. */
  today(tenantId: string, mailboxUid: number): Promise<{ readonly mailbox: ModelUsage; readonly tenant: ModelUsage }>;
  spend(tenantId: string, mailboxUid: number, usage: ModelUsage): Promise<void>;
}

export function openModelBudget(db: Database): ModelBudget {
  return {
    async today(tenantId, mailboxUid) {
      const [row] = await db.query<{ tokens: number; cost: number; all_tokens: number; all_cost: number }>(
        `select coalesce(sum(tokens) filter (where mailbox_uid = $2), 0)::float8 as tokens,
           coalesce(sum(cost) filter (where mailbox_uid = $2), 0)::float8 as cost,
           coalesce(sum(tokens), 0)::float8 as all_tokens, coalesce(sum(cost), 0)::float8 as all_cost
         from mailfleet.model_usage where tenant_id = $1 and day = (now() at time zone 'utc')::date`,
        [tenantId, mailboxUid],
      );
      return {
        mailbox: { tokens: row?.tokens ?? 0, cost: row?.cost ?? 0 },
        tenant: { tokens: row?.all_tokens ?? 0, cost: row?.all_cost ?? 0 },
      };
    },

    async spend(tenantId, mailboxUid, { tokens, cost }) {
      await db.query(
        `insert into mailfleet.model_usage as u (tenant_id, mailbox_uid, day, tokens, cost)
         values ($1, $2, (now() at time zone 'utc')::date, $3, $4)
         on conflict (tenant_id, mailbox_uid, day) do update set tokens = u.tokens + excluded.tokens, cost = u.cost + excluded.cost`,
        [tenantId, mailboxUid, Math.round(tokens), cost],
      );
    },
  };
}
