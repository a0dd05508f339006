-- The sender's statement: claim, promote and record for all lanes of a process at once, one commit for all three.
-- Claimed mail is surely unsent. Promoted mail may be in doubt from the commit on. Recorded mail is settled.
-- Plans must not change with statistics that a queue outruns: every join goes through an index, and "worker + 0" keeps the
-- planner from walking a worker's whole hand for each delivery.

-- Takes one token of the account's limits and, where there is one, of the recipient domain's. False where one is used up;
-- then that key is blocked until its window ends, and nothing was taken.
create function mailfleet.take_token(p_account bigint, p_key bigint) returns boolean
language plpgsql as $$
declare
  k mailfleet.queue_keys;
  used_up_until timestamptz;
begin
  for k in select * from mailfleet.queue_keys q
           where q.id = p_key or (q.account_uid = p_account and q.domain is null) order by q.id for update loop
    used_up_until := greatest(
      case when k.per_minute is not null and k.minute_start > now() - interval '1 minute' and k.minute_used >= k.per_minute then k.minute_start + interval '1 minute' end,
      case when k.per_hour is not null and k.hour_start > now() - interval '1 hour' and k.hour_used >= k.per_hour then k.hour_start + interval '1 hour' end,
      case when k.per_day is not null and k.day_start > now() - interval '1 day' and k.day_used >= k.per_day then k.day_start + interval '1 day' end);
    if used_up_until is not null then
      update mailfleet.queue_keys q set blocked_until = used_up_until, block_status = '4.7.28', block_reason = 'limit used up' where q.id = k.id;
      return false;
    end if;
  end loop;
  update mailfleet.queue_keys q set
    minute_used = case when q.minute_start > now() - interval '1 minute' then q.minute_used + 1 else 1 end,
    minute_start = case when q.minute_start > now() - interval '1 minute' then q.minute_start else now() end,
    hour_used = case when q.hour_start > now() - interval '1 hour' then q.hour_used + 1 else 1 end,
    hour_start = case when q.hour_start > now() - interval '1 hour' then q.hour_start else now() end,
    day_used = case when q.day_start > now() - interval '1 day' then q.day_used + 1 else 1 end,
    day_start = case when q.day_start > now() - interval '1 day' then q.day_start else now() end
  where q.id = p_key or (q.account_uid = p_account and q.domain is null);
  return true;
end $$;

-- Writes down what happened to deliveries in hand, and what follows. Returns those that were not in the given hands any more.
-- d delivery, w worker, n attempt number, o outcome (null: no attempt was made), s status, c reply code, r reason, ms duration,
-- x next step: done, retry (after wait ms), dead_letter, suppress, hold (reason h), back (free of charge, to its old place).
create function mailfleet.record(p_records json) returns setof uuid
language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
  with input as materialized (
    select * from json_to_recordset(p_records) as r(d uuid, w bigint, n integer, o text, s text, c smallint, r text, ms integer, x text, wait bigint, h text)
  ), gone as (
    delete from mailfleet.inflight i using input r
    where i.delivery_uid = r.d and i.worker + 0 = r.w and i.attempt + 1 = r.n
    returning i.*, r.o, r.s, r.c, r.r, r.ms, case when i.settled then 'done' else r.x end as x, r.wait, r.h,
      (i.attempt + case when r.o is null then 0 else 1 end) as made
  ), logged as (
    insert into mailfleet.attempts (delivery_uid, number, tenant_id, outcome, status, reply_code, reason, duration_ms, worker)
    select g.delivery_uid, g.made, g.tenant_id, g.o, g.s, g.c, g.r, g.ms, g.worker from gone g where g.o is not null
    on conflict (delivery_uid, number) do nothing
  ), told as (
    update mailfleet.deliveries d set
      state = case g.x when 'done' then 'sent' when 'dead_letter' then 'dead_lettered' when 'suppress' then 'suppressed' else 'open' end,
      ended_at = case when g.x in ('done', 'dead_letter', 'suppress') then now() end,
      attempts = g.made,
      last_status = case when g.settled and g.o is distinct from 'success' then '2.0.0' else g.s end,
      last_reason = case when g.settled and g.o is distinct from 'success' then 'an earlier attempt had succeeded' else g.r end
    from gone g
    where d.tenant_id = g.tenant_id and d.uid = g.delivery_uid and g.x <> 'back'
  ), again as (
    insert into mailfleet.later (delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, attempt, crashes, expires_at, due_at)
    select g.delivery_uid, g.message_uid, g.tenant_id, g.account_uid, g.key_id, g.priority, g.made, g.crashes, g.expires_at,
      now() + make_interval(secs => g.wait / 1000.0)
    from gone g where g.x = 'retry'
  ), kept as (
    insert into mailfleet.held (delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, attempt, crashes, expires_at, reason)
    select g.delivery_uid, g.message_uid, g.tenant_id, g.account_uid, g.key_id, g.priority, g.made, g.crashes, g.expires_at, g.h
    from gone g where g.x = 'hold'
  ), returned as (
    insert into mailfleet.ready (delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, attempt, crashes, expires_at, band, seq)
    select g.delivery_uid, g.message_uid, g.tenant_id, g.account_uid, g.key_id, g.priority, g.attempt, g.crashes, g.expires_at, g.band, g.seq
    from gone g where g.x = 'back'
  ), dead as (
    insert into mailfleet.dead_letters (tenant_id, delivery_uid)
    select g.tenant_id, g.delivery_uid from gone g where g.x = 'dead_letter'
    on conflict do nothing
  ), counted as (
    insert into mailfleet.tallies (tenant_id, worker, kind, n)
    select g.tenant_id, g.worker, t.kind, count(*) from gone g
    cross join lateral (values ('attempt:' || g.o),
      (case g.x when 'done' then 'sent' when 'dead_letter' then 'dead_lettered' when 'suppress' then 'suppressed' end)) as t(kind)
    where t.kind is not null
    group by g.tenant_id, g.worker, t.kind
    order by g.tenant_id, g.worker, t.kind
  )
  select r.d from input r where not exists (select from gone g where g.delivery_uid = r.d);
