import { once } from "node:events";
import { type QueueName, quarantineName, queueNames, type TurnQueueName } from "./catalogue.ts";
import { addErrands, openBullQueue, watchWaiting } from "./errand-queue.ts";
import { isConnected, openClient } from "./open-client.ts";
import { parseRedisUrl } from "./redis-url.ts";
import { createWaker, type DropReason, type Waker } from "./waker.ts";
import { type Work, type WorkEvents, work } from "./work.ts";

/** Who hears what happens to queues; a process's telemetry is one. */
export interface QueueEvents extends WorkEvents {
  wakesDropped(facts: { readonly count: number; readonly reason: DropReason }): void;
}

/** Jobs by queue and by BullMQ's state, such as "waiting" or "active"; the quarantine queues are among them. */
export type QueueCounts = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** The fleet's errands. Redis may be away, lose everything or repeat itself: none of it loses more than an errand. */
export interface Queues extends Waker, AsyncDisposable {
  /**
   * Works on a queue until `draining` aborts and the jobs in hand have ended. It waits for a Redis that is away,
   * and goes on after a FLUSHALL or a restart.
   */
  work<Q extends QueueName>(queue: Q, options: Work<Q>): Promise<void>;
  /** The accounts of the next turns that wait for a slot, at most 16 turns ahead; none when Redis is away. */
  waitingAccounts(queue: TurnQueueName): Promise<readonly string[]>;
  /** Whether turns of other accounts wait for a slot. Looks at Redis at most every 200 ms; false when it is away. */
  othersWait(queue: TurnQueueName, accountUid: string): Promise<boolean>;
  /** Rejects when Redis is away. */
  counts(): Promise<QueueCounts>;
  /** Rejects when Redis does not answer within half a second. */
  ping(): Promise<void>;
}

/** How long opening waits for Redis; without it, the process starts all the same. */
const openWaitMs = 2_000;
const closeWaitMs = 500;

/**
 * Opens the queues of `redisUrl`; see `parseRedisUrl` for what it may look like. Rejects with a RedisUrlError only:
 * a Redis that is away is no reason not to start.
 */
export async function openQueues(redisUrl: string, events: QueueEvents): Promise<Queues> {
  parseRedisUrl(redisUrl);
  const client = openClient(redisUrl, "hasty", "mailfleet-errands", events.log);
  if (!isConnected(client)) {
    await once(client, "ready", { signal: AbortSignal.timeout(openWaitMs) }).catch(() => {});
  }

  const open = (name: string) => openBullQueue(name, client);
  const queues = mapNames((name) => ({
    errands: open(name),
    quarantine: open(quarantineName(name)),
  }));
  const waitingAccounts: Readonly<Record<TurnQueueName, () => Promise<readonly string[]>>> = {
    "mailfleet-turns": watchWaiting("mailfleet-turns", client),
    "mailfleet-turns-express": watchWaiting("mailfleet-turns-express", client),
  };

  const waker = createWaker({
    send: async (name, errands) => {
      // BullMQ would wait for the connection, however long it takes.
      if (!isConnected(client)) throw new Error("Redis is away");
      await addErrands(queues[name].errands, errands);
    },
    onDropped: (count, reason) => events.wakesDropped({ count, reason }),
  });

  return {
    ...waker,
    work: (name, options) => work(redisUrl, name, options as Work<typeof name>, queues[name].quarantine, events),
    waitingAccounts: (name) => waitingAccounts[name](),
    othersWait: async (name, accountUid) => (await waitingAccounts[name]()).some((account) => account !== accountUid),
    async counts() {
      if (!isConnected(client)) throw new Error("Redis is away");
      const all = queueNames.flatMap((name) => [queues[name].errands, queues[name].quarantine]);
      const counted = all.map(async (queue) => [queue.name, await queue.getJobCounts(...countedStates)] as const);
      return Object.fromEntries(await Promise.all(counted));
    },
    async ping() {
      await client.ping();
    },
    async [Symbol.asyncDispose]() {
      const timeIsUp = Promise.withResolvers<void>();
      const timer = setTimeout(timeIsUp.resolve, closeWaitMs);
      await Promise.race([waker.flushed(), timeIsUp.promise]);
      clearTimeout(timer); // Left running, it would keep the process past its time to leave.
      client.disconnect();
    },
  };
}

const countedStates = ["waiting", "active", "delayed", "failed"] as const;

const mapNames = <T>(make: (name: QueueName) => T): Readonly<Record<QueueName, T>> =>
  Object.fromEntries(queueNames.map((name) => [name, make(name)])) as Record<QueueName, T>;
