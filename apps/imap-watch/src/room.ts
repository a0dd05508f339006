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
  /** First come, first served. More than there is altogether counts as all of it. */
  reserve(bytes: number, signal: AbortSignal): Promise<Disposable>;
}

export function openRoom(following: Pick<Store["following"], "backlog">, limits: RoomLimits): Room {
  let waiting = 0;
  let byTenant: ReadonlyMap<string, number> = new Map();
  let free = limits.bytesInFlight;
  const line: { readonly bytes: number; readonly go: () => void }[] = [];

  const advance = () => {
    for (let first = line[0]; first && first.bytes <= free; first = line[0]) {
      line.shift();
      free -= first.bytes;
      first.go();
    }
  };

  return {
    async look() {
      const backlog = await following.backlog();
      waiting = backlog.count;
      byTenant = backlog.byTenant;
    },

    hasRoom: (tenantId) =>
      waiting < limits.maxWaiting && (byTenant.get(tenantId) ?? 0) < limits.maxWaitingPerTenant && line.length === 0,

    async reserve(wanted, signal) {
      const bytes = Math.min(wanted, limits.bytesInFlight);
      const granted = Promise.withResolvers<void>();
      const place = { bytes, go: granted.resolve };
      const leave = () => {
        const at = line.indexOf(place);
        if (at >= 0) line.splice(at, 1);
        granted.reject(signal.reason);
        advance();
      };
      line.push(place);
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
          free += bytes;
          advance();
        },
      };
    },
  };
}
