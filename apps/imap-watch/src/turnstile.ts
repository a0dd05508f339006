/** Lets so many pass at once; the others wait in turn. Resolves or rejects as `act` does. */
export type Turnstile = <T>(act: () => Promise<T>) => Promise<T>;

/**
 * When a server goes, all of its mailboxes have something to write at the same moment. Without a turn for each they
 * would stand before our own lease's renewal in the line for a database connection, which has a limit of time.
 */
export function openTurnstile(atOnce: number): Turnstile {
  const line: (() => void)[] = [];
  let inside = 0;
  return async (act) => {
    if (inside < atOnce) inside++;
    else await new Promise<void>((resolve) => line.push(resolve)); // The place of whoever leaves is handed over.
    try {
      return await act();
    } finally {
      const next = line.shift();
      if (next) next();
      else inside--;
    }
  };
}
