import type { Queues } from "@mailfleet/queue";
import { every, type Running, type Scope, type Watchdog } from "@mailfleet/service";
import { joinAsWorker, leaseLimitsOf, type Store } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import type { WatchSettings } from "./config.ts";
import { type FollowedMailboxes, openFollowedMailboxes } from "./followed-mailboxes.ts";
import { openRoom } from "./room.ts";
import { openShardKeeper } from "./shard-keeper.ts";
import { answerVerifications } from "./verifications.ts";

export interface WatchDeps {
  readonly store: Store;
  readonly queues: Pick<Queues, "wakeAnswer">;
  readonly telemetry: Telemetry;
  readonly settings: WatchSettings;
  readonly watchdog?: Watchdog;
}

/** How often a watcher looks at what waits, and at which shards are its own. */
const shareMs = 1_000;
const roomMs = 1_000;
/** How often all mailboxes are looked through: for those that were deleted, for one. */
const refreshMs = 30_000;
const questionMs = 250;

/**
 * Follows its share of the mailboxes until `draining` aborts, and gives them back. Resolves once it has joined the
 * watchers: from then on it bears the absence of whatever it uses.
 */
export async function startWatch(
  { store, queues, telemetry, settings, watchdog }: WatchDeps,
  scope: Scope,
): Promise<Running> {
  const { draining } = scope;
  const lease = scope.own(
    await joinAsWorker(store.db, {
      app: "imap-watch",
      limits: leaseLimitsOf(settings.watchLeaseMs),
      onLost: (id) =>
        telemetry.log.warn({ event: "lease_lost", workerId: id }, "the lease was lost; working on under a new one"),
      onError: (error) =>
        telemetry.log.error({ event: "renewal_failed", err: error }, "the lease could not be renewed"),
    }),
    "worker lease",
  );
  telemetry.log.info({ event: "joined", workerId: lease.id }, "joined the watchers");
  const room = openRoom(store.following, settings);
  const mailboxes: FollowedMailboxes = openFollowedMailboxes({
    store,
    shards: store.shards,
    queues,
    telemetry,
    lease,
    room,
    settings,
    ownership: (shard) => {
      const fence = keeper.fenceOf(shard);
      return fence === undefined ? undefined : { workerId: keeper.workerId, fence };
    },
  });
  const keeper = openShardKeeper(store.shards, lease, {
    async taken(shards) {
      telemetry.leaseTakenOver({ shards: shards.filter(({ verdict }) => verdict === "taken_over").length });
      await mailboxes.take(shards.map(({ shard }) => shard));
    },
    dropped: (shards) => mailboxes.drop(shards),
  });
  const pulse = watchdog?.watch("shards", 60_000);
  const tellOf = (loop: string) => (error: unknown) =>
    telemetry.log.error({ event: "loop_failed", loop, err: error }, "a loop had trouble; it goes on");
  const loop = (name: string, intervalMs: number, tick: (signal: AbortSignal) => Promise<unknown>) => {
    const onTick = () => pulse?.beat();
    return every(
      { intervalMs, jitter: 0.25, signal: draining, onError: tellOf(name), ...(name === "shards" ? { onTick } : {}) },
      tick,
    );
  };
  const loops = () => [
    loop("shards", shareMs, () => keeper.tick()),
    loop("news", settings.watchNewsMs, () => mailboxes.heed(keeper.shards)),
    loop("mailboxes", refreshMs, () => mailboxes.refresh(keeper.shards)),
    loop("room", roomMs, () => room.look()),
    loop("verifications", questionMs, (signal) =>
      answerVerifications({ store, settings, workerId: () => lease.id }, signal),
    ),
  ];
  const untilDrained = async () => {
    await keeper.tick().catch(tellOf("shards"));
    await Promise.all(loops());
    pulse?.[Symbol.dispose]();
    await keeper.releaseAll().catch(tellOf("release"));
  };
  return { ended: untilDrained() };
}
