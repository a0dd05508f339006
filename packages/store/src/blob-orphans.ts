import type { BlobStore } from "./blob.ts";
import type { Database } from "./database.ts";

export interface OrphanCollection {
  /** Younger blobs may belong to a message whose commit is still to come, whatever the clocks say; at least a day. */
  readonly olderThanMs?: number;
  /** Blobs that one run removes at most. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

const dayMs = 86_400_000;
const portion = 500;

/** Removes blobs that no message names: of commits that failed, and of messages that retention has removed. */
export async function collectOrphans(
  db: Database,
  blobs: BlobStore,
  { olderThanMs = 7 * dayMs, limit = 10_000, signal }: OrphanCollection = {},
): Promise<number> {
  const [clock] = await db.query<{ now: Date }>("select now()");
  const before = new Date((clock as { now: Date }).now.getTime() - Math.max(olderThanMs, dayMs));
  let removed = 0;
  let keys: string[] = [];

  async function removeOrphans() {
    // A blob is named for its message: one in the outbox has deliveries, which leave with it; or it came in.
    const orphans = await db.query<{ key: string }>(
      `select k.key from unnest($1::uuid[]) as k(key)
       where not exists (select from mailfleet.deliveries d where d.message_uid = k.key)
         and not exists (select from mailfleet.inbound i where i.uid = k.key)`,
      [keys],
    );
    keys = [];
    for (const { key } of orphans.slice(0, limit - removed)) {
      await blobs.delete(key);
      removed++;
    }
  }

  for await (const key of blobs.listOlderThan(before)) {
    if (signal?.aborted || removed >= limit) return removed;
    keys.push(key);
    if (keys.length >= portion) await removeOrphans();
  }
  if (!signal?.aborted && removed < limit) await removeOrphans();
  return removed;
}
