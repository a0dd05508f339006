-- What the fleet does now and then as a whole, whichever process does it, and when that was begun last.

create table mailfleet.chores (
  name text primary key,
  begun_at timestamptz not null
);
grant select, insert, update, delete on mailfleet.chores to mailfleet_worker;
