/**
 * For how many seconds the oldest mail that could be sent now has waited; null where there is none. `$1` is a tenant, or
 * null for all. Mail that waits behind a block, a limit, a next hop in trouble or a suspended tenant could not be sent.
 *
 * Of what is ready, the head of each queue is looked at and not the queue, since mail lies in the order it came: from
 * acceptance, or from the time it was scheduled for. What was tried before has no such time once it is ready. What lies
 * in `later` and is due is waiting for a sweep.
 */
export const oldestDueSeconds = `
  select floor(extract(epoch from now() - min(w.since)))::integer from (
    select least(greatest(d.created_at, m.send_at), now()) as since
    from mailfleet.queue_keys k
    join mailfleet.queue_keys whole on whole.account_uid = k.account_uid and whole.domain is null
    join mailfleet.accounts a on a.uid = k.account_uid
    join mailfleet.tenants t on t.id = a.tenant_id
    cross join generate_series(0, 4) as b(band)
    cross join lateral (
      select r.delivery_uid, r.message_uid, r.tenant_id from mailfleet.ready r
      where r.key_id = k.id and r.band = b.band and r.attempt = 0 order by r.seq limit 1) head
    join mailfleet.deliveries d on d.tenant_id = head.tenant_id and d.uid = head.delivery_uid
    join mailfleet.messages m on m.tenant_id = head.tenant_id and m.uid = head.message_uid
    where ($1::text is null or a.tenant_id = $1) and t.state = 'active' and whole.failures = 0
      and coalesce(greatest(k.blocked_until, whole.blocked_until) <= now(), true)
    union all
    select min(l.due_at) from mailfleet.later l
    where l.due_at <= now() and ($1::text is null or l.tenant_id = $1)) w`;
