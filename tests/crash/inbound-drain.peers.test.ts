/** Who is told to leave hands over what it has at once. Leases are so long that nobody could wait for one to lapse. */
import { type MisbehavingHop, type ModelServer, startMisbehavingHop, startModelServer } from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AppProcess } from "../fleet/app-process.ts";
import { type InboundHouse, modelAt, openInboundHouse } from "./inbound-house.ts";
import { mailboxesOf, untilTakenOver } from "./inbound-takeover.ts";
import { inboundViolations } from "./inbound-violations.ts";

const timeout = 90_000;
const settings = { WATCH_LEASE: "1m", WORKER_LEASE: "5m", GRACE: "2s" };
/** Much less than a lease, and enough for a machine that is busy. */
const soonMs = 15_000;

let hop: MisbehavingHop;
let model: ModelServer;
let house: InboundHouse;
let answerer: AppProcess;

beforeAll(async () => {
  hop = await startMisbehavingHop();
  model = await startModelServer();
  house = await openInboundHouse({ hopPort: hop.port, mailboxes: { acme: 6 }, answer: modelAt(model.url) });
  house.fleet.startDispatch();
  answerer = house.fleet.startAnswer({}, settings);
}, 90_000);
afterAll(async () => {
  await house?.[Symbol.asyncDispose]();
  await model?.[Symbol.asyncDispose]();
  await hop?.[Symbol.asyncDispose]();
});

test("a watcher's mailboxes have another owner as soon as it is told to leave, and no mail waits", {
  timeout,
}, async () => {
  const leaving = house.fleet.startWatch({}, { ...settings, LOG_LEVEL: "info" });
  await house.watchAll();
  house.fleet.startWatch({}, settings);
  await house.shared(2);
  const mailboxes = await mailboxesOf(house.fleet, leaving);
  expect(mailboxes.length).toBeGreaterThan(0);
  await house.deliver(12);
  leaving.kill("SIGTERM");
  const [tookMs] = await Promise.all([
    untilTakenOver(house.fleet, mailboxes, performance.now()),
    house.deliver(12),
    leaving.ended,
  ]);
  expect(await leaving.ended).toBe(0);
  const [first, last] = [Math.min(...tookMs), Math.max(...tookMs)].map(Math.round);
  console.log(`${tookMs.length} mailboxes of a watcher that left were another's after ${first} to ${last} ms`);
  expect(last).toBeLessThan(soonMs);
  await house.ended(soonMs);
  expect(await inboundViolations(house, hop.counts())).toEqual([]);
});

test("an answer worker that is told to leave finishes what it has in hand where its grace allows", {
  timeout,
}, async () => {
  const asked = model.requests.length;
  const thinking = Promise.withResolvers<void>();
  model.script({ text: "Finished in time.", after: thinking.promise });
  await house.deliver(1);
  await model.asked(asked + 1);
  answerer.kill("SIGTERM");
  thinking.resolve();
  expect(await answerer.ended).toBe(0);
  await house.ended(soonMs);
  expect(model.requests).toHaveLength(asked + 1);
  expect(await inboundViolations(house, hop.counts())).toEqual([]);
});

test("what an answer worker cannot finish goes back free of charge, and another answers it at once", {
  timeout,
}, async () => {
  const asked = model.requests.length;
  model.script({ fault: "silence" });
  const leaving = house.fleet.startAnswer({}, settings);
  await house.deliver(1);
  await model.asked(asked + 1, soonMs);
  leaving.kill("SIGTERM");
  expect(await leaving.ended).toBe(0);
  const waiting = await house.fleet.store.db.query("select state, tries, crashes from mailfleet.answering");
  expect(waiting).toEqual([{ state: "ready", tries: 0, crashes: 0 }]);
  house.fleet.startAnswer({}, settings);
  await house.ended(soonMs);
  expect(await inboundViolations(house, hop.counts())).toEqual([]);
});
