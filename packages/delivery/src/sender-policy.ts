import { addressKey } from "@mailfleet/mail";

/**
 * Whether a tenant may send as this address. Entries are addresses or domains (`@example.org`); without a list, any.
 * The null reverse-path is not an address and is always allowed: bounces need it.
 */
export function mayUse(allowed: readonly string[] | undefined, address: string): boolean {
  if (allowed === undefined || address === "") return true;
  const key = addressKey(address);
  return allowed.some((entry) =>
    entry.startsWith("@") ? key.endsWith(entry.toLowerCase()) : addressKey(entry) === key,
  );
}