end $$;

-- Marks claimed deliveries as transmitting, where nothing speaks against it. Returns those that may not go, and why:
-- gone, expired, paused (the tenant is suspended), suspended (its batch is), suppressed, limited.
create function mailfleet.promote(p_worker bigint, p_deliveries uuid[]) returns table (delivery_uid uuid, verdict text)
language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  asked record;
begin
  for asked in
    with judged as materialized (
      select i.delivery_uid, i.account_uid, i.key_id, case
        when i.expires_at <= now() then 'expired'
        when t.state <> 'active' then 'paused'
        when t.has_suspended_batches and exists (
          select from mailfleet.messages m join mailfleet.suspended_batches s on s.tenant_id = m.tenant_id and s.batch = m.batch
          where m.tenant_id = i.tenant_id and m.uid = i.message_uid) then 'suspended'
        when t.has_suppressions and exists (
          select from mailfleet.deliveries d join mailfleet.suppressions s on s.tenant_id = d.tenant_id and s.address = coalesce(d.recipient_key, d.recipient)
          where d.tenant_id = i.tenant_id and d.uid = i.delivery_uid) then 'suppressed'
        when i.limited then 'limited'
        else 'go' end as verdict
      from unnest(p_deliveries) as w(d)
      join mailfleet.inflight i on i.delivery_uid = w.d and i.worker + 0 = p_worker and i.state = 'c'
      join mailfleet.tenants t on t.id = i.tenant_id
    ), moved as (
      update mailfleet.inflight i set state = 't', since = now()
      from judged j where j.verdict = 'go' and i.delivery_uid = j.delivery_uid and i.worker + 0 = p_worker and i.state = 'c'
      returning i.delivery_uid
    )
    select w.d as delivery_uid, j.account_uid, j.key_id, coalesce(j.verdict, 'gone') as verdict
    from unnest(p_deliveries) as w(d)
    left join moved m on m.delivery_uid = w.d
    left join judged j on j.delivery_uid = w.d
    where m.delivery_uid is null
    -- Tokens are taken in one order by all, or two rounds would wait for one another's accounts.
    order by j.account_uid, j.key_id
  loop
    if asked.verdict = 'limited' and mailfleet.take_token(asked.account_uid, asked.key_id) then
      update mailfleet.inflight i set state = 't', since = now()
      where i.delivery_uid = asked.delivery_uid and i.worker = p_worker and i.state = 'c';
      continue when found;
      asked.verdict := 'gone';
    end if;
    delivery_uid := asked.delivery_uid;
    verdict := case asked.verdict when 'go' then 'gone' else asked.verdict end;
    return next;
  end loop;
end $$;

