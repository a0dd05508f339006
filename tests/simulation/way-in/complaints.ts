import { openTelemetry, type Telemetry } from "@mailfleet/telemetry";
import type { World } from "./world.ts";

/** What processes may complain of: trouble that the simulation itself has made. */
const ofOurMaking = /the connection was lost|the answerer has a bug|the message is in other hands/;

/** The telemetry of a seed's processes. An error in their log that nobody has made on purpose is a bug. */
export function telemetryOf(world: Pick<World, "violate">): Telemetry {
  const write = (line: string) => {
    const { event, err } = JSON.parse(line) as { event?: string; err?: { message?: string; stack?: string } };
    if (!ofOurMaking.test(err?.message ?? "")) world.violate(`${event}: ${err?.stack ?? line}`);
  };
  return openTelemetry("simulation", { logLevel: "error", processMetrics: false, destination: { write } });
}
