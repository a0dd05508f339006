import { type Acceptance, openAcceptor, type Submission } from "@mailfleet/store";
import { steppedDatabase } from "./stepped-database.ts";
import type { Actor } from "./timeline.ts";
import type { World } from "./world.ts";

/** A process that accepts mail: the real acceptor. Whoever waits for its answer when it dies gets none. */
export interface Intake {
  readonly actor: Actor;
  accept(submission: Submission): Promise<Acceptance>;
  die(): void;
}

export function startIntake(world: World, name: string, onGone: () => void): Intake {
  const actor: Actor = { name, alive: true, frozenUntilMs: 0 };
  const hungUp = new Set<(error: Error) => void>();

  function die() {
    if (!actor.alive) return;
    world.timeline.note(`${name} dies`);
    actor.alive = false;
    world.timeline.abandon(actor);
    for (const reject of hungUp) reject(new Error(`${name} hung up`));
    onGone();
  }

  const acceptor = openAcceptor(steppedDatabase(world, actor, die));
  return {
    actor,
    accept: (submission) =>
      new Promise((resolve, reject) => {
        hungUp.add(reject);
        acceptor
          .accept(submission)
          .then(resolve, reject)
          .finally(() => hungUp.delete(reject));
      }),
    die,
  };
}
