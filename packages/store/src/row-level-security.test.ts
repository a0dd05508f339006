import { newId, type Sign, verpAddress } from "@mailfleet/mail";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Tx } from "./database.ts";
import { fillInbound } from "./testing/inbound-rig.ts";
import { openRig, type Rig } from "./testing/rig.ts";

let rig: Rig;

/** What nobody's rows are in. Every other table must have rows of ours, or this test has not looked at it. */
const withoutTenants = ["workers", "chores", "shards", "login_paces"];

beforeAll(async () => {
  rig = await openRig();
  for (const tenant of ["ours", "theirs"]) await fill(tenant);
});
afterAll(() => rig[Symbol.asyncDispose]());

/** Puts rows of a tenant into every table. */
async function fill(tenant: string): Promise<void> {
  const { store } = rig;
  const uid = await rig.account(tenant);
  await store.apiKeys.create(tenant, { scopes: ["submit"] });
  await store.tenants.suspend(tenant, "paused");
  await store.suppressions.put(tenant, { address: "no@example.org", reason: "manual" });
  await store.commandLog.add({ actor: "test", tenantId: tenant, command: "fill", target: null, detail: {} });
  for (const id of ["dead", "claimed", "held", "later"]) await rig.submit(tenant, { id: `${tenant}-${id}` });
  const [dead, , held, later] = await rig.claim(uid);
  const failed = { tenantId: tenant, outcome: "permanent_error", status: "5.1.1" } as const;
  await rig.record(dead as string, { ...failed, next: { kind: "dead_letter" } });
  await rig.record(held as string, { ...failed, next: { kind: "hold", reason: "in_doubt" } });
  await rig.record(later as string, { ...failed, next: { kind: "retry", delayMs: 3_600_000 } });
  await rig.submit(tenant, { id: `${tenant}-ready` });
  await store.db.query("select mailfleet.lease_lane($1, $2)", [rig.workerId, uid]);
  await fillInbound(rig, tenant);
  const reversePaths = [verpAddress(dead as string, "example.org", store.signers[0] as Sign)];
  const report = { kind: "auto_reply", format: "auto_reply", messageIds: [], reversePaths } as const;
  await store.db.transaction((tx) =>
    store.deliveryReports.record(tx, { tenantId: tenant, inboundUid: newId(), isForReports: true, report }),
  );
}

async function tables(): Promise<string[]> {
  const rows = await rig.store.db.query<{ name: string }>(
    `select c.relname as name from pg_class c
     where c.relnamespace = 'mailfleet'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition`,
  );
  return rows.map(({ name }) => name).filter((name) => !withoutTenants.includes(name));
}

const count = async (tx: Pick<Tx, "query">, table: string) =>
  (await tx.query<{ n: number }>(`select count(*) as n from mailfleet.${table}`))[0]?.n;

test("every table has rows of two tenants, and a tenant sees its own half only", async () => {
  const { db } = rig.store;
  for (const table of await tables()) {
    const all = (await count(db, table)) as number;
    const ours = await db.asTenant("ours", (tx) => count(tx, table));
    const theirs = await db.asTenant("theirs", (tx) => count(tx, table));
    expect({ table, ours: (ours as number) > 0, sum: (ours as number) + (theirs as number) }).toEqual({
      table,
      ours: true,
      sum: all,
    });
  }
});

test("a tenant that does not exist, or none at all, sees nothing in any table", async () => {
  const { db } = rig.store;
  for (const table of await tables()) {
    expect(await db.asTenant("nobody", (tx) => count(tx, table)), table).toBe(0);
    const unbound = db.transaction(async (tx) => {
      await tx.query("set local role mailfleet_api");
      return count(tx, table);
    });
    expect(await unbound, table).toBe(0);
  }
});

test("a tenant can neither change nor delete another's rows in any table", async () => {
  const { db } = rig.store;
  for (const table of await tables()) {
    const before = await db.query(
      `select md5(string_agg(t::text, '|' order by t::text)) as sum from mailfleet.${table} t`,
    );
    const [column] = await db.query<{ name: string }>(
      `select attname as name from pg_attribute a where attrelid = $1::regclass and attnum > 0 and attidentity = '' limit 1`,
      [`mailfleet.${table}`],
    );
    const statements = [
      `delete from mailfleet.${table} where (select true)`,
      `update mailfleet.${table} set ${column?.name} = ${column?.name}`,
    ];
    for (const statement of statements) {
      const touched = await db
        .asTenant("nobody", (tx) => tx.query<{ x: number }>(`${statement} returning 1 as x`))
        .catch((error: { code?: string }) => {
          if (error.code !== "42501") throw error; // Permission denied is a no as well.
          return [];
        });
      expect(touched, statement).toEqual([]);
    }
    expect(
      await db.query(`select md5(string_agg(t::text, '|' order by t::text)) as sum from mailfleet.${table} t`),
    ).toEqual(before);
  }
});

test("a tenant cannot write rows in another's name", async () => {
  const { db } = rig.store;
  const writes = [
    `insert into mailfleet.suppressions (tenant_id, address, reason) values ('theirs', 'x@example.org', 'manual')`,
    `insert into mailfleet.submission_keys values ('theirs', 'tenant', 'stolen', '', gen_random_uuid())`,
    `insert into mailfleet.tallies values ('theirs', 0, 'sent', 1000)`,
    `update mailfleet.suppressions set tenant_id = 'theirs'`,
    `update mailfleet.held set tenant_id = 'theirs'`,
  ];
  for (const write of writes) {
    await expect(
      db.asTenant("ours", (tx) => tx.query(write)),
      write,
    ).rejects.toMatchObject({ code: "42501" });
  }
});

test("partitions and workers' hosts are out of tenants' reach by name", async () => {
  const { db } = rig.store;
  const partitions = await db.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'mailfleet'::regnamespace and relispartition and relkind = 'r'`,
  );
  expect(partitions.length).toBeGreaterThan(8);
  for (const text of [
    ...partitions.map(({ name }) => `select 1 from mailfleet.${name}`),
    "select host from mailfleet.workers",
  ]) {
    await expect(
      db.asTenant("ours", (tx) => tx.query(text)),
      text,
    ).rejects.toMatchObject({ code: "42501" });
  }
});
