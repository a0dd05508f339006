/** What happens to everybody on the way in at once, and must change no outcome. */
import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startOwnPostgres } from "../fleet/own-postgres.ts";
import { type InboundHouse, openInboundHouse } from "./inbound-house.ts";
import { inboundViolations } from "./inbound-violations.ts";

const mailboxes = { acme: 3, globex: 3 };
const timeout = 180_000;

/** A dispatcher, and two each of those on the way in. */
function startCrew({ fleet }: InboundHouse): void {
  fleet.startDispatch();
  for (const _ of [1, 2]) {
    fleet.startWatch();
    fleet.startAnswer();
  }
}

test("mail is answered though Redis is away the whole time", { timeout }, async () => {
  await using hop = await startMisbehavingHop({ keepsContent: false });
  await using house = await openInboundHouse({ hopPort: hop.port, mailboxes, redisIsAway: true });
  startCrew(house);
  await house.watchAll();
  await house.deliver(60);
  await house.ended();
  expect(await inboundViolations(house, hop.counts())).toEqual([]);
});

test("mail is answered after the database went away under everybody, again and again", { timeout }, async () => {
  await using hop = await startMisbehavingHop({ keepsContent: false });
  await using postgres = await startOwnPostgres();
  await using house = await openInboundHouse({ hopPort: hop.port, mailboxes, databaseUrl: postgres.url });
  startCrew(house);
  await house.watchAll();
  await house.shared(2);
  await house.deliver(20);
  for (const _ of [1, 2]) {
    await postgres.stop();
    // What arrives meanwhile waits in its mailbox.
    await house.deliver(10);
    await postgres.start();
    await house.deliver(20);
  }
  await house.ended(90_000);
  expect(await inboundViolations(house, hop.counts())).toEqual([]);
  expect(house.fleet.apps.map(({ isAlive }) => isAlive)).toEqual(house.fleet.apps.map(() => true));
});
