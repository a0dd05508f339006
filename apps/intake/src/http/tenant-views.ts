/** What every submission needs to know of its tenant: looked up at most once a second in each process. */
import type { Tenants } from "@mailfleet/store";

export interface TenantView {
  readonly id: string;
  readonly state: "active" | "suspended";
  readonly allowedSenders: readonly string[] | undefined;
}

export interface TenantViews {
  get(id: string): Promise<TenantView | undefined>;
  /** So that this process sees its own change at once. */
  forget(id: string): void;
}

const limits = { maxAgeMs: 1_000, remembered: 10_000 } as const;

export function openTenantViews(tenants: Pick<Tenants, "get">, nowMs = () => performance.now()): TenantViews {
  const known = new Map<string, { readonly atMs: number; readonly view: Promise<TenantView | undefined> }>();

  return {
    get(id) {
      const found = known.get(id);
      if (found && nowMs() - found.atMs < limits.maxAgeMs) return found.view;
      const view = tenants
        .get(id)
        .then((tenant) => tenant && { id, state: tenant.state, allowedSenders: tenant.settings.allowedSenders });
      const entry = { atMs: nowMs(), view };
      known.delete(id);
      known.set(id, entry);
      if (known.size > limits.remembered) known.delete(known.keys().next().value as string);
      view
        .then((tenant) => tenant === undefined)
        .catch(() => true)
        .then((isNothing) => {
          if (isNothing && known.get(id) === entry) known.delete(id); // Neither a no nor a failure is remembered.
        });
      return view;
    },
    forget: (id) => void known.delete(id),
  };
}
