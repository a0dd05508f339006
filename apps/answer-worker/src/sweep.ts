import type { Store } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import type { Hands } from "./hands.ts";

/** What one tick gives back of lapsed workers' messages. */
const lapsedPerTick = 500;

/** One tick: whatever a lost errand, a lost process or a lost Redis left lying is found here and answered. */
export async function sweep({
  store,
  telemetry,
  hands,
}: {
  readonly store: Pick<Store, "answering">;
  readonly telemetry: Pick<Telemetry, "sweepRepaired">;
  readonly hands: Pick<Hands, "fill">;
}): Promise<void> {
  telemetry.sweepRepaired({ kind: "answers_lapsed", count: await store.answering.returnLapsed(lapsedPerTick) });
  await hands.fill();
}
