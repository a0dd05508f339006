/** What a process holds in memory when it has come to rest, and what the machine has left. Linux only. */
import { readFileSync } from "node:fs";
import type { ToldMemory } from "../programs/tell-memory.ts";
import type { Child } from "./child.ts";

/** Arguments that make a program tell of its memory; it needs `ipc` too. */
export const tellsMemory = {
  ipc: true,
  nodeArgs: ["--expose-gc", `--import=${new URL("../programs/tell-memory.ts", import.meta.url)}`],
} as const;

const lookEveryMs = 1_000;
const settleWithinMs = 30_000;
/** A process has come to rest where two looks in a row differ by less. */
const restBytes = 256 * 1024;

/** Asks until garbage collection gives nothing back any more. */
export async function settledMemory(child: Child): Promise<ToldMemory> {
  let before = Number.POSITIVE_INFINITY;
  for (const until = performance.now() + settleWithinMs; ; ) {
    const answer = child.report<ToldMemory>(settleWithinMs);
    child.send("memory");
    const memory = await answer;
    if (Math.abs(before - memory.residentBytes) < restBytes || performance.now() > until) return memory;
    before = memory.residentBytes;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

/** What new processes may take before the machine swaps. */
export function availableBytes(): number {
  return Number(/^MemAvailable:\s+(\d+) kB/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1] ?? 0) * 1_024;
}
