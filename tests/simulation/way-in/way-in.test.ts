import { privateDatabase } from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { byTheRealClock } from "../real-clock.ts";
import { reportOf } from "../report.ts";
import { openSimulatedDatabase, type SimulatedDatabase } from "../simulated-database.ts";
import { firstFailure } from "./hunt.ts";
import { mutations } from "./mutations.ts";
import { objectionRecords } from "./objections.ts";
import { runInboundSeed } from "./run-seed.ts";

let database: SimulatedDatabase;
let drop: () => Promise<void>;

beforeAll(async () => {
  const made = await privateDatabase({ empty: true });
  drop = async () => made[Symbol.asyncDispose]();
  database = await openSimulatedDatabase(made.url, undefined, objectionRecords);
});

afterAll(async () => {
  await database?.[Symbol.asyncDispose]();
  await drop?.();
});

test("a seed of the way in does the same again, step by step", { timeout: 60_000 }, async () => {
  for (const seed of [3, 7]) {
    const once = await runInboundSeed(seed, database);
    const again = await runInboundSeed(seed, database);
    expect(again.trace).toEqual(once.trace);
    expect(once.trace.length).toBeGreaterThan(50);
  }
});

test("no clock but the simulation's decides anything about what comes in", { timeout: 60_000 }, async () => {
  await runInboundSeed(5, database);
  const { late, seen } = await byTheRealClock(database);
  expect(late).toEqual([]);
  expect(seen).toBeGreaterThan(20);
});

/** Each takes about a third of a second. */
const seeds = 60;

/** What the seeds must meet, or their silence proves nothing. */
const met: readonly [what: string, line: RegExp][] = [
  ["a process dies", / dies$/],
  ["a process drains and goes", / is gone$/],
  ["a lease is lost", / lost lease /],
  ["shards are taken over from a watcher that has died", / takes \d+ shards, [1-9]\d* of them over$/],
  ["a statement is lost", / ✗ lost on the way$/],
  ["an answer is lost", / … the answer is lost$/],
  ["a connection ends", / is cut off$/],
  ["a dead process's command is carried out", / \(dead\) (STORE|APPEND|MOVE|SEARCH|FETCH)/],
  ["a login is refused", / cannot log in: /],
  ["errands are forgotten", / all errands are forgotten$/],
  ["a message is known again", /"kind":"known"/],
  ["a message is moved out, and back", / is moved back as \d/],
  ["a folder is renumbered", / is renumbered$/],
  ["a message is shown late", /, shown late$/],
  ["a person is faster", /already_(answered|seen)| is answered by a person$/],
  ["an answerer fails", / is told for u\d+: failed$/],
  ["an answerer wants to be asked later", / is told for u\d+: later$/],
  ["an answerer wants a person", / is told for u\d+: escalate$/],
  ["what lay with the dead goes back", /return_lapsed_answering .*"n":[1-9]/],
  ["an answer is approved", / is approved: done$/],
  ["an answer is rejected", / is rejected: done$/],
  ["a message is begun anew", / is begun anew: done$/],
  ["a copy is appended", / APPEND (Sent|Drafts) /],
  ["a kill switch is flipped", / is stopped$/],
];

test("whatever a seed does to the way in, every message ends once, with one answer at most", {
  timeout: 240_000,
}, async () => {
  const missing = new Map(met);
  for (let seed = 1; seed <= seeds; seed++) {
    const result = await runInboundSeed(seed, database);
    expect(result.violations, reportOf(result, 60, "--inbound ")).toEqual([]);
    for (const [what, line] of missing) if (result.trace.some((one) => line.test(one))) missing.delete(what);
  }
  expect([...missing.keys()], "troubles that no seed met").toEqual([]);
});

/** The quickest to be found; the others take longer (see `way-in.soak.test.ts`). */
const quick = mutations.filter(({ name }) =>
  ["takes-a-message-twice", "gives-nothing-of-the-dead-back", "keeps-tickets-of-what-has-ended"].includes(name),
);

test.each(quick)("a way in that $name is found out", { timeout: 60_000 }, async (mutation) => {
  const failure = await firstFailure(mutation, { from: 1, to: 100 });
  expect(failure?.violations.length).toBeGreaterThan(0);
});
