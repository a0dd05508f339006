import type { Ledger, Letter } from "./ledger.ts";

/** Letters that are on their way at once. */
const concurrency = 16;

/** A sender that has many letters and submits a few at a time; each until it is accepted. */
export interface Load {
  /** How many were accepted so far. */
  readonly accepted: number;
  /** Resolves when `n` have been. */
  reaches(n: number): Promise<void>;
  /** Resolves when all have been. */
  readonly done: Promise<void>;
}

export function startLoad(ledger: Ledger, letters: readonly Letter[], withinMs = 60_000): Load {
  let accepted = 0;
  let next = 0;
  const waiting = new Set<() => void>();
  const work = async () => {
    for (let letter = letters[next++]; letter; letter = letters[next++]) {
      await ledger.submit(letter, withinMs);
      accepted++;
      for (const look of waiting) look();
    }
  };
  const done = Promise.all(Array.from({ length: concurrency }, work)).then(() => {});
  return {
    get accepted() {
      return accepted;
    },
    async reaches(n) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = () => {
        if (accepted >= n) resolve();
      };
      waiting.add(look);
      look();
      await Promise.race([promise, done]);
      waiting.delete(look);
    },
    done,
  };
}
