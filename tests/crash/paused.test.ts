/** A process that stands still for longer than its lease, while others take over, and then goes on as if nothing was. */
import type { CrashPoint } from "@mailfleet/service";
import { startMisbehavingHop } from "@mailfleet/testkit";
import { describe, expect, test } from "vitest";
import { startFleet } from "../fleet/fleet.ts";
import { letters } from "../fleet/ledger.ts";
import { until } from "../fleet/until.ts";
import { violations } from "../invariant.ts";
import { isStopped } from "./is-stopped.ts";

const points: readonly CrashPoint[] = [
  "dispatch-after-lane",
  "dispatch-after-claim",
  "dispatch-after-promote",
  "dispatch-before-final-dot",
  "dispatch-after-final-dot",
  "dispatch-after-send",
  "dispatch-after-record-queued",
];

describe.concurrent("a process that slept through its lease", () => {
  test.for(points)("at %s wakes up and does no harm", { timeout: 180_000 }, async (point) => {
    await using hop = await startMisbehavingHop({ keepsContent: false });
    await using fleet = await startFleet();
    await fleet.tenant("acme", { port: hop.port });
    await fleet.startIntake();
    const mail = letters("acme", 60);
    await Promise.all(mail.map((letter) => fleet.ledger.submit(letter)));

    const hit = point === "dispatch-after-lane" || point === "dispatch-after-claim" ? 1 : 7;
    const sleeper = fleet.startDispatch({ crash: { point, hit, signal: "SIGSTOP" } });
    await until("it sleeps", () => isStopped(sleeper.pid));
    fleet.startDispatch();
    await fleet.settled(90_000);

    sleeper.kill("SIGCONT");
    await sleeper.says(({ event }) => event === "lease_lost");
    await fleet.settled(60_000);
    // What it found out late is written before it leaves.
    sleeper.kill("SIGTERM");
    await sleeper.ended;
    await fleet.settled(60_000);

    expect(await violations({ ...fleet, kept: hop.counts() })).toEqual([]);
    // What the next hop has said yes to is not left in doubt: the sleeper has told it after all.
    const held = await fleet.store.db.query<{ recipient: string }>(
      "select d.recipient from mailfleet.held h join mailfleet.deliveries d on d.uid = h.delivery_uid",
    );
    const there = new Set(hop.counts().map(({ recipient }) => recipient));
    expect(held.filter(({ recipient }) => there.has(recipient))).toEqual([]);
  });
});
