/**
 * A mailbox's lists of senders: whole addresses and whole domains (`@example.org`), nothing in between. No wildcards
 * and no substrings, so that an entry lets in, or keeps out, exactly what it says.
 */
import { addressKey, parseAddress, parseDomain } from "./address.ts";

/** Whether a text may be in a list: an address, or `@` and a domain. */
export function isSenderEntry(entry: string): boolean {
  return keyOfEntry(entry) !== undefined;
}

/**
 * Whether the list names the address: by itself (`addressKey`: in any case), or by its domain, spelled in U-labels or
 * A-labels. A domain does not name its subdomains. What is no address is named by no list.
 */
export function matchesSender(list: readonly string[], address: string): boolean {
  const parsed = parseAddress(address);
  if (!parsed.ok) return false;
  const key = addressKey(parsed.address.address);
  const domainKey = `@${parsed.address.domain}`;
  return list.some((entry) => {
    const entryKey = keyOfEntry(entry);
    return entryKey === key || entryKey === domainKey;
  });
}

function keyOfEntry(entry: string): string | undefined {
  if (entry.startsWith("@")) {
    const parsed = parseDomain(entry.slice(1));
    return parsed.ok ? `@${parsed.domain}` : undefined;
  }
  const parsed = parseAddress(entry);
  return parsed.ok ? addressKey(parsed.address.address) : undefined;
}
