import type { Fleet } from "./fleet.ts";
import type { World } from "./world.ts";

/** Spreads what the plan says over the time until its horizon: mail, deeds, and all that goes wrong. */
export function scheduleTrouble(world: World, fleet: Fleet): void {
  const { plan, random, timeline, outside } = world;
  const { trouble, deeds } = plan;
  const { watchers, workers, errands, correspondents, people } = fleet;

  const spread = (times: number, withinMs: number, run: () => unknown) => {
    for (let n = 0; n < times; n++) {
      const delayMs = random.between(0, withinMs - 1);
      timeline.add({ actor: outside, label: "", delayMs, run: async () => void (await run()) });
    }
  };
  const often = (times: number, run: () => unknown) => spread(times, plan.horizonMs, run);
  const processes = () => [...watchers, ...workers];

  spread(plan.letters, plan.horizonMs >> 1, correspondents.write);
  often(deeds.moves, correspondents.move);
  often(deeds.seen, correspondents.see);
  often(deeds.answered, correspondents.answer);
  often(deeds.renumberings, correspondents.renumber);
  often(deeds.stops, people.stop);
  often(deeds.suspensions, people.suspend);
  often(deeds.decisions, people.decide);
  often(deeds.requeues, people.requeue);
  often(deeds.backfills, people.backfill);
  often(Math.ceil(plan.horizonMs / 10_000), people.reap);

  often(trouble.crashes, () => random.pick(processes()).process.die());
  often(trouble.drains, () => random.pick(processes()).drain());
  often(trouble.freezes, () => random.pick(processes()).process.freeze(random.between(500, 25_000)));
  often(trouble.flushes, () => {
    timeline.note("all errands are forgotten");
    errands.flush();
  });
  often(trouble.clockJumps, () => {
    const ms = random.between(-8_000, 20_000);
    world.clockOffsetMs += ms;
    timeline.note(`the database's clock jumps by ${ms} ms`);
  });
}
