import type { World } from "./world.ts";

/** Whoever answers; false where it has no slot free. */
export interface Taker {
  take(): boolean;
}

/** The queue of answers in Redis: rights to work on one message, which get lost, doubled, and forgotten all at once. */
export interface Errands {
  wake(inboundUid: string): void;
  flush(): void;
}

/** Between two looks for somebody with a free slot. */
const retryMs = 500;

export function openErrands(world: World, takers: () => readonly Taker[]): Errands {
  const { timeline, random, outside, plan } = world;
  const waiting = new Set<string>();

  function deliver(inboundUid: string, delayMs: number) {
    const run = () => {
      if (!waiting.has(inboundUid)) return;
      const free = [...takers()];
      while (free.length > 0) {
        const taker = random.pick(free);
        if (taker.take()) {
          if (world.isTroubled && random.chance(plan.trouble.errandDoubled))
            deliver(inboundUid, random.between(0, 2_000));
          else waiting.delete(inboundUid);
          return;
        }
        free.splice(free.indexOf(taker), 1);
      }
      deliver(inboundUid, retryMs);
    };
    timeline.add({ actor: outside, label: "", delayMs, run });
  }

  return {
    wake(inboundUid) {
      if (waiting.has(inboundUid) || (world.isTroubled && random.chance(plan.trouble.errandLost))) return;
      waiting.add(inboundUid);
      deliver(inboundUid, random.between(0, 30));
    },
    flush: () => waiting.clear(),
  };
}
