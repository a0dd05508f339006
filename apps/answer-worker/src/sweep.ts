import type { Store } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import type { Hands } from "./hands.ts";

/** What one tick gives back of lapsed workers' messages. */
const lapsedPerTick = 500;

/** What one tick sets aside of what came into stopped mailboxes. */
const stoppedPerTick = 1_000;

/** No claim's reply is heard later than this. */
const unheardMs = 60_000;

/**
 * One tick: whatever a lost errand, a lost process or a lost Redis left lying is found here and answered. So is what this
 * process has without knowing, as the reply to its claim was lost: while it renews its lease, nobody else would find it.
 */
export async function sweep({
  store,
  telemetry,
  hands,
  workerId,
}: {
  readonly store: Pick<Store, "answering">;
  readonly telemetry: Pick<Telemetry, "sweepRepaired">;
  readonly hands: Pick<Hands, "fill" | "held">;
  readonly workerId: number;
}): Promise<void> {
  const { answering } = store;
  telemetry.sweepRepaired({ kind: "answers_lapsed", count: await answering.returnLapsed(lapsedPerTick) });
  const unheard = await answering.returnUnheard(workerId, hands.held(), unheardMs);
  telemetry.sweepRepaired({ kind: "answers_unheard", count: unheard });
  await answering.setStoppedAside(stoppedPerTick);
  await hands.fill();
}
