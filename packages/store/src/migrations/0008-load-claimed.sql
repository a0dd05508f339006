-- ASCII content comes as text, the rest as bytea, which drivers tend to have travel as hex.
-- What a sender needs to know of the deliveries that it has claimed. Content above p_inline_bytes is fetched when its turn comes.
create function mailfleet.load_claimed(p_worker bigint, p_deliveries uuid[], p_inline_bytes integer)
returns table (delivery_uid uuid, message_uid uuid, tenant_id text, account_uid bigint, attempt integer, crashes smallint, band smallint,
  expires_ms double precision, recipient text, notify text, orcpt text, reverse_path text, smtp_utf8 boolean, eight_bit boolean, ret text, envid text,
  message_id text, id text, origin text, via text, in_doubt text, priority smallint, accepted_ms double precision, size_bytes integer, blob_key text,
  ascii text, bytes bytea)
language sql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_memoize = off set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
  select i.delivery_uid, i.message_uid, i.tenant_id, i.account_uid, i.attempt, i.crashes, i.band,
    extract(epoch from i.expires_at) * 1000, d.recipient, array_to_string(d.notify, ','), d.orcpt, m.reverse_path, m.smtp_utf8, m.eight_bit, m.ret, m.envid,
    m.message_id, m.id, m.origin, m.via, m.in_doubt, m.priority, extract(epoch from m.accepted_at) * 1000, m.size_bytes, m.blob_key,
    case when not m.eight_bit and m.size_bytes <= p_inline_bytes then
      (select convert_from(c.bytes, 'UTF8') from mailfleet.contents c where c.message_uid = i.message_uid) end,
    case when m.eight_bit and m.size_bytes <= p_inline_bytes then
      (select c.bytes from mailfleet.contents c where c.message_uid = i.message_uid) end
  from unnest(p_deliveries) with ordinality as w(d, n)
  -- "offset 0" fixes the order of the lookups: the worker's hand first, then both columns of each primary key.
  cross join lateral (select * from mailfleet.inflight i where i.delivery_uid = w.d and i.worker + 0 = p_worker offset 0) i
  cross join lateral (select * from mailfleet.deliveries d where d.tenant_id = i.tenant_id and d.uid = i.delivery_uid offset 0) d
  cross join lateral (select * from mailfleet.messages m where m.tenant_id = i.tenant_id and m.uid = i.message_uid offset 0) m
  order by w.n
$$;
