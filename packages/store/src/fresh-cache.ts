/** What is read often and changes seldom, kept for a moment. Callers that miss together share one load. */
export interface FreshCache<V> {
  /** Kept only where it is not undefined, and only for `maxAgeMs`. */
  get(key: string, load: () => Promise<V | undefined>): Promise<V | undefined>;
  /** Forgets, so that this process sees its own change at once. A load that is under way is not kept. */
  forget(key: string): void;
}

export interface FreshCacheOptions {
  readonly maxAgeMs: number;
  /** The oldest entries go first. */
  readonly maxEntries: number;
  /** Monotonic, in milliseconds. */
  readonly nowMs?: () => number;
}

export function freshCache<V>({ maxAgeMs, maxEntries, nowMs = () => performance.now() }: FreshCacheOptions) {
  const kept = new Map<string, { readonly value: V; readonly untilMs: number }>();
  const loading = new Map<string, Promise<V | undefined>>();

  async function loadOnce(key: string, load: () => Promise<V | undefined>): Promise<V | undefined> {
    const askedAtMs = nowMs();
    const mine = load();
    loading.set(key, mine);
    try {
      const value = await mine;
      if (value !== undefined && loading.get(key) === mine) {
        kept.delete(key);
        kept.set(key, { value, untilMs: askedAtMs + maxAgeMs });
        const oldest = kept.keys().next();
        if (kept.size > maxEntries && !oldest.done) kept.delete(oldest.value);
      }
      return value;
    } finally {
      if (loading.get(key) === mine) loading.delete(key);
    }
  }

  const cache: FreshCache<V> = {
    async get(key, load) {
      const found = kept.get(key);
      if (found && nowMs() < found.untilMs) return found.value;
      return loading.get(key) ?? loadOnce(key, load);
    },
    forget(key) {
      kept.delete(key);
      loading.delete(key);
    },
  };
  return cache;
}
