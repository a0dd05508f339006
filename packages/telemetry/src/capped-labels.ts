const rest = "other";

/**
 * Things kept per tenant and account, of which only so many have a name of their own: the first `maxTenants` tenants,
 * and the first `maxAccounts` accounts over all of them. What comes later shares "other", so that a fleet with a
 * hundred thousand accounts does not bring down whoever scrapes it.
 */
export function cappedByAccount<T>(
  make: (tenant: string, account: string) => T,
  { maxTenants, maxAccounts }: { readonly maxTenants: number; readonly maxAccounts: number },
): (tenantId: string, accountId: string) => T {
  const byTenant = new Map<string, Map<string, T>>();
  let accounts = 0;

  const accountsOf = (tenant: string): Map<string, T> => {
    let found = byTenant.get(tenant);
    if (found === undefined) {
      found = new Map();
      byTenant.set(tenant, found);
    }
    return found;
  };
  const restOf = (tenant: string): T => {
    const own = accountsOf(tenant);
    let found = own.get(rest);
    if (found === undefined) {
      found = make(tenant, rest);
      own.set(rest, found);
    }
    return found;
  };

  return (tenantId, accountId) => {
    const known = byTenant.get(tenantId);
    const found = known?.get(accountId);
    if (found !== undefined) return found;
    if (known === undefined && byTenant.size >= maxTenants) return restOf(rest);
    if (accounts >= maxAccounts) return restOf(tenantId);
    accounts++;
    const made = make(tenantId, accountId);
    accountsOf(tenantId).set(accountId, made);
    return made;
  };
}
