import { setTimeout as pause } from "node:timers/promises";

/** Resolves when `condition` holds; whoever never makes it hold fails the test. */
export async function until(condition: () => Promise<boolean>, deadlineMs = 25_000): Promise<void> {
  const signal = AbortSignal.timeout(deadlineMs);
  while (!(await condition())) await pause(10, undefined, { signal });
}
