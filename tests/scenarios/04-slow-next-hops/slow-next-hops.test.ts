import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startOneProcessFleet } from "../../fleet/one-process-fleet.ts";
import { until } from "../../fleet/until.ts";

test("next hops that stall or drip hold up nobody else's mail, though every slot was theirs", async () => {
  await using slow = await startMisbehavingHop();
  await using good = await startMisbehavingHop();
  slow.drips("final-dot", 1_000, { recipient: "drip@recipient.test" });
  slow.stalls("data", { recipient: "stall@recipient.test" });
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("slow", { port: slow.port });
  await fleet.tenant("good", { port: good.port });
  await fleet.startSender({ DISPATCH_SLOTS: "2", DISPATCH_SLOW: "300ms" });

  for (const name of ["drip", "stall", "drip", "stall"]) await fleet.send("slow", { to: [`${name}@recipient.test`] });
  await until("the slow ones hold every lane that they can get", () => slow.connections.open >= 2);
  await Promise.all(Array.from({ length: 50 }, () => fleet.send("good")));
  await fleet.reaches("good", 50, ["sent"], 15_000);
  expect((await fleet.deliveries("slow")).some(({ state }) => state === "sending")).toBe(true);
  slow.cut();
});
