-- The way in: mailboxes and who follows them, what came in, and what is to be done about it.

create table mailfleet.mailboxes (
  uid bigint generated always as identity unique,
  tenant_id text not null references mailfleet.tenants on delete cascade,
  id text not null check (id ~ '^[A-Za-z0-9._~-]{1,128}$'),
  settings jsonb not null,
  -- The folder that it answers, by which a tenant's PUTs find out whether two would answer the same mail. A column of its own,
  -- since row-level security lets no function of the settings come before its own condition.
  place text,
  -- Credentials: one JSON object, AES-256-GCM, sealed by the key named beside it.
  secrets bytea,
  secrets_key_id text,
  -- Grows with every change, so that whoever follows it knows that its connection is stale.
  revision bigint not null default 1,
  -- The kill switch: nothing is answered while it is set.
  answering_stopped boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id)
);
-- What has changed a moment ago is asked for all the time.
create index mailboxes_updated on mailfleet.mailboxes (updated_at);
create index tenants_updated on mailfleet.tenants (updated_at);
create index mailboxes_stopped on mailfleet.mailboxes (uid) where answering_stopped;
create index mailboxes_place on mailfleet.mailboxes (tenant_id, place) where place is not null;

-- Where following stands. Written by the owner of the shard alone, under its fence, save for what the tenant asks for.
create table mailfleet.mailbox_positions (
  mailbox_uid bigint primary key references mailfleet.mailboxes (uid) on delete cascade,
  tenant_id text not null,
  shard smallint not null check (shard between 0 and 255),
  fence bigint not null default 0,
  state text not null default 'new'
    check (state in ('new', 'connecting', 'following', 'unreachable', 'quarantined', 'paused', 'suspended')),
  -- A code, and the server's own words.
  reason text,
  detail text,
  state_since timestamptz not null default now(),
  -- How it is followed now: a server without IDLE is polled.
  following text check (following in ('idle', 'poll')),
  capabilities text[],
  retry_at timestamptz,
  -- What arrived before is not ours to answer.
  start_at timestamptz not null,
  uid_validity bigint,
  -- Every message up to this UID is recorded, or was not to be.
  watermark bigint,
  modseq text,
  complete_at timestamptz,
  reconciled_at timestamptz,
  -- Grows where the settings point elsewhere: what was seen of the other folder is not written any more.
  epoch integer not null default 0,
  -- What the tenant asked for: a window to look through again, and how to go on after a pause; asked grows with each, and
  -- taken is what the owner has heard of.
  asked integer not null default 0,
  taken integer not null default 0,
  -- The window stays when it has been looked through.
  backfill_since timestamptz,
  backfill_until timestamptz,
  backfill_asked_at timestamptz,
  backfill_ended_at timestamptz,
  resume text check (resume in ('answer', 'skip'))
) with (fillfactor = 50);
create index mailbox_positions_shard on mailfleet.mailbox_positions (shard);
create index mailbox_positions_asked on mailfleet.mailbox_positions (mailbox_uid) where asked <> taken;

create table mailfleet.shards (
  shard smallint primary key,
  worker bigint,
  fence bigint not null default 0,
  since timestamptz not null default now()
) with (fillfactor = 50);
insert into mailfleet.shards (shard) select generate_series(0, 255);

