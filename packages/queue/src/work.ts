import { type Queue, WaitingError, Worker } from "bullmq";
import { keyPrefix, type Payload, type QueueName } from "./catalogue.ts";
import { type ConnectionLog, openClient, trackDuplicates } from "./open-client.ts";
import { admit, type Quarantined } from "./quarantine.ts";

export interface Work<Q extends QueueName> {
  /** How many jobs run at once in this process. */
  readonly slots: number;
  /** Aborts when no new job is to be taken. */
  readonly draining: AbortSignal;
  /**
   * Does one job, which may be repeated, late, or run twice at once. `signal` aborts when its time is up:
   * `closeMs` after draining began. A rejection is written and ends the job; nothing retries it but a sweep.
   */
  readonly handle: (payload: Payload<Q>, context: { readonly signal: AbortSignal }) => Promise<unknown>;
  /** How long jobs may go on after draining began. */
  readonly closeMs?: number;
}

export interface WorkEvents {
  readonly log: ConnectionLog & { error(fields: object, text: string): void };
  jobQuarantined(facts: Quarantined): void;
}

/** A worker that dies holds its jobs for no longer than the sum of these. */
const lockMs = 2_000;
const stalledCheckMs = 1_000;
/** An idle worker asks this often whether it has missed something. */
const idlePollSeconds = 5;
/** A closing that has no job to wait for may still wait for a Redis that is away; for no longer than this. */
const idleCloseMs = 1_000;

/** Works on a queue until `draining` aborts and the jobs in hand have ended, or `closeMs` later at the latest. */
export async function work<Q extends QueueName>(
  url: string,
  queue: Q,
  { slots, draining, handle, closeMs = 25_000 }: Work<Q>,
  quarantine: Queue,
  { log, jobQuarantined }: WorkEvents,
): Promise<void> {
  if (draining.aborted) return;
  const name = `${queue}-worker`;
  const main = openClient(url, "patient", name, log);
  const clients = trackDuplicates(main, `${name}-blocking`, log);
  const timeIsUp = new AbortController();
  let running = 0;
  let allEnded = Promise.withResolvers<void>();

  const worker = new Worker(
    queue,
    async (job, token) => {
      if (draining.aborted) {
        await job.moveToWait(token); // Fetched while draining began: another process shall have it.
        throw new WaitingError();
      }
      if (running++ === 0) allEnded = Promise.withResolvers();
      try {
        const payload = await admit(queue, job, quarantine, jobQuarantined);
        if (payload !== undefined) await handle(payload, { signal: timeIsUp.signal });
      } catch (error) {
        log.error({ event: "job_failed", queue, jobId: job.id, err: error }, "job failed");
      } finally {
        if (--running === 0) allEnded.resolve();
      }
    },
    {
      connection: main,
      prefix: keyPrefix,
      concurrency: slots,
      skipVersionCheck: true,
      lockDuration: lockMs,
      stalledInterval: stalledCheckMs,
      // A job that stalls for ever is harmless here: what took its process down is held in SQL.
      maxStalledCount: 1_000_000,
      drainDelay: idlePollSeconds,
      runRetryDelay: 1_000,
    },
  );
  // Such as a job that vanished with a FLUSHALL while it ran. The worker goes on by itself.
  worker.on("error", (error) => log.warn({ event: "worker_error", queue, err: error }, "queue worker had trouble"));

  await aborted(draining);
  const closed = worker.close().catch(() => {});
  await within(closeMs, Promise.race([closed, running === 0 ? undefined : allEnded.promise]));
  if (running > 0) {
    timeIsUp.abort(new Error("the worker's time is up"));
    log.warn({ event: "jobs_abandoned", queue, jobs: running }, "jobs have outlived the draining");
  }
  await within(idleCloseMs, closed);
  // Disconnecting a client that has ended arms a timer that nobody clears.
  for (const client of [...clients, main]) if (client.status !== "end") client.disconnect();
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** Resolves with `promise`, or after `ms`. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  await Promise.race([promise, late.promise]);
  clearTimeout(timer);
}
