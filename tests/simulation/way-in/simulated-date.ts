import { epochMs } from "../simulated-database.ts";
import type { World } from "./world.ts";

/**
 * While a seed runs, `Date` is the simulation's: each process sees simulated time by its own wall clock, which may be off.
 * What it returns brings the real one back.
 */
export function simulateDate({ timeline }: Pick<World, "timeline">): () => void {
  const real = globalThis.Date;
  const now = () => Math.round(epochMs + timeline.nowMs + (timeline.acting?.clockSkewMs ?? 0));
  globalThis.Date = new Proxy(real, {
    construct: (target, values) =>
      values.length === 0 ? new target(now()) : new target(...(values as [string | number])),
    get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
  });
  return () => {
    globalThis.Date = real;
  };
}
