import { crashPoint } from "@mailfleet/service";
import type { Transmission } from "@mailfleet/store";
import type { Outbox } from "./outbox.ts";

export const queueLimits = {
  /** Claimed ahead for each lane, so that no lane waits for a claim; at a crash they go back free of charge. */
  aheadPerLane: 12,
  /** Claimed by one statement. */
  claim: 250,
  /** While mail keeps coming, a look at the whole queue is due this often, for what was committed out of order. */
  rescanMs: 15_000,
  /** When a queue seems empty it is looked at whole, but no more often than this. */
  emptyRescanMs: 1_000,
} as const;

/** One account's claimed mail in this process, shared by its lanes. */
export interface AccountQueue {
  /** The next claimed delivery, or undefined where there is nothing to send now. */
  next(): Promise<Transmission | undefined>;
  /** A delivery has been recorded. */
  settled(transmission: Transmission): void;
  /** There is more than one lane carries. */
  readonly isFull: boolean;
  /** Something is left for another turn. */
  readonly hasMore: boolean;
  /** A lane leaves; with the last one, what is claimed and not offered goes back. */
  leave(): void;
}

export interface AccountQueues {
  /** A lane joins. */
  join(accountUid: number, express: boolean): AccountQueue;
}

/** What takes a process down is claimed one at a time. */
interface Suspects {
  inHand: string | undefined;
}

interface Shared {
  lanes: number;
  readonly waiting: Transmission[];
  readonly heads: number[];
  rescannedAt: number;
  claiming: Promise<void> | undefined;
  hasMore: boolean;
  empty: boolean;
  isLingering: boolean;
}

/**
 * `linger` is a short wait: where mail keeps coming, one lane of an account that runs dry stays for it, since a turn that ends
 * and is asked for again costs more than a look.
 */
export function openAccountQueues(
  outbox: Outbox,
  now: () => number = () => performance.now(),
  linger?: () => Promise<void>,
): AccountQueues {
  const queues = new Map<string, Shared>();
  const suspects: Suspects = { inHand: undefined };

  async function claim(shared: Shared, accountUid: number, express: boolean): Promise<void> {
    const fromTheStart = now() - shared.rescannedAt >= queueLimits.rescanMs;
    if (fromTheStart) rescan(shared);
    const want = Math.min(queueLimits.claim, Math.max(1, shared.lanes) * queueLimits.aheadPerLane);
    const found = await claimOnce(shared, accountUid, want, express);
    const lookedEverywhere = fromTheStart || now() - shared.rescannedAt < queueLimits.emptyRescanMs;
    if (found > 0 || lookedEverywhere) return;
    rescan(shared);
    await claimOnce(shared, accountUid, want, express);
  }

  async function claimOnce(shared: Shared, accountUid: number, want: number, express: boolean): Promise<number> {
    const { transmissions, claims, blocked } = await outbox.claim({
      accountUid,
      want,
      heads: [...shared.heads],
      express,
      suspects: suspects.inHand === undefined && !express,
    });
    for (const { band, seq } of claims) shared.heads[band] = Math.max(shared.heads[band] ?? 0, seq);
    for (const one of transmissions) if (one.band === 4) suspects.inHand = one.deliveryUid;
    shared.waiting.push(...transmissions);
    shared.hasMore = claims.length >= want;
    shared.empty = blocked || claims.length === 0;
    return blocked ? 1 : claims.length;
  }

  function rescan(shared: Shared) {
    shared.heads.fill(0);
    shared.rescannedAt = now();
  }

  return {
    join(accountUid, express) {
      const key = `${accountUid}${express ? "x" : ""}`;
      const shared = queues.get(key) ?? openShared();
      queues.set(key, shared);
      shared.lanes++;
      let left = false;
      let hasCarried = false;

      const refill = () => {
        if (shared.claiming) return shared.claiming;
        const claiming = claim(shared, accountUid, express).finally(() => {
          shared.claiming = undefined;
          if (shared.lanes === 0) giveBack(shared);
        });
        // Whoever waits for mail hears of trouble; a claim ahead of need has nobody who waits, and must not end the process.
        claiming.catch(() => {});
        shared.claiming = claiming;
        return claiming;
      };

      return {
        async next() {
          for (;;) {
            const found = shared.waiting.shift();
            if (found) {
              hasCarried = true;
              if (shared.hasMore && shared.waiting.length < shared.lanes * 4) void refill();
              return found;
            }
            await refill();
            if (shared.waiting.length > 0 || !shared.empty) continue;
            if (!linger || !hasCarried || shared.isLingering) return undefined;
            hasCarried = false;
            shared.isLingering = true;
            await linger().finally(() => {
              shared.isLingering = false;
            });
          }
        },
        settled({ deliveryUid }) {
          if (suspects.inHand === deliveryUid) suspects.inHand = undefined;
        },
        get isFull() {
          return shared.hasMore || shared.waiting.length > shared.lanes;
        },
        get hasMore() {
          return shared.hasMore || shared.waiting.length > 0;
        },
        leave() {
          if (left) return;
          left = true;
          shared.lanes--;
          if (shared.lanes > 0) return;
          queues.delete(key);
          giveBack(shared);
        },
      };
    },
  };

  function giveBack(shared: Shared) {
    for (const { deliveryUid, tenantId, workerId, attempt } of shared.waiting.splice(0)) {
      void outbox.record({ deliveryUid, tenantId, workerId, attempt, next: { kind: "back" } });
      crashPoint("dispatch-while-giving-back");
      if (suspects.inHand === deliveryUid) suspects.inHand = undefined;
    }
  }
}

const openShared = (): Shared => ({
  lanes: 0,
  waiting: [],
  heads: [0, 0, 0, 0, 0],
  rescannedAt: Number.NEGATIVE_INFINITY,
  claiming: undefined,
  hasMore: false,
  empty: false,
  isLingering: false,
});
