import { createHash, randomBytes } from "node:crypto";
import type { Database, Sql } from "./database.ts";
import { freshCache } from "./fresh-cache.ts";
import { type Page, type PageRequest, pageOf, pageSize, readCursor } from "./page.ts";

/** What a key may do: hand over mail, look, change settings. */
export type Scope = "submit" | "read" | "manage";

export const scopes: readonly Scope[] = ["submit", "read", "manage"];

export interface ApiKey {
  readonly id: string;
  readonly scopes: readonly Scope[];
  readonly label: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
}

export interface NewApiKey {
  readonly scopes: readonly Scope[];
  readonly label?: string;
  readonly expiresAt?: Date;
  /** For a key that must stay the same, as the demo tenant's: `mf_` and at least 32 more characters. */
  readonly key?: string;
}

/** Whose a key is, and what it may do. */
export interface Identity {
  readonly keyId: string;
  readonly tenantId: string;
  readonly tenantState: "active" | "suspended";
  readonly scopes: readonly Scope[];
}

export type ApiKeyCreation =
  /** `key` is shown this once: only its digest is stored. */
  | { readonly kind: "created"; readonly key: string; readonly apiKey: ApiKey }
  | { readonly kind: "tenant_not_found" }
  /** The tenant has as many as it may (409). */
  | { readonly kind: "refused"; readonly code: "too_many_keys"; readonly detail: string };

export interface ApiKeys {
  create(tenantId: string, wanted: NewApiKey): Promise<ApiKeyCreation>;
  list(tenantId: string, page: PageRequest): Promise<Page<ApiKey>>;
  /** False where there is no such key. Other processes may take the key for one second more. */
  delete(tenantId: string, keyId: string): Promise<boolean>;
  /** Undefined for a key that is unknown or has expired. A yes is remembered for at most a second, a no never. */
  authenticate(key: string): Promise<Identity | undefined>;
}

export const apiKeyLimits = { perTenant: 1_000, keyLength: 256, rememberedMs: 1_000, remembered: 10_000 } as const;

const shape = /^mf_[A-Za-z0-9_-]{32,253}$/;
const columns = `id, scopes, label, created_at as "createdAt", expires_at as "expiresAt"`;

export function openApiKeys(db: Database): ApiKeys {
  const known = freshCache<Identity>({ maxAgeMs: apiKeyLimits.rememberedMs, maxEntries: apiKeyLimits.remembered });

  return {
    async create(tenantId, { scopes, label, expiresAt, key: given }) {
      const id = randomBytes(8).toString("hex");
      const key = given ?? `mf_${id}${randomBytes(32).toString("base64url")}`;
      if (!shape.test(key)) throw new RangeError("a key is mf_ and 32 to 253 letters, digits, _ or -");
      return db.transaction(async (tx) => {
        const [tenant] = await tx.query<{ keys: number }>(
          `select (select count(*) from mailfleet.api_keys k where k.tenant_id = t.id) as keys
           from mailfleet.tenants t where t.id = $1 for no key update`,
          [tenantId],
        );
        if (!tenant) return { kind: "tenant_not_found" };
        if (tenant.keys >= apiKeyLimits.perTenant) {
          const detail = `A tenant has at most ${apiKeyLimits.perTenant} keys.`;
          return { kind: "refused", code: "too_many_keys", detail };
        }
        const [apiKey] = await tx.query<ApiKey>(
          `insert into mailfleet.api_keys (id, tenant_id, digest, scopes, label, expires_at)
           values ($1, $2, $3, $4, $5, $6) returning ${columns}`,
          [id, tenantId, digestOf(key), scopes, label ?? null, expiresAt ?? null],
        );
        return { kind: "created", key, apiKey: apiKey as ApiKey };
      });
    },

    async list(tenantId, page) {
      const rows = await db.asTenant(tenantId, (tx) =>
        tx.query<ApiKey>(
          `select ${columns} from mailfleet.api_keys
           where tenant_id = $1 and ($2::text is null or id > $2) order by id limit $3`,
          [tenantId, readCursor(page, "text") ?? null, pageSize(page) + 1],
        ),
      );
      return pageOf(
        rows,
        pageSize(page),
        (row) => row.id,
        (row) => row,
      );
    },

    async delete(tenantId, keyId) {
      const [gone] = await db.asTenant(tenantId, (tx) =>
        tx.query<{ digest: Buffer }>(
          "delete from mailfleet.api_keys where tenant_id = $1 and id = $2 returning digest",
          [tenantId, keyId],
        ),
      );
      if (gone) known.forget(gone.digest.toString("hex"));
      return gone !== undefined;
    },

    async authenticate(key) {
      if (!shape.test(key)) return undefined;
      // The digest is what is looked up, so the time it takes says nothing about the key.
      const digest = digestOf(key);
      return known.get(digest.toString("hex"), () => findByDigest(db, digest));
    },
  };
}

function digestOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}

async function findByDigest(sql: Sql, digest: Buffer): Promise<Identity | undefined> {
  const [found] = await sql.query<Identity>(
    `select k.id as "keyId", k.tenant_id as "tenantId", t.state as "tenantState", k.scopes
     from mailfleet.api_keys k join mailfleet.tenants t on t.id = k.tenant_id
     where k.digest = $1 and coalesce(k.expires_at > now(), true)`,
    [digest],
  );
  return found;
}
