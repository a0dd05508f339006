/** What happens to a whole fleet under load, and must change no outcome. */

import { startMisbehavingHop } from "@mailfleet/testkit";
import { describe, expect, test } from "vitest";
import { type Fleet, startFleet } from "../fleet/fleet.ts";
import { letters } from "../fleet/ledger.ts";
import { type Load, startLoad } from "../fleet/load.ts";
import { startOwnPostgres } from "../fleet/own-postgres.ts";
import { until } from "../fleet/until.ts";
import { violations } from "../invariant.ts";

const mail = 300;
const timeout = 240_000;

interface Scene {
  readonly fleet: Fleet;
  readonly load: Load;
}

/** Two dispatchers under load, and `trouble` in the middle of it; resolves once all mail has settled and was judged. */
async function survives(fleet: Fleet, port: number, trouble: (scene: Scene) => Promise<void>): Promise<void> {
  await fleet.tenant("acme", { port });
  await fleet.startIntake();
  fleet.startDispatch();
  fleet.startDispatch();
  // A process that cannot reach its database when it starts ends, for whoever runs it to start it again.
  await until("both have joined", async () => (await workers(fleet)) === 2, 60_000);
  const load = startLoad(fleet.ledger, letters("acme", mail));
  await load.reaches(mail / 4);
  await trouble({ fleet, load });
  await load.done;
  await fleet.settled(90_000);
}

async function workers({ store }: Fleet): Promise<number> {
  const [row] = await store.db.query<{ n: number }>("select count(*) as n from mailfleet.workers");
  return row?.n ?? 0;
}

describe.concurrent("no outcome is changed by", () => {
  test("a Redis that forgets everything, again and again", { timeout }, async () => {
    await using hop = await startMisbehavingHop({ keepsContent: false });
    await using fleet = await startFleet();
    await survives(fleet, hop.port, async ({ load }) => {
      for (let share = 1; share <= 4; share++) {
        await fleet.redis.flush();
        await load.reaches((mail * share) / 4);
      }
      await fleet.redis.flush();
    });
    expect(await violations({ ...fleet, kept: hop.counts() })).toEqual([]);
    expect(hop.deliveries).toBe(mail);
  });

  test("a Redis that is restarted", { timeout }, async () => {
    await using hop = await startMisbehavingHop({ keepsContent: false });
    await using fleet = await startFleet();
    await survives(fleet, hop.port, () => fleet.redis.restart());
    expect(await violations({ ...fleet, kept: hop.counts() })).toEqual([]);
    expect(hop.deliveries).toBe(mail);
  });

  test("a Redis that was never there", { timeout }, async () => {
    await using hop = await startMisbehavingHop({ keepsContent: false });
    await using fleet = await startFleet({ redisIsAway: true });
    await survives(fleet, hop.port, async () => {});
    expect(await violations({ ...fleet, kept: hop.counts() })).toEqual([]);
    expect(hop.deliveries).toBe(mail);
  });

  test("a database that goes away under load and comes back", { timeout }, async () => {
    await using hop = await startMisbehavingHop({ keepsContent: false });
    await using postgres = await startOwnPostgres();
    await using fleet = await startFleet({ databaseUrl: postgres.url });
    // Every fifth recipient is refused, so that notifications are on their way too.
    for (let at = 3; at < mail; at += 8) {
      hop.answers("rcpt", "550 5.1.1 no such user", { recipient: `letter-${at}@recipient.test` });
    }
    await survives(fleet, hop.port, async ({ load }) => {
      await postgres.stop();
      await postgres.start();
      await load.reaches(mail / 2);
      await postgres.stop();
      await postgres.start();
    });
    expect(await violations({ ...fleet, kept: hop.counts() })).toEqual([]);
    expect(fleet.apps.map(({ isAlive }) => isAlive)).toEqual([true, true, true]);
  });

  test("wall clocks that are a day wrong, in either direction", { timeout }, async () => {
    await using hop = await startMisbehavingHop({ keepsContent: false });
    await using fleet = await startFleet();
    hop.answers("rcpt", "450 4.2.0 not yet", { times: 100 });
    const day = 86_400_000;
    await fleet.tenant("acme", { port: hop.port });
    await fleet.startIntake({ clockShiftMs: -day });
    fleet.startDispatch({ clockShiftMs: day });
    fleet.startDispatch({ clockShiftMs: -day });
    await startLoad(fleet.ledger, letters("acme", mail)).done;
    await fleet.settled(90_000);
    expect(await violations({ ...fleet, kept: hop.counts() })).toEqual([]);
    expect(hop.deliveries).toBe(mail);
  });
});
