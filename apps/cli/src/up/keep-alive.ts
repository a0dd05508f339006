import { every, type Scope } from "@mailfleet/service";

interface Revivable {
  revive(): Promise<boolean>;
}

/** How often a server of ours is looked after. */
const lookMs = 500;

/** Tries in a row that came to nothing before it is said: what a killed PostgreSQL left makes the first ones fail. */
const quietTries = 5;
/** And said again after as many more, about a minute. */
const triesBetweenWords = 120;

/** Starts a server again where it died: nobody else looks after it. The fleet bears its absence meanwhile. */
export function keepAlive(
  name: string,
  server: Revivable,
  scope: Pick<Scope, "own">,
  stderr: Pick<NodeJS.WritableStream, "write">,
  intervalMs: number = lookMs,
): void {
  const over = new AbortController();
  let failedTries = 0;
  const onError = (error: unknown) => {
    failedTries++;
    if (failedTries % triesBetweenWords !== quietTries) return;
    const trouble = error instanceof Error ? error.message : String(error);
    stderr.write(`mailfleet: ${name} died, could not be started yet, and is tried again: ${trouble}\n`);
  };
  scope.own({ [Symbol.asyncDispose]: async () => over.abort() }, `${name}'s keeper`);
  void every({ intervalMs, jitter: 0, signal: over.signal, onError }, async () => {
    if (!(await server.revive())) return;
    failedTries = 0;
    stderr.write(`mailfleet: ${name} had died; it runs again\n`);
  });
}
