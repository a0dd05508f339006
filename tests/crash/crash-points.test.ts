/** Every named moment: a process dies right there, others go on, and no promise is broken. */
import { once } from "node:events";
import { type OutboundCrashPoint, outboundCrashPoints } from "@mailfleet/service";
import { type MisbehavingHop, startMisbehavingHop } from "@mailfleet/testkit";
import { describe, expect, test } from "vitest";
import { startFleet } from "../fleet/fleet.ts";
import { letters } from "../fleet/ledger.ts";
import { violations } from "../invariant.ts";

interface Scene {
  readonly app: "intake" | "dispatch";
  /** At which time of coming there the process dies. */
  readonly hit: number;
  /** What must be in the way for anybody to come there. */
  readonly arrange?: (hop: MisbehavingHop) => void;
  /** Somebody else dies before, while transmitting, so that there is something for the sweep to repair. */
  readonly afterAnotherDeath?: boolean;
  readonly maxConnections?: number;
}

const puttingOff = (hop: MisbehavingHop) => hop.answers("rcpt", "450 4.2.0 not yet", { times: 40 });

const scenes: Readonly<Record<OutboundCrashPoint, Scene>> = {
  "dispatch-after-lane": { app: "dispatch", hit: 1 },
  "dispatch-after-claim": { app: "dispatch", hit: 2 },
  "dispatch-before-promote": { app: "dispatch", hit: 7 },
  "dispatch-after-promote": { app: "dispatch", hit: 7 },
  "dispatch-before-final-dot": { app: "dispatch", hit: 7 },
  "dispatch-after-final-dot": { app: "dispatch", hit: 7 },
  "dispatch-after-send": { app: "dispatch", hit: 7 },
  "dispatch-after-record-queued": { app: "dispatch", hit: 7 },
  "dispatch-after-record": { app: "dispatch", hit: 7 },
  "dispatch-between-record-and-notification": {
    app: "dispatch",
    hit: 2,
    arrange: (hop) => hop.answers("rcpt", "550 5.1.1 no such user", { times: 56 }),
  },
  "dispatch-while-giving-back": {
    app: "dispatch",
    hit: 3,
    maxConnections: 1,
    arrange: (hop) => hop.answers("final-dot", "421 4.3.2 enough for now", { afterMessages: 4, times: 2 }),
  },
  "sweep-after-reap": { app: "dispatch", hit: 1, afterAnotherDeath: true },
  "sweep-after-move-due": { app: "dispatch", hit: 2, arrange: puttingOff },
  "sweep-before-recording-abandoned": { app: "dispatch", hit: 1, afterAnotherDeath: true },
  "intake-http-before-commit": { app: "intake", hit: 9 },
  "intake-http-after-commit": { app: "intake", hit: 9 },
  "intake-smtp-before-commit": { app: "intake", hit: 5 },
  "intake-smtp-after-commit": { app: "intake", hit: 5 },
};

const mail = 60;

const tooLate = (ms: number) =>
  once(AbortSignal.timeout(ms), "abort").then(() => `nobody came to that point within ${ms} ms`);

describe.concurrent("whichever process dies, and wherever", () => {
  test.for(outboundCrashPoints)(
    "at %s nothing is lost, and no copy is made in silence",
    { timeout: 180_000 },
    async (point) => {
      const { app, hit, arrange, afterAnotherDeath = false, maxConnections = 5 } = scenes[point];
      await using hop = await startMisbehavingHop({ keepsContent: false });
      await using fleet = await startFleet();
      await fleet.tenant("acme", { port: hop.port, maxConnections });
      const crash = { point, hit, signal: "SIGKILL" } as const;
      arrange?.(hop);
      const intake = await fleet.startIntake(app === "intake" ? { crash } : {});
      const submitted = Promise.all(letters("acme", mail).map((letter) => fleet.ledger.submit(letter, 90_000)));
      if (afterAnotherDeath) {
        const other = fleet.startDispatch({ crash: { point: "dispatch-after-promote", hit: 3, signal: "SIGKILL" } });
        await other.ended;
      }
      const senders = [1, 2].map(() => fleet.startDispatch(app === "dispatch" ? { crash } : {}));
      const armed = app === "intake" ? [intake] : senders;
      expect(await Promise.race([...armed.map((one) => one.ended), tooLate(60_000)])).toBe("SIGKILL");
      if (app === "intake") await fleet.startIntake();
      await submitted;
      fleet.startDispatch();
      fleet.startDispatch();
      await fleet.settled(90_000);

      expect(await violations({ ...fleet, kept: hop.counts() })).toEqual([]);
      expect(fleet.ledger.acknowledged).toHaveLength(mail);
    },
  );
});
