import { privateDatabase } from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { firstFailure } from "./hunt.ts";
import { mutations } from "./mutations.ts";
import { byTheRealClock } from "./real-clock.ts";
import { reportOf } from "./report.ts";
import { runSeed } from "./run-seed.ts";
import { openSimulatedDatabase, type SimulatedDatabase } from "./simulated-database.ts";

let database: SimulatedDatabase;
let drop: () => Promise<void>;

beforeAll(async () => {
  const made = await privateDatabase({ empty: true });
  drop = async () => made[Symbol.asyncDispose]();
  database = await openSimulatedDatabase(made.url);
});

afterAll(async () => {
  await database?.[Symbol.asyncDispose]();
  await drop?.();
});

test("a seed does the same again, step by step", { timeout: 60_000 }, async () => {
  for (const seed of [3, 17, 104]) {
    const once = await runSeed(seed, database);
    const again = await runSeed(seed, database);
    expect(again.trace).toEqual(once.trace);
    expect(once.trace.length).toBeGreaterThan(50);
  }
});

test("no clock but the simulation's decides anything in the database", async () => {
  await runSeed(5, database);
  const { late, seen } = await byTheRealClock(database);
  expect(late).toEqual([]);
  expect(seen).toBeGreaterThan(20);
});

/** Each takes about a sixth of a second. */
const seeds = 150;

/** What the seeds must meet, or their silence proves nothing. */
const met: readonly [what: string, line: RegExp][] = [
  ["a process dies", / dies$/],
  ["a process is frozen past its lease", / lost lease /],
  ["a process drains and goes", / is gone$/],
  ["a statement is lost", / ✗ lost on the way$/],
  ["an answer is lost", / … the answer is lost$/],
  ["a dead process's statement is carried out", / \(dead\) /],
  ["errands are forgotten", / all errands are forgotten$/],
  ["a lease that lapsed keeps a message from its end", / may not finish /],
  ["a late result is recorded", / late: u\d+ (settled|noted)$/],
  ["a reply is lost after the final dot", /: in_doubt$/],
  ["a next hop cannot be reached", / connects: /],
  ["a process holds what it has in doubt", /\\"h\\":\\"in_doubt\\"/],
  ["an id comes again", /: known$/],
  ["an id comes with other content", /: id_conflict$/],
  ["mail is cancelled", /"result":"cancelled"/],
  ["held mail is released", / is released \(/],
  ["dead mail is resent", / is resent: resent /],
  ["a limit is used up", /"verdict":"limited"/],
  ["mail expires", /"verdict":"expired"|claim_expired .* → /],
  ["a suspended batch is held", /"verdict":"suspended"/],
  ["a suspended tenant's mail waits", /"verdict":"paused"/],
  ["a suppressed recipient is left out", /"verdict":"suppressed"/],
];

test("whatever a seed does to the fleet, every accepted message ends exactly once, and its sender can learn how", {
  timeout: 240_000,
}, async () => {
  const missing = new Map(met);
  for (let seed = 1; seed <= seeds; seed++) {
    const result = await runSeed(seed, database);
    expect(result.violations, reportOf(result)).toEqual([]);
    for (const [what, line] of missing) if (result.trace.some((one) => line.test(one))) missing.delete(what);
  }
  expect([...missing.keys()], "troubles that no seed met").toEqual([]);
});

/** The quickest to be found; the others take longer (see `mutations.soak.test.ts`). */
const quick = mutations.filter(({ name }) =>
  ["offers-without-promoting", "forgets-doubt", "accepts-an-id-twice"].includes(name),
);

test.each(quick)("a fleet that $name is found out", { timeout: 60_000 }, async (mutation) => {
  await using made = await privateDatabase({ empty: true });
  await using changed = await openSimulatedDatabase(made.url, mutation.sql);
  const failure = await firstFailure(changed, mutation, { from: 1, to: 100 });
  expect(failure?.violations.length).toBeGreaterThan(0);
});
