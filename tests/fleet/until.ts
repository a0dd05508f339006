/** Between two looks. */
const lookMs = 25;

/** Resolves with the first truthy answer; rejects, saying what was awaited, after `withinMs`. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`after ${withinMs} ms still not so: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}
