import type { Lane } from "@mailfleet/store";
import type { Outbox } from "../../apps/outbox-dispatch/src/outbox.ts";
import type { Actor } from "./timeline.ts";
import type { World } from "./world.ts";

/** Watches over what a process does with its leases: whatever it does, what it may not do is a violation. */
export function watchOutbox(
  world: World,
  actor: Actor,
  outbox: Outbox,
): { readonly outbox: Outbox; readonly finishing: (recipient: string) => void } {
  const { ledger, timeline } = world;
  const offering = new Map<string, number>();
  const isLiving = (workerId: number) => (ledger.leases.get(workerId) ?? 0) > timeline.nowMs + world.clockOffsetMs;
  // A lease that lapses by a jump of the database's clock lapses before its owner can know.
  const mayFinish = (workerId: number) => isLiving(workerId) || world.plan.trouble.clockJumps > 0;

  return {
    outbox: {
      ...outbox,
      async leaseLane(accountUid) {
        const leased = await outbox.leaseLane(accountUid);
        if (leased.kind === "leased") world.lanes.take(actor, leased.lane, isLiving);
        return leased;
      },
      releaseLane(lane: Lane) {
        world.lanes.leave(actor, lane);
        return outbox.releaseLane(lane);
      },
      async promote(transmission) {
        const verdict = await outbox.promote(transmission);
        const [recipient] = transmission.envelope.recipients;
        if (verdict === "go" && recipient) offering.set(recipient.address, transmission.workerId);
        return verdict;
      },
      async record(record, compose) {
        await outbox.record(record, compose);
        if (record.outcome === "success") ledger.succeeded.add(record.deliveryUid);
      },
    },
    finishing(recipient) {
      const workerId = offering.get(recipient);
      if (workerId === undefined) world.violate(`${actor.name} offers ${recipient}, which it has not promoted`);
      else if (!mayFinish(workerId))
        world.violate(`${actor.name} finishes ${recipient} after lease ${workerId} has lapsed`);
    },
  };
}
