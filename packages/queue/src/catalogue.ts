import * as z from "zod";

/** Every key lies under this prefix; as a hash tag it keeps a queue's keys on one node of a cluster. */
export const keyPrefix = "{mailfleet}";

/** An account's number in SQL, as text. It is the only thing that a turn is told. */
const accountUid = z.string().regex(/^[A-Za-z0-9-]{1,64}$/);

/**
 * One turn: the right to use one lane of an account for a bounded share of its due mail.
 *
 * `lane` tells turns of one account apart that are to run side by side: of each number at most one waits and one
 * runs. It names no lane in SQL; whoever takes the turn takes whichever lane is free.
 */
const turn = z.object({ accountUid, lane: z.int().min(0).max(1_000).default(0) });

/** One answer: the right to work on one inbound message. Which one it is, SQL says; this one is due, or was. */
const answer = z.object({ inbound: z.uuid() });

/** Every queue of the fleet with what its jobs carry. Ids only: never content, addresses or secrets. */
export const catalogue = {
  /** Turns of all accounts, first come, first served. */
  "mailfleet-turns": turn,
  /** Turns that `immediate` mail has asked for; they have slots of their own. */
  "mailfleet-turns-express": turn,
  /** Inbound messages that wait for a worker. */
  "mailfleet-answers": answer,
} as const satisfies Readonly<Record<string, z.ZodType>>;

export type QueueName = keyof typeof catalogue;
export type Payload<Q extends QueueName> = z.output<(typeof catalogue)[Q]>;

/** The queues whose jobs are turns. */
export type TurnQueueName = "mailfleet-turns" | "mailfleet-turns-express";

export const queueNames = Object.keys(catalogue) as readonly QueueName[];

/** Where jobs go whose payload does not fit, for someone to look at. Nobody works on it. */
export const quarantineName = (queue: QueueName): string => `${queue}-quarantine`;

/** A payload that fits, or which fields do not and why; never what they hold. */
export type Fit<Q extends QueueName> =
  | { readonly fits: true; readonly payload: Payload<Q> }
  | { readonly fits: false; readonly reason: string };

export function fit<Q extends QueueName>(queue: Q, data: unknown): Fit<Q> {
  const parsed = catalogue[queue].safeParse(data);
  if (parsed.success) return { fits: true, payload: parsed.data as Payload<Q> };
  const reason = parsed.error.issues.map(({ path, code }) => `${path.join(".") || "payload"}: ${code}`).join(", ");
  return { fits: false, reason };
}
