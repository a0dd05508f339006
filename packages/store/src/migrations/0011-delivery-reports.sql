-- What came in about a delivery: bounces, complaints, and what else mail systems report. Few, so neither narrow nor partitioned.

create table mailfleet.delivery_reports (
  tenant_id text not null references mailfleet.tenants on delete cascade,
  delivery_uid uuid not null,
  inbound_uid uuid not null,
  kind text not null
    check (kind in ('bounce', 'delay', 'delivered', 'complaint', 'feedback', 'disposition', 'auto_reply', 'unclear')),
  -- Whether it says that the address is dead.
  hard boolean not null,
  status text,
  diagnostic text,
  -- Whom the report names; what the delivery was for is the delivery's.
  recipient text,
  -- The comparison key of the delivery's recipient, by which soft bounces are counted.
  recipient_key text not null,
  evidence text not null check (evidence in ('signed', 'message_id')),
  effect text not null check (effect in ('suppressed', 'counted', 'noted')),
  at timestamptz not null default now(),
  primary key (tenant_id, delivery_uid, inbound_uid)
);
create index delivery_reports_soft on mailfleet.delivery_reports (tenant_id, recipient_key, at) where effect = 'counted';

alter table mailfleet.delivery_reports enable row level security;
create policy tenant on mailfleet.delivery_reports to mailfleet_api using (tenant_id = current_setting('mailfleet.tenant', true));
create policy worker on mailfleet.delivery_reports to mailfleet_worker using (true) with check (true);
grant select, insert, update, delete on mailfleet.delivery_reports to mailfleet_api, mailfleet_worker;

-- A report with neither a signed reverse-path nor a signed envelope id names a Message-ID and a recipient. There is no index on
-- Message-IDs: every accepted message would pay for it, and hardly any is ever reported. The recipient has an index already,
-- and few deliveries of a month have the same one; those whose recipient is not spelled as it is compared are rare, and have this.
create index deliveries_recipient_key on mailfleet.deliveries (recipient_key) where recipient_key is not null;
