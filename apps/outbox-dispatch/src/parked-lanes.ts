import { type SetTimer, setUnrefTimer } from "@mailfleet/store";
import type { OpenLane } from "./turn.ts";

/** Open lanes between turns: the account's next message finds a connection that is open already. */
export interface ParkedLanes extends AsyncDisposable {
  take(accountUid: number): OpenLane | undefined;
  /** Keeps the lane for a moment, unless the account has no lane to spare for others; says whether it did. */
  keep(opened: OpenLane, maxConnections: number): boolean;
}

interface Parked {
  readonly opened: OpenLane;
  readonly cancelTimer: () => void;
}

export function openParkedLanes({
  idleMs,
  isCurrent,
  close,
  setTimer = setUnrefTimer,
}: {
  readonly idleMs: number;
  /** Whether it may still be used: its lease holds, and its account has not changed. */
  readonly isCurrent: (opened: OpenLane) => boolean;
  readonly close: (opened: OpenLane) => Promise<void>;
  readonly setTimer?: SetTimer;
}): ParkedLanes {
  const parked = new Map<number, Parked[]>();

  function remove(accountUid: number, which: (one: Parked) => boolean): Parked | undefined {
    const lanes = parked.get(accountUid) ?? [];
    const index = lanes.findIndex(which);
    const [found] = index < 0 ? [] : lanes.splice(index, 1);
    if (lanes.length === 0) parked.delete(accountUid);
    return found;
  }

  return {
    take(accountUid) {
      const found = remove(accountUid, () => true);
      if (!found) return undefined;
      found.cancelTimer();
      if (found.opened.nextHop.usable && isCurrent(found.opened))
        return { ...found.opened, lane: { ...found.opened.lane, failures: 0 } };
      void close(found.opened);
      return undefined;
    },
    keep(opened, maxConnections) {
      const { accountUid } = opened.lane;
      const lanes = parked.get(accountUid) ?? [];
      // Other processes must find lanes free: at most half of them lie parked here.
      if (idleMs === 0 || (lanes.length + 1) * 2 > maxConnections) return false;
      const cancelTimer = setTimer(idleMs, () => {
        const found = remove(accountUid, (one) => one.opened === opened);
        if (found) void close(opened);
      });
      parked.set(accountUid, [...lanes, { opened, cancelTimer }]);
      return true;
    },
    async [Symbol.asyncDispose]() {
      const all = [...parked.values()].flat();
      parked.clear();
      for (const { cancelTimer } of all) cancelTimer();
      await Promise.all(all.map(({ opened }) => close(opened)));
    },
  };
}
