import type { AccountSecrets } from "./account-settings.ts";
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

/** Seals by the current key what an older one has sealed. Throws SealError where a key is missing. */
export function resealAccount(keys: SecretKeys, owner: Owner, sealed: Sealed): Sealed {
  return keys.seal(keys.open(sealed, contextOf(owner)), contextOf(owner));
}
