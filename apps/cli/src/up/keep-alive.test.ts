import { expect, test } from "vitest";
import { keepAlive } from "./keep-alive.ts";

/** What is said of a server that died, and comes back after as many failed tries; up to the word that it runs. */
async function saidAfter(failures: number): Promise<string[]> {
  const said: string[] = [];
  const runsAgain = Promise.withResolvers<void>();
  const owned: AsyncDisposable[] = [];
  let left = failures;
  const server = {
    async revive() {
      if (left-- > 0) throw new Error(`lock file of process ${left}`);
      return true;
    },
  };
  const write = (line: string) => {
    said.push(line);
    if (line.endsWith("it runs again\n")) runsAgain.resolve();
    return true;
  };
  const own = <T>(resource: T) => {
    owned.push(resource as AsyncDisposable);
    return resource;
  };
  keepAlive("PostgreSQL", server, { own }, { write } as never, 1);
  await runsAgain.promise;
  for (const resource of owned) await resource[Symbol.asyncDispose]();
  return said.slice(0, said.findIndex((line) => line.endsWith("it runs again\n")) + 1);
}

const runs = "mailfleet: PostgreSQL had died; it runs again\n";

test("a server that needs a moment to start again is said to run, and no trouble before", async () => {
  expect(await saidAfter(4)).toEqual([runs]);
});

test("a server that does not start for long is said to be tried again, once a minute, with its trouble", async () => {
  const trouble = "mailfleet: PostgreSQL died, could not be started yet, and is tried again: lock file of process";
  expect(await saidAfter(124)).toEqual([`${trouble} 119\n`, runs]);
  expect(await saidAfter(125)).toEqual([`${trouble} 120\n`, `${trouble} 0\n`, runs]);
});
