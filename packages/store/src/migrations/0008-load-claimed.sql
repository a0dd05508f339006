-- What a sender needs to know of the deliveries that it has claimed. Content above p_inline_bytes is fetched when its turn comes.
create function mailfleet.load_claimed(p_worker bigint, p_deliveries uuid[], p_inline_bytes integer)
returns table (delivery_uid uuid, message_uid uuid, tenant_id text, account_uid bigint, attempt smallint, crashes smallint, band smallint,
  expires_at timestamptz, recipient text, notify text, orcpt text, reverse_path text, smtp_utf8 boolean, eight_bit boolean, ret text, envid text,
  message_id text, id text, origin text, via text, in_doubt text, priority smallint, accepted_at timestamptz, size_bytes integer, blob_key text,
  bytes bytea)
language sql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
  select i.delivery_uid, i.message_uid, i.tenant_id, i.account_uid, i.attempt, i.crashes, i.band,
    i.expires_at, d.recipient, array_to_string(d.notify, ','), d.orcpt, m.reverse_path, m.smtp_utf8, m.eight_bit, m.ret, m.envid,
    m.message_id, m.id, m.origin, m.via, m.in_doubt, m.priority, m.accepted_at, m.size_bytes, m.blob_key,
    case when m.size_bytes <= p_inline_bytes then (select c.bytes from mailfleet.contents c where c.message_uid = i.message_uid) end
  from unnest(p_deliveries) with ordinality as w(d, n)
  join mailfleet.inflight i on i.delivery_uid = w.d and i.worker = p_worker
  join mailfleet.deliveries d on d.tenant_id = i.tenant_id and d.uid = i.delivery_uid
  join mailfleet.messages m on m.tenant_id = i.tenant_id and m.uid = i.message_uid
  order by w.n
$$;
