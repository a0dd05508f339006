import { collectOrphans, type Store, takeChore } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";

interface ChoreDeps {
  readonly store: Pick<Store, "db" | "blobs" | "reseal">;
  readonly telemetry: Pick<Telemetry, "log">;
}

const hourMs = 3_600_000;
const orphans = "collect-orphans";

/** Removes blobs that no message names, once an hour over the whole fleet, where there is a blob store. */
export async function removeOrphans({ store, telemetry }: ChoreDeps, signal: AbortSignal): Promise<void> {
  const { db, blobs } = store;
  if (!blobs || !(await takeChore(db, orphans, hourMs))) return;
  const removed = await collectOrphans(db, blobs, { signal });
  telemetry.log.info({ event: "orphans_removed", count: removed }, "blobs that no message names were removed");
}

/** After a change of secret keys, what the old one has sealed is sealed by the new one; with no change, nothing is done. */
export async function resealOnce({ store, telemetry }: ChoreDeps): Promise<void> {
  try {
    const accounts = await store.reseal();
    if (accounts === 0) return;
    telemetry.log.info({ event: "resealed", accounts }, "credentials were sealed by the first secret key");
  } catch (error) {
    telemetry.log.error(
      { event: "reseal_failed", err: error },
      "credentials are not all sealed by the first secret key",
    );
  }
}
