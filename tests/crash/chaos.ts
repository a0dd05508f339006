import type { AppProcess } from "../fleet/app-process.ts";
import type { Fleet } from "../fleet/fleet.ts";

/** One thing that happens to the fleet. */
type Blow = "kill intake" | "kill dispatch" | "pause dispatch" | "flush Redis" | "restart Redis";

const blows: readonly Blow[] = [
  ...["kill dispatch", "kill dispatch", "kill dispatch", "kill intake", "kill intake"],
  ...["pause dispatch", "flush Redis", "restart Redis"],
] as Blow[];

/** Numbers from 0 up to, not including, 1, that the seed decides (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Someone who strikes the fleet at random, and keeps one intake and two dispatchers running. */
export interface Chaos {
  /** Strikes once; resolves when whoever died has been replaced. */
  strike(): Promise<Blow>;
  /** Wakes whoever is paused, and lets them leave. */
  end(): Promise<void>;
}

export async function startChaos(fleet: Fleet, random: () => number): Promise<Chaos> {
  let intake = await fleet.startIntake();
  const dispatchers = [fleet.startDispatch(), fleet.startDispatch()];
  const paused: AppProcess[] = [];

  async function kill(app: AppProcess): Promise<void> {
    app.kill("SIGKILL");
    await app.ended;
  }

  return {
    async strike() {
      const blow = blows[Math.floor(random() * blows.length)] ?? "kill dispatch";
      const victim = random() < 0.5 ? 0 : 1;
      switch (blow) {
        case "kill intake":
          await kill(intake);
          intake = await fleet.startIntake();
          break;
        case "kill dispatch":
          await kill(dispatchers[victim]!);
          dispatchers[victim] = fleet.startDispatch();
          break;
        case "pause dispatch":
          // It is replaced, and comes back to find itself one too many.
          dispatchers[victim]!.kill("SIGSTOP");
          paused.push(dispatchers[victim]!);
          dispatchers[victim] = fleet.startDispatch();
          break;
        case "flush Redis":
          await fleet.redis.flush();
          break;
        case "restart Redis":
          await fleet.redis.restart();
      }
      return blow;
    },
    async end() {
      // What they find out late is written before they leave.
      for (const app of paused) {
        app.kill("SIGCONT");
        app.kill("SIGTERM");
      }
      await Promise.all(paused.map(({ ended }) => ended));
    },
  };
}
