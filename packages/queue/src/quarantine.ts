import type { Queue } from "bullmq";
import { fit, type Payload, type QueueName } from "./catalogue.ts";

/** More than this are not kept: the first ones tell what is wrong. */
const maxQuarantined = 1_000;

export interface Quarantined {
  readonly queue: QueueName;
  readonly jobId: string;
  /** Which fields do not fit, and never what they hold. */
  readonly reason: string;
}

/**
 * The payload of a job, or undefined where it does not fit. Then the job's id and the reason go to the quarantine
 * queue, where someone can look at them, and its worker lives on.
 */
export async function admit<Q extends QueueName>(
  queue: Q,
  job: { readonly id?: string | undefined; readonly data: unknown },
  quarantine: Queue,
  onQuarantined: (facts: Quarantined) => void,
): Promise<Payload<Q> | undefined> {
  const fitting = fit(queue, job.data);
  if (fitting.fits) return fitting.payload;

  const facts = { queue, jobId: job.id ?? "", reason: fitting.reason };
  onQuarantined(facts);
  try {
    if ((await quarantine.getWaitingCount()) < maxQuarantined) await quarantine.add("quarantined", facts);
  } catch {
    // Redis is away; the log line is what remains, and a sweep finds the mail.
  }
  return undefined;
}
