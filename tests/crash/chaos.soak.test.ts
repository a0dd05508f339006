/** Chaos for as long as a soak may take, each round from a seed of its own. */
import { startHopProcess } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startFleet } from "../fleet/fleet.ts";
import { letters } from "../fleet/ledger.ts";
import { startLoad } from "../fleet/load.ts";
import { violations } from "../invariant.ts";
import { randomOf, startChaos } from "./chaos.ts";

const rounds = 12;
const mail = 5_000;
const strikes = 30;

test.for(Array.from({ length: rounds }, (_, round) => round))("round %i of chaos breaks no promise", async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  await using hop = await startHopProcess();
  await using fleet = await startFleet();
  await fleet.tenant("acme", { port: hop.port });
  const chaos = await startChaos(fleet, randomOf(seed));

  const load = startLoad(fleet.ledger, letters("acme", mail), 300_000);
  const struck: string[] = [];
  for (let n = 1; n <= strikes; n++) {
    await load.reaches((mail * n) / (strikes + 1));
    struck.push(await chaos.strike());
  }
  await load.done;
  await chaos.end();
  await fleet.settled(300_000);

  const { counts } = await hop.kept();
  expect(await violations({ ...fleet, kept: counts }), `seed ${seed}: ${struck.join(", ")}`).toEqual([]);
});
