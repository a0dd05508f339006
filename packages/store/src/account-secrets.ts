import type { AccountSecrets } from "./account-settings.ts";
import type { Database } from "./database.ts";
import type { Sealed, SecretKeys } from "./seal.ts";

interface Owner {
  readonly tenantId: string;
  readonly id: string;
}

const contextOf = ({ tenantId, id }: Owner) => `account ${tenantId}/${id}`;

/** Undefined where there is nothing to seal. */
export function sealSecrets(keys: SecretKeys, owner: Owner, secrets: AccountSecrets): Sealed | undefined {
  if (Object.keys(secrets).length === 0) return undefined;
  return keys.seal(JSON.stringify(secrets), contextOf(owner));
}

/** Throws SealError. */
export function readSecrets(
  keys: SecretKeys,
  owner: Owner,
  bytes: Uint8Array | null,
  keyId: string | null,
): AccountSecrets {
  if (!bytes || !keyId) return {};
  return JSON.parse(keys.open({ bytes, keyId }, contextOf(owner)).toString("utf8"));
}

const portion = 100;

/**
 * Seals by the current key what an older one has sealed, in portions, while everything runs. Afterwards the older keys
 * may leave the list. Returns how many accounts it was. Throws SealError where a key is missing.
 */
export async function resealSecrets(db: Database, keys: SecretKeys): Promise<number> {
  let done = 0;
  for (;;) {
    const resealed = await db.transaction(async (tx) => {
      const rows = await tx.query<{ uid: number; tenant_id: string; id: string; secrets: Buffer; key_id: string }>(
        `select uid, tenant_id, id, secrets, secrets_key_id as key_id from mailfleet.accounts
         where secrets is not null and secrets_key_id <> $1 order by uid limit $2 for no key update`,
        [keys.currentId, portion],
      );
      for (const { uid, tenant_id, id, secrets, key_id } of rows) {
        const context = contextOf({ tenantId: tenant_id, id });
        const { bytes, keyId } = keys.seal(keys.open({ bytes: secrets, keyId: key_id }, context), context);
        await tx.query("update mailfleet.accounts set secrets = $2, secrets_key_id = $3 where uid = $1", [
          uid,
          bytes,
          keyId,
        ]);
      }
      return rows.length;
    });
    done += resealed;
    if (resealed < portion) return done;
  }
}
