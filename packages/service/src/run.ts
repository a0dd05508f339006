import { createScope, type Scope } from "./scope.ts";

/** What is left for the last log lines to leave, and for the event loop to empty, once everything is closed. */
const lingerMs = 500;

/**
 * Runs a process from start to finish. `main` resolves when it has drained; resources then close in reverse,
 * the event loop empties and Node exits by itself. A process that will not leave is made to: with status 1,
 * `graceMs + closeMs` and half a second after SIGTERM or SIGINT at the latest. A second signal kills it at once.
 *
 * A `main` that rejects ends the process the same way, with status 1.
 */
export async function run(
  main: (scope: Scope) => Promise<void>,
  {
    graceMs,
    closeMs,
    onError = console.error,
  }: { readonly graceMs: number; readonly closeMs: number; readonly onError?: (error: unknown) => void },
): Promise<void> {
  const scope = createScope({ graceMs, closeMs, onError });
  const leaveAfter = (ms: number) =>
    setTimeout(() => {
      onError(
        new Error(`the process does not leave by itself; still open: ${process.getActiveResourcesInfo().join(", ")}`),
      );
      process.exit(1);
    }, ms).unref();

  const onSignal = (signal: NodeJS.Signals) => {
    if (scope.draining.aborted) {
      // With the listeners gone, a signal has its own effect: death at once.
      process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
      process.kill(process.pid, signal);
      return;
    }
    leaveAfter(graceMs + closeMs + lingerMs);
    scope.drain();
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);

  try {
    await main(scope);
  } catch (error) {
    onError(error);
    process.exitCode = 1;
  } finally {
    if (!(await scope.close())) process.exitCode = 1;
    leaveAfter(lingerMs);
    process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
  }
}
