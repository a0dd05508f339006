import type { World } from "./world.ts";

/** A turn that somebody asked for. */
export interface Errand {
  readonly accountUid: number;
  readonly lane: number;
  readonly express: boolean;
}

/** Whoever takes turns; false where it has no slot free. */
export interface Taker {
  take(errand: Errand): boolean;
}

/** Redis, as far as it can be relied on: a set of errands that get lost, doubled, and forgotten all at once. */
export interface Errands {
  wake(errand: Errand): void;
  flush(): void;
  readonly waiting: number;
}

/** Between two looks for somebody with a free slot. */
const retryMs = 250;

export function openErrands(world: World, takers: () => readonly Taker[]): Errands {
  const { timeline, random, outside, plan } = world;
  const waiting = new Map<string, Errand>();

  function deliver(key: string, delayMs: number) {
    timeline.add({
      actor: outside,
      label: "",
      delayMs,
      run() {
        const errand = waiting.get(key);
        if (!errand) return;
        const free = [...takers()];
        while (free.length > 0) {
          const taker = random.pick(free);
          if (taker.take(errand)) {
            if (world.isTroubled && random.chance(plan.trouble.errandDoubled)) deliver(key, random.between(0, 2_000));
            else waiting.delete(key);
            return;
          }
          free.splice(free.indexOf(taker), 1);
        }
        deliver(key, retryMs);
      },
    });
  }

  return {
    wake(errand) {
      if (world.isTroubled && random.chance(plan.trouble.errandLost)) return;
      const key = `${errand.accountUid}/${errand.lane}/${errand.express}`;
      if (waiting.has(key)) return;
      waiting.set(key, errand);
      deliver(key, random.between(0, 30));
    },
    flush: () => waiting.clear(),
    get waiting() {
      return waiting.size;
    },
  };
}
