import type { Fleet } from "./fleet.ts";
import type { World } from "./world.ts";

/** Spreads what the plan says over the time until its horizon: submissions, commands, and all that goes wrong. */
export function scheduleTrouble(world: World, { dispatchers, intakes, errands, senders, people }: Fleet): void {
  const { plan, random, timeline, outside } = world;
  const { trouble, commands } = plan;

  const spread = (times: number, run: () => void | Promise<void>) => {
    for (let n = 0; n < times; n++)
      timeline.add({ actor: outside, label: "", delayMs: random.between(0, plan.horizonMs - 1), run });
  };
  const early = (times: number, run: () => void) => {
    for (let n = 0; n < times; n++)
      timeline.add({ actor: outside, label: "", delayMs: random.between(0, plan.horizonMs >> 1), run });
  };
  const living = () => [...dispatchers, ...intakes].filter(({ actor }) => actor.alive);

  timeline.add({ actor: outside, label: "", delayMs: 0, run: senders.submit });
  early(plan.messages - 1, senders.submit);
  spread(commands.resubmissions, senders.resubmit);
  spread(commands.cancellations, people.cancel);
  spread(commands.suspensions, people.suspend);
  spread(commands.suppressions, people.suppress);
  spread(commands.releases, people.release);
  spread(commands.resends, people.resend);

  spread(trouble.crashes, () => {
    const victims = living();
    if (victims.length > 0) random.pick(victims).die();
  });
  spread(trouble.drains, () => random.pick(dispatchers).drain());
  spread(trouble.freezes, () => {
    const { actor } = random.pick(dispatchers);
    if (!actor.alive) return;
    const ms = random.between(500, 25_000);
    actor.frozenUntilMs = timeline.nowMs + ms;
    timeline.note(`${actor.name} is frozen for ${ms} ms`);
  });
  spread(trouble.flushes, () => {
    timeline.note("all errands are forgotten");
    errands.flush();
  });
  spread(trouble.clockJumps, () => {
    const ms = random.between(-8_000, 20_000);
    world.clockOffsetMs += ms;
    timeline.note(`the database's clock jumps by ${ms} ms`);
  });
}