-- What came in: one row per message, with its end. Ids are UUIDv7, so it is partitioned by time.
create table mailfleet.inbound (
  uid uuid primary key,
  tenant_id text not null,
  mailbox_uid bigint not null,
  -- The mailbox's id, which outlives it.
  mailbox_id text not null,
  message_id text,
  header_from text,
  subject text,
  -- Where it lies now; a move or a renumbering changes it.
  folder text not null,
  uid_validity bigint not null,
  imap_uid bigint not null,
  -- The epoch of the mailbox's position by which that is so: under another, the place is another message's.
  epoch integer not null default 0,
  flags text[] not null default '{}',
  arrived_at timestamptz not null,
  received_at timestamptz not null default now(),
  size_bytes bigint not null,
  -- Absent for what ended on arrival; inline, unless `blob_key` names where it lies.
  has_content boolean not null default false,
  blob_key text,
  state text not null default 'open' check (state in ('open', 'answered', 'skipped', 'rejected', 'failed')),
  reason text,
  detail text,
  ended_at timestamptz,
  -- How often it was begun anew by hand.
  run smallint not null default 1,
  tries integer not null default 0,
  correspondent text,
  -- When an answerer, or whoever it forwards to, was last troubled with it; absent where nobody was.
  troubled_at timestamptz,
  -- What was made of it: {subject, text, html, to, from}; the latest.
  draft jsonb,
  transcript jsonb,
  decided_by text,
  decided_at timestamptz
) partition by range (uid);
create index inbound_tenant on mailfleet.inbound (tenant_id, uid);
create index inbound_mailbox on mailfleet.inbound (mailbox_uid, uid);
create index inbound_place on mailfleet.inbound (mailbox_uid, imap_uid);
-- Without the correspondent, which is written for most of what is skipped: that update is to touch no index.
create index inbound_troubled on mailfleet.inbound (mailbox_uid, troubled_at) where troubled_at is not null;
create index inbound_mailbox_id on mailfleet.inbound (tenant_id, mailbox_id, uid);

create table mailfleet.inbound_contents (
  inbound_uid uuid primary key,
  tenant_id text not null,
  bytes bytea not null
) partition by range (inbound_uid);
alter table mailfleet.inbound_contents alter column bytes set storage external;

create or replace function mailfleet.ensure_partitions(moment timestamptz) returns integer
language plpgsql as $$
declare
  parent text;
  month timestamptz;
  child text;
  made integer := 0;
begin
  foreach parent in array array['messages', 'contents', 'deliveries', 'attempts', 'inbound', 'inbound_contents'] loop
    for i in 0..2 loop
      month := date_trunc('month', moment at time zone 'utc') at time zone 'utc' + make_interval(months => i);
      child := parent || '_' || to_char(month at time zone 'utc', 'YYYYMM');
      if to_regclass('mailfleet.' || child) is null then
        execute format('create table mailfleet.%I partition of mailfleet.%I for values from (%L) to (%L)', child, parent,
          mailfleet.uuid_floor(month),
          mailfleet.uuid_floor((date_trunc('month', month at time zone 'utc') + interval '1 month') at time zone 'utc'));
        -- Room on each page for the one update that ends a delivery, so that it touches no index.
        if parent in ('deliveries', 'inbound') then execute format('alter table mailfleet.%I set (fillfactor = 80)', child); end if;
        made := made + 1;
      end if;
    end loop;
  end loop;
  return made;
end $$;

create table mailfleet.inbound_other partition of mailfleet.inbound default;
create table mailfleet.inbound_contents_other partition of mailfleet.inbound_contents default;
select mailfleet.ensure_partitions(now());

-- What a mailbox has seen, beyond retention: the same message is never taken twice, wherever it is moved.
create table mailfleet.fingerprints (
  mailbox_uid bigint not null,
  fingerprint bytea not null,
  tenant_id text not null,
  inbound_uid uuid not null,
  primary key (mailbox_uid, fingerprint)
);

-- A message that waits for its end: a narrow table that shrinks.
--   ready: may be worked on from due_at; claimed: in a worker's hands; looking: its watcher looks whether a person was faster,
--   or fetches its content; approval: waits for a person; stopped: its mailbox's kill switch is on, so that no claim has to
--   step over it.
create table mailfleet.answering (
  inbound_uid uuid primary key,
  tenant_id text not null,
  mailbox_uid bigint not null,
  state text not null default 'ready' check (state in ('ready', 'claimed', 'looking', 'approval', 'stopped')),
  due_at timestamptz not null default now(),
  worker bigint,
  -- Grows with every claim, so that a worker that was given up changes nothing.
  fence bigint not null default 0,
  tries integer not null default 0,
  crashes smallint not null default 0,
  -- When somebody last looked whether it was answered or seen in the mailbox.
  looked_at timestamptz not null default now(),
  -- A person's word: {action: 'send', subject, text, html}.
  approved jsonb,
  since timestamptz not null default now()
) with (fillfactor = 50);
create index answering_due on mailfleet.answering (tenant_id, due_at) where state = 'ready';
create index answering_worker on mailfleet.answering (worker) where state = 'claimed';
create index answering_waiting on mailfleet.answering (state, since) where state in ('looking', 'approval');
create index answering_approval on mailfleet.answering (tenant_id, inbound_uid) where state = 'approval';
create index answering_stopped on mailfleet.answering (tenant_id, due_at) where state = 'stopped';
create index answering_mailbox on mailfleet.answering (mailbox_uid, state);

