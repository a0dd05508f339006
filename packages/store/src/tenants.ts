import { shutOutSubmissions } from "./accept.ts";
import type { Database, Sql, Tx } from "./database.ts";
import { type Page, type PageRequest, pageOf, pageSize, readCursor } from "./page.ts";
import { purgeHistory } from "./purge.ts";
import { returnSuspended } from "./suspended.ts";
import { hasUnfinishedMail } from "./unfinished.ts";

/** What a tenant's operator can choose. */
export interface TenantSettings {
  /** Addresses or `@domain`s that may stand in reverse-path and From, whatever the account; any where it is absent. */
  readonly allowedSenders?: readonly string[];
  /** What models may use in a day (UTC) for all of its mailboxes together: tokens, and money in the prices' currency. */
  readonly modelTokensPerDay?: number;
  readonly modelCostPerDay?: number;
}

export interface Tenant {
  readonly id: string;
  readonly state: "active" | "suspended";
  readonly settings: TenantSettings;
  /** Batches that wait, while the rest goes on; at most 1,000 are shown. */
  readonly suspendedBatches: readonly string[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export type TenantDeletion =
  | { readonly kind: "deleted" }
  | { readonly kind: "not_found" }
  /** It has mail that has not ended (409). */
  | { readonly kind: "refused"; readonly code: "unfinished_mail"; readonly detail: string };

export type TenantChange =
  /** `accountUids` have mail again that may be sent: wake them. */
  | { readonly kind: "changed"; readonly tenant: Tenant; readonly accountUids: readonly number[] }
  | { readonly kind: "not_found" };

export interface Tenants {
  /** Makes a tenant, or replaces its settings. Its state stays. */
  put(id: string, settings: TenantSettings): Promise<{ readonly created: boolean; readonly tenant: Tenant }>;
  get(id: string): Promise<Tenant | undefined>;
  /** In the order of their ids. */
  list(page: PageRequest): Promise<Page<Tenant>>;
  /** Deletes a tenant and all of its history, in portions; may be repeated where it was interrupted. */
  delete(id: string): Promise<TenantDeletion>;
  /** What is queued stays where it is, and waits; with `batch`, only that batch does. */
  suspend(id: string, batch?: string): Promise<TenantChange>;
  /** What was held for the suspension may be sent again. */
  activate(id: string, batch?: string): Promise<TenantChange>;
}

const columns = `t.id, t.state, t.settings, t.created_at as "createdAt", t.updated_at as "updatedAt",
  array(select b.batch from mailfleet.suspended_batches b where b.tenant_id = t.id order by b.batch limit 1000)
    as "suspendedBatches"`;

export function openTenants(db: Database): Tenants {
  return {
    put: (id, settings) =>
      db.transaction(async (tx) => {
        const [row] = await tx.query<{ created: boolean }>(
          `insert into mailfleet.tenants as t (id, settings) values ($1, $2)
           on conflict (id) do update set settings = excluded.settings, updated_at = now()
           returning xmax::text = '0' as created`,
          [id, JSON.stringify(settings)],
        );
        return { created: row?.created ?? false, tenant: (await read(tx, id)) as Tenant };
      }),

    get: (id) => read(db, id),

    async list(page) {
      const rows = await db.query<Tenant>(
        `select ${columns} from mailfleet.tenants t where ($1::text is null or t.id > $1) order by t.id limit $2`,
        [readCursor(page, "text") ?? null, pageSize(page) + 1],
      );
      return pageOf(
        rows,
        pageSize(page),
        (tenant) => tenant.id,
        (tenant) => tenant,
      );
    },

    async delete(id) {
      const isThere = await db.transaction((tx) => mayGo(tx, id));
      if (isThere !== true) return isThere;
      await purgeHistory(db, id);
      return db.transaction(async (tx) => {
        const isStill = await mayGo(tx, id);
        if (isStill !== true) return isStill;
        await purgeHistory(tx, id); // What ended in between.
        await tx.query(
          `update mailfleet.command_log set tenant_id = null, detail = detail || jsonb_build_object('deletedTenant', $1::text)
           where tenant_id = $1`,
          [id],
        );
        await tx.query("delete from mailfleet.tenants where id = $1", [id]);
        return { kind: "deleted" };
      });
    },

    suspend: (id, batch) =>
      db.transaction(async (tx) => {
        if (!(await lock(tx, id))) return { kind: "not_found" };
        if (batch === undefined) {
          await tx.query("update mailfleet.tenants set state = 'suspended', updated_at = now() where id = $1", [id]);
        } else {
          await tx.query(
            "insert into mailfleet.suspended_batches (tenant_id, batch) values ($1, $2) on conflict do nothing",
            [id, batch],
          );
          await tx.query(
            "update mailfleet.tenants set has_suspended_batches = true, updated_at = now() where id = $1",
            [id],
          );
        }
        return { kind: "changed", tenant: (await read(tx, id)) as Tenant, accountUids: [] };
      }),

    async activate(id, batch) {
      const tenant = await db.transaction(async (tx) => {
        if (!(await lock(tx, id))) return undefined;
        if (batch === undefined) {
          await tx.query("update mailfleet.tenants set state = 'active', updated_at = now() where id = $1", [id]);
        } else {
          await tx.query("delete from mailfleet.suspended_batches where tenant_id = $1 and batch = $2", [id, batch]);
          await tx.query(
            `update mailfleet.tenants set updated_at = now(),
               has_suspended_batches = exists (select from mailfleet.suspended_batches where tenant_id = $1)
             where id = $1`,
            [id],
          );
        }
        return read(tx, id);
      });
      if (!tenant) return { kind: "not_found" };
      const returned = await returnSuspended(db, id);
      const waiting = tenant.state === "active" ? await accountsWithReadyMail(db, id) : [];
      return { kind: "changed", tenant, accountUids: [...new Set([...returned, ...waiting])] };
    },
  };
}

async function read(sql: Sql, id: string): Promise<Tenant | undefined> {
  const [tenant] = await sql.query<Tenant>(`select ${columns} from mailfleet.tenants t where t.id = $1`, [id]);
  return tenant;
}

/** Changes of one tenant happen one after another. Acceptance and keys, which refer to the tenant, need not wait. */
async function lock(tx: Tx, id: string): Promise<boolean> {
  const rows = await tx.query("select from mailfleet.tenants where id = $1 for no key update", [id]);
  return rows.length > 0;
}

async function mayGo(tx: Tx, id: string): Promise<true | Exclude<TenantDeletion, { kind: "deleted" }>> {
  await shutOutSubmissions(tx);
  const rows = await tx.query("select from mailfleet.tenants where id = $1 for update", [id]);
  if (rows.length === 0) return { kind: "not_found" };
  await tx.query("select from mailfleet.accounts where tenant_id = $1 order by uid for update", [id]);
  if (!(await hasUnfinishedMail(tx, id))) return true;
  return {
    kind: "refused",
    code: "unfinished_mail",
    detail: "The tenant has mail that has not ended; cancel it first.",
  };
}

async function accountsWithReadyMail(sql: Sql, tenantId: string): Promise<number[]> {
  const rows = await sql.query<{ uid: number }>(
    `select distinct a.uid from mailfleet.accounts a join mailfleet.queue_keys k on k.account_uid = a.uid
     where a.tenant_id = $1 and exists (select from mailfleet.ready r where r.key_id = k.id)`,
    [tenantId],
  );
  return rows.map((row) => row.uid);
}
