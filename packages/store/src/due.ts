import type { Database } from "./database.ts";

/** What may be sent now: by this, workers are scaled and accounts woken. Blocked queue keys have nothing to send. */
export interface Sendable {
  /** How many deliveries. */
  count(): Promise<number>;
  /** Which accounts have some, of one tenant or of all; at most 10,000. */
  accounts(tenantId?: string): Promise<readonly number[]>;
}

export const sendableLimits = { accounts: 10_000 } as const;

const unblocked = "coalesce(k.blocked_until <= now(), true)";

export function openSendable(db: Database): Sendable {
  return {
    async count() {
      const [row] = await db.query<{ n: number }>(
        `select (select count(*) from mailfleet.ready r join mailfleet.queue_keys k on k.id = r.key_id where ${unblocked})
           + (select count(*) from mailfleet.later l join mailfleet.queue_keys k on k.id = l.key_id
              where l.due_at <= now() and ${unblocked}) as n`,
      );
      return row?.n ?? 0;
    },
    async accounts(tenantId) {
      const rows = await db.query<{ uid: number }>(
        `select distinct a.uid from mailfleet.accounts a join mailfleet.queue_keys k on k.account_uid = a.uid
         where ($1::text is null or a.tenant_id = $1) and ${unblocked}
           and (exists (select from mailfleet.ready r where r.key_id = k.id)
             or exists (select from mailfleet.later l where l.account_uid = a.uid and l.due_at <= now()))
         limit ${sendableLimits.accounts}`,
        [tenantId ?? null],
      );
      return rows.map(({ uid }) => uid);
    },
  };
}