-- What is to be done in a mailbox: its owner carries it out, repeatably.
create table mailfleet.mailbox_actions (
  id bigint generated always as identity primary key,
  tenant_id text not null,
  mailbox_uid bigint not null references mailfleet.mailboxes (uid) on delete cascade,
  inbound_uid uuid,
  kind text not null check (kind in ('flags', 'move', 'append', 'look', 'fetch')),
  -- flags: {add: []}; move: {to}; append: {folder, flags, messageId}.
  detail jsonb not null default '{}',
  -- What is appended.
  bytes bytea,
  due_at timestamptz not null default now(),
  tries integer not null default 0,
  -- Why it is not done yet, or why it was given up.
  trouble text,
  created_at timestamptz not null default now(),
  done_at timestamptz,
  given_up boolean not null default false
);
alter table mailfleet.mailbox_actions alter column bytes set storage external;
create index mailbox_actions_open on mailfleet.mailbox_actions (mailbox_uid, id) where done_at is null;
-- Deleting a mailbox looks for its actions, those that are done too.
create index mailbox_actions_mailbox on mailfleet.mailbox_actions (mailbox_uid, id);
create index mailbox_actions_done on mailfleet.mailbox_actions (done_at) where done_at is not null;
create index mailbox_actions_inbound on mailfleet.mailbox_actions (inbound_uid) where inbound_uid is not null;

-- One row per message that was answered, or whose answer lies in Drafts: at most one, whoever tries.
create table mailfleet.answers (
  inbound_uid uuid primary key,
  tenant_id text not null,
  mailbox_uid bigint not null,
  -- The comparison key of the address that it goes to.
  correspondent text not null,
  -- The Message-ID that it answers, and its own.
  in_reply_to text,
  message_id text not null,
  -- The message in the outbox; absent for a draft.
  message_uid uuid,
  answerer text not null,
  at timestamptz not null default now()
);
create index answers_correspondent on mailfleet.answers (mailbox_uid, correspondent, at);
create index answers_at on mailfleet.answers (mailbox_uid, at);
create index answers_message_id on mailfleet.answers (mailbox_uid, message_id);

-- The journal: what a step of an answerer came to, so that a crash replays it and does not repeat it.
create table mailfleet.answer_steps (
  inbound_uid uuid not null,
  run smallint not null,
  step integer not null,
  tenant_id text not null,
  kind text not null,
  name text not null,
  -- SHA-256 of what was asked: a step that asks another thing is another step.
  request_digest bytea not null,
  idempotency_key text not null,
  result jsonb,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  primary key (inbound_uid, run, step)
);

create index answer_steps_age on mailfleet.answer_steps using brin (started_at);

-- Tokens and cost by mailbox and day (UTC).
create table mailfleet.model_usage (
  tenant_id text not null,
  mailbox_uid bigint not null,
  day date not null,
  tokens bigint not null default 0,
  cost numeric not null default 0,
  primary key (tenant_id, mailbox_uid, day)
);

-- Kill switches: '' is the whole fleet's.
create table mailfleet.answering_stops (
  tenant_id text primary key,
  since timestamptz not null default now(),
  actor text not null
);

