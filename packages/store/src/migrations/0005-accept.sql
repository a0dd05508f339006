-- accept(): validated submissions become rows, in the caller's transaction. One statement for a whole group.
-- Plans must not change with statistics that a queue outruns: every join goes through an index.

create function mailfleet.accept(p_messages json, p_recipients json, p_content bytea)
returns table (n integer, verdict text, account_uid bigint)
language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set lock_timeout = '500ms'
as $$
#variable_conflict use_column
begin
  -- Accounts and tenants are deleted under the same lock, exclusively, so that nothing is accepted for one that is going.
  perform pg_advisory_xact_lock_shared(7114003);

  -- Where an account limits recipient domains, each domain has a queue key of its own.
  insert into mailfleet.queue_keys (tenant_id, account_uid, domain, per_minute, per_hour, per_day)
  select distinct on (a.uid, r.domain) a.tenant_id, a.uid, r.domain,
    (l.limits ->> 'perMinute')::integer, (l.limits ->> 'perHour')::integer, (l.limits ->> 'perDay')::integer
  from json_to_recordset(p_messages) as m(n integer, tenant text, account text)
  join mailfleet.accounts a on a.tenant_id = m.tenant
    and a.id = coalesce(m.account, (select d.id from mailfleet.accounts d where d.tenant_id = m.tenant and d.is_default))
  join json_to_recordset(p_recipients) as r(n integer, domain text) on r.n = m.n
  cross join lateral (
    select coalesce(a.settings #> array['limits', 'perDomain', r.domain], a.settings #> '{limits,perDomain,*}') as limits
  ) l
  where a.has_domain_limits
  order by a.uid, r.domain
  on conflict do nothing;

  return query
  with input as materialized (
    select m.*, a.uid as account_uid, a.has_domain_limits,
      -- No attempt begins after the account's giveUpAfter, five days unless it says otherwise, from when it may first be sent.
      least(m.expires_at, greatest(now(), m.send_at) + make_interval(secs => coalesce((a.settings #>> '{retry,giveUpAfterMs}')::float8, 432000000) / 1000)) as given_up_at
    from json_to_recordset(p_messages) as m(n integer, uid uuid, tenant text, origin text, id text, visible_id text,
      digest text, account text, message_id text, via text, reverse_path text, header_from text, subject text,
      priority smallint, in_doubt text, batch text, tags json, metadata json, smtp_utf8 boolean, eight_bit boolean,
      ret text, envid text, size_bytes integer, blob_key text, content_at integer, send_at timestamptz, expires_at timestamptz)
    left join mailfleet.accounts a on a.tenant_id = m.tenant
      and a.id = coalesce(m.account, (select d.id from mailfleet.accounts d where d.tenant_id = m.tenant and d.is_default))
  ), keyed as (
    insert into mailfleet.submission_keys (tenant_id, origin, id, digest, message_uid)
    select i.tenant, i.origin, i.id, decode(i.digest, 'hex'), i.uid
    from input i where i.id is not null and i.account_uid is not null
    order by i.tenant, i.origin, i.id
    on conflict do nothing
    returning message_uid
  ), fresh as materialized (
    select i.* from input i
    where i.account_uid is not null and (i.id is null or exists (select from keyed k where k.message_uid = i.uid))
  ), stored as (
    insert into mailfleet.messages (uid, tenant_id, origin, id, account_uid, message_id, via, reverse_path, header_from,
      subject, priority, in_doubt, batch, tags, metadata, smtp_utf8, eight_bit, ret, envid, size_bytes, blob_key, send_at, expires_at)
    select f.uid, f.tenant, f.origin, f.visible_id, f.account_uid, f.message_id, f.via, f.reverse_path, f.header_from,
      f.subject, f.priority, f.in_doubt, f.batch,
      case when f.tags is not null then array(select json_array_elements_text(f.tags)) end, f.metadata::jsonb,
      f.smtp_utf8, f.eight_bit, f.ret, f.envid, f.size_bytes, f.blob_key, f.send_at, f.expires_at
    from fresh f
  ), content as (
    insert into mailfleet.contents (message_uid, bytes)
    select f.uid, substring(p_content from f.content_at + 1 for f.size_bytes) from fresh f where f.blob_key is null
  ), envelopes as materialized (
    select f.uid as message_uid, f.tenant, f.account_uid, f.priority, f.send_at, f.given_up_at, r.*, k.id as key_id
    from json_to_recordset(p_recipients) as r(n integer, uid uuid, recipient text, recipient_key text, domain text, position integer, notify json, orcpt text)
    join fresh f on f.n = r.n
    -- Without its key a delivery could not be sent: better an error than mail that nobody finds.
    left join mailfleet.queue_keys k on k.account_uid = f.account_uid
      and k.domain is not distinct from case when f.has_domain_limits then r.domain end
  ), delivered as (
    insert into mailfleet.deliveries (uid, tenant_id, message_uid, account_uid, recipient, recipient_key, position, notify, orcpt)
    select e.uid, e.tenant, e.message_uid, e.account_uid, e.recipient, e.recipient_key, e.position,
      case when e.notify is not null then array(select json_array_elements_text(e.notify)) end, e.orcpt
    from envelopes e
  ), now_due as (
    insert into mailfleet.ready (delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, expires_at, band)
    select e.uid, e.message_uid, e.tenant, e.account_uid, e.key_id, e.priority, e.given_up_at, e.priority
    from envelopes e where e.send_at is null or e.send_at <= now()
    order by e.n, e.position
  ), due_later as (
    insert into mailfleet.later (delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, expires_at, due_at)
    select e.uid, e.message_uid, e.tenant, e.account_uid, e.key_id, e.priority, e.given_up_at, e.send_at
    from envelopes e where e.send_at > now()
  )
  select i.n,
    case when i.account_uid is null then case when i.account is null then 'no_account' else 'account_not_found' end
         when exists (select from fresh f where f.n = i.n) then 'accepted'
         else 'seen' end,
    i.account_uid
  from input i;
end $$;
