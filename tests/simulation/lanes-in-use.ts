import type { Lane } from "@mailfleet/store";
import type { Actor } from "./timeline.ts";

/** Lanes that processes believe to have. Of those whose lease holds, no two may be the same. */
export interface LanesInUse {
  take(actor: Actor, lane: Lane, isLiving: (workerId: number) => boolean): void;
  leave(actor: Actor, lane: Lane): void;
}

interface Use {
  readonly actor: Actor;
  readonly lane: Lane;
}

export function watchLanes(
  maxConnections: (accountUid: number) => number,
  violate: (text: string) => void,
): LanesInUse {
  let uses: Use[] = [];
  return {
    take(actor, lane, isLiving) {
      if (!isLiving(lane.workerId)) return; // The answer took longer than the lease.
      uses = uses.filter((one) => one.actor.alive && isLiving(one.lane.workerId));
      const ofAccount = uses.filter((one) => one.lane.accountUid === lane.accountUid);
      uses.push({ actor, lane });
      if (ofAccount.some((one) => one.lane.slot === lane.slot))
        violate(`${actor.name} leased lane ${lane.accountUid}/${lane.slot}, which is in use`);
      if (ofAccount.length >= maxConnections(lane.accountUid))
        violate(`account ${lane.accountUid} has ${ofAccount.length + 1} lanes in use`);
    },
    leave(actor, lane) {
      uses = uses.filter(
        (one) => one.actor !== actor || one.lane.slot !== lane.slot || one.lane.accountUid !== lane.accountUid,
      );
    },
  };
}
