/** Blows at random under load; the seed is told where it fails, and a longer run is in chaos.soak.test.ts. */
import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startFleet } from "../fleet/fleet.ts";
import { letters } from "../fleet/ledger.ts";
import { startLoad } from "../fleet/load.ts";
import { violations } from "../invariant.ts";
import { randomOf, startChaos } from "./chaos.ts";

const mail = 400;
const strikes = 8;

test("whatever strikes the fleet at random, no promise is broken", { timeout: 180_000 }, async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = randomOf(seed);
  await using hop = await startMisbehavingHop({ keepsContent: false });
  await using fleet = await startFleet();
  await fleet.tenant("acme", { port: hop.port });
  const chaos = await startChaos(fleet, random);

  const load = startLoad(fleet.ledger, letters("acme", mail), 120_000);
  const struck: string[] = [];
  for (let n = 1; n <= strikes; n++) {
    await load.reaches((mail * n) / (strikes + 1));
    struck.push(await chaos.strike());
  }
  await load.done;
  await chaos.end();
  await fleet.settled(120_000);

  const found = await violations({ ...fleet, kept: hop.counts() });
  expect(found, `seed ${seed}: ${struck.join(", ")}`).toEqual([]);
  expect(fleet.ledger.acknowledged).toHaveLength(mail);
});
