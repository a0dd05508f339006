/**
 * Slows down and locks out who fails to authenticate: per address, and per user name.
 *
 * A user who is locked out stays welcome from an address where they have authenticated before, or anybody could lock
 * out anybody. Memory is bounded: the oldest entries are forgotten first.
 */
export const authGuardLimits = {
  failuresPerAddress: 20,
  failuresPerUser: 50,
  /** Failures are counted from the first for so long; a lock-out lasts until then. */
  windowMs: 15 * 60_000,
  firstDelayMs: 500,
  maxDelayMs: 8_000,
  /** Addresses, users and pairs that are remembered, each. */
  remembered: 10_000,
  userLength: 257,
} as const;

export interface AuthGuard {
  isLockedOut(user: string, address: string): boolean;
  /** Counts a failure, and says how long to wait before it is answered. */
  failed(user: string, address: string): number;
  succeeded(user: string, address: string): void;
}

interface Failures {
  count: number;
  readonly untilMs: number;
}

type AuthGuardLimits = { readonly [K in keyof typeof authGuardLimits]: number };

export function authGuard({
  nowMs = () => performance.now(),
  limits = authGuardLimits,
}: {
  readonly nowMs?: () => number;
  readonly limits?: AuthGuardLimits;
} = {}): AuthGuard {
  const byAddress = new Map<string, Failures>();
  const byUser = new Map<string, Failures>();
  const known = new Map<string, true>();

  const countOf = (map: Map<string, Failures>, key: string): number => {
    const found = map.get(key);
    if (found && found.untilMs > nowMs()) return found.count;
    map.delete(key);
    return 0;
  };
  const remember = <V>(map: Map<string, V>, key: string, value: V) => {
    map.delete(key);
    map.set(key, value);
    const oldest = map.keys().next();
    if (map.size > limits.remembered && !oldest.done) map.delete(oldest.value);
  };
  const count = (map: Map<string, Failures>, key: string): number => {
    const sofar = countOf(map, key);
    const found = map.get(key) ?? { count: 0, untilMs: nowMs() + limits.windowMs };
    found.count = sofar + 1;
    remember(map, key, found);
    return found.count;
  };
  // No tenant and account have a longer name.
  const short = (user: string): string => user.slice(0, limits.userLength);
  const pair = (user: string, address: string): string => `${address} ${short(user)}`;

  return {
    isLockedOut: (user, address) =>
      countOf(byAddress, address) >= limits.failuresPerAddress ||
      (countOf(byUser, short(user)) >= limits.failuresPerUser && !known.has(pair(user, address))),
    failed(user, address) {
      const worst = Math.max(count(byAddress, address), count(byUser, short(user)));
      return Math.min(limits.maxDelayMs, limits.firstDelayMs * 2 ** Math.min(worst - 1, 30));
    },
    succeeded(user, address) {
      byAddress.delete(address);
      byUser.delete(short(user));
      remember(known, pair(user, address), true);
    },
  };
}
