-- What a tenant's statistics read: which lanes of its own accounts are in use, and whether their workers live.

alter table mailfleet.lanes enable row level security;
-- Lanes have no tenant of their own: they are seen through their account, whose policy decides.
create policy tenant on mailfleet.lanes for select to mailfleet_api
  using (exists (select from mailfleet.accounts a where a.uid = account_uid));
create policy worker on mailfleet.lanes to mailfleet_worker using (true) with check (true);

-- Nothing of a tenant's is in these columns; hosts and apps stay out of sight.
grant select (id, lease_until) on mailfleet.workers to mailfleet_api;
