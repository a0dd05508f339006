-- The outbox. History is append-mostly and partitioned by time, since ids are UUIDv7 and sort by it;
-- what is unfinished lies in narrow tables that shrink.

-- The same id is the same message. Keys outlive messages. Origins other than 'tenant' are out of tenants' reach.
create table mailfleet.submission_keys (
  tenant_id text not null,
  origin text not null,
  id text not null,
  digest bytea not null,
  message_uid uuid not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, origin, id)
);
create index submission_keys_age on mailfleet.submission_keys using brin (created_at);

create table mailfleet.messages (
  uid uuid not null,
  tenant_id text not null,
  origin text not null,
  -- The tenant's own id, or the uid where none was given.
  id text not null,
  account_uid bigint not null,
  -- The Message-ID header field's value.
  message_id text not null,
  via text not null,
  reverse_path text not null,
  header_from text,
  subject text,
  priority smallint not null,
  in_doubt text not null check (in_doubt in ('retry', 'hold')),
  batch text,
  tags text[],
  metadata jsonb,
  smtp_utf8 boolean not null default false,
  eight_bit boolean not null default false,
  ret text,
  envid text,
  size_bytes integer not null,
  -- Where the content lies if it is not in mailfleet.contents.
  blob_key text,
  -- What retries need to know: {base, factor, max, maxAttempts, giveUpAfter} overrides live on the account.
  accepted_at timestamptz not null default now(),
  send_at timestamptz,
  expires_at timestamptz,
  primary key (tenant_id, uid)
) partition by range (uid);
create index messages_batch on mailfleet.messages (tenant_id, batch, uid) where batch is not null;

create table mailfleet.contents (
  message_uid uuid primary key,
  bytes bytea not null
) partition by range (message_uid);
alter table mailfleet.contents alter column bytes set storage external;

create table mailfleet.deliveries (
  uid uuid not null,
  tenant_id text not null,
  message_uid uuid not null,
  account_uid bigint not null,
  recipient text not null,
  -- What suppressions know it by, where that is not how it is written.
  recipient_key text,
  position integer not null,
  notify text[],
  orcpt text,
  resend_of uuid,
  created_at timestamptz not null default now(),
  -- 'open' until it ends; what an open one is doing is told by the narrow table that holds its ticket.
  state text not null default 'open' check (state in ('open', 'sent', 'dead_lettered', 'suppressed', 'cancelled')),
  ended_at timestamptz,
  attempts integer not null default 0,
  last_status text,
  last_reason text,
  primary key (tenant_id, uid)
) partition by range (uid);
create index deliveries_message on mailfleet.deliveries (message_uid);
-- No column of the primary key in it: on a new partition, without statistics, it would look as good as that to the planner.
-- And no function: row-level security lets only what cannot leak come before its own condition.
create index deliveries_recipient on mailfleet.deliveries (recipient);

create table mailfleet.attempts (
  delivery_uid uuid not null,
  number integer not null,
  tenant_id text not null,
  outcome text not null check (outcome in ('success', 'transient_error', 'permanent_error', 'in_doubt')),
  status text not null,
  reply_code smallint,
  reason text not null,
  ended_at timestamptz not null default now(),
  duration_ms integer,
  worker bigint,
  -- What a process that had lost its lease found out after all.
  late_outcome text,
  late_reason text,
  primary key (delivery_uid, number)
) partition by range (delivery_uid);

