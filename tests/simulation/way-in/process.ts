import { type SteppedOptions, steppedDatabase } from "../stepped-database.ts";
import type { Actor } from "../timeline.ts";
import type { World } from "./world.ts";

/** A process of the fleet: its clocks, its timers, its way to the database, and its end. */
export interface Process {
  readonly actor: Actor;
  /** Aborts when it has gone; what it does then does not matter any more. */
  readonly gone: AbortSignal;
  /** Monotonic, ms: it began elsewhere than others', and runs at another rate. */
  now(): number;
  setTimer(ms: number, fire: () => void): () => void;
  wait(ms: number): Promise<void>;
  /** Again and again until `isOver`, about `everyMs` after the last has ended. */
  repeat(everyMs: number, isOver: () => boolean, tick: () => Promise<unknown>): void;
  database(options: SteppedOptions): ReturnType<typeof steppedDatabase>;
  freeze(ms: number): void;
  end(how: string): void;
  /** As SIGKILL. */
  die(): void;
}

export function openProcess(world: World, name: string, onGone: () => void): Process {
  const { timeline, random, plan } = world;
  const skewMs = plan.trouble.clockSkewMs;
  const actor: Actor = {
    name,
    alive: true,
    frozenUntilMs: 0,
    clockSkewMs: skewMs === 0 ? 0 : random.between(-skewMs, skewMs),
  };
  const gone = new AbortController();
  const rate = 1 + (random.next() - 0.5) / 50;
  const clockStart = random.between(0, 1_000_000);

  const process: Process = {
    actor,
    gone: gone.signal,
    now: () => clockStart + timeline.nowMs * rate,
    setTimer: (ms, fire) => timeline.add({ actor, label: "", delayMs: Math.max(1, Math.round(ms / rate)), run: fire }),
    wait: (ms) => timeline.wait(actor, "", Math.max(1, Math.round(ms / rate))),
    repeat(everyMs, isOver, tick) {
      process.setTimer(everyMs * (0.75 + random.next() / 2), () => {
        if (isOver()) return;
        tick()
          .catch((error) => timeline.note(`${name} tick: ${error}`))
          .finally(() => process.repeat(everyMs, isOver, tick));
      });
    },
    database: (options) => steppedDatabase(world, actor, process.die, options),
    freeze(ms) {
      if (!actor.alive) return;
      actor.frozenUntilMs = Math.max(actor.frozenUntilMs, timeline.nowMs + ms);
      timeline.note(`${name} is frozen for ${ms} ms`);
    },
    end(how) {
      if (!actor.alive) return;
      timeline.note(`${name} ${how}`);
      actor.alive = false;
      timeline.abandon(actor);
      gone.abort();
      onGone();
    },
    die: () => process.end("dies"),
  };
  return process;
}
