-- Lanes, the end of a lease, and what the sweep repairs.

-- Leases one connection slot of an account, and says which and under which fence; or why not: blocked, full, gone.
-- p_ask is a number of the caller's, by which it gives back a lane whose answer never reached it. While the account's next hop is in trouble, one lane probes it for all.
create function mailfleet.lease_lane(p_worker bigint, p_account bigint, p_ask bigint default null)
returns table (verdict text, slot smallint, fence bigint, failures integer, revision bigint)
language plpgsql as $$
#variable_conflict use_column
declare
  account record;
  free smallint;
begin
  select k.id, k.blocked_until, k.failures, a.max_connections, a.revision, t.state into account
  from mailfleet.queue_keys k
  join mailfleet.accounts a on a.uid = k.account_uid
  join mailfleet.tenants t on t.id = a.tenant_id
  where k.account_uid = p_account and k.domain is null
  for update of k;
  if not found then verdict := 'gone'; return next; return; end if;
  failures := account.failures;
  if account.state <> 'active' or account.blocked_until > now() then verdict := 'blocked'; return next; return; end if;

  if account.failures > 0 and exists (
    select from mailfleet.lanes l join mailfleet.workers w on w.id = l.worker and w.lapsed_at is null where l.account_uid = p_account) then
    verdict := 'full'; return next; return;
  end if;
  -- A lane is free once its owner was reaped, not before: until then the owner may still renew its lease, and go on with it.
  select g.s::smallint into free
  from generate_series(1, account.max_connections) as g(s)
  where not exists (
    select from mailfleet.lanes l join mailfleet.workers w on w.id = l.worker and w.lapsed_at is null
    where l.account_uid = p_account and l.slot = g.s)
  order by g.s limit 1;
  if not found then verdict := 'full'; return next; return; end if;

  insert into mailfleet.lanes as l (account_uid, slot, worker, ask) values (p_account, free, p_worker, p_ask)
  on conflict (account_uid, slot) do update set worker = excluded.worker, ask = excluded.ask, fence = l.fence + 1, since = now()
  returning l.slot, l.fence into slot, fence;
  verdict := 'leased';
  revision := account.revision;
  return next;
end $$;

-- Gives a lane back, if it is still the caller's.
create function mailfleet.release_lane(p_account bigint, p_slot smallint, p_fence bigint) returns void
language sql as $$
  update mailfleet.lanes set worker = null where account_uid = p_account and slot = p_slot and fence = p_fence
$$;

-- Gives back what was leased by an ask whose answer was lost.
create function mailfleet.release_asked(p_worker bigint, p_account bigint, p_ask bigint) returns void
language sql as $$
  update mailfleet.lanes set worker = null where account_uid = p_account and worker = p_worker and ask = p_ask
$$;

-- A result whose delivery is in other hands by now, or in none. It is never dropped: the attempt is written, and a late success
-- settles the delivery wherever it waits. Returns: known (it was recorded before), settled, noted.
create function mailfleet.record_late(p_tenant text, p_delivery uuid, p_number integer, p_worker bigint, p_outcome text, p_status text,
  p_code smallint, p_reason text, p_duration_ms integer) returns text
language plpgsql as $$
declare
  had text;
