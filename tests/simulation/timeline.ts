import type { Random } from "./random.ts";

/** Whoever does things: a process of the fleet, or the world around it. */
export interface Actor {
  readonly name: string;
  alive: boolean;
  /** Stopped by a signal until then; what it asked of others goes on without it. */
  frozenUntilMs: number;
  /** How much its wall clock is ahead, ms. */
  readonly clockSkewMs?: number;
}

export interface Step {
  readonly actor: Actor;
  readonly label: string;
  readonly readyAtMs: number;
  /** The database carries out a statement that was sent, whatever becomes of its sender. */
  readonly outlivesItsActor: boolean;
  run(): void | Promise<void>;
}

/**
 * The one thread of a simulated fleet: everything that anybody waits for is a step on it. Of the steps that are ready, a
 * seeded draw says which one happens next; where none is, time goes on to the next that will be.
 */
export interface Timeline {
  /** Simulated time, ms since its start. */
  readonly nowMs: number;
  readonly steps: number;
  /** Whose step is being run. */
  readonly acting: Actor | undefined;
  /** What happened, a line each. */
  readonly trace: readonly string[];
  note(text: string): void;
  /** What it returns takes the step back. */
  add(step: Omit<Step, "readyAtMs" | "outlivesItsActor"> & { delayMs: number; outlivesItsActor?: boolean }): () => void;
  /** Resolves for the actor after `ms`; never, where it dies first. */
  wait(actor: Actor, label: string, ms: number): Promise<void>;
  /** Forgets the steps of an actor that died; of statements that it had sent, some are carried out all the same. */
  abandon(actor: Actor): void;
  /** Does one thing; false where there is nothing left to do. */
  step(): Promise<boolean>;
}

/** Turns of the event loop after which everything has run that a step set off. */
const turnsToSettle = 4;

export function openTimeline(random: Random): Timeline {
  let nowMs = 0;
  let steps = 0;
  let acting: Actor | undefined;
  let pending: Step[] = [];
  const trace: string[] = [];

  const readyAt = ({ actor, readyAtMs, outlivesItsActor }: Step) =>
    outlivesItsActor ? readyAtMs : Math.max(readyAtMs, actor.frozenUntilMs);

  const timeline: Timeline = {
    get nowMs() {
      return nowMs;
    },
    get steps() {
      return steps;
    },
    get acting() {
      return acting;
    },
    trace,
    note(text) {
      trace.push(`${(nowMs / 1000).toFixed(3)} ${text}`);
    },
    add({ delayMs, outlivesItsActor = false, ...step }) {
      const added = { ...step, outlivesItsActor, readyAtMs: nowMs + delayMs };
      pending.push(added);
      return () => {
        pending = pending.filter((one) => one !== added);
      };
    },
    wait: (actor, label, ms) =>
      new Promise((resolve) => {
        timeline.add({ actor, label, delayMs: ms, run: resolve });
      }),
    abandon(actor) {
      pending = pending.filter((step) => step.actor !== actor || (step.outlivesItsActor && random.chance(0.5)));
    },
    async step() {
      await settle();
      if (pending.length === 0) return false;
      let ready = pending.filter((step) => readyAt(step) <= nowMs);
      if (ready.length === 0) {
        nowMs = Math.min(...pending.map(readyAt));
        ready = pending.filter((step) => readyAt(step) <= nowMs);
      } else if (random.chance(0.3)) nowMs += random.between(1, 20);
      const chosen = random.pick(ready);
      pending = pending.filter((step) => step !== chosen);
      steps++;
      if (chosen.label !== "") timeline.note(`${chosen.actor.name} ${chosen.label}`);
      acting = chosen.actor;
      await chosen.run();
      await settle();
      acting = undefined;
      return true;
    },
  };
  return timeline;
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < turnsToSettle; turn++) await new Promise(setImmediate);
}
