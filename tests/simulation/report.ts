import type { SeedResult } from "./run-seed.ts";

/** A seed that failed, as people read it: why, what it did last, and how to see it again. */
export function reportOf({ seed, violations, trace, steps, kept }: SeedResult, lines = 60, flags = ""): string {
  return [
    `seed ${seed}: ${steps} steps, ${kept} copies at the next hop`,
    ...trace.slice(Math.max(0, trace.length - lines)),
    ...violations.map((violation) => `VIOLATION ${violation}`),
    `again: node --conditions=mailfleet-source tests/simulation/main.ts ${flags}--seed ${seed} --lines 10000`,
  ].join("\n");
}
