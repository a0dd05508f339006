import { addressKey } from "@mailfleet/mail";

/**
 * Whether mail may bear this address. Entries are addresses or domains (`@example.org`), and each list must have one
 * that fits: the tenant's and the account's. The null reverse-path is not an address and is always allowed, since
 * bounces need it.
 */
export function mayUse(lists: readonly (readonly string[])[], address: string): boolean {
  if (lists.length === 0 || address === "") return true;
  const key = addressKey(address);
  return lists.every((list) =>
    list.some((entry) => (entry.startsWith("@") ? key.endsWith(entry.toLowerCase()) : addressKey(entry) === key)),
  );
}
