import type { OwnedShard, Shards, WorkerLease } from "@mailfleet/store";

/** What becomes of the mailboxes of shards that come and go. */
export interface ShardHolder {
  /** These are ours now; `takenOver` of them from a watcher whose lease had lapsed. */
  taken(shards: readonly OwnedShard[]): Promise<void>;
  /** These are no longer ours: their mailboxes are let go of. Resolves when nothing more is done in them. */
  dropped(shards: readonly number[]): Promise<void>;
}

export interface ShardKeeper {
  /** Renews what is ours, lets go of what is too much, and takes what is free, up to the fair share. */
  tick(): Promise<void>;
  /** Gives all of them back, so that others need not wait for the lease to lapse. */
  releaseAll(): Promise<void>;
  /** The fence of a shard that is ours. */
  fenceOf(shard: number): number | undefined;
  readonly shards: readonly number[];
  /** Under which worker they are ours. */
  readonly workerId: number;
}

/**
 * Surplus shards that are let go of at a time: whoever joins gets its mailboxes one handful after the other, and their
 * servers see no crowd.
 */
const lettingGoAtOnce = 32;
/** What a watcher that has died left is taken at once. */
const takingAtOnce = 256;

export function openShardKeeper(
  shards: Pick<Shards, "share" | "release">,
  lease: Pick<WorkerLease, "id">,
  holder: ShardHolder,
): ShardKeeper {
  const owned = new Map<number, number>();
  let workerId = lease.id;

  const drop = async (gone: readonly number[]) => {
    for (const shard of gone) owned.delete(shard);
    if (gone.length > 0) await holder.dropped(gone);
  };

  return {
    fenceOf: (shard) => owned.get(shard),
    get shards() {
      return [...owned.keys()];
    },
    get workerId() {
      return workerId;
    },

    async tick() {
      if (workerId !== lease.id) {
        // Under the old incarnation's fences nothing can be written any more.
        await drop([...owned.keys()]);
        workerId = lease.id;
      }
      const rows = await shards.share(workerId, takingAtOnce);
      const fences = new Map(rows.map(({ shard, fence }) => [shard, fence]));
      await drop([...owned].flatMap(([shard, fence]) => (fences.get(shard) === fence ? [] : [shard])));
      const fresh = rows.filter(({ shard }) => !owned.has(shard));
      for (const { shard, fence } of fresh) owned.set(shard, fence);
      if (fresh.length > 0) await holder.taken(fresh);
      const surplus = rows.filter(({ verdict }) => verdict === "surplus").slice(0, lettingGoAtOnce);
      if (surplus.length === 0) return;
      const leaving = surplus.map(({ shard }) => shard);
      await drop(leaving);
      await shards.release(workerId, leaving);
    },

    async releaseAll() {
      const leaving = [...owned.keys()];
      await drop(leaving);
      if (leaving.length > 0) await shards.release(workerId, leaving);
    },
  };
}
