import { type MisbehavingHop, startMisbehavingHop } from "@mailfleet/testkit";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { type Fleet, startFleet } from "../fleet/fleet.ts";
import { letters } from "../fleet/ledger.ts";
import { startLoad } from "../fleet/load.ts";
import { violations } from "../invariant.ts";

const mail = 200;

test("a turn that is doubled a hundred times sends nothing twice and opens no lane too many", {
  timeout: 90_000,
}, async () => {
  await using hop = await startMisbehavingHop({ keepsContent: false });
  await using fleet = await startFleet();
  await fleet.tenant("acme", { port: hop.port, maxConnections: 2 });
  await fleet.startIntake();
  fleet.startDispatch();
  fleet.startDispatch();
  const load = startLoad(fleet.ledger, letters("acme", mail));
  await load.reaches(mail / 4);
  const open = mostOpen(hop);
  await double(fleet, 100);
  await load.done;
  await fleet.settled(60_000);

  expect(await violations({ ...fleet, kept: hop.counts() })).toEqual([]);
  expect(hop.deliveries).toBe(mail);
  expect(open()).toBeLessThanOrEqual(2);
});

/** Adds turns as a Redis that repeats itself would: with nothing that keeps them apart. */
async function double({ redis, store }: Fleet, times: number): Promise<void> {
  const [account] = await store.db.query<{ uid: number }>("select uid from mailfleet.accounts");
  const connection = new Redis(redis.url);
  const queue = new Queue("mailfleet-turns", { connection, prefix: "{mailfleet}" });
  const data = { accountUid: `${account?.uid}`, lane: 0 };
  await queue.addBulk(Array.from({ length: times }, () => ({ name: "turn", data })));
  await queue.close();
  connection.disconnect();
}

/** The largest number of connections that were open at once, from now on. */
function mostOpen(hop: MisbehavingHop): () => number {
  let most = hop.connections.open;
  hop.onConnection(() => {
    most = Math.max(most, hop.connections.open);
  });
  return () => most;
}
