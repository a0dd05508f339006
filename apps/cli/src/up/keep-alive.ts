import { every, type Scope } from "@mailfleet/service";

interface Revivable {
  revive(): Promise<boolean>;
}

/** How often a server of ours is looked after. */
const lookMs = 500;

/** Starts a server again where it died: nobody else looks after it. The fleet bears its absence meanwhile. */
export function keepAlive(
  name: string,
  server: Revivable,
  scope: Scope,
  stderr: Pick<NodeJS.WritableStream, "write">,
): void {
  const over = new AbortController();
  let lastTrouble: string | undefined;
  const onError = (error: unknown) => {
    const trouble = error instanceof Error ? error.message : String(error);
    if (trouble !== lastTrouble) stderr.write(`mailfleet: ${name} died, and did not start again: ${trouble}\n`);
    lastTrouble = trouble;
  };
  scope.own({ [Symbol.asyncDispose]: async () => over.abort() }, `${name}'s keeper`);
  void every({ intervalMs: lookMs, jitter: 0, signal: over.signal, onError }, async () => {
    if (!(await server.revive())) return;
    lastTrouble = undefined;
    stderr.write(`mailfleet: ${name} had died; it runs again\n`);
  });
}
