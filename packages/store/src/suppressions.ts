import { addressKey } from "@mailfleet/mail";
import type { Database, Tx } from "./database.ts";
import { type Page, type PageRequest, pageOf, pageSize, readCursor } from "./page.ts";

/** A recipient that we must not mail, and why. */
export interface Suppression {
  /** As compared: folded to lower case, domain in U-labels. */
  readonly address: string;
  /** Such as `manual`, `complaint`, `unsubscribe` or `hard_bounce`. */
  readonly reason: string;
  readonly note: string | null;
  readonly createdAt: Date;
}

export interface NewSuppression {
  /** Normalised by `parseAddress`. */
  readonly address: string;
  readonly reason: string;
  readonly note?: string;
}

export const suppressionLimits = { perImport: 10_000 } as const;

export interface Suppressions {
  /** Replaces the one that is there; its time stays. Undefined where there is no such tenant. */
  put(
    tenantId: string,
    suppression: NewSuppression,
  ): Promise<{ readonly created: boolean; readonly suppression: Suppression } | undefined>;
  get(tenantId: string, address: string): Promise<Suppression | undefined>;
  /** In the order of addresses. */
  list(tenantId: string, page: PageRequest & { readonly reason?: string }): Promise<Page<Suppression>>;
  delete(tenantId: string, address: string): Promise<boolean>;
  /** At most 10,000 at once; those that are there stay as they are. Returns how many are new. */
  import(tenantId: string, suppressions: readonly NewSuppression[]): Promise<number | undefined>;
}

const columns = `address, reason, note, created_at as "createdAt"`;

export function openSuppressions(db: Database): Suppressions {
  return {
    put: (tenantId, { address, reason, note }) =>
      change(db, tenantId, async (tx) => {
        const [row] = await tx.query<Suppression & { created: boolean }>(
          `insert into mailfleet.suppressions as s (tenant_id, address, reason, note) values ($1, $2, $3, $4)
           on conflict (tenant_id, address) do update set reason = excluded.reason, note = excluded.note
           returning ${columns}, xmax::text = '0' as created`,
          [tenantId, addressKey(address), reason, note ?? null],
        );
        const { created, ...suppression } = row as Suppression & { created: boolean };
        return { created, suppression };
      }),

    async get(tenantId, address) {
      const [found] = await db.asTenant(tenantId, (tx) =>
        tx.query<Suppression>(`select ${columns} from mailfleet.suppressions where tenant_id = $1 and address = $2`, [
          tenantId,
          addressKey(address),
        ]),
      );
      return found;
    },

    async list(tenantId, page) {
      const rows = await db.asTenant(tenantId, (tx) =>
        tx.query<Suppression>(
          `select ${columns} from mailfleet.suppressions
           where tenant_id = $1 and ($2::text is null or address > $2) and ($3::text is null or reason = $3)
           order by address limit $4`,
          [tenantId, readCursor(page, "text") ?? null, page.reason ?? null, pageSize(page) + 1],
        ),
      );
      return pageOf(
        rows,
        pageSize(page),
        (row) => row.address,
        (row) => row,
      );
    },

    async delete(tenantId, address) {
      const gone = await change(db, tenantId, (tx) =>
        tx.query("delete from mailfleet.suppressions where tenant_id = $1 and address = $2 returning 1", [
          tenantId,
          addressKey(address),
        ]),
      );
      return gone !== undefined && gone.length > 0;
    },

    async import(tenantId, suppressions) {
      if (suppressions.length > suppressionLimits.perImport) {
        throw new RangeError(`at most ${suppressionLimits.perImport} suppressions are imported at once`);
      }
      const rows = suppressions.map((one) => ({ ...one, address: addressKey(one.address) }));
      const made = await change(db, tenantId, (tx) =>
        tx.query(
          `insert into mailfleet.suppressions (tenant_id, address, reason, note)
           select distinct on (i.address) $1, i.address, i.reason, i.note
           from json_to_recordset($2) as i(address text, reason text, note text) order by i.address
           on conflict do nothing returning 1`,
          [tenantId, JSON.stringify(rows)],
        ),
      );
      return made?.length;
    },
  };
}

/** The sender looks for suppressions only where the tenant is marked as having some, so mark and rows change together. */
function change<T>(db: Database, tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T | undefined> {
  return db.asTenant(tenantId, async (tx) => {
    const found = await tx.query("select from mailfleet.tenants where id = $1 for no key update", [tenantId]);
    if (found.length === 0) return undefined;
    const result = await work(tx);
    await tx.query(
      `update mailfleet.tenants t set has_suppressions = not t.has_suppressions
       where t.id = $1
         and t.has_suppressions <> exists (select from mailfleet.suppressions s where s.tenant_id = t.id)`,
      [tenantId],
    );
    return result;
  });
}