-- Lowest UUIDv7 of a moment (RFC 9562, section 5.7).
create function mailfleet.uuid_floor(moment timestamptz) returns uuid
language sql immutable strict as $$
  select (lpad(to_hex(floor(extract(epoch from moment) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
$$;

-- Makes the monthly partitions around a moment, where they do not exist yet.
create function mailfleet.ensure_partitions(moment timestamptz) returns integer
language plpgsql as $$
declare
  parent text;
  month timestamptz;
  child text;
  made integer := 0;
begin
  foreach parent in array array['messages', 'contents', 'deliveries', 'attempts'] loop
    for i in 0..2 loop
      month := date_trunc('month', moment at time zone 'utc') at time zone 'utc' + make_interval(months => i);
      child := parent || '_' || to_char(month at time zone 'utc', 'YYYYMM');
      if to_regclass('mailfleet.' || child) is null then
        execute format('create table mailfleet.%I partition of mailfleet.%I for values from (%L) to (%L)', child, parent,
          mailfleet.uuid_floor(month),
          mailfleet.uuid_floor((date_trunc('month', month at time zone 'utc') + interval '1 month') at time zone 'utc'));
        -- Room on each page for the one update that ends a delivery, so that it touches no index.
        if parent = 'deliveries' then execute format('alter table mailfleet.%I set (fillfactor = 80)', child); end if;
        made := made + 1;
      end if;
    end loop;
  end loop;
  return made;
end $$;

-- What a clock far off would otherwise refuse.
create table mailfleet.messages_other partition of mailfleet.messages default;
create table mailfleet.contents_other partition of mailfleet.contents default;
create table mailfleet.deliveries_other partition of mailfleet.deliveries default;
create table mailfleet.attempts_other partition of mailfleet.attempts default;
select mailfleet.ensure_partitions(now());

create sequence mailfleet.ready_seq cache 1;

-- A delivery that may be sent now. Drawn in order of seq within its queue key and band.
-- Bands 0 to 3 are the priorities; band 4 holds what took its process down twice, and is claimed alone.
create table mailfleet.ready (
  delivery_uid uuid not null,
  message_uid uuid not null,
  tenant_id text not null,
  account_uid bigint not null,
  key_id bigint not null,
  priority smallint not null,
  attempt integer not null default 0,
  crashes smallint not null default 0,
  expires_at timestamptz,
  band smallint not null,
  seq bigint not null default nextval('mailfleet.ready_seq'),
  primary key (key_id, band, seq)
);
create index ready_delivery on mailfleet.ready (delivery_uid);

-- A delivery that waits for a time: scheduled, or to be tried again.
create table mailfleet.later (
  delivery_uid uuid primary key,
  message_uid uuid not null,
  tenant_id text not null,
  account_uid bigint not null,
  key_id bigint not null,
  priority smallint not null,
  attempt integer not null default 0,
  crashes smallint not null default 0,
  expires_at timestamptz,
  due_at timestamptz not null
);
create index later_due on mailfleet.later (due_at);

-- A delivery in the hands of a worker: claimed ('c', surely unsent) or transmitting ('t', may be in doubt).
create table mailfleet.inflight (
  delivery_uid uuid primary key,
  message_uid uuid not null,
  tenant_id text not null,
  account_uid bigint not null,
  key_id bigint not null,
  priority smallint not null,
  attempt integer not null,
  crashes smallint not null,
  expires_at timestamptz,
  band smallint not null,
  seq bigint not null,
  worker bigint not null,
  state "char" not null default 'c',
  limited boolean not null default false,
  -- An earlier attempt was found to have succeeded while this one was under way: however this one ends, it was sent.
  settled boolean not null default false,
  since timestamptz not null default now()
) with (fillfactor = 50);
create index inflight_worker on mailfleet.inflight (worker);

-- A delivery that waits for a person.
create table mailfleet.held (
  delivery_uid uuid primary key,
  message_uid uuid not null,
  tenant_id text not null,
  account_uid bigint not null,
  key_id bigint not null,
  priority smallint not null,
  attempt integer not null,
  crashes smallint not null,
  expires_at timestamptz,
  reason text not null check (reason in ('in_doubt', 'suspended', 'poison')),
  since timestamptz not null default now()
);
create index held_tenant on mailfleet.held (tenant_id, delivery_uid);

create table mailfleet.dead_letters (
  tenant_id text not null,
  delivery_uid uuid not null,
  at timestamptz not null default now(),
  primary key (tenant_id, delivery_uid)
);

-- How many ended how, so that statistics cost no scan. Rows are only ever added, and folded into one now and then: a row that is
-- counted up for each round would leave its dead versions in everybody's way for as long as a snapshot is held open.
create table mailfleet.tallies (
  tenant_id text not null,
  worker bigint not null,
  kind text not null,
  n bigint not null
);

-- Churn is their life: vacuum early, and never wait for a tenth of a million.
alter table mailfleet.ready set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.1);
alter table mailfleet.inflight set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
alter table mailfleet.later set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
