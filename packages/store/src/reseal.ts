import { resealAccount } from "./account-secrets.ts";
import type { Database } from "./database.ts";
import { resealMailbox } from "./mailbox-secrets.ts";
import type { SecretKeys } from "./seal.ts";

const portion = 100;

const owners = [
  { table: "accounts", reseal: resealAccount },
  { table: "mailboxes", reseal: resealMailbox },
] as const;

/**
 * Seals by the current key what an older one has sealed, in portions, while everything runs. Afterwards the older keys
 * may leave the list. Returns how many accounts and mailboxes it was. Throws SealError where a key is missing.
 */
export async function resealSecrets(db: Database, keys: SecretKeys): Promise<number> {
  let done = 0;
  for (const { table, reseal } of owners) {
    for (let resealed = portion; resealed >= portion; done += resealed) {
      resealed = await db.transaction(async (tx) => {
        const rows = await tx.query<{ uid: number; tenantId: string; id: string; bytes: Buffer; keyId: string }>(
          `select uid, tenant_id as "tenantId", id, secrets as bytes, secrets_key_id as "keyId" from mailfleet.${table}
           where secrets is not null and secrets_key_id <> $1 order by uid limit $2 for no key update`,
          [keys.currentId, portion],
        );
        for (const row of rows) {
          const { bytes, keyId } = reseal(keys, row, row);
          await tx.query(`update mailfleet.${table} set secrets = $2, secrets_key_id = $3 where uid = $1`, [
            row.uid,
            bytes,
            keyId,
          ]);
        }
        return rows.length;
      });
    }
  }
  // A token is gone in an hour anyway: the next one is sealed by the current key.
  await db.query("delete from mailfleet.access_tokens where token_key_id <> $1", [keys.currentId]);
  return done;
}