begin
  select a.outcome into had from mailfleet.attempts a where a.delivery_uid = p_delivery and a.number = p_number and a.worker = p_worker;
  -- Doubt that comes late is no news: whoever made the delivery its own since has written it down, or knows better, as where
  -- the sender came back to itself before the sweep that gave it up.
  if had = p_outcome or p_outcome = 'in_doubt' then return 'known'; end if;
  insert into mailfleet.attempts (delivery_uid, number, tenant_id, outcome, status, reply_code, reason, duration_ms, worker)
  values (p_delivery, p_number, p_tenant, p_outcome, p_status, p_code, p_reason, p_duration_ms, p_worker)
  on conflict (delivery_uid, number) do update set late_outcome = excluded.outcome, late_reason = excluded.reason;
  if p_outcome <> 'success' then return 'noted'; end if;

  delete from mailfleet.ready where delivery_uid = p_delivery;
  delete from mailfleet.later where delivery_uid = p_delivery;
  delete from mailfleet.held where delivery_uid = p_delivery;
  delete from mailfleet.inflight where delivery_uid = p_delivery and state = 'c';
  delete from mailfleet.dead_letters where tenant_id = p_tenant and delivery_uid = p_delivery;
  -- One that is being transmitted again right now ends with that attempt, and as sent, however that goes.
  update mailfleet.inflight set settled = true where delivery_uid = p_delivery;
  if found then return 'noted'; end if;
  select d.state into had from mailfleet.deliveries d where d.tenant_id = p_tenant and d.uid = p_delivery for update;
  if had = 'sent' then return 'noted'; end if;
  update mailfleet.deliveries d set state = 'sent', ended_at = now(), last_status = p_status, last_reason = p_reason,
    attempts = greatest(d.attempts, p_number)
  where d.tenant_id = p_tenant and d.uid = p_delivery;
  insert into mailfleet.tallies (tenant_id, worker, kind, n)
  select p_tenant, p_worker, v.kind, v.n from (values ('sent', 1), (case when had <> 'open' then had end, -1)) as v(kind, n) where v.kind is not null;
  return 'settled';
end $$;

-- Blocks an account whose next hop is in trouble. Of several lanes that failed together, the first counts.
create function mailfleet.block_account(p_account bigint, p_fails integer, p_delay_ms bigint, p_status text, p_reason text) returns boolean
language sql as $$
  with blocked as (
    update mailfleet.queue_keys set failures = p_fails + 1, blocked_until = now() + make_interval(secs => p_delay_ms / 1000.0),
      block_status = p_status, block_reason = p_reason
    where account_uid = p_account and domain is null and failures = p_fails
    returning 1)
  select exists (select from blocked)
$$;

create function mailfleet.unblock_account(p_account bigint) returns void
language sql as $$
  update mailfleet.queue_keys set failures = 0, blocked_until = null, block_status = null, block_reason = null
  where account_uid = p_account and domain is null and failures > 0
$$;

-- Moves what is due from later to ready. Returns the accounts that have something to send now.
create function mailfleet.move_due(p_limit integer) returns table (account_uid bigint, moved bigint)
language sql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
  with gone as (
    delete from mailfleet.later l
    where l.ctid = any (array(select q.ctid from mailfleet.later q where q.due_at <= now() order by q.due_at limit p_limit for update skip locked))
    returning l.*
  ), due as (
    insert into mailfleet.ready (delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, attempt, crashes, expires_at, band)
    select g.delivery_uid, g.message_uid, g.tenant_id, g.account_uid, g.key_id, g.priority, g.attempt, g.crashes, g.expires_at,
      case when g.crashes >= 2 then 4 else g.priority end
    from gone g order by g.due_at
  )
  select g.account_uid, count(*) from gone g group by 1
$$;

-- Ends lapsed workers: nobody renews a lease that is gone. What they had only claimed goes back free of charge; what took its
-- process down three times alone is held. Returns what they were transmitting, which is in doubt, for the caller to record;
-- a worker's row stays, lapsed, until all of that is recorded.
create function mailfleet.reap_workers(p_limit integer)
returns table (worker bigint, delivery_uid uuid, message_uid uuid, tenant_id text, account_uid bigint, attempt integer, crashes smallint)
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  lapsed record;
  blames_suspects boolean;
