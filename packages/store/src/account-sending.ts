import { defaultRetryPolicy, type RetryPolicy } from "@mailfleet/mail";
import { readSecrets } from "./account-secrets.ts";
import type { AccountSecrets, AccountSettings } from "./account-settings.ts";
import type { Database } from "./database.ts";
import { type FreshCacheOptions, freshCache } from "./fresh-cache.ts";
import type { SecretKeys } from "./seal.ts";

/** An account as a lane uses it, with its secrets open. Never logged. */
export interface SendingAccount {
  readonly uid: number;
  readonly tenantId: string;
  readonly id: string;
  /** A connection that was opened under another revision is stale. */
  readonly revision: number;
  readonly settings: AccountSettings;
  readonly secrets: AccountSecrets;
  readonly maxConnections: number;
  /** The default policy with what the account says otherwise. */
  readonly retry: RetryPolicy;
}

interface SendingRow {
  uid: number;
  tenantId: string;
  id: string;
  revision: number;
  settings: AccountSettings;
  maxConnections: number;
  secrets: Buffer | null;
  secretsKeyId: string | null;
}

export function openForSending(db: Database, keys: SecretKeys, remembered: FreshCacheOptions) {
  const fresh = freshCache<SendingAccount>(remembered);
  const opened = new Map<number, SendingAccount>();

  async function load(uid: number): Promise<SendingAccount | undefined> {
    const [row] = await db.query<SendingRow>(
      `select uid, tenant_id as "tenantId", id, revision, settings, max_connections as "maxConnections", secrets,
         secrets_key_id as "secretsKeyId" from mailfleet.accounts where uid = $1`,
      [uid],
    );
    const before = opened.get(uid);
    opened.delete(uid);
    if (!row) return undefined;
    const { secrets, secretsKeyId, ...rest } = row;
    const isSame = before?.revision === row.revision;
    const account = isSame
      ? before
      : {
          ...rest,
          secrets: readSecrets(keys, row, secrets, secretsKeyId),
          retry: { ...defaultRetryPolicy, ...row.settings.retry },
        };
    opened.set(uid, account);
    const oldest = opened.keys().next();
    if (opened.size > remembered.maxEntries && !oldest.done) opened.delete(oldest.value);
    return account;
  }

  return {
    async get(uid: number, revision?: number): Promise<SendingAccount | undefined> {
      const known = opened.get(uid);
      if (known && revision !== undefined && known.revision >= revision) return known;
      if (revision !== undefined) fresh.forget(String(uid));
      return fresh.get(String(uid), () => load(uid));
    },
    forget(uid: number) {
      fresh.forget(String(uid));
    },
  };
}
