import { Listr } from "listr2";
import type { Terminal } from "../terminal.ts";

const minColumns = 40;

/** One step of setting up. It may say how it went, for the line that stands for it. */
export interface Step {
  readonly title: string;
  /** Left out where it is false. */
  readonly isWanted?: boolean;
  run(): Promise<string | undefined>;
}

/**
 * Runs the steps one after the other and shows how far they are: drawn on a terminal, else a line each on stderr.
 * Stops before the next step when `signal` aborts, and resolves with whether all have run.
 */
export async function runSteps(steps: readonly Step[], terminal: Terminal, signal: AbortSignal): Promise<boolean> {
  const wanted = steps.filter(({ isWanted }) => isWanted !== false);
  await (canDraw(terminal) ? drawn(wanted, signal) : told(wanted, terminal, signal));
  return !signal.aborted;
}

/** Some terminals do not say how wide they are; a drawing would then be one character wide. */
const canDraw = ({ stdout, stderr }: Terminal): boolean =>
  stdout.isTTY === true && stderr.isTTY === true && (stdout.columns ?? 0) >= minColumns;

async function drawn(steps: readonly Step[], signal: AbortSignal): Promise<void> {
  const tasks = steps.map(({ title, run }) => ({
    title,
    skip: () => signal.aborted,
    task: async (_: unknown, task: { title: string }) => {
      const startMs = performance.now();
      const outcome = await run();
      task.title = `${title}${outcome ? `: ${outcome}` : ""} (${secondsSince(startMs)})`;
    },
  }));
  // Signals are the process's own affair: it drains.
  await new Listr(tasks, { registerSignalListeners: false, rendererOptions: { showErrorMessage: false } }).run();
}

async function told(steps: readonly Step[], { stderr }: Terminal, signal: AbortSignal): Promise<void> {
  for (const { title, run } of steps) {
    if (signal.aborted) return;
    const startMs = performance.now();
    const outcome = await run();
    stderr.write(`${title}${outcome ? `: ${outcome}` : ""} (${secondsSince(startMs)})\n`);
  }
}

const secondsSince = (startMs: number): string => `${((performance.now() - startMs) / 1_000).toFixed(1)} s`;