-- What one process asks another: `verify` of a watcher, `try` of an answer worker.
create table mailfleet.questions (
  id uuid primary key,
  tenant_id text not null,
  mailbox_uid bigint not null,
  kind text not null check (kind in ('verify', 'try')),
  bytes bytea,
  asked_at timestamptz not null default now(),
  worker bigint,
  answer jsonb,
  answered_at timestamptz
);
create index questions_open on mailfleet.questions (kind, asked_at) where worker is null;

-- Access tokens, one per credential for the whole fleet.
create table mailfleet.access_tokens (
  tenant_id text not null references mailfleet.tenants on delete cascade,
  -- How and where mailboxes or accounts log in, without their secrets: several may share a credential.
  credential jsonb not null,
  token bytea,
  token_key_id text,
  expires_at timestamptz,
  refreshing_worker bigint,
  refreshing_until timestamptz,
  primary key (tenant_id, credential)
);

-- When the next login at a host may begin.
create table mailfleet.login_paces (
  host text primary key,
  next_at timestamptz not null
) with (fillfactor = 50);

alter table mailfleet.answering set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

do $$
declare t text;
begin
  foreach t in array array['mailboxes', 'mailbox_positions', 'inbound', 'inbound_contents', 'fingerprints', 'answering', 'mailbox_actions',
    'answers', 'answer_steps', 'model_usage', 'answering_stops', 'questions', 'access_tokens'] loop
    execute format('alter table mailfleet.%I enable row level security', t);
    execute format('create policy tenant on mailfleet.%I to mailfleet_api using (tenant_id = current_setting(''mailfleet.tenant'', true))', t);
    execute format('create policy worker on mailfleet.%I to mailfleet_worker using (true) with check (true)', t);
    execute format('grant select, insert, update, delete on mailfleet.%I to mailfleet_api, mailfleet_worker', t);
  end loop;
end $$;
-- Tenants are shown that the whole fleet is stopped.
create policy fleet on mailfleet.answering_stops for select to mailfleet_api using (tenant_id = '');
grant select, insert, update, delete on mailfleet.shards, mailfleet.login_paces to mailfleet_worker;
grant usage on all sequences in schema mailfleet to mailfleet_api, mailfleet_worker;

-- Which shards are a watcher's: those it has, those it should give up (it lets go of their mailboxes first), and those it takes now,
-- up to its fair share among the watchers that live. Mailboxes are numbered, so that a few lie in shards that follow one another:
-- those are dealt out in an order (97 is odd, so it meets each of the 256 once) that leaves not all of them with one watcher.
create function mailfleet.share_shards(p_worker bigint, p_take integer)
returns table (shard smallint, fence bigint, verdict text)
language plpgsql as $$
#variable_conflict use_column
declare
  fair integer;
  mine integer;
begin
  -- One watcher at a time, so that nobody counts what another is taking.
  perform pg_advisory_xact_lock(7114005);
  select ceil(256.0 / nullif(count(*), 0)) into fair from mailfleet.workers w
  where w.app = 'imap-watch' and w.lapsed_at is null and w.lease_until > now();
  if not exists (select from mailfleet.workers w where w.id = p_worker and w.lapsed_at is null and w.lease_until > now()) then return; end if;
  return query
    select s.shard, s.fence, case when row_number() over (order by s.shard * 97 % 256) > fair then 'surplus' else 'kept' end
    from mailfleet.shards s where s.worker = p_worker;
  get diagnostics mine = row_count;
  return query
    update mailfleet.shards s set worker = p_worker, fence = s.fence + 1, since = now()
    from (
      select f.shard, f.worker as before, row_number() over (partition by f.worker is null order by f.shard * 97 % 256) as place
      from mailfleet.shards f
      where f.worker is null or not exists (
        select from mailfleet.workers w where w.id = f.worker and w.lapsed_at is null and w.lease_until > now())
    ) as free
    -- What a dead watcher has left is taken at once, whatever the fair share: others that died since still count as living, and
    -- would each have their part wait for their lease. What is too much is given up again.
    where s.shard = free.shard and free.place <= p_take and (free.before is not null or free.place <= fair - mine)
    returning s.shard, s.fence, case when free.before is null then 'taken' else 'taken_over' end;