begin
  for lapsed in
    select w.id, w.lapsed_at from mailfleet.workers w
    where w.lease_until < now() order by w.id limit p_limit for update skip locked
  loop
    if lapsed.lapsed_at is null then
      -- Where suspects were in hand, they are to blame, and the others are not.
      blames_suspects := exists (select from mailfleet.inflight i where i.worker = lapsed.id and i.band = 4);
      update mailfleet.inflight i set crashes = i.crashes + 1
      where i.worker = lapsed.id and (i.band = 4 or not blames_suspects);
      update mailfleet.lanes l set worker = null where l.worker = lapsed.id;
      update mailfleet.workers w set lapsed_at = now() where w.id = lapsed.id;
    end if;

    with gone as (
      delete from mailfleet.inflight i where i.worker = lapsed.id and i.state = 'c' returning i.*
    ), back as (
      insert into mailfleet.ready (delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, attempt, crashes, expires_at, band, seq)
      select g.delivery_uid, g.message_uid, g.tenant_id, g.account_uid, g.key_id, g.priority, g.attempt, g.crashes, g.expires_at,
        case when g.crashes >= 2 then 4 else g.band end, g.seq
      from gone g where g.crashes < 5
    )
    insert into mailfleet.held (delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, attempt, crashes, expires_at, reason)
    select g.delivery_uid, g.message_uid, g.tenant_id, g.account_uid, g.key_id, g.priority, g.attempt, g.crashes, g.expires_at, 'poison'
    from gone g where g.crashes >= 5;

    if exists (select from mailfleet.inflight i where i.worker = lapsed.id) then
      return query
        select i.worker, i.delivery_uid, i.message_uid, i.tenant_id, i.account_uid, i.attempt, i.crashes
        from mailfleet.inflight i where i.worker = lapsed.id limit 1000;
    else
      delete from mailfleet.workers w where w.id = lapsed.id;
    end if;
  end loop;
end $$;

-- Accounts that have something to send now and nobody who sends it, or too few: a lane may wait minutes for a slow next hop, so
-- where mail has waited for longer than a moment and there are lanes to spare, one more is asked for.
create function mailfleet.idle_accounts_with_mail(p_limit integer) returns setof bigint
language sql
set enable_seqscan = off
as $$
  select distinct k.account_uid
  from mailfleet.queue_keys k
  join mailfleet.queue_keys own on own.account_uid = k.account_uid and own.domain is null
  join mailfleet.accounts a on a.uid = k.account_uid
  join mailfleet.tenants t on t.id = k.tenant_id and t.state = 'active'
  cross join lateral (
    select count(*) as at_work from mailfleet.lanes l join mailfleet.workers w on w.id = l.worker and w.lease_until > now()
    where l.account_uid = k.account_uid) as lanes
  where coalesce(own.blocked_until <= now(), true) and coalesce(k.blocked_until <= now(), true)
    and (lanes.at_work = 0 or (own.failures = 0 and lanes.at_work < a.max_connections))
    and exists (select from mailfleet.ready r where r.key_id = k.id
      and (lanes.at_work = 0 or r.delivery_uid < mailfleet.uuid_floor(now() - interval '5 seconds')))
  limit p_limit
$$;

-- Claims mail whose time is up where nobody would look at it: behind a blocked account or a suspended tenant.
create function mailfleet.claim_expired(p_worker bigint, p_limit integer) returns setof uuid
language sql
set enable_seqscan = off
as $$
  with living as materialized (
    select w.id from mailfleet.workers w where w.id = p_worker and w.lapsed_at is null for key share
  ), quiet as materialized (
    select k.id from living
    cross join mailfleet.queue_keys k
    join mailfleet.queue_keys own on own.account_uid = k.account_uid and own.domain is null
    join mailfleet.tenants t on t.id = k.tenant_id
    where own.blocked_until > now() or k.blocked_until > now() or t.state <> 'active'
  ), over as materialized (
    select o.ctid from quiet q
    cross join generate_series(0, 4) as b
    cross join lateral (select r.ctid, r.expires_at from mailfleet.ready r where r.key_id = q.id and r.band = b order by r.seq limit 500) o
    where o.expires_at <= now()
    limit p_limit
  ), gone as (
    delete from mailfleet.ready r where r.ctid = any (array(select ctid from over)) and r.expires_at <= now() returning r.*
  ), taken as (
    insert into mailfleet.inflight (delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, attempt, crashes, expires_at, band, seq, worker)
    select g.delivery_uid, g.message_uid, g.tenant_id, g.account_uid, g.key_id, g.priority, g.attempt, g.crashes, g.expires_at, g.band, g.seq, p_worker
    from gone g
  )
  select g.delivery_uid from gone g
$$;
