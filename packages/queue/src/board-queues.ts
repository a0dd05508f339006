import type { Queue } from "bullmq";
import { quarantineName, queueNames } from "./catalogue.ts";
import { openBullQueue } from "./errand-queue.ts";
import { type ConnectionLog, openClient } from "./open-client.ts";

/** BullMQ's own view of every queue, for Bull Board. */
export interface BoardQueues extends AsyncDisposable {
  readonly queues: readonly Queue[];
}

/** Opens every queue, the quarantine ones too, without writing to Redis. */
export function boardQueues(redisUrl: string, log: ConnectionLog): BoardQueues {
  const client = openClient(redisUrl, "hasty", "mailfleet-board", log);
  const names = queueNames.flatMap((name) => [name, quarantineName(name)]);
  return {
    queues: names.map((name) => openBullQueue(name, client, { readOnly: true })),
    [Symbol.asyncDispose]: async () => client.disconnect(),
  };
}
