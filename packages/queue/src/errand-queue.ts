import { randomBytes } from "node:crypto";
import { type BulkJobOptions, Queue } from "bullmq";
import { keyPrefix, type TurnQueueName } from "./catalogue.ts";
import type { RedisClient } from "./open-client.ts";
import type { Errand, TurnErrand } from "./waker.ts";

/** BullMQ keeps a stream of events that nobody here reads; a few are enough for a look by hand. */
const maxEvents = 100;

/** Opens BullMQ's view of one queue. Closing it leaves the client open. */
export function openBullQueue(name: string, client: RedisClient, { readOnly = false } = {}): Queue {
  const queue = new Queue(name, {
    connection: client,
    prefix: keyPrefix,
    skipVersionCheck: true,
    skipMetasUpdate: readOnly,
    streams: { events: { maxLen: maxEvents } },
    // Nothing stays behind in Redis: what happened to mail is written in SQL.
    defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
  });
  queue.on("error", () => {}); // The client's own listener has written it.
  return queue;
}

/**
 * Adds errands in one round trip. Of each account and lane, and of each message, at most one waits and one runs: what
 * is added while one waits is dropped, what is added while one runs is kept until it ends, so that no wake-up is lost.
 */
export async function addErrands(queue: Queue, errands: readonly Errand[]): Promise<void> {
  await queue.addBulk(
    errands.map((errand) => ({
      name: "inbound" in errand ? "answer" : "turn",
      data: errand,
      opts: "inbound" in errand ? options(errand.inbound, errand.inbound) : turnOptions(errand),
    })),
  );
}

// The id begins with the account, so that one look at the list tells whose turns wait.
const turnOptions = ({ accountUid, lane }: TurnErrand): BulkJobOptions =>
  options(`${accountUid}~${lane}`, lane === 0 ? accountUid : `${accountUid}~${lane}`);

const options = (name: string, deduplicationId: string): BulkJobOptions => ({
  jobId: `${name}~${randomBytes(9).toString("base64url")}`,
  deduplication: { id: deduplicationId, keepLastIfActive: true },
});

/** The account whose turn a job is, read from its id. */
export const accountOfJob = (jobId: string): string => jobId.slice(0, Math.max(0, jobId.indexOf("~")));

/** How long one look at a waiting list serves. */
const lookMs = 200;
/** How many of the next turns one look sees. */
const lookAhead = 16;

/** Tells the accounts whose turns come next in a queue, with at most one look at Redis per 200 ms. */
export function watchWaiting(name: TurnQueueName, client: RedisClient): () => Promise<readonly string[]> {
  const key = `${keyPrefix}:${name}:wait`;
  let seen: Promise<readonly string[]> = Promise.resolve([]);
  let seenAtMs = Number.NEGATIVE_INFINITY;

  return () => {
    const nowMs = performance.now();
    if (nowMs - seenAtMs >= lookMs) {
      seenAtMs = nowMs;
      // With Redis away nobody else can be told to go on, so the turn may as well.
      seen = client.lrange(key, -lookAhead, -1).then(
        (ids) => ids.map(accountOfJob),
        () => [],
      );
    }
    return seen;
  };
}
