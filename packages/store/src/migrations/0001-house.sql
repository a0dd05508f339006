-- The house: roles, tenants, keys, accounts, and what limits and blocks them.

create schema mailfleet;

-- The API's role is bound to one tenant by row-level security; the workers' role is not.
do $$ begin create role mailfleet_api nologin; exception when duplicate_object or unique_violation then null; end $$;
do $$ begin create role mailfleet_worker nologin; exception when duplicate_object or unique_violation then null; end $$;
do $$ begin execute format('grant mailfleet_api, mailfleet_worker to %I', current_user); end $$;

create table mailfleet.tenants (
  id text primary key check (id ~ '^[A-Za-z0-9._~-]{1,128}$'),
  state text not null default 'active' check (state in ('active', 'suspended')),
  settings jsonb not null default '{}',
  -- Spare the sender's hot path a look at tables that hold nothing for this tenant.
  has_suppressions boolean not null default false,
  has_suspended_batches boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table mailfleet.suspended_batches (
  tenant_id text not null references mailfleet.tenants on delete cascade,
  batch text not null,
  since timestamptz not null default now(),
  primary key (tenant_id, batch)
);

create table mailfleet.api_keys (
  id text primary key,
  tenant_id text not null references mailfleet.tenants on delete cascade,
  digest bytea not null unique,
  scopes text[] not null,
  label text,
  created_at timestamptz not null default now(),
  expires_at timestamptz
);
create index api_keys_tenant on mailfleet.api_keys (tenant_id, id);

create table mailfleet.accounts (
  uid bigint generated always as identity unique,
  tenant_id text not null references mailfleet.tenants on delete cascade,
  id text not null check (id ~ '^[A-Za-z0-9._~-]{1,128}$'),
  is_default boolean not null default false,
  settings jsonb not null,
  -- Credentials and signing keys: one JSON object, AES-256-GCM, sealed by the key named beside it.
  secrets bytea,
  secrets_key_id text,
  max_connections smallint not null default 5 check (max_connections between 1 and 1000),
  has_limits boolean not null default false,
  has_domain_limits boolean not null default false,
  -- Grows with every change, so that open connections know that they are stale.
  revision bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id)
);
create unique index accounts_one_default on mailfleet.accounts (tenant_id) where is_default;

-- What limits and back-off attach to: an account (domain is null), and a recipient domain where limits apply.
create table mailfleet.queue_keys (
  id bigint generated always as identity primary key,
  tenant_id text not null,
  account_uid bigint not null references mailfleet.accounts (uid) on delete cascade,
  domain text,
  blocked_until timestamptz,
  block_status text,
  block_reason text,
  -- Consecutive failures of the account's next hop; while there are any, one lane probes.
  failures integer not null default 0,
  per_minute integer,
  per_hour integer,
  per_day integer,
  minute_start timestamptz not null default '-infinity',
  minute_used integer not null default 0,
  hour_start timestamptz not null default '-infinity',
  hour_used integer not null default 0,
  day_start timestamptz not null default '-infinity',
  day_used integer not null default 0,
  unique nulls not distinct (account_uid, domain)
) with (fillfactor = 50);

create table mailfleet.suppressions (
  tenant_id text not null references mailfleet.tenants on delete cascade,
  -- The comparison key of the address: case-folded, domain in U-label.
  address text not null,
  reason text not null,
  note text,
  created_at timestamptz not null default now(),
  primary key (tenant_id, address)
);

create table mailfleet.command_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  tenant_id text,
  command text not null,
  target text,
  detail jsonb not null default '{}'
);
create index command_log_tenant on mailfleet.command_log (tenant_id, id);

-- A row per process, with a short lease. Its id is its incarnation: a process that lapsed comes back under a new one.
create table mailfleet.workers (
  id bigint generated always as identity primary key,
  app text not null,
  host text not null,
  started_at timestamptz not null default now(),
  lease_until timestamptz not null,
  -- Once set, the lease is gone for good, even if the process comes back to itself.
  lapsed_at timestamptz
) with (fillfactor = 50);

-- An account's connection slots. A lane lives and lapses with its owner's lease; its fence only grows.
create table mailfleet.lanes (
  account_uid bigint not null references mailfleet.accounts (uid) on delete cascade,
  slot smallint not null,
  worker bigint,
  -- By what number its owner asked for it.
  ask bigint,
  fence bigint not null default 1,
  since timestamptz not null default now(),
  primary key (account_uid, slot)
) with (fillfactor = 50);
create index lanes_worker on mailfleet.lanes (worker);
