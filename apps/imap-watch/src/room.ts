import type { Store } from "@mailfleet/store";

export interface RoomLimits {
  readonly maxWaiting: number;
  readonly maxWaitingPerTenant: number;
  readonly bytesInFlight: number;
}

/**
 * How much more may be taken in: bounded by what waits for answers, over the fleet and by tenant, and by the content that
 * this process holds. Mail that is not taken in stays in its mailbox, unseen.
 */
export interface Room {
  /** Asks the database what waits. */
  look(): Promise<void>;
  hasRoom(tenantId: string): boolean;
  /**
   * First come, first served within a tenant, and tenants in turn. A tenant holds its share at most, or one reservation
   * that is larger: servers that take their time keep no other tenant waiting. More than there is altogether counts as
   * all of it.
   */
  reserve(tenantId: string, bytes: number, signal: AbortSignal): Promise<Disposable>;
}

/** How far intake goes beyond `maxWaiting`, for the sake of tenants that have less waiting than others. */
export const overflowLimits = {
  /** A tenant with fewer than this waiting is let in. */
  tenantFloor: 20,
  /** Times `maxWaiting`: with that many waiting, nobody is. */
  bound: 2,
} as const;

/** The part of the bytes in flight that one tenant may hold. */
const tenantShare = 1 / 4;

interface Place {
  readonly bytes: number;
  readonly go: () => void;
}

/** What a tenant holds, and its line. */
interface Holding {
  bytes: number;
  readonly line: Place[];
}

export function openRoom(following: Pick<Store["following"], "backlog">, limits: RoomLimits): Room {
  let waiting = 0;
  let byTenant: ReadonlyMap<string, number> = new Map();
  let free = limits.bytesInFlight;
  const shareBytes = limits.bytesInFlight * tenantShare;
  /** In the order of their turns. Only tenants that hold something, or wait for it. */
  const holdings = new Map<string, Holding>();
  /** Somebody who holds less than his share waits. */
  let isFull = false;

  const advance = () => {
    isFull = false;
    for (let hasMoved = true; hasMoved && !isFull; ) {
      hasMoved = false;
      for (const [tenantId, holding] of [...holdings]) {
        const [first] = holding.line;
        if (!first || (holding.bytes > 0 && holding.bytes + first.bytes > shareBytes)) continue;
        // Nobody goes past the one whose turn it is, or what is large would never get its room.
        isFull = first.bytes > free;
        if (isFull) break;
        holding.line.shift();
        holding.bytes += first.bytes;
        free -= first.bytes;
        hasMoved = true;
        holdings.delete(tenantId);
        holdings.set(tenantId, holding);
        first.go();
      }
    }
  };

  const tidy = (tenantId: string, { bytes, line }: Holding) => {
    if (bytes === 0 && line.length === 0) holdings.delete(tenantId);
  };

  /** A few tenants whose answers do not get on must not stop everybody's mail. */
  const isBelowShare = (tenantId: string) => {
    const mine = byTenant.get(tenantId) ?? 0;
    if (mine >= limits.maxWaitingPerTenant || waiting >= limits.maxWaiting * overflowLimits.bound) return false;
    const tenants = byTenant.size + (mine === 0 ? 1 : 0);
    return waiting < limits.maxWaiting || mine < Math.max(overflowLimits.tenantFloor, limits.maxWaiting / tenants);
  };

  return {
    async look() {
      const backlog = await following.backlog();
      waiting = backlog.count;
      byTenant = backlog.byTenant;
    },

    hasRoom: (tenantId) => isBelowShare(tenantId) && !isFull && (holdings.get(tenantId)?.line.length ?? 0) === 0,

    async reserve(tenantId, wanted, signal) {
      const bytes = Math.min(wanted, limits.bytesInFlight);
      const holding: Holding = holdings.get(tenantId) ?? { bytes: 0, line: [] };
      holdings.set(tenantId, holding);
      const granted = Promise.withResolvers<void>();
      const place: Place = { bytes, go: granted.resolve };
      const leave = () => {
        const at = holding.line.indexOf(place);
        if (at < 0) return;
        holding.line.splice(at, 1);
        tidy(tenantId, holding);
        granted.reject(signal.reason);
        advance();
      };
      holding.line.push(place);
      advance();
      signal.addEventListener("abort", leave, { once: true });
      try {
        if (signal.aborted) leave();
        await granted.promise;
      } finally {
        signal.removeEventListener("abort", leave);
      }
      let isHeld = true;
      return {
        [Symbol.dispose]() {
          if (!isHeld) return;
          isHeld = false;
          holding.bytes -= bytes;
          free += bytes;
          tidy(tenantId, holding);
          advance();
        },
      };
    },
  };
}
