import { shutOutSubmissions } from "./accept.ts";
import { readSecrets, sealSecrets } from "./account-secrets.ts";
import { openForSending, type SendingAccount } from "./account-sending.ts";
import type {
  AccountSettings,
  LoginSecretName,
  RateLimits,
  SecretChanges,
  SecretsPresent,
} from "./account-settings.ts";
import { changeSecrets, secretsPresent, secretsToGiveAnew } from "./account-settings.ts";
import type { Database, Sql, Tx } from "./database.ts";
import { freshCache } from "./fresh-cache.ts";
import { type Page, type PageRequest, pageOf, pageSize, readCursor } from "./page.ts";
import { ensureQueueKey, writeQueueKeys } from "./queue-keys.ts";
import type { SecretKeys } from "./seal.ts";
import { hasUnfinishedMail } from "./unfinished.ts";

/** An account as it is shown: without its secrets, but with which of them are there. */
export interface Account {
  readonly uid: number;
  readonly tenantId: string;
  readonly id: string;
  readonly isDefault: boolean;
  readonly settings: AccountSettings;
  readonly secretsPresent: SecretsPresent;
  /** Its next hop is in trouble, or a limit is used up; nothing is sent before this. */
  readonly blockedUntil: Date | null;
  readonly blockStatus: string | null;
  readonly blockReason: string | null;
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export type AccountPut =
  | { readonly kind: "put"; readonly created: boolean; readonly account: Account }
  | { readonly kind: "tenant_not_found" }
  | { readonly kind: "refused"; readonly code: "too_many_accounts"; readonly detail: string }
  /** These are stored, and would be sent to another place than the one that they were given for. */
  | { readonly kind: "secrets_required"; readonly names: readonly LoginSecretName[] };

export type AccountDeletion =
  | { readonly kind: "deleted" }
  | { readonly kind: "not_found" }
  /** It has mail that has not ended (409). */
  | { readonly kind: "refused"; readonly code: "unfinished_mail"; readonly detail: string };

/** What doors need to know of an account before they accept mail for it. */
export interface ResolvedAccount {
  readonly uid: number;
  readonly tenantId: string;
  readonly id: string;
  readonly hasDomainLimits: boolean;
  readonly settings: AccountSettings;
}

export interface Accounts {
  /**
   * Makes or replaces an account. Its block is lifted, so that a repaired account is tried at once; open connections
   * see the new revision and close. A tenant's first account is its default.
   */
  put(tenantId: string, id: string, settings: AccountSettings, secrets?: SecretChanges): Promise<AccountPut>;
  get(tenantId: string, id: string): Promise<Account | undefined>;
  /** In the order of their ids. */
  list(tenantId: string, page: PageRequest): Promise<Page<Account>>;
  /** Where the default goes, the oldest of the others takes its place. */
  delete(tenantId: string, id: string): Promise<AccountDeletion>;
  /** Stores what an issuer has given in place of `used`, with every account of the tenant that logs in with it. */
  replaceRefreshToken(uid: number, used: string | undefined, refreshToken: string): Promise<void>;
  /** The account, or the tenant's default; at most a second old. */
  resolve(tenantId: string, id?: string): Promise<ResolvedAccount | undefined>;
  /**
   * What a lane needs, secrets open. At most a second old, or as old as `revision` allows where the caller knows which
   * one is current; opened once per revision. Throws SealError.
   */
  openForSending(uid: number, revision?: number): Promise<SendingAccount | undefined>;
  /** The queue key of an account, or of a recipient domain where it limits those; made where it is missing. */
  keyIdFor(uid: number, domain?: string): Promise<number | undefined>;
}

export const accountLimits = {
  perTenant: 1_000,
  rememberedMs: 1_000,
  remembered: 10_000,
  keysRemembered: 50_000,
} as const;

interface AccountRow extends Omit<Account, "secretsPresent"> {
  secrets: Buffer | null;
  secretsKeyId: string | null;
}

const selectAccounts = `select a.uid, a.tenant_id as "tenantId", a.id, a.is_default as "isDefault", a.settings,
    a.secrets, a.secrets_key_id as "secretsKeyId", a.revision, a.created_at as "createdAt", a.updated_at as "updatedAt",
    case when k.blocked_until > now() then k.blocked_until end as "blockedUntil",
    case when k.blocked_until > now() then k.block_status end as "blockStatus",
    case when k.blocked_until > now() then k.block_reason end as "blockReason"
  from mailfleet.accounts a
  left join mailfleet.queue_keys k on k.account_uid = a.uid and k.domain is null`;

export function openAccounts(db: Database, keys: SecretKeys): Accounts {
  const remembered = { maxAgeMs: accountLimits.rememberedMs, maxEntries: accountLimits.remembered };
  const resolved = freshCache<ResolvedAccount>(remembered);
  const keyIds = freshCache<number>({ ...remembered, maxEntries: accountLimits.keysRemembered });
  const sending = openForSending(db, keys, remembered);

  const forget = (tenantId: string, id: string, uid: number) => {
    resolved.forget(cacheKey(tenantId, id));
    resolved.forget(cacheKey(tenantId));
    sending.forget(uid);
  };
  const shown = ({ secrets, secretsKeyId, ...row }: AccountRow): Account => {
    const context = { tenantId: row.tenantId, id: row.id };
    return { ...row, secretsPresent: secretsPresent(readSecrets(keys, context, secrets, secretsKeyId)) };
  };
  const read = async (sql: Sql, tenantId: string, id: string) => {
    const [row] = await sql.query<AccountRow>(`${selectAccounts} where a.tenant_id = $1 and a.id = $2`, [tenantId, id]);
    return row;
  };

  return {
    async put(tenantId, id, settings, changes = {}) {
      const result = await db.asTenant(tenantId, async (tx): Promise<AccountPut> => {
        // One change of a tenant's accounts at a time: which one is the default depends on the others.
        const tenant = await tx.query("select from mailfleet.tenants where id = $1 for no key update", [tenantId]);
        if (tenant.length === 0) return { kind: "tenant_not_found" };
        const before = await read(tx, tenantId, id);
        if (!before && (await countAccounts(tx, tenantId)) >= accountLimits.perTenant) {
          const detail = `A tenant has at most ${accountLimits.perTenant} accounts.`;
          return { kind: "refused", code: "too_many_accounts", detail };
        }
        const stored = before ? readSecrets(keys, { tenantId, id }, before.secrets, before.secretsKeyId) : {};
        const required = before ? secretsToGiveAnew(stored, changes, before.settings, settings) : [];
        if (required.length > 0) return { kind: "secrets_required", names: required };
        const sealed = sealSecrets(keys, { tenantId, id }, changeSecrets(stored, changes, settings));
        const uid = await write(tx, tenantId, id, settings, sealed);
        await writeQueueKeys(tx, uid);
        return { kind: "put", created: !before, account: shown((await read(tx, tenantId, id)) as AccountRow) };
      });
      if (result.kind === "put") forget(tenantId, id, result.account.uid);
      return result;
    },

    async get(tenantId, id) {
      const row = await db.asTenant(tenantId, (tx) => read(tx, tenantId, id));
      return row && shown(row);
    },

    async list(tenantId, page) {
      const rows = await db.asTenant(tenantId, (tx) =>
        tx.query<AccountRow>(
          `${selectAccounts} where a.tenant_id = $1 and ($2::text is null or a.id > $2) order by a.id limit $3`,
          [tenantId, readCursor(page, "text") ?? null, pageSize(page) + 1],
        ),
      );
      return pageOf(rows, pageSize(page), (row) => row.id, shown);
    },

    async delete(tenantId, id) {
      const gone = await deleteAccount(db, tenantId, id);
      if (typeof gone !== "number") return gone;
      forget(tenantId, id, gone);
      keyIds.forget(String(gone));
      return { kind: "deleted" };
    },

    replaceRefreshToken: (uid, used, refreshToken) =>
      db.transaction(async (tx) => {
        const rows = await tx.query<Pick<AccountRow, "uid" | "tenantId" | "id" | "secrets" | "secretsKeyId">>(
          `select a.uid, a.tenant_id as "tenantId", a.id, a.secrets, a.secrets_key_id as "secretsKeyId" from mailfleet.accounts a
           where (a.tenant_id, a.settings -> 'auth') = (select o.tenant_id, o.settings -> 'auth' from mailfleet.accounts o where o.uid = $1)
           order by a.uid for no key update`,
          [uid],
        );
        for (const row of rows) {
          const stored = readSecrets(keys, row, row.secrets, row.secretsKeyId);
          if (stored.refreshToken !== used) continue; // A person has given another one meanwhile.
          const sealed = sealSecrets(keys, row, { ...stored, refreshToken });
          // Secrets are opened once for each revision.
          await tx.query(
            "update mailfleet.accounts set secrets = $2, secrets_key_id = $3, revision = revision + 1 where uid = $1",
            [row.uid, sealed?.bytes ?? null, sealed?.keyId ?? null],
          );
          forget(row.tenantId, row.id, row.uid);
        }
      }),

    resolve: (tenantId, id) =>
      resolved.get(cacheKey(tenantId, id), async () => {
        const [found] = await db.query<ResolvedAccount>(
          `select uid, tenant_id as "tenantId", id, has_domain_limits as "hasDomainLimits", settings
           from mailfleet.accounts where tenant_id = $1 and case when $2::text is null then is_default else id = $2 end`,
          [tenantId, id ?? null],
        );
        return found;
      }),

    openForSending: sending.get,

    keyIdFor: (uid, domain) => keyIds.get(cacheKey(String(uid), domain), () => ensureQueueKey(db, uid, domain)),
  };
}

/** No id has a space, and no domain either. */
const cacheKey = (first: string, second?: string) => (second === undefined ? first : `${first} ${second}`);

async function countAccounts(tx: Tx, tenantId: string): Promise<number> {
  const [row] = await tx.query<{ n: number }>("select count(*) as n from mailfleet.accounts where tenant_id = $1", [
    tenantId,
  ]);
  return row?.n ?? 0;
}

const hasRate = ({ perMinute, perHour, perDay }: RateLimits) =>
  perMinute !== undefined || perHour !== undefined || perDay !== undefined;

async function write(
  tx: Tx,
  tenantId: string,
  id: string,
  settings: AccountSettings,
  sealed: ReturnType<typeof sealSecrets>,
): Promise<number> {
  const { limits = {}, maxConnections = 5 } = settings;
  const [row] = await tx.query<{ uid: number }>(
    `insert into mailfleet.accounts as a (tenant_id, id, is_default, settings, secrets, secrets_key_id, max_connections,
       has_limits, has_domain_limits)
     values ($1, $2, not exists (select from mailfleet.accounts d where d.tenant_id = $1 and d.is_default),
       $3, $4, $5, $6, $7, $8)
     on conflict (tenant_id, id) do update set settings = excluded.settings, secrets = excluded.secrets,
       secrets_key_id = excluded.secrets_key_id, max_connections = excluded.max_connections,
       has_limits = excluded.has_limits, has_domain_limits = excluded.has_domain_limits,
       revision = a.revision + 1, updated_at = now()
     returning uid`,
    [
      tenantId,
      id,
      JSON.stringify(settings),
      sealed?.bytes ?? null,
      sealed?.keyId ?? null,
      maxConnections,
      hasRate(limits),
      Object.keys(limits.perDomain ?? {}).length > 0,
    ],
  );
  return (row as { uid: number }).uid;
}

/** Deletes, and returns the uid of what is gone. Submissions under way end before, or find no account. */
function deleteAccount(
  db: Database,
  tenantId: string,
  id: string,
): Promise<number | Exclude<AccountDeletion, { kind: "deleted" }>> {
  return db.asTenant(tenantId, async (tx) => {
    await shutOutSubmissions(tx);
    await tx.query("select from mailfleet.tenants where id = $1 for no key update", [tenantId]);
    const [account] = await tx.query<{ uid: number; is_default: boolean }>(
      "select uid, is_default from mailfleet.accounts where tenant_id = $1 and id = $2 for update",
      [tenantId, id],
    );
    if (!account) return { kind: "not_found" };
    if (await hasUnfinishedMail(tx, tenantId, account.uid)) {
      return { kind: "refused", code: "unfinished_mail", detail: "The account has mail that has not ended." };
    }
    await tx.query("delete from mailfleet.accounts where uid = $1", [account.uid]);
    if (account.is_default) {
      await tx.query(
        `update mailfleet.accounts set is_default = true
         where uid = (select min(uid) from mailfleet.accounts where tenant_id = $1)`,
        [tenantId],
      );
    }
    return account.uid;
  });
}
