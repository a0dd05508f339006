/** The typed job catalogue over BullMQ, and waking. The only door to Redis. */
export { type BoardQueues, boardQueues } from "./board-queues.ts";
export { type Payload, type QueueName, quarantineName, queueNames, type TurnQueueName } from "./catalogue.ts";
export { accountOfJob } from "./errand-queue.ts";
export { openQueues, type QueueCounts, type QueueEvents, type Queues } from "./open-queues.ts";
export { parseRedisUrl, type RedisAddress, RedisUrlError } from "./redis-url.ts";
export type { DropReason, WakeOptions } from "./waker.ts";
export type { Work } from "./work.ts";
