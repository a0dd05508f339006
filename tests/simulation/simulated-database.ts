import { type Database, migrate, openDatabase, openStore, type Store } from "@mailfleet/store";

/** Where simulated time begins: far from any real clock, so that a real one that got in would be seen. */
export const epochMs = Date.UTC(2001, 0, 1);

/**
 * A real PostgreSQL whose `now()` and `random()` are the simulation's: functions of these names lie in a schema that is
 * looked through before PostgreSQL's own, and ours name them without a schema.
 */
export interface SimulatedDatabase extends AsyncDisposable {
  readonly db: Database;
  readonly store: Store;
  /** From here on, `now()` is this. */
  setNow(ms: number): Promise<void>;
  /** From here on, statements are sent in this right, as the simulation's own triggers see it. */
  setContext(right: string): Promise<void>;
  /** No rows, and sequences that begin anew. */
  clean(): Promise<void>;
}

const ownTime = `
  create schema sim;
  create sequence sim.draws;
  create function sim.now() returns timestamptz language sql stable
    as $$ select coalesce(nullif(current_setting('sim.now', true), ''), '2001-01-01Z')::timestamptz $$;
  create function sim.random() returns float8 language sql volatile
    as $$ select (hashint8(nextval('sim.draws')) & 65535) / 65536.0 $$;
  grant usage on schema sim to public;
  do $$ begin
    execute format('alter database %I set search_path = sim, pg_catalog, public', current_database());
    execute format('alter database %I set synchronous_commit = off', current_database());
  end $$`;

/** Every promotion, and what spoke against it at that moment: limits bound them, and some mail may not go at all. */
const ownRecords = `
  create table sim.promotions (delivery_uid uuid not null, account_uid bigint not null, key_id bigint not null,
    at timestamptz not null, objection text);
  create function sim.note_promotion() returns trigger language plpgsql as $$ begin
    insert into sim.promotions
    select new.delivery_uid, new.account_uid, new.key_id, now(), case
      when new.expires_at <= now() then 'it had expired'
      when t.state <> 'active' then 'its tenant was suspended'
      when exists (select from mailfleet.suspended_batches s where s.tenant_id = m.tenant_id and s.batch = m.batch)
        then 'its batch was suspended'
      when exists (select from mailfleet.suppressions s where s.tenant_id = d.tenant_id and s.address = coalesce(d.recipient_key, d.recipient))
        then 'its recipient was suppressed'
      when d.state <> 'open' then 'it had ended' end
    from mailfleet.tenants t, mailfleet.messages m, mailfleet.deliveries d
    where t.id = new.tenant_id and m.tenant_id = new.tenant_id and m.uid = new.message_uid
      and d.tenant_id = new.tenant_id and d.uid = new.delivery_uid;
    return null;
  end $$;
  create trigger note_promotion after update of state on mailfleet.inflight for each row
    when (old.state = 'c' and new.state = 't') execute function sim.note_promotion()`;

/** Deleting is ten times as fast as truncating, as long as there is little to delete. */
const cleaning = `
  create function sim.write_clean() returns void language plpgsql as $$
  declare
    work text := '';
    name text;
  begin
    for name in select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where n.nspname = 'mailfleet' and c.relkind in ('r', 'p') and not c.relispartition or n.nspname = 'sim' and c.relkind = 'r' loop
      work := work || case name when 'mailfleet.shards' then 'update mailfleet.shards set worker = null, fence = 0; '
        else format('delete from %s; ', name) end;
    end loop;
    for name in select format('%I.%I', schemaname, sequencename) from pg_sequences where schemaname in ('mailfleet', 'sim') loop
      work := work || format('perform setval(%L, 1, false); ', name);
    end loop;
    for name in select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where n.nspname = 'mailfleet' and c.relkind = 'r' loop
      execute format('alter table %s set (autovacuum_enabled = false)', name);
    end loop;
    execute format('create function sim.clean() returns void language plpgsql set session_replication_role = replica as %L',
      'begin ' || work || ' end');
  end $$`;

const cleansPerVacuum = 250;

/** `url` names an empty database, which is the simulation's own; `records` are triggers that note what may not be. */
export async function openSimulatedDatabase(
  url: string,
  change?: FunctionChange,
  records = "",
): Promise<SimulatedDatabase> {
  await onAConnectionOfItsOwn(url, (db) => db.query(ownTime));
  await migrate(url);
  await onAConnectionOfItsOwn(url, async (db) => {
    await db.query(ownRecords);
    if (records !== "") await db.query(records);
    await dropPartitions(db);
    await db.query(cleaning);
    await db.query("select sim.write_clean()");
    if (change) await changeFunction(db, change);
  });

  const store = openStore({ databaseUrl: url, poolSize: 1, secretKeys: [Buffer.alloc(32).toString("base64")] });
  const { db } = store;
  let cleaned = 0;
  let shownMs = Number.NaN;
  let shownContext = "";
  return {
    db,
    store,
    async setNow(ms) {
      if (ms === shownMs) return;
      shownMs = ms;
      await db.query("select set_config('sim.now', $1, false)", [new Date(epochMs + ms).toISOString()]);
    },
    async setContext(right) {
      if (right === shownContext) return;
      shownContext = right;
      await db.query("select set_config('sim.context', $1, false)", [right]);
    },
    async clean() {
      await db.query("select sim.clean()");
      // Nothing vacuums here, since that would come at moments of its own.
      if (++cleaned % cleansPerVacuum === 0) await db.query("vacuum");
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** Another text for a part of a function's body. */
export interface FunctionChange {
  /** In the schema `mailfleet`. */
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

async function changeFunction(db: Database, { name, from, to }: FunctionChange): Promise<void> {
  const [row] = await db.query<{ text: string }>("select pg_get_functiondef($1::regproc) as text", [
    `mailfleet.${name}`,
  ]);
  const text = row?.text ?? "";
  if (!text.includes(from)) throw new Error(`mailfleet.${name} has no "${from}"`);
  await db.query(text.replace(from, () => to));
}

async function onAConnectionOfItsOwn(url: string, work: (db: Database) => Promise<unknown>): Promise<void> {
  await using db = openDatabase({ url, poolSize: 1 });
  await work(db);
}

/** All rows go to the partition for what no other takes: a third of the files to truncate, and of the plans to make. */
async function dropPartitions(db: Database): Promise<void> {
  const monthly = await db.query<{ name: string }>(
    "select inhrelid::regclass::text as name from pg_inherits where inhrelid::regclass::text ~ '_[0-9]{6}$'",
  );
  for (const { name } of monthly) await db.query(`drop table if exists ${name} cascade`);
}
