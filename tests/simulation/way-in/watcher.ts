import { joinAsWorker, leaseLimitsOf, type Ownership } from "@mailfleet/store";
import { openFollowedMailboxes } from "../../../apps/imap-watch/src/followed-mailboxes.ts";
import type { MailboxWatchDeps } from "../../../apps/imap-watch/src/mailbox-watch.ts";
import { openRoom } from "../../../apps/imap-watch/src/room.ts";
import { openShardKeeper } from "../../../apps/imap-watch/src/shard-keeper.ts";
import { openFollowing } from "../../../packages/store/src/following.ts";
import { openMailboxActions } from "../../../packages/store/src/mailbox-actions.ts";
import { openShards } from "../../../packages/store/src/shards.ts";
import type { Errands } from "./errands.ts";
import { openSimulatedSession } from "./mailbox-session.ts";
import { openRight } from "./objections.ts";
import { openProcess, type Process } from "./process.ts";
import type { World } from "./world.ts";

/** A process that follows mailboxes: the real code of `imap-watch`, on simulated time and over simulated connections. */
export interface Watcher {
  readonly process: Process;
  /** As SIGTERM. */
  drain(): void;
}

const limits = {
  leaseMs: 5_000,
  shareMs: 1_500,
  newsMs: 1_500,
  refreshMs: 30_000,
  roomMs: 3_000,
  /** A drain that takes longer is a kill. */
  graceMs: 30_000,
  reconcileMs: 40_000,
} as const;

export function startWatcher(world: World, name: string, errands: Errands, onGone: () => void): Watcher {
  const { timeline, random, plan, telemetry } = world;
  const process = openProcess(world, name, onGone);
  const right = openRight();
  const db = process.database({ context: right.context });
  let draining = false;
  let finish: (() => Promise<void>) | undefined;

  const sound = openFollowing(db);
  const plain = world.mutation.following?.(sound) ?? sound;
  const owned =
    <A extends unknown[], R>(call: (owner: Ownership, ...rest: A) => R) =>
    (owner: Ownership, ...rest: A): R =>
      right.ofOwner(owner, () => call(owner, ...rest));
  const following = {
    ...plain,
    begin: owned(plain.begin),
    heed: owned(plain.heed),
    change: owned(plain.change),
    record: owned(plain.record),
    reserveLogin: async () => 0,
  };
  const actions = openMailboxActions(db);
  const store: MailboxWatchDeps["store"] = {
    following,
    mailboxes: {
      ...world.database.store.mailboxes,
      open: async (uid) => world.mailboxes.find(({ opened }) => opened.uid === uid)?.opened,
    },
    mailboxActions: { ...actions, settle: owned(actions.settle) },
    accessTokens: world.database.store.accessTokens,
  };

  async function start() {
    const onError = (error: unknown) => timeline.note(`${name} ${error}`);
    const lease = await joinAsWorker(db, {
      app: "imap-watch",
      limits: leaseLimitsOf(limits.leaseMs),
      now: process.now,
      setTimer: process.setTimer,
      onError,
      onLost: (id) => timeline.note(`${name} lost lease ${id}`),
    });
    process.gone.addEventListener("abort", () => void lease[Symbol.asyncDispose]());
    const room = openRoom(following, {
      maxWaiting: plan.maxWaiting,
      maxWaitingPerTenant: plan.maxWaiting,
      bytesInFlight: 134_217_728,
    });
    const shards = openShards(db);
    const mailboxes = openFollowedMailboxes({
      store,
      shards,
      queues: { wakeAnswer: errands.wake },
      telemetry,
      lease,
      room,
      settings: { messageBytes: 26_214_400, loginsPerSecond: 25 } as MailboxWatchDeps["settings"],
      ownership: (shard) => {
        const fence = keeper.fenceOf(shard);
        return fence === undefined ? undefined : { workerId: keeper.workerId, fence };
      },
      following: {
        random: random.next,
        clock: { now: process.now, setTimer: process.setTimer },
        limits: { reconcileMs: world.mutation.reconcileMs ?? limits.reconcileMs },
        async open(_server, login, options) {
          const mailbox = world.mailboxes.find(({ address }) => address === login.user);
          if (!mailbox) throw new Error(`nobody is called ${login.user}`);
          return openSimulatedSession(world, process, mailbox.server, options);
        },
      },
    });
    const keeper = openShardKeeper(shards, lease, {
      async taken(shares) {
        const over = shares.filter(({ verdict }) => verdict === "taken_over").length;
        timeline.note(`${name} takes ${shares.length} shards, ${over} of them over`);
        await mailboxes.take(shares.map(({ shard }) => shard));
      },
      dropped: (shares) => mailboxes.drop(shares),
    });
    const isOver = () => draining;
    await keeper.tick().catch(onError);
    process.repeat(limits.shareMs, isOver, () => keeper.tick());
    process.repeat(limits.newsMs, isOver, () => mailboxes.heed(keeper.shards));
    process.repeat(limits.refreshMs, isOver, () => mailboxes.refresh(keeper.shards));
    process.repeat(limits.roomMs, isOver, () => room.look());
    finish = async () => {
      await keeper.releaseAll();
      await lease[Symbol.asyncDispose]();
    };
    if (draining) leave();
  }

  function leave() {
    const all = finish;
    finish = undefined;
    void all?.().then(
      () => process.end("is gone"),
      (error) => process.end(`is gone: ${error}`),
    );
  }

  void start().catch((error) => process.end(`cannot start: ${error}`));
  return {
    process,
    drain() {
      if (draining || !process.actor.alive) return;
      draining = true;
      timeline.note(`${name} drains`);
      process.setTimer(limits.graceMs, process.die);
      leave();
    },
  };
}