end $$;

-- Begins to follow a mailbox: from here on whoever followed it under a lower fence changes nothing. No row: it is another's, or gone.
create function mailfleet.begin_following(p_mailbox bigint, p_worker bigint, p_fence bigint) returns setof mailfleet.mailbox_positions
language sql as $$
  update mailfleet.mailbox_positions p set fence = p_fence, taken = p.asked
  where p.mailbox_uid = p_mailbox and p.fence <= p_fence
    and exists (select from mailfleet.shards s where s.shard = p.shard and s.worker = p_worker and s.fence = p_fence)
  returning p.*
$$;

-- Mailboxes of these shards that ask for something now, after p_after and in the order of their uids: changed since p_since, asked,
-- or with actions due. What is asked of one that is not followed waits: its owner looks for it as soon as it is again.
create function mailfleet.mailbox_news(p_shards smallint[], p_since timestamptz, p_after bigint, p_limit integer) returns setof bigint
language sql stable rows 10
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
  with recursive acting (uid) as (
    -- From one mailbox to the next, however many actions each has.
    (select x.mailbox_uid from mailfleet.mailbox_actions x where x.done_at is null and x.mailbox_uid > p_after order by x.mailbox_uid limit 1)
    union all
    select (select x.mailbox_uid from mailfleet.mailbox_actions x where x.done_at is null and x.mailbox_uid > a.uid order by x.mailbox_uid limit 1)
    from acting a where a.uid is not null
  ), news (uid) as materialized (
    select m.uid from mailfleet.mailboxes m where m.updated_at > p_since
    union
    select m.uid from mailfleet.tenants t join mailfleet.mailboxes m on m.tenant_id = t.id where t.updated_at > p_since
    union
    select p.mailbox_uid from mailfleet.mailbox_positions p where p.asked <> p.taken and p.state in ('following', 'paused')
    union
    select p.mailbox_uid from acting a join mailfleet.mailbox_positions p on p.mailbox_uid = a.uid and p.state = 'following'
    where (select true from mailfleet.mailbox_actions x where x.mailbox_uid = a.uid and x.done_at is null and x.due_at <= now() limit 1)
  )
  select p.mailbox_uid from news n join mailfleet.mailbox_positions p on p.mailbox_uid = n.uid
  where n.uid > p_after and p.shard = any(p_shards) order by p.mailbox_uid limit p_limit
$$;

-- When the next login at a host may begin, in ms from now; the caller's place in the line is taken. Null, and no place is
-- taken, where it would be later than the caller waits: who goes away at once would else hold up all others.
create function mailfleet.reserve_login(p_host text, p_interval_ms float8, p_max_wait_ms float8) returns float8
language sql as $$
  insert into mailfleet.login_paces as l (host, next_at) values (lower(p_host), now() + make_interval(secs => p_interval_ms / 1000.0))
  on conflict (host) do update set next_at = greatest(l.next_at, now()) + make_interval(secs => p_interval_ms / 1000.0)
  where p_max_wait_ms is null or l.next_at <= now() + make_interval(secs => p_max_wait_ms / 1000.0)
  returning greatest(extract(epoch from (next_at - now())) * 1000 - p_interval_ms, 0)::float8
$$;