-- Claims up to p_want deliveries of one account that may be sent now. Bands are drawn by weight, so that the lowest always moves;
-- p_heads says from which seq on to look in each band of the account's own key, so that a scan never walks over the dead.
create function mailfleet.claim(p_worker bigint, p_account bigint, p_want integer, p_heads bigint[], p_express boolean, p_suspects boolean)
returns table (verdict text, delivery_uid uuid, message_uid uuid, attempt integer, crashes smallint, band smallint, seq bigint)
language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  account record;
  keys bigint[];
  key bigint;
  filled smallint[];
  weights constant integer[] := array[8, 4, 2, 1];
  total integer;
  quota integer;
  head bigint;
  b smallint;
begin
  -- Mail of recipient domains waits under their keys even if the account has ceased to limit them.
  select a.uid, a.has_limits, a.has_domain_limits, t.state, k.id as key_id, k.blocked_until,
    exists (select from mailfleet.queue_keys d where d.account_uid = a.uid and d.domain is not null) as has_domain_keys into account
  from mailfleet.accounts a join mailfleet.tenants t on t.id = a.tenant_id
  join mailfleet.queue_keys k on k.account_uid = a.uid and k.domain is null
  where a.uid = p_account;
  if not found or account.state <> 'active' or account.blocked_until > now() then
    verdict := 'blocked'; return next; return;
  end if;

  keys := array[account.key_id];
  if account.has_domain_keys then
    keys := keys || array(
      select k.id from mailfleet.queue_keys k
      where k.account_uid = p_account and k.domain is not null and coalesce(k.blocked_until <= now(), true)
        and exists (select from mailfleet.ready r where r.key_id = k.id)
      order by random() limit 16);
  end if;

  foreach key in array keys loop
    filled := array(
      select g.b::smallint from generate_series(0, case when p_express then 0 when p_suspects then 4 else 3 end) as g(b)
      where exists (select from mailfleet.ready r where r.key_id = key and r.band = g.b
        and r.seq > case when key = account.key_id then p_heads[g.b + 1] else 0 end));
    total := (select coalesce(sum(weights[f + 1]), 1) from unnest(filled) as f where f < 4);
    foreach b in array filled loop
      quota := case when b = 4 then 1 else ceil(p_want::numeric * weights[b + 1] / total / array_length(keys, 1)) end;
      head := case when key = account.key_id then p_heads[b + 1] else 0 end;
      return query
      with gone as (
        delete from mailfleet.ready r
        where r.ctid = any (array(
          select q.ctid from mailfleet.ready q where q.key_id = key and q.band = b and q.seq > head
          order by q.seq limit quota for update skip locked))
        returning r.*
      ), taken as (
        insert into mailfleet.inflight (delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, attempt, crashes, expires_at, band, seq, worker, limited)
        select g.delivery_uid, g.message_uid, g.tenant_id, g.account_uid, g.key_id, g.priority, g.attempt, g.crashes, g.expires_at,
          g.band, g.seq, p_worker, account.has_limits or account.has_domain_limits
        from gone g
      )
      select 'claimed', g.delivery_uid, g.message_uid, g.attempt, g.crashes, g.band, g.seq from gone g order by g.seq;
    end loop;
  end loop;
end $$;

-- One round of a process: records first, so that their places are free; then promotions; then claims.
create function mailfleet.round(p_worker bigint, p_records json, p_promoted uuid[], p_claims json)
returns table (kind "char", n integer, verdict text, delivery_uid uuid, message_uid uuid, attempt integer, crashes smallint, band smallint, seq bigint)
language plpgsql
set lock_timeout = '5s'
as $$
#variable_conflict use_column
begin
  if p_records is not null then
    return query select 'l'::"char", null::integer, 'late', r.d, null::uuid, null::integer, null::smallint, null::smallint, null::bigint
      from mailfleet.record(p_records) as r(d);
  end if;
  if p_promoted is not null then
    return query select 'p'::"char", null::integer, p.verdict, p.delivery_uid, null::uuid, null::integer, null::smallint, null::smallint, null::bigint
      from mailfleet.promote(p_worker, p_promoted) as p;
  end if;
  -- Whoever has lapsed claims nothing more: nobody would look again for what a worker holds that is gone. The lock keeps it
  -- from lapsing meanwhile, and lets it be renewed.
  if p_claims is not null and exists (
    select from mailfleet.workers w where w.id = p_worker and w.lapsed_at is null for key share) then
    return query select 'c'::"char", a.n, c.verdict, c.delivery_uid, c.message_uid, c.attempt, c.crashes, c.band, c.seq
      from json_to_recordset(p_claims) as a(n integer, account bigint, want integer, heads bigint[], express boolean, suspects boolean)
      cross join lateral mailfleet.claim(p_worker, a.account, a.want, a.heads, a.express, a.suspects) as c;
  end if;
end $$;
