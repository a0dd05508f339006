-- Tenants neither see nor touch one another, whatever the API's queries say.

do $$
declare t text;
begin
  foreach t in array array['suspended_batches', 'api_keys', 'accounts', 'queue_keys', 'suppressions', 'command_log',
    'submission_keys', 'messages', 'deliveries', 'attempts', 'ready', 'later', 'inflight', 'held', 'dead_letters', 'tallies'] loop
    execute format('alter table mailfleet.%I enable row level security', t);
    execute format('create policy tenant on mailfleet.%I to mailfleet_api using (tenant_id = current_setting(''mailfleet.tenant'', true))', t);
    execute format('create policy worker on mailfleet.%I to mailfleet_worker using (true) with check (true)', t);
  end loop;
end $$;

alter table mailfleet.tenants enable row level security;
create policy tenant on mailfleet.tenants to mailfleet_api using (id = current_setting('mailfleet.tenant', true));
create policy worker on mailfleet.tenants to mailfleet_worker using (true) with check (true);

-- Content has no tenant of its own: it is seen through its message.
alter table mailfleet.contents enable row level security;
create policy tenant on mailfleet.contents to mailfleet_api
  using (exists (select from mailfleet.messages m where m.uid = message_uid and m.tenant_id = current_setting('mailfleet.tenant', true)));
create policy worker on mailfleet.contents to mailfleet_worker using (true) with check (true);

grant usage on schema mailfleet to mailfleet_api, mailfleet_worker;
grant select, insert, update, delete on all tables in schema mailfleet to mailfleet_api, mailfleet_worker;
grant usage on all sequences in schema mailfleet to mailfleet_api, mailfleet_worker;
revoke all on mailfleet.workers, mailfleet.lanes from mailfleet_api;
grant select on mailfleet.lanes to mailfleet_api;
-- A partition asked for by name has no policies of its own, so it is out of reach by name.
do $$
declare p regclass;
begin
  for p in select inhrelid::regclass from pg_inherits i join pg_class c on c.oid = i.inhparent where c.relnamespace = 'mailfleet'::regnamespace and c.relkind = 'p' loop
    execute format('revoke all on %s from mailfleet_api', p);
  end loop;
end $$;