-- Claims messages to answer, fairly: tenants with the least in hand come first, and of each tenant the oldest.
create function mailfleet.claim_answering(p_worker bigint, p_limit integer, p_per_tenant integer)
returns setof mailfleet.answering
language plpgsql
set enable_seqscan = off
as $$
begin
  -- One claim at a time, so that nobody counts what another is claiming, and no tenant gets more than its share.
  perform pg_advisory_xact_lock(7114007);
  return query
  with recursive due (tenant_id) as (
    (select a.tenant_id from mailfleet.answering a where a.state = 'ready' order by a.tenant_id limit 1)
    union all
    select (select a.tenant_id from mailfleet.answering a where a.state = 'ready' and a.tenant_id > d.tenant_id order by a.tenant_id limit 1)
    from due d where d.tenant_id is not null
  ), turns as materialized (
    select d.tenant_id, work.in_hand, oldest.due_at
    from due d
    join mailfleet.tenants t on t.id = d.tenant_id and t.state = 'active'
    cross join lateral (select count(*) as in_hand from mailfleet.answering a where a.tenant_id = d.tenant_id and a.state = 'claimed') as work
    cross join lateral (
      select a.due_at from mailfleet.answering a join mailfleet.mailboxes m on m.uid = a.mailbox_uid and not m.answering_stopped
      where a.tenant_id = d.tenant_id and a.state = 'ready' order by a.due_at limit 1) as oldest
    where oldest.due_at <= now() and work.in_hand < p_per_tenant
      and exists (select from mailfleet.workers w where w.id = p_worker and w.lapsed_at is null)
      and not exists (select from mailfleet.answering_stops s where s.tenant_id in ('', d.tenant_id))
    order by work.in_hand, oldest.due_at
    limit 256
  ), chosen as materialized (
    select mine.inbound_uid, mine.is_suspect, mine.due_at from turns
    cross join lateral (
      select a.inbound_uid, a.crashes >= 2 as is_suspect, a.due_at from mailfleet.answering a
      join mailfleet.mailboxes m on m.uid = a.mailbox_uid and not m.answering_stopped
      where a.tenant_id = turns.tenant_id and a.state = 'ready' and a.due_at <= now()
        -- What was there when two processes died is worked on by itself: the next death is then its own.
        and (a.crashes < 2 or not exists (
          select from mailfleet.answering x where x.worker = p_worker and x.state = 'claimed' and x.crashes >= 2))
      order by a.due_at limit greatest(1, least(p_limit, p_per_tenant - turns.in_hand::integer)) for update of a skip locked
    ) as mine
    limit p_limit
  ), taken as materialized (
    select c.inbound_uid, c.is_suspect, row_number() over (partition by c.is_suspect order by c.due_at) as place from chosen c
  )
  update mailfleet.answering a set state = 'claimed', worker = p_worker, fence = a.fence + 1, since = now()
  where a.inbound_uid in (select t.inbound_uid from taken t where not t.is_suspect or t.place = 1) and a.state = 'ready'
  returning a.*;
end $$;

-- What lay in the hands of a worker whose lease has lapsed goes back; a message that took its worker down waits a while.
create function mailfleet.return_lapsed_answering(p_limit integer) returns integer
language sql as $$
  with lapsed as (
    select a.inbound_uid from mailfleet.answering a
    where a.state = 'claimed' and not exists (
      select from mailfleet.workers w where w.id = a.worker and w.lapsed_at is null and w.lease_until > now())
    limit p_limit for update skip locked
  ), back as (
    -- Where a suspect was in hand, it is to blame, and the others are not.
    update mailfleet.answering a set state = 'ready', worker = null,
      crashes = a.crashes + case when a.crashes >= 2 or not exists (
        select from mailfleet.answering x where x.worker = a.worker and x.state = 'claimed' and x.crashes >= 2) then 1 else 0 end,
      due_at = now() + make_interval(secs => case when a.crashes = 0 then 0 else 10 * a.crashes end)
    from lapsed l where a.inbound_uid = l.inbound_uid returning 1
  )
  select count(*)::integer from back
$$;

