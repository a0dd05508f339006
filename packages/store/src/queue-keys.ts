import type { Sql, Tx } from "./database.ts";

/** Gives the account's key, and those of its recipient domains, their limits, and lifts their blocks. */
export async function writeQueueKeys(tx: Tx, uid: number): Promise<void> {
  await tx.query(
    `insert into mailfleet.queue_keys (tenant_id, account_uid, domain)
     select tenant_id, uid, null from mailfleet.accounts where uid = $1 on conflict do nothing`,
    [uid],
  );
  await tx.query(
    `update mailfleet.queue_keys k set blocked_until = null, block_status = null, block_reason = null, failures = 0,
       per_minute = (l.limits ->> 'perMinute')::integer, per_hour = (l.limits ->> 'perHour')::integer,
       per_day = (l.limits ->> 'perDay')::integer
     from mailfleet.queue_keys q
     join mailfleet.accounts a on a.uid = q.account_uid
     cross join lateral (select case when q.domain is null then a.settings -> 'limits'
       else coalesce(a.settings #> array['limits', 'perDomain', q.domain], a.settings #> '{limits,perDomain,*}') end) l(limits)
     where q.account_uid = $1 and k.id = q.id`,
    [uid],
  );
}

/** The id of an account's queue key, made where it is missing; undefined where there is no such account. */
export async function ensureQueueKey(sql: Sql, uid: number, domain?: string): Promise<number | undefined> {
  const find = () =>
    sql.query<{ id: number }>(
      `select k.id from mailfleet.accounts a join mailfleet.queue_keys k
         on k.account_uid = a.uid and k.domain is not distinct from case when a.has_domain_limits then $2::text end
       where a.uid = $1`,
      [uid, domain ?? null],
    );
  const [found] = await find();
  if (found) return found.id;
  await sql.query(
    `insert into mailfleet.queue_keys (tenant_id, account_uid, domain, per_minute, per_hour, per_day)
     select a.tenant_id, a.uid, d.domain, (l.limits ->> 'perMinute')::integer, (l.limits ->> 'perHour')::integer,
       (l.limits ->> 'perDay')::integer
     from mailfleet.accounts a
     cross join lateral (select case when a.has_domain_limits then $2::text end) d(domain)
     cross join lateral (select case when d.domain is null then a.settings -> 'limits'
       else coalesce(a.settings #> array['limits', 'perDomain', d.domain], a.settings #> '{limits,perDomain,*}') end) l(limits)
     where a.uid = $1 on conflict do nothing`,
    [uid, domain ?? null],
  );
  const [made] = await find();
  return made?.id;
}