-- Records what was found in a mailbox, in the transaction that has checked its owner's fence. What is known by its fingerprint
-- only has its place noted; of two that are the same in one call, the first is new. What a person has asked for, and was not wanted
-- when it was recorded, is taken up now: its content is fetched when a worker asks for it.
create function mailfleet.record_inbound(p_tenant text, p_mailbox bigint, p_folder text, p_uid_validity bigint, p_messages jsonb, p_content bytea)
returns table (n integer, uid uuid, is_new boolean)
language sql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
  with input as materialized (
    select m.*, decode(m.fingerprint, 'hex') as print
    from jsonb_to_recordset(p_messages) as m(n integer, uid uuid, fingerprint text, message_id text, header_from text, subject text,
      imap_uid bigint, flags jsonb, arrived_at timestamptz, size_bytes bigint, content_at integer, content_bytes integer,
      in_blob_store boolean, skip text, skip_detail text, due_at timestamptz, asked_for boolean)
  ), seen as (
    insert into mailfleet.fingerprints (mailbox_uid, fingerprint, tenant_id, inbound_uid)
    select p_mailbox, i.print, p_tenant, i.uid from input i order by i.print, i.n
    on conflict do nothing
    returning inbound_uid
  ), fresh as materialized (
    select i.* from input i where i.uid in (select s.inbound_uid from seen s)
  ), stored as (
    insert into mailfleet.inbound (uid, tenant_id, mailbox_uid, mailbox_id, message_id, header_from, subject, folder, uid_validity, imap_uid,
      epoch, flags, arrived_at, size_bytes, has_content, blob_key, state, reason, detail, ended_at)
    select f.uid, p_tenant, p_mailbox, (select m.id from mailfleet.mailboxes m where m.uid = p_mailbox), f.message_id, f.header_from,
      f.subject, p_folder, p_uid_validity, f.imap_uid, (select o.epoch from mailfleet.mailbox_positions o where o.mailbox_uid = p_mailbox),
      array(select jsonb_array_elements_text(f.flags)), f.arrived_at, f.size_bytes, f.content_at is not null or f.in_blob_store,
      case when f.in_blob_store then f.uid::text end,
      case when f.skip is not null then 'skipped' else 'open' end, f.skip, f.skip_detail, case when f.skip is not null then now() end
    from fresh f
  ), content as (
    insert into mailfleet.inbound_contents (inbound_uid, tenant_id, bytes)
    select f.uid, p_tenant, substring(p_content from f.content_at + 1 for f.content_bytes) from fresh f where f.content_at is not null
  ), unwanted as materialized (
    select i.uid, i.arrived_at from input g
    join mailfleet.fingerprints p on p.mailbox_uid = p_mailbox and p.fingerprint = g.print
    join mailfleet.inbound i on i.uid = p.inbound_uid
    where g.asked_for and g.skip is null and i.state = 'skipped' and i.reason in ('before_start', 'too_old') and not i.has_content
    for update of i
  ), tickets as (
    -- Nobody has looked since it arrived, by the server's clock, which may be fast.
    insert into mailfleet.answering (inbound_uid, tenant_id, mailbox_uid, due_at, looked_at)
    select f.uid, p_tenant, p_mailbox, coalesce(f.due_at, now()), least(f.arrived_at, now()) from fresh f where f.skip is null
    union
    select u.uid, p_tenant, p_mailbox, now(), least(u.arrived_at, now()) from unwanted u
  ), moved as (
    update mailfleet.inbound i set folder = p_folder, uid_validity = p_uid_validity, imap_uid = k.imap_uid,
      epoch = (select o.epoch from mailfleet.mailbox_positions o where o.mailbox_uid = p_mailbox),
      state = case when k.is_taken_up then 'open' else i.state end, reason = case when not k.is_taken_up then i.reason end,
      detail = case when not k.is_taken_up then i.detail end, ended_at = case when not k.is_taken_up then i.ended_at end,
      -- What a look has found out stays: a reply in Sent is not among the flags that the server has.
      flags = array(select jsonb_array_elements_text(k.flags) union select f from unnest(i.flags) as f where f in ('\Answered', '\Seen'))
    from (
      select p.inbound_uid, g.imap_uid, g.flags, p.inbound_uid = any (array(select u.uid from unwanted u)) as is_taken_up from input g
      join mailfleet.fingerprints p on p.mailbox_uid = p_mailbox and p.fingerprint = g.print
    ) as k
    where i.uid = k.inbound_uid
  )
  select i.n, coalesce(p.inbound_uid, i.uid), p.inbound_uid is null and i.uid in (select f.uid from fresh f)
  from input i left join mailfleet.fingerprints p on p.mailbox_uid = p_mailbox and p.fingerprint = i.print
$$;
